"""Stages that differ for one instrument, registered here; shared code names no instrument.

An override stands in `instruments/{instrument}/stages/{stage_id}.py` and in `OVERRIDES`. There is
none: every definition holds for every instrument, whose facts are in its profile.
"""

from __future__ import annotations

from dataclasses import dataclass

from spymaster_lake.stages.spec import Stage

__all__ = ["OVERRIDES", "Override"]


@dataclass(frozen=True, slots=True)
class Override:
    """A stage that stands for the shared one of the same id.

    Attributes:
        stage: what runs instead.
        instrument: for whom.
        pipeline_id: in which of its pipelines.
        pipeline_version: in which version of it; empty for every version without one of its own.
    """

    stage: Stage
    instrument: str
    pipeline_id: str
    pipeline_version: str = ""


OVERRIDES: tuple[Override, ...] = ()
"""All overrides of this package."""
