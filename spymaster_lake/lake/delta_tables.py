"""Delta tables of Silver and Gold: which files a reader would read.

No Spark job is needed for that: workers read the active files that the Delta log names. Spark reads
the tables like any other Delta table.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING
from urllib.parse import unquote

import deltalake
import pyarrow as pa
from deltalake.exceptions import DeltaError

from spymaster_lake.contracts.errors import DataError, MissingInputError
from spymaster_lake.contracts.table import TableContract
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
        return tuple(
            sorted((f for f in self.files if f.day in wanted), key=lambda f: (f.day, f.path))
        )


def table_exists(path: str) -> bool:
    """Whether a Delta table stands at `path`."""
    return bool(deltalake.DeltaTable.is_deltatable(path))


def open_snapshot(path: str, version: int | None = None) -> TableSnapshot:
    """One version of a table.

    Args:
        path: table location.
        version: Delta version; the newest when None.

    Raises:
        MissingInputError: there is no table at `path`.
        DataError: its log, or that version of it, cannot be read; names the table and the cause.
    """
    if not table_exists(path):
        raise MissingInputError(f"{path}: no such Delta table; run the stage that writes it first")
    try:
        return snapshot_of(deltalake.DeltaTable(path, version=version), path)
    except DeltaError as exc:
        cause = str(exc).splitlines()[0]
        at = "" if version is None else f" at version {version}"
        raise DataError(f"{path}: unreadable Delta table{at}: {cause}") from exc


def snapshot_of(table: deltalake.DeltaTable, path: str) -> TableSnapshot:
    """The version at which an open table stands; `path` as the lake spells it."""
    actions = pa.table(table.get_add_actions(flatten=True))
    files = (
        tuple(
            DataFile(f"{path.rstrip('/')}/{unquote(name)}", size, day)
            for name, size, day in zip(
                actions["path"].to_pylist(),
                actions["size_bytes"].to_pylist(),
                actions["partition.date"].to_pylist(),
                strict=True,
            )
        )
        if actions.num_rows
        else ()
    )
    empty = frozenset(empty_dates(table) - {f.day for f in files})
    return TableSnapshot(path, table.version(), files, empty)


def table_properties(path: str) -> dict[str, str]:
    """The properties of a table, such as its label version.

    Raises:
        MissingInputError: there is no table at `path`.
    """
    if not table_exists(path):
        raise MissingInputError(f"{path}: no such Delta table; run the stage that writes it first")
    return dict(deltalake.DeltaTable(path).metadata().configuration)


def empty_dates(table: deltalake.DeltaTable) -> set[date]:
    """Session dates that the table's property lists as published without rows."""
    listed = table.metadata().configuration.get(EMPTY_DATES, "")
    return {date.fromisoformat(d) for d in listed.split(",") if d}


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
