"""`run.json` of a batch retrieval: which index answered which episodes (03 4.6)."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from spymaster_lake.contracts.model import FrozenModel
from spymaster_lake.contracts.run_record import (
    DatasetFingerprint,
    ErrorRecord,
    GitState,
    OutputRecord,
    ProcessInfo,
    RunStatus,
)


class RetrieveRecord(FrozenModel):
    """One batch retrieval.

    Attributes:
        index_sha256, asof_date: the index that answered.
        pipeline_version: of episodes and index.
        start, end: the requested range; `dates` are the sessions it holds.
        inputs: fingerprints of the episode tables; the index's hash stands for the manifest.
        status_counts: episodes by status of their answer.
    """

    schema_version: Literal[1] = 1
    run_id: str
    kind: Literal["batch_retrieve"] = "batch_retrieve"
    status: RunStatus
    instrument: str
    pipeline_version: str
    index_sha256: str
    asof_date: date
    start: date
    end: date
    dates: tuple[date, ...]
    git: GitState
    versions: dict[str, str | None]
    process: ProcessInfo
    started_at: str
    updated_at: str
    ended_at: str | None = None
    seconds: float | None = None
    inputs: tuple[DatasetFingerprint, ...] = ()
    outputs: tuple[OutputRecord, ...] = ()
    status_counts: dict[str, int] = Field(default_factory=dict)
    error: ErrorRecord | None = None
