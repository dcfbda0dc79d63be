"""`bundle.json`: what a trained model is, what it accepts, and proof of its files (04 section 2.1).

A bundle is the directory `models/{instrument}/{model_id}/version={model_version}`. Everything that a
reader needs to serve the model stands in it; nothing is derived from the frame to be scored.
"""

from __future__ import annotations

import hashlib
import json
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from spymaster_lake.contracts.enums import HORIZONS
from spymaster_lake.contracts.errors import UnknownNameError
from spymaster_lake.contracts.model import FrozenModel

BUNDLE_FILE, FEATURE_SET_FILE, SPLITS_FILE = "bundle.json", "feature_set.json", "splits.json"
SCALING_FILE = "scaling.json"
"""Statistics that a sequence model scales its inputs with; `normalisation_ref` is its hash."""
METRICS_FILE, ENV_FILE, SUMS_FILE = "metrics.json", "env.json", "SHA256SUMS"
BUNDLE_FILES: tuple[str, ...] = (
    *(BUNDLE_FILE, FEATURE_SET_FILE, SPLITS_FILE, METRICS_FILE, ENV_FILE),
    *("predictions/val.parquet", "predictions/test.parquet"),
)
"""Files that every bundle holds besides its heads (04 section 1.1)."""

INSTRUMENT_PATTERN = r"^[a-z0-9]+$"
MODEL_ID_PATTERN = r"^[a-z][a-z0-9_]*$"
MODEL_VERSION_PATTERN = r"^[0-9]+\.[0-9]+\.[0-9]+_[0-9a-f]{7}_[0-9]{14}$"
PIPELINE_VERSION_PATTERN = r"^[0-9]+\.[0-9]+\.[0-9]+$"
SHA256_PATTERN = r"^(sha256:)?[0-9a-f]{64}$"
GIT_SHA_PATTERN = r"^[0-9a-f]{7,40}$"
INSTANT_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z$"
HEAD_PATTERN = r"^[a-z][a-z0-9_]*$"

Instrument = Annotated[str, Field(pattern=INSTRUMENT_PATTERN)]
ModelId = Annotated[str, Field(pattern=MODEL_ID_PATTERN)]
ModelVersion = Annotated[str, Field(pattern=MODEL_VERSION_PATTERN)]
PipelineVersion = Annotated[str, Field(pattern=PIPELINE_VERSION_PATTERN)]
Sha256 = Annotated[str, Field(pattern=SHA256_PATTERN)]
GitSha = Annotated[str, Field(pattern=GIT_SHA_PATTERN)]
Instant = Annotated[str, Field(pattern=INSTANT_PATTERN)]
"""UTC, ISO 8601, with the letter Z."""

HeadStatus = Literal["OK", "SKIPPED_INSUFFICIENT"]
HeadTask = Literal["binary", "regression"]
KEYS: tuple[str, ...] = ("event_id", "date", "anchor_ts_ns", "src_max_ts_ns")
"""Passthrough columns that every frame carries: keys, and the proof of its as-of (08 B27)."""

_THREE = ("tradeable", "direction", "strength")
REQUIRED_HEADS: dict[str, tuple[str, ...]] = {
    "level_trees": tuple(f"{name}_{h}" for name in _THREE for h in HORIZONS),
    "patchtst_event": tuple(f"{name}_4min" for name in _THREE),
}
"""Heads without which a model is not served, by model id (08 B10)."""


def required_heads(model_id: str) -> tuple[str, ...]:
    """The required heads of a model; an unknown model id lists near matches."""
    if model_id not in REQUIRED_HEADS:
        raise UnknownNameError("model", model_id, REQUIRED_HEADS)
    return REQUIRED_HEADS[model_id]


class SessionSpan(FrozenModel):
    """Training sessions: first, last, number."""

    first: date
    last: date
    n: int = Field(ge=1)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.last < self.first:
            raise ValueError(f"last {self.last} lies before first {self.first}")
        return self


class BundleColumn(FrozenModel):
    """One declared input, as it stands in the feature table (no sign applied yet).

    Attributes:
        name, dtype: column and type of the table contract, such as "double" or "array<float>".
        kind: "num", "cat" for a closed enumeration, "seq" for an array.
        nullable: whether null (or NaN) is allowed.
        enum: the closed enumeration of a categorical column; its order is the code.
        min, max: train range widened by 25 %; monitoring only; null where there is none.
    """

    name: str
    dtype: Literal[
        "double", "bool", "int8", "int16", "int32", "int64", "string", "array<float>",
        "array<tinyint>",
    ]  # fmt: skip
    kind: Literal["num", "cat", "seq"]
    nullable: bool
    enum: tuple[str, ...] | None = None
    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.kind == "cat") != (self.enum is not None):
            raise ValueError(f"{self.name}: a categorical column, and only it, has an enum")
        if (self.kind == "cat") != (self.dtype == "string"):
            raise ValueError(f"{self.name}: categorical columns, and only they, are strings")
        if (self.kind == "seq") != self.dtype.startswith("array"):
            raise ValueError(f"{self.name}: sequence columns, and only they, are arrays")
        if (self.min is None) != (self.max is None):
            raise ValueError(f"{self.name}: min and max are both given or both null")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"{self.name}: min {self.min} exceeds max {self.max}")
        return self


class BundleHead(FrozenModel):
    """One head; a head that was not fitted has neither file nor hash.

    Attributes:
        file: path in the bundle, such as "heads/direction_4min.joblib".
        classes: codes in the order of `predict_proba`, (0, 1); null for a regression.
    """

    file: str | None
    sha256: Sha256 | None
    task: HeadTask
    classes: tuple[int, ...] | None
    horizon_s: int = Field(ge=1)
    status: HeadStatus

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.status == "OK") != (self.file is not None and self.sha256 is not None):
            raise ValueError("a head has file and sha256 iff its status is OK")
        if (self.classes is None) != (self.task == "regression"):
            raise ValueError("a binary head, and only it, has classes")
        if self.classes is not None and self.classes != (0, 1):
            raise ValueError(f"classes are {self.classes}, allowed: (0, 1)")
        return self


class BundleEnv(FrozenModel):
    """Versions of what made the heads; `others` names further libraries they need."""

    python: str
    numpy: str
    scikit_learn: str
    others: dict[str, str] = Field(default_factory=dict)


class Bundle(FrozenModel):
    """`bundle.json`.

    Attributes:
        dataset_fingerprint: of the feature table that was trained on.
        columns: declared inputs in model order.
        passthrough: keys and context that frames carry and predictions repeat; holds `KEYS`.
        dead_columns: declared columns that a head had no training value of: it ignores them, yet
            they are required and type-checked (08 B12). Estimators take the whole matrix.
        heads: by name; every head of the model, also the skipped ones.
        normalisation_ref: hash of the statistics a sequence model was scaled with; else null.
    """

    schema_version: Literal[1] = 1
    instrument: Instrument
    model_id: ModelId
    model_version: ModelVersion
    pipeline_version: PipelineVersion
    feature_set_id: str
    feature_set_sha256: Sha256
    label_version: str
    dataset_fingerprint: Sha256
    mlflow_run_id: str
    git_sha: GitSha
    created_at: Instant
    columns: tuple[BundleColumn, ...] = Field(min_length=1)
    passthrough: tuple[str, ...]
    dead_columns: tuple[str, ...] = ()
    heads: dict[Annotated[str, Field(pattern=HEAD_PATTERN)], BundleHead] = Field(min_length=1)
    train_sessions: SessionSpan
    env: BundleEnv
    normalisation_ref: Sha256 | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [*self.names, *self.passthrough]
        if twice := sorted({n for n in names if names.count(n) > 1}):
            raise ValueError(f"columns are listed twice: {', '.join(twice)}")
        if lacking := [k for k in KEYS if k not in self.passthrough]:
            raise ValueError(f"passthrough lacks {', '.join(lacking)}")
        if unknown := [n for n in self.dead_columns if n not in self.names]:
            raise ValueError(f"dead_columns names undeclared columns: {', '.join(unknown)}")
        if not self.model_version.startswith(f"{self.pipeline_version}_{self.git_sha[:7]}_"):
            raise ValueError(
                f"model_version {self.model_version} is not of pipeline {self.pipeline_version} "
                f"and commit {self.git_sha[:7]}"
            )
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the declared inputs, in model order."""
        return tuple(c.name for c in self.columns)

    def to_bytes(self) -> bytes:
        """The file, deterministic: same bundle, same bytes."""
        return json_bytes(self.model_dump(mode="json"))


def json_bytes(value: Any) -> bytes:
    """Indented JSON with sorted names and a final newline; no NaN."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


def sha256_hex(data: bytes) -> str:
    """64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def plain_sha256(value: str) -> str:
    """A hash without the optional prefix "sha256:"."""
    return value.removeprefix("sha256:")
