"""Replace a whole Delta table in one transaction, on the driver, without Spark.

For small results that belong together as one result: a reader sees the old one or the new one.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from datetime import date

import deltalake
import pyarrow as pa
import pyarrow.compute as pc
from deltalake.transaction import AddAction, RemoveAction

from spymaster_lake.contracts.table import TableContract
from spymaster_lake.lake.checks import check_table
from spymaster_lake.lake.delta_commits import commit_facts, repeat
from spymaster_lake.lake.delta_publish import create_table, require_schema
from spymaster_lake.lake.delta_tables import open_snapshot, snapshot_of, table_exists
from spymaster_lake.lake.parquet_files import PARTITION, write_file


def replace_table(
    path: str, contract: TableContract, rows: pa.Table, *, commit: Mapping[str, str]
) -> int:
    """Make `rows` the whole content of the table at `path`.

    Args:
        path: table location; created if absent.
        contract: the table's contract; `rows` must fulfil it.
        rows: all rows, in the order in which they are stored within each date.
        commit: facts for the commit (run).

    Returns:
        The table's version.

    Raises:
        ContractError: the rows, or the table on disk, break the contract; nothing was written.
        PublishError: other writers were faster every time.
    """
    check_table(contract, rows)
    if not table_exists(path):
        create_table(path, contract, {})
    require_schema(contract, path)
    days = sorted(set(rows.column(PARTITION).to_pylist()))
    added = [_write(path, rows, day) for day in days]

    def exchange(table: deltalake.DeltaTable) -> None:
        root = f"{path.rstrip('/')}/"
        removed = [
            RemoveAction(
                f.path.removeprefix(root), True, _now_ms(), f.size, {PARTITION: f.day.isoformat()}
            )
            for f in snapshot_of(table, path).files
        ]
        if added or removed:
            table.create_write_transaction(
                [*removed, *added],
                mode="append",
                schema=table.schema(),
                partition_by=[PARTITION],
                commit_properties=commit_facts(commit),
            )

    repeat(path, exchange)
    return open_snapshot(path).version


def _write(path: str, rows: pa.Table, day: date) -> AddAction:
    """One data file with the rows of one date, not yet part of the table."""
    own = rows.filter(pc.equal(rows.column(PARTITION), pa.scalar(day, pa.date32())))
    name = f"{PARTITION}={day.isoformat()}/part-{uuid.uuid4().hex}.zstd.parquet"
    size = write_file(f"{path}/{name}", own.drop_columns([PARTITION]))
    facts = json.dumps({"numRecords": own.num_rows})
    return AddAction(name, size, {PARTITION: day.isoformat()}, _now_ms(), True, facts)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
