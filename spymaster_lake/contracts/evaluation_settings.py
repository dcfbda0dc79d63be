"""What an evaluation of retrieval is asked: walk-forward dates, variants, seeds (03 5.3, 08 B8, B9)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from spymaster_lake.contracts.model import FrozenModel

WARMUP_SESSIONS = 60
"""Sessions before the first one that is evaluated; the demo uses 30 (08 B9)."""
REFIT_SESSIONS = 5
"""Sessions between two indices; 1 refits daily."""

Control = Literal["none", "shuffled_labels", "random_neighbours"]


class Variant(FrozenModel):
    """One way to build the index that is evaluated.

    Attributes:
        name: such as "shipped".
        doc: what it is, for the page.
        params: parameters of build_indices that differ from the shipped ones.
        control: what is destroyed before the index is built.
    """

    name: str
    doc: str
    params: dict[str, Any] = Field(default_factory=dict)
    control: Control = "none"


class EvaluationSettings(FrozenModel):
    """Parameters of an evaluation, recorded with its run.

    Attributes:
        warmup_sessions: sessions with episodes' tables before the first evaluated one.
        refit_sessions: sessions that one index answers.
        min_partition_size: of the indices, and of a partition's own base rates.
        seed: of intervals and controls.
        resamples: of the intervals.
    """

    warmup_sessions: int = Field(default=WARMUP_SESSIONS, ge=1)
    refit_sessions: int = Field(default=REFIT_SESSIONS, ge=1)
    min_partition_size: int = Field(default=100, ge=1)
    seed: int = Field(default=0, ge=0)
    resamples: int = Field(default=1000, ge=10)
