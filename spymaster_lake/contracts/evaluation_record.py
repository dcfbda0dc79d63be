"""`run.json` of an evaluation of retrieval: what was asked, read, written and found."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from spymaster_lake.contracts.evaluation_settings import EvaluationSettings, Variant
from spymaster_lake.contracts.run_record import JobRecord


class EvaluationRecord(JobRecord):
    """The record; written at the start and at the end.

    Attributes:
        pipeline_version: of the episodes and of index_building.
        settings: of the evaluation.
        index_params: parameters of build_indices, manifest and settings applied.
        variants: what was evaluated beside the shipped index.
        dates: evaluated sessions.
        inputs: what was read.
        fingerprint: sha256 over the inputs.
        outputs: tables that were written.
        rows: rows by table.
        headline: the figures that the command prints.
        report: the page, relative to the root.
        tracking: store and id of the MLflow run.
        warnings: what a reader must know.
    """

    kind: Literal["evaluate_retrieval"] = "evaluate_retrieval"
    settings: EvaluationSettings
    index_params: dict[str, Any]
    variants: tuple[Variant, ...]
    fingerprint: str | None = None
    rows: dict[str, int] = Field(default_factory=dict)
    headline: dict[str, Any] = Field(default_factory=dict)
    report: str | None = None
    tracking: dict[str, str] = Field(default_factory=dict)
    warnings: tuple[str, ...] = ()
