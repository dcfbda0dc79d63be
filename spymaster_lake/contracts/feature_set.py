"""Feature sets: which columns a model reads, in which order, in which form (04 section 1.2).

A feature set is data, `conf/feature_sets/{id}.json`, never code and never a guess from a frame. Its
content hash goes into the bundle, the registry and the tracking run, so that a model refuses a frame
made for another set. Names are those of 08 A2.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import cached_property
from typing import Literal, Self

from pydantic import Field, model_validator

from spymaster_lake.contracts.errors import ConfigError
from spymaster_lake.contracts.model import FrozenModel
from spymaster_lake.contracts.signals import SIGNALS
from spymaster_lake.contracts.table import Column, Frame, Role

FrameName = Literal["approach", "market", "unsigned"]
Dtype = Literal["double", "int8", "int32", "int64", "string"]

ID_PATTERN = r"^[a-z][a-z0-9_]*@v[1-9][0-9]*$"
SIGN_SUFFIX = "_s"
"""Suffix of an input that the transform multiplied by the direction's sign."""

CATEGORICAL_CONTEXT: tuple[str, ...] = ("level_kind", "direction")
"""Context columns that may be inputs; every other input is a column of role feature."""

SIGNED_TIDES: tuple[str, ...] = ("call_tide", "put_tide")
"""Premium flows of one right: unsigned under the mirror law, yet with a side (04 section 1.2)."""

FORBIDDEN: tuple[str, ...] = (
    *("spot", "entry_price", "level_price", "timestamp", "attempt_cluster_id", "zone_width"),
    *("zone_half_width", "date", "contract", "event_id", "anchor_ts_ns", "bar_start_ns"),
    *("first_touch_ts_ns", "src_max_ts_ns", "level_kind_code", "colocated_kinds"),
    *("distance_signed", "approach_distance"),
    *(f"dist_to_{kind}" for kind in ("pm_high", "pm_low", "or_high", "or_low", "sma_90", "ema_20")),
)
"""Columns that identify the session or the instant, and distances in raw points (04 section 1.2)."""


class FeatureColumn(FrozenModel):
    """One input of a model.

    Attributes:
        name: column of the feature table.
        dtype: its type in the table's contract.
        kind: "num", or "cat" for a closed enumeration.
        nullable: whether null is allowed; the estimator sees it as missing, nothing is imputed.
        enum: the closed enumeration of a categorical column; its order is the code.
        frame: reaction to the mirror, as in the contract.
        approach_sign: multiply by +1 for UP and -1 for DOWN, and add the suffix `_s`.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    dtype: Dtype
    kind: Literal["num", "cat"]
    nullable: bool
    enum: tuple[str, ...] | None = None
    frame: FrameName
    approach_sign: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.kind == "cat") != (self.dtype == "string"):
            raise ValueError(f"{self.name}: categorical inputs, and only they, are strings")
        if (self.kind == "cat") != (self.enum is not None):
            raise ValueError(f"{self.name}: a categorical input, and only it, has an enum")
        if self.enum is not None and (not self.enum or len(set(self.enum)) != len(self.enum)):
            raise ValueError(f"{self.name}: the enum must hold different values, at least one")
        if self.approach_sign and self.kind == "cat":
            raise ValueError(f"{self.name}: a categorical input has no sign")
        return self

    @property
    def input_name(self) -> str:
        """Name of the model input: with the suffix `_s` where the sign is applied."""
        return f"{self.name}{SIGN_SUFFIX}" if self.approach_sign else self.name


class FeatureSet(FrozenModel):
    """An ordered list of inputs.

    Attributes:
        schema_version: version of this file format.
        id: `{stage}_{ablation}@v{version}`, such as "stage_b_full@v1".
        version: the number in the id; another content needs another number.
        dataset: the feature table the columns come from, such as "signals".
        doc: what the set is for.
        columns: the inputs in model order.
    """

    schema_version: Literal[1] = 1
    id: str = Field(pattern=ID_PATTERN)
    version: int = Field(ge=1)
    dataset: str
    doc: str
    columns: tuple[FeatureColumn, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.id.rpartition("@v")[2] != str(self.version):
            raise ValueError(f"id {self.id!r} does not end in @v{self.version}")
        names = self.names
        if twice := sorted({n for n in names if names.count(n) > 1}):
            raise ValueError(f"columns are listed twice: {', '.join(twice)}")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in the feature table, in model order."""
        return tuple(c.name for c in self.columns)

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the model inputs, in model order."""
        return tuple(c.input_name for c in self.columns)

    @cached_property
    def sha256(self) -> str:
        """64 hex digits over the canonical JSON of the whole set (sorted keys, no spaces)."""
        text = json.dumps(
            self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False
        )
        return hashlib.sha256(text.encode("utf-8")).hexdigest()


def check_feature_set(feature_set: FeatureSet) -> None:
    """Compare a set over `signals` with the contract of that table.

    Raises:
        ConfigError: listing every column that is unknown, no feature, never allowed, or declared
            with another type, null rule, enumeration or frame than the contract's, and every sign on
            a column that is not of the market frame.
    """
    if feature_set.dataset != SIGNALS.dataset:
        raise ConfigError(
            f"feature set {feature_set.id}: dataset is {feature_set.dataset!r}; "
            f"allowed: {SIGNALS.dataset!r}"
        )
    if faults := [fault for column in feature_set.columns for fault in _faults(column)]:
        raise ConfigError(f"feature set {feature_set.id}: {'; '.join(faults)}")


def _faults(column: FeatureColumn) -> Iterable[str]:
    name = column.name
    if name in FORBIDDEN:
        yield f"{name} is never allowed: it identifies the session, the instant or the price"
        return
    if name not in SIGNALS.by_name:
        yield f"{name} is no column of {SIGNALS.dataset}"
        return
    declared = SIGNALS.column(name)
    if declared.role is not Role.FEATURE and name not in CATEGORICAL_CONTEXT:
        yield f"{name} has role {declared.role.value}; only features may be inputs"
    yield from _differences(column, declared)
    market = declared.frame is Frame.MARKET or name in SIGNED_TIDES
    if column.approach_sign and not market:
        yield f"{name} has approach_sign but frame {column.frame}; allowed: market"


def _differences(column: FeatureColumn, declared: Column) -> Iterable[str]:
    frame = (declared.frame or Frame.UNSIGNED).value
    facts: tuple[tuple[str, object, object], ...] = (
        ("dtype", column.dtype, declared.type),
        ("nullable", column.nullable, declared.nullable),
        ("frame", column.frame, frame),
        ("enum", column.enum, declared.allowed or None),
    )
    for fact, found, wanted in facts:
        if found != wanted:
            yield f"{column.name} has {fact} {found}, the contract says {wanted}"
