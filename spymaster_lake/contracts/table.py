"""The table contract: columns with type, unit, role, frame and null rule; keys; row rules.

A contract is the only truth about a table: readers and writers, the Spark schema, `_meta/schemas`,
the data dictionary and the look-ahead proofs are all derived from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

import pyarrow as pa

from spymaster_lake.contracts.errors import UnknownNameError


class Role(StrEnum):
    """What a column is for; features and labels never stand in for one another."""

    KEY = "key"
    CONTEXT = "context"
    FEATURE = "feature"
    LABEL = "label"


class Frame(StrEnum):
    """How a value reacts to mirroring the market around the level (08 A35).

    APPROACH: positive means toward and through the level; unchanged by the mirror.
    MARKET: positive means up or buying; negated by the mirror.
    UNSIGNED: has no direction; unchanged by the mirror.
    """

    APPROACH = "approach"
    MARKET = "market"
    UNSIGNED = "unsigned"


TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "bool": pa.bool_(),
    "int8": pa.int8(),
    "int16": pa.int16(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "double": pa.float64(),
    "array<float>": pa.list_(pa.field("element", pa.float32(), nullable=False)),
    "array<tinyint>": pa.list_(pa.field("element", pa.int8(), nullable=False)),
    "array<string>": pa.list_(pa.field("element", pa.string(), nullable=False)),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a contract.

    Attributes:
        name: column name, unique in the table.
        type: a key of `TYPES`.
        doc: one sentence: what it is and when it is null.
        role: key, context, feature or label.
        unit: physical unit ("pt", "pt/s", "contracts", "ns", "1" for none).
        nullable: whether null is allowed.
        frame: reaction to mirroring; set for every feature.
        window: the half-open window it reads, such as "[t-240s, t)"; empty if none.
        allowed: closed set of values (strings), empty if open.
        minimum: smallest allowed value, inclusive.
        maximum: largest allowed value, inclusive.
        may_be_constant: the degeneracy report does not fail on a constant column (08 A9).
        stage: the stage that computes it; empty where the table has one producer.
        length: fixed length of an array column.
    """

    name: str
    type: str
    doc: str
    role: Role = Role.CONTEXT
    unit: str = "1"
    nullable: bool = True
    frame: Frame | None = None
    window: str = ""
    allowed: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    may_be_constant: bool = False
    stage: str = ""
    length: int | None = None

    def __post_init__(self) -> None:
        if self.type not in TYPES:
            raise UnknownNameError("column type", self.type, TYPES)

    @property
    def arrow_field(self) -> pa.Field:
        """The Arrow field of this column."""
        return pa.field(self.name, TYPES[self.type], nullable=self.nullable)


@dataclass(frozen=True)
class TableContract:
    """The contract of one dataset.

    Attributes:
        dataset: logical name, such as "signals" or "work/bars_1min".
        doc: what one row is.
        columns: in their published order.
        keys: columns that identify a row; never null, unique per date.
        version: schema version, the X of `_meta/schemas/{dataset}/schema=vX.json`.
        may_be_empty: whether a date without rows is legal (events can be none, 08 A35).
    """

    dataset: str
    doc: str
    columns: tuple[Column, ...]
    keys: tuple[str, ...]
    version: int = 1
    may_be_empty: bool = False
    properties: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [c.name for c in self.columns]
        if len(set(names)) != len(names):
            twice = sorted({n for n in names if names.count(n) > 1})
            raise ValueError(f"Contract {self.dataset!r} declares columns twice: {twice}")
        for key in self.keys:
            if key not in names:
                raise UnknownNameError(f"key column of {self.dataset}", key, names)

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in published order."""
        return tuple(c.name for c in self.columns)

    @cached_property
    def by_name(self) -> dict[str, Column]:
        """Columns by name."""
        return {c.name: c for c in self.columns}

    @cached_property
    def arrow_schema(self) -> pa.Schema:
        """The Arrow schema that every batch of this table must equal."""
        return pa.schema([c.arrow_field for c in self.columns])

    def column(self, name: str) -> Column:
        """The column called `name`; an unknown name lists near matches."""
        if name not in self.by_name:
            raise UnknownNameError(f"column of {self.dataset}", name, self.names)
        return self.by_name[name]

    def of_role(self, role: Role) -> tuple[Column, ...]:
        """The columns of one role, in published order."""
        return tuple(c for c in self.columns if c.role is role)
