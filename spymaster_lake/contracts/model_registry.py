"""`registry.json`: the versions of one model and what points at them (04 section 3, 08 B29).

Artefacts lie under `models/…`; the registry holds pointers. The published JSON Schema (draft
2020-12) is generated from these classes; rules that a schema cannot say (unique versions, a pointer
names a registered version) are validated here.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from spymaster_lake.contracts.bundle import (
    GitSha,
    Instant,
    Instrument,
    ModelId,
    ModelVersion,
    PipelineVersion,
    SessionSpan,
    Sha256,
)
from spymaster_lake.contracts.model import FrozenModel

REGISTRY_DATASET, REGISTRY_SCHEMA_VERSION = "model_registry", 1
ALIASES: tuple[str, ...] = ("production", "candidate")
State = Literal["registered", "retired"]
Operation = Literal["register", "promote", "retire", "unrecorded"]

GATE_RULES: dict[str, str] = {
    "beats_B1": "the session-bootstrap lower bound of log-loss(B1) - log-loss(model) on test "
    "must exceed 0",
    "calibrated": "n >= n_min, and ECE <= 0.05 or |ECE - ECE of the base-rate forecast| <= 0.02 "
    "on test",
}
"""The gates, and what each asks for (04 section 3 rule 3, 08 B11)."""


class Gates(FrozenModel):
    """Verdicts of the training run on its untouched test sessions."""

    beats_B1: bool  # noqa: N815 - the name of the specification
    calibrated: bool


class RegistryVersion(FrozenModel):
    """One registered version; immutable but for its state.

    Attributes:
        artifact_path: relative to the root of the lake.
        bundle_sha256: sha256 of the bundle's SHA256SUMS.
        dataset_fingerprints: dataset (path relative to the root) to fingerprint.
        run_id: run whose record holds those fingerprints: the hand-off.
        metrics_summary: flattened `{split}.{head}.{metric}`; null where a metric is undefined.
    """

    model_version: ModelVersion
    artifact_path: Annotated[str, Field(pattern=r"^models/[a-z0-9_/]+/version=[0-9a-f._]+$")]
    bundle_sha256: Sha256
    mlflow_run_id: str
    mlflow_experiment: str
    pipeline_id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    pipeline_version: PipelineVersion
    feature_set_id: str
    feature_set_sha256: Sha256
    label_version: str
    dataset_fingerprints: dict[str, Sha256] = Field(min_length=1)
    run_id: str
    git_sha: GitSha
    git_dirty: bool
    train_sessions: SessionSpan
    metrics_summary: dict[str, float | None]
    gates: Gates
    state: State
    created_at: Instant
    created_by: str

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.model_version.startswith(f"{self.pipeline_version}_{self.git_sha[:7]}_"):
            raise ValueError(
                f"model_version {self.model_version} is not of pipeline {self.pipeline_version} "
                f"and commit {self.git_sha[:7]}"
            )
        if not self.artifact_path.endswith(f"/version={self.model_version}"):
            raise ValueError(f"artifact_path {self.artifact_path} is not of {self.model_version}")
        return self


class Pointer(FrozenModel):
    """What an alias means, since when, by whom, why, and what it meant before (null: nothing)."""

    model_version: ModelVersion
    set_at: Instant
    set_by: str
    previous: ModelVersion | None
    reason: str


class Pointers(FrozenModel):
    """The aliases; null points at nothing."""

    production: Pointer | None
    candidate: Pointer | None

    def get_alias(self, alias: str) -> Pointer | None:
        """The pointer of one of `ALIASES`."""
        return {"production": self.production, "candidate": self.candidate}[alias]


class Registry(FrozenModel):
    """`registry.json` of one (instrument, model_id); its reader checks where bundles lie."""

    schema_version: Literal[1]
    instrument: Instrument
    model_id: ModelId
    revision: int = Field(ge=1)
    updated_at: Instant
    versions: tuple[RegistryVersion, ...]
    pointers: Pointers

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [v.model_version for v in self.versions]
        if twice := sorted({n for n in names if names.count(n) > 1}):
            raise ValueError(f"versions are listed twice: {', '.join(twice)}")
        registered = {v.model_version for v in self.versions if v.state == "registered"}
        for alias in ALIASES:
            pointer = self.pointers.get_alias(alias)
            if pointer is not None and pointer.model_version not in registered:
                raise ValueError(f"{alias} names {pointer.model_version}, no registered version")
        return self

    def find(self, model_version: str) -> RegistryVersion | None:
        """The entry of a version; None if there is none."""
        return next((v for v in self.versions if v.model_version == model_version), None)


class HistoryEntry(FrozenModel):
    """One line of `history.jsonl`: what an operation changed.

    `op` is "unrecorded" where a process died between the registry's replacement and this line.
    """

    revision: int = Field(ge=1)
    op: Operation
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    who: str
    when: Instant


def registry_schema() -> dict[str, Any]:
    """The JSON Schema of `registry.json`, draft 2020-12; every object but the two maps is closed."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Registry.model_json_schema(mode="validation"),
    }


def registry_schema_text() -> str:
    """The schema as it is published."""
    return json.dumps(registry_schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
