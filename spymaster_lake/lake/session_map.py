"""Carry a session stage over many dates: one Spark job, one task per session date.

A task gets the list of files it may read, runs the pure stage function, holds every output against
its contract and stages it as Parquet. Only counts and paths come back to the driver, which
publishes after every check of every date has passed (08 A17, A34).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from spymaster_lake.contracts.errors import ContractError, LakeError
from spymaster_lake.contracts.null_rules import entries_of
from spymaster_lake.contracts.table import TableContract
from spymaster_lake.lake.checks import check_table
from spymaster_lake.lake.parquet_files import DataFile, read_partition_files, write_file

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa
    from pyspark.sql import SparkSession


@dataclass(frozen=True, slots=True)
class TableInput:
    """What a task reads of one Delta input."""

    contract: TableContract
    files: tuple[DataFile, ...]
    columns: tuple[str, ...] = ()

    def read(self) -> pa.Table:
        """The rows of all files."""
        return read_partition_files(self.contract, self.files, self.columns)


@dataclass(frozen=True, slots=True)
class SessionTask:
    """The work of one session date.

    Attributes:
        day: the session date.
        tables: Delta inputs by alias.
        scans: Bronze scans by alias (picklable objects that read lazily).
        staging: folder of this stage's staged outputs.
    """

    day: date
    tables: Mapping[str, TableInput]
    scans: Mapping[str, Any]
    staging: str


@dataclass(frozen=True, slots=True)
class StagedTable:
    """One staged, checked output of one date; `path` is empty if there are no rows.

    Attributes:
        nulls: null rows by column, of columns that have any.
    """

    dataset: str
    path: str
    rows: int
    size: int = 0
    nulls: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class SessionOutcome:
    """What became of one date: its staged outputs, or the error that stopped it."""

    day: date
    seconds: float
    staged: tuple[StagedTable, ...] = ()
    metrics: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    error_type: str = ""
    error: str = ""


TASKS_PER_CORE = 2


def run_task(
    task: SessionTask,
    call: Callable[[SessionTask, Mapping[str, pa.Table]], Any],
    outputs: Sequence[TableContract],
) -> SessionOutcome:
    """Read, run, check and stage one session date (in a worker).

    A `LakeError` is this date's verdict and returned; any other exception is a defect and ends the
    job.
    """
    started = time.perf_counter()
    try:
        result = call(task, {alias: source.read() for alias, source in task.tables.items()})
        staged = tuple(_stage(task, contract, result.tables) for contract in outputs)
        _no_others(outputs, result.tables)
    except LakeError as exc:
        return SessionOutcome(
            task.day, time.perf_counter() - started, error_type=type(exc).__name__, error=str(exc)
        )
    return SessionOutcome(
        task.day, time.perf_counter() - started, staged, dict(result.metrics), result.warnings
    )


def _stage(
    task: SessionTask, contract: TableContract, tables: Mapping[str, pa.Table]
) -> StagedTable:
    if contract.dataset not in tables:
        raise ContractError(f"{contract.dataset}: declared as an output but not returned")
    table = tables[contract.dataset]
    check_table(contract, table)
    _require_day(task.day, contract, table)
    if not table.num_rows:
        return StagedTable(contract.dataset, "", 0)
    path = f"{task.staging}/{contract.dataset}/{task.day.isoformat()}.parquet"
    size = write_file(path, table.drop_columns(["date"]))
    return StagedTable(contract.dataset, path, table.num_rows, size, count_nulls(table, contract))


def count_nulls(table: pa.Table, contract: TableContract) -> dict[str, int]:
    """Null rows by column, and unknown values by `array.entry` where entries have names."""
    found = {name: table.column(name).null_count for name in contract.names}
    for name in contract.names:
        if entries := entries_of(contract.dataset, name):
            values = pc.list_flatten(table.column(name)).to_numpy().reshape(-1, len(entries))
            unknown = np.isnan(values).sum(axis=0).tolist()
            found |= {f"{name}.{e}": n for e, n in zip(entries, unknown, strict=True)}
    return {name: n for name, n in found.items() if n}


def _require_day(day: date, contract: TableContract, table: pa.Table) -> None:
    """Every row is of the task's date; `date` is the partition, so others would change date."""
    found = [d for d in pc.unique(table.column("date")).to_pylist() if d != day]
    if found:
        shown = ", ".join(map(str, found[:3]))
        raise ContractError(f"{contract.dataset}: rows of {shown} among those of {day}")


def _no_others(outputs: Sequence[TableContract], tables: Mapping[str, pa.Table]) -> None:
    extra = sorted(set(tables) - {c.dataset for c in outputs})
    if extra:
        raise ContractError(f"{extra}: returned but not declared as outputs")


def map_sessions(
    spark: SparkSession,
    tasks: Sequence[SessionTask],
    call: Callable[[SessionTask, Mapping[str, pa.Table]], Any],
    outputs: Sequence[TableContract],
) -> list[SessionOutcome]:
    """Run all dates as one Spark job; outcomes come back in date order.

    Dates share tasks, a few for each core: a Python task takes longer to start than
    most stages need for a date.
    """
    context = spark.sparkContext
    slices = max(1, min(len(tasks), TASKS_PER_CORE * context.defaultParallelism))
    dealt = [list(tasks)[i::slices] for i in range(slices)]
    outcomes = (
        context.parallelize(dealt, slices)
        .flatMap(lambda group: [run_task(task, call, outputs) for task in group])
        .collect()
    )
    return sorted(outcomes, key=lambda o: o.day)
