"""Delta tables of Silver and Gold: which files a reader would read, and publication of dates.

Reading needs no Spark job: the active files come from the Delta log, workers read them. Writing
goes through Spark and replaces exactly the dates of a run in one transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import deltalake
import pyarrow as pa

from spymaster_lake.contracts.errors import ContractError, MissingInputError
from spymaster_lake.contracts.table import TableContract
from spymaster_lake.lake.parquet_files import DataFile

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
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
    from pyspark.sql.pandas.types import from_arrow_schema  # noqa: PLC0415 - Spark stays optional
    from pyspark.sql.types import StructField, StructType  # noqa: PLC0415

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


def publish_dates(  # noqa: PLR0913 - one transaction, all of its facts
    spark: SparkSession,
    *,
    path: str,
    contract: TableContract,
    staged: Sequence[str],
    days: Sequence[date],
    empty: Sequence[date],
    properties: Mapping[str, str],
    commit: Mapping[str, Any],
) -> int:
    """Replace exactly `days` of a table by the staged, already checked rows in one transaction.

    Args:
        spark: the session.
        path: table location; created with the contract's schema if absent.
        contract: the table's contract.
        staged: Parquet files with the rows of `days`.
        days: session dates to replace; all other dates stay untouched.
        empty: those of `days` that have no rows.
        properties: table properties to set at creation.
        commit: JSON facts for the commit (run, stage, fingerprints).

    Returns:
        The table's version after publication.

    Raises:
        ContractError: the existing table has another schema than the contract.
    """
    from delta.tables import DeltaTable  # noqa: PLC0415 - Spark stays optional

    schema = spark_schema(contract)
    if not table_exists(path):
        builder = DeltaTable.createIfNotExists(spark).location(path).addColumns(schema)
        builder = builder.partitionedBy("date").comment(contract.doc)
        for key, value in {"delta.checkpointInterval": "100", **properties}.items():
            builder = builder.property(key, value)
        builder.execute()
    _require_schema(contract, path)
    frame = spark.read.schema(schema).parquet(*staged) if staged else spark.createDataFrame([], schema)
    listed = ", ".join(f"DATE'{d.isoformat()}'" for d in sorted(days))
    (
        frame.write.format("delta")
        .mode("overwrite")
        .option("replaceWhere", f"date IN ({listed})")
        .option("userMetadata", json.dumps(commit, sort_keys=True, default=str))
        .save(path)
    )
    _record_empty_dates(spark, path, days, empty)
    return open_snapshot(path).version


def _require_schema(contract: TableContract, path: str) -> None:
    have = {f.name: f.type for f in deltalake.DeltaTable(path).schema().fields}
    missing = [n for n in contract.names if n not in have]
    extra = [n for n in have if n not in contract.names]
    if missing or extra:
        raise ContractError(
            f"{path}: the table on disk is not the contract {contract.dataset!r}: "
            f"it lacks {missing}, it has besides {extra}; a changed contract needs a new pipeline_version"
        )


def _record_empty_dates(
    spark: SparkSession, path: str, days: Sequence[date], empty: Sequence[date]
) -> None:
    listed = deltalake.DeltaTable(path).metadata().configuration.get(EMPTY_DATES, "")
    before = {date.fromisoformat(d) for d in listed.split(",") if d}
    after = (before - set(days)) | set(empty)
    if after != before:
        value = ",".join(sorted(d.isoformat() for d in after))
        spark.sql(f"ALTER TABLE delta.`{path}` SET TBLPROPERTIES ('{EMPTY_DATES}' = '{value}')")
