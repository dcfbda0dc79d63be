"""`run.json` of a batch retrieval: which index answered which episodes (03 4.6)."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from spymaster_lake.contracts.run_record import JobRecord


class RetrieveRecord(JobRecord):
    """One batch retrieval.

    Attributes:
        index_sha256, asof_date: the index that answered.
        pipeline_version: of episodes and index.
        start, end: the requested range; `dates` are the sessions it holds.
        inputs: fingerprints of the episode tables; the index's hash stands for the manifest.
        status_counts: episodes by status of their answer.
    """

    kind: Literal["batch_retrieve"] = "batch_retrieve"
    index_sha256: str
    asof_date: date
    start: date
    end: date
    status_counts: dict[str, int] = Field(default_factory=dict)
