"""Publication of dates in Delta tables: one transaction exchanges the files of exactly the dates of a run.

Workers stage the Parquet files, the driver moves them into the table's folder and commits. Writing
small tables through the JVM took two to six seconds each, this takes hundredths
(docs/decisions/0003).
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from urllib.parse import quote

import deltalake
import pyarrow as pa
from deltalake.transaction import AddAction, RemoveAction

from spymaster_lake.contracts.errors import ContractError
from spymaster_lake.contracts.table import TableContract
from spymaster_lake.lake.delta_commits import commit_facts, create, repeat
from spymaster_lake.lake.delta_tables import (
    EMPTY_DATES,
    empty_dates,
    open_snapshot,
    snapshot_of,
    table_exists,
)
from spymaster_lake.lake.filesystem import LakeFileSystem


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
    create(
        path,
        lambda: deltalake.DeltaTable.create(
            path,
            schema=_delta_schema(contract),
            partition_by="date",
            description=contract.doc,
            configuration={"delta.checkpointInterval": "100", **properties},
            raise_if_key_not_exists=False,  # our own properties stand beside Delta's
        ),
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

    The files move to the table's folder first; until the commit no reader sees them. Of two writers
    of one date the later wins as a whole: every date has one copy.

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
        PublishError: other writers were faster every time.
    """
    if not table_exists(path):
        create_table(path, contract, properties)
    require_schema(contract, path)
    added = [_add(filesystem, path, part) for part in staged]
    empty = set(days) - {part.day for part in staged}
    repeat(path, lambda table: _exchange(table, path, days, added, commit))
    repeat(path, lambda table: _record_empty_dates(table, days, empty, commit))
    return open_snapshot(path).version


def _add(filesystem: LakeFileSystem, path: str, part: StagedPart) -> AddAction:
    """Move one staged file into the table's folder; the action that will add it."""
    name = f"date={part.day.isoformat()}/part-{uuid.uuid4().hex}.zstd.parquet"
    filesystem.move_file(part.path, f"{path}/{name}")
    facts = json.dumps({"numRecords": part.rows})
    return AddAction(name, part.size, {"date": part.day.isoformat()}, _now_ms(), True, facts)


def _exchange(
    table: deltalake.DeltaTable,
    path: str,
    days: Sequence[date],
    added: Sequence[AddAction],
    facts: Mapping[str, str],
) -> None:
    removed = [
        RemoveAction(_relative(path, f.path), True, _now_ms(), f.size, {"date": f.day.isoformat()})
        for f in snapshot_of(table, path).on(days)
    ]
    if added or removed:
        table.create_write_transaction(
            [*removed, *added],
            mode="append",
            schema=table.schema(),
            partition_by=["date"],
            commit_properties=commit_facts(facts),
        )


def _record_empty_dates(
    table: deltalake.DeltaTable, days: Sequence[date], empty: set[date], facts: Mapping[str, str]
) -> None:
    before = empty_dates(table)
    after = (before - set(days)) | empty
    if after != before:
        table.alter.set_table_properties(
            {EMPTY_DATES: ",".join(sorted(d.isoformat() for d in after))},
            raise_if_not_exists=False,
            commit_properties=commit_facts(facts),
        )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


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


def require_schema(contract: TableContract, path: str) -> None:
    """Raise ContractError, with every difference, unless the table at `path` has the contract's columns."""
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
