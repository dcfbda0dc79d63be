"""Delta tables of Silver and Gold: which files a reader would read, and publication of dates.

Neither needs a Spark job of its own: workers read the active files that the Delta log names, and
stage the files they write; publication is one Delta transaction that exchanges the files of exactly
the dates of a run. Writing small tables through the JVM took two to six seconds each, this takes
hundredths (docs/decisions/0003). Spark reads the tables like any other Delta table.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import deltalake
import pyarrow as pa
from deltalake.transaction import AddAction, RemoveAction

from spymaster_lake.contracts.errors import ContractError, MissingInputError
from spymaster_lake.contracts.table import TableContract
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.parquet_files import DataFile

if TYPE_CHECKING:
    from pyspark.sql.types import StructType

EMPTY_DATES = "spymaster.emptyDates"
"""Table property: session dates that were published with zero rows."""


@dataclass(frozen=True)
class TableSnapshot:
    """One version of a Delta table.

    Attributes:
        path: table location.
        version: Delta version.
        files: active data files.
        empty_dates: dates published without rows.
    """

    path: str
    version: int
    files: tuple[DataFile, ...]
    empty_dates: frozenset[date]

    @property
    def dates(self) -> list[date]:
        """Published session dates, in order."""
        return sorted({f.day for f in self.files} | self.empty_dates)

    def on(self, days: Iterable[date]) -> tuple[DataFile, ...]:
        """The active files of some dates, in a fixed order."""
        wanted = set(days)
        return tuple(sorted((f for f in self.files if f.day in wanted), key=lambda f: (f.day, f.path)))


def table_exists(path: str) -> bool:
    """Whether a Delta table stands at `path`."""
    return bool(deltalake.DeltaTable.is_deltatable(path))


def open_snapshot(path: str) -> TableSnapshot:
    """The newest version of a table.

    Raises:
        MissingInputError: there is no table at `path`.
    """
    if not table_exists(path):
        raise MissingInputError(f"{path}: no such Delta table; run the stage that writes it first")
    table = deltalake.DeltaTable(path)
    actions = pa.table(table.get_add_actions(flatten=True))
    files = tuple(
        DataFile(f"{path.rstrip('/')}/{unquote(name)}", size, day)
        for name, size, day in zip(
            actions["path"].to_pylist(),
            actions["size_bytes"].to_pylist(),
            actions["partition.date"].to_pylist(),
            strict=True,
        )
    ) if actions.num_rows else ()
    listed = table.metadata().configuration.get(EMPTY_DATES, "")
    empty = frozenset(date.fromisoformat(d) for d in listed.split(",") if d)
    return TableSnapshot(path, table.version(), files, empty - {f.day for f in files})


def spark_schema(contract: TableContract) -> StructType:
    """The declared StructType of a contract; each field carries unit, role and frame."""
    from pyspark.sql.pandas.types import from_arrow_schema
    from pyspark.sql.types import StructField, StructType

    plain = from_arrow_schema(contract.arrow_schema, prefer_timestamp_ntz=False)
    fields = []
    for field, column in zip(plain.fields, contract.columns, strict=True):
        facts = {"unit": column.unit, "role": column.role.value, "comment": column.doc}
        if column.frame is not None:
            facts["frame"] = column.frame.value
        if column.window:
            facts["window"] = column.window
        fields.append(StructField(field.name, field.dataType, column.nullable, facts))
    return StructType(fields)


@dataclass(frozen=True, slots=True)
class StagedPart:
    """One staged Parquet file: all rows of one session date, without the partition column.

    Attributes:
        day: session date.
        path: where a worker staged it.
        rows: number of rows, at least 1.
        size: bytes.
    """

    day: date
    path: str
    rows: int
    size: int


def create_table(path: str, contract: TableContract, properties: Mapping[str, str]) -> None:
    """Create an empty table with the contract's schema, units and roles, partitioned by date."""
    deltalake.DeltaTable.create(
        path,
        schema=_delta_schema(contract),
        partition_by="date",
        description=contract.doc,
        configuration={"delta.checkpointInterval": "100", **properties},
        raise_if_key_not_exists=False,  # our own properties stand beside Delta's
    )


def publish_dates(
    filesystem: LakeFileSystem,
    *,
    path: str,
    contract: TableContract,
    staged: Sequence[StagedPart],
    days: Sequence[date],
    properties: Mapping[str, str],
    commit: Mapping[str, str],
) -> int:
    """Replace exactly `days` of a table by the staged, already checked files in one transaction.

    The files move to the table's folder first; until the commit no reader sees them.

    Args:
        filesystem: file system of the lake.
        path: table location; created with the contract's schema if absent.
        contract: the table's contract.
        staged: one file for each of `days` that has rows.
        days: session dates to replace; all other dates stay untouched.
        properties: table properties to set at creation.
        commit: facts for the commit (run, stage).

    Returns:
        The table's version after publication.

    Raises:
        ContractError: the existing table has another schema than the contract.
    """
    if not table_exists(path):
        create_table(path, contract, properties)
    _require_schema(contract, path)
    table = deltalake.DeltaTable(path)
    now_ms = time.time_ns() // 1_000_000
    actions: list[AddAction | RemoveAction] = [
        RemoveAction(_relative(path, f.path), True, now_ms, f.size, {"date": f.day.isoformat()})
        for f in open_snapshot(path).on(days)
    ]
    for part in staged:
        name = f"date={part.day.isoformat()}/part-{uuid.uuid4().hex}.zstd.parquet"
        filesystem.move_file(part.path, f"{path}/{name}")
        actions.append(
            AddAction(
                name, part.size, {"date": part.day.isoformat()}, now_ms, True,
                json.dumps({"numRecords": part.rows}),
            )
        )
    if actions:
        table.create_write_transaction(
            actions,
            mode="append",
            schema=table.schema(),
            partition_by=["date"],
            commit_properties=deltalake.CommitProperties(custom_metadata=dict(commit)),
        )
    _record_empty_dates(path, days, set(days) - {part.day for part in staged})
    return open_snapshot(path).version


def _delta_schema(contract: TableContract) -> deltalake.Schema:
    fields = []
    for field, column in zip(contract.arrow_schema, contract.columns, strict=True):
        facts = {"unit": column.unit, "role": column.role.value, "comment": column.doc}
        if column.frame is not None:
            facts["frame"] = column.frame.value
        if column.window:
            facts["window"] = column.window
        fields.append(field.with_metadata(facts))
    return deltalake.Schema.from_arrow(pa.schema(fields))


def _relative(root: str, path: str) -> str:
    return quote(path.removeprefix(f"{root.rstrip('/')}/"), safe="/=")


def _require_schema(contract: TableContract, path: str) -> None:
    have = pa.schema(deltalake.DeltaTable(path).schema().to_arrow())
    want = contract.arrow_schema
    faults = [f"it lacks {n!r}" for n in want.names if n not in have.names]
    faults += [f"it has {n!r} besides" for n in have.names if n not in want.names]
    faults += [
        f"{n!r} is {have.field(n).type} there and {want.field(n).type} in the contract"
        for n in want.names
        if n in have.names and not _same_type(have.field(n).type, want.field(n).type)
    ]
    if faults:
        raise ContractError(
            f"{path}: the table on disk is not the contract {contract.dataset!r}: {'; '.join(faults)}; "
            "a changed contract needs a new pipeline_version"
        )


def _same_type(have: pa.DataType, want: pa.DataType) -> bool:
    if pa.types.is_list(have) and pa.types.is_list(want):
        return bool(have.value_type.equals(want.value_type))
    return bool(have.equals(want)) or (pa.types.is_timestamp(have) and pa.types.is_timestamp(want))


def _record_empty_dates(path: str, days: Sequence[date], empty: Iterable[date]) -> None:
    table = deltalake.DeltaTable(path)
    listed = table.metadata().configuration.get(EMPTY_DATES, "")
    before = {date.fromisoformat(d) for d in listed.split(",") if d}
    after = (before - set(days)) | set(empty)
    if after != before:
        value = ",".join(sorted(d.isoformat() for d in after))
        table.alter.set_table_properties({EMPTY_DATES: value}, raise_if_not_exists=False)
