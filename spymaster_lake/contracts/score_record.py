"""`run.json` of a scoring run: which model said what about which rows (04 sections 2.3 and 3)."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from spymaster_lake.contracts.run_record import JobRecord


class ScoreRecord(JobRecord):
    """One scoring run.

    Attributes:
        alias: what was asked for; null if a version was named.
        model_version, registry_revision, bundle_sha256: what it was resolved to, once.
        start, end: the requested range; `dates` are the sessions it holds.
        in_sample: dates that the model was trained on: their forecasts prove nothing.
        inputs: fingerprints of the tables read over `dates`; the bundle's hash stands for the
            manifest.
        rows: published rows; "no_sequence" counts events that a sequence model could not score.
        oob: values outside the training range by "oob_{name}"; monitoring only.
    """

    kind: Literal["score"] = "score"
    model_id: str
    alias: str | None
    model_version: str
    registry_revision: int
    bundle_sha256: str
    pipeline_id: str
    start: date
    end: date
    in_sample: tuple[date, ...]
    rows: dict[str, int] = Field(default_factory=dict)
    oob: dict[str, int] = Field(default_factory=dict)
