"""Row groups of Bronze parts: which may hold rows of a span, and their rows in total order.

Files are opened memory-mapped where they are local. The sort is skipped where the parts already
follow one another, and row groups whose times do not overlap can be read one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from spymaster_lake.contracts.errors import ContractError, DataError
from spymaster_lake.contracts.table import TableContract
from spymaster_lake.lake.bronze_writer import in_total_order

_TIME, _RECEIVED, _SNAPSHOT = "ts_event_ns", "ts_recv_ns", "is_snapshot"
_ORDER = (_TIME, "seq", "src_file", "src_row")
_FIRST_NS, _LAST_NS = np.iinfo(np.int64).min, np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class RowGroup:
    """One row group of a part.

    Attributes:
        uri: full path or URI of the part.
        number: position in the part.
        rows: its rows.
        first_ns, last_ns: smallest and largest event time, by the part's statistics.
        metadata: of the part, so that it is parsed once.
    """

    uri: str
    number: int
    rows: int
    first_ns: int
    last_ns: int
    metadata: Any


def row_groups(uri: str, start_ns: int, end_ns: int, contract: TableContract) -> list[RowGroup]:
    """Row groups of a part that may hold a row of the span, by the statistics of both times.

    Raises:
        DataError: the file is corrupt or missing; names it.
        ContractError: its schema is not the contract's; lists every discrepancy.
    """
    with _reading(uri), _open(uri, None) as file:
        _check_schema(uri, file.schema_arrow, contract)
        metadata = file.metadata
    names = [metadata.schema.column(i).name for i in range(metadata.num_columns)]
    at = [names.index(_TIME), names.index(_RECEIVED)]
    chosen = []
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        stats = [group.column(i).statistics for i in at]
        if any(s is None or not s.has_min_max for s in stats):
            chosen.append(RowGroup(uri, number, group.num_rows, _FIRST_NS, _LAST_NS, metadata))
        elif max(s.max for s in stats) >= start_ns and min(s.min for s in stats) < end_ns:
            first, last = stats[0].min, stats[0].max
            chosen.append(RowGroup(uri, number, group.num_rows, first, last, metadata))
    return chosen


def split_groups(groups: Iterable[RowGroup], rows: int) -> Iterator[list[RowGroup]]:
    """Row groups in runs of about `rows` rows, cut only where no timestamp is on both sides.

    Args:
        groups: of any parts, in any order.
        rows: a run ends before the group that would make it longer, if it can.
    """
    run: list[RowGroup] = []
    last = _FIRST_NS
    for group in sorted(groups, key=lambda g: (g.first_ns, g.uri, g.number)):
        if run and group.first_ns > last and sum(g.rows for g in run) + group.rows > rows:
            yield run
            run = []
        run.append(group)
        last = max(last, group.last_ns)
    if run:
        yield run


def read_groups(
    groups: Sequence[RowGroup],
    columns: Sequence[str],
    start_ns: int,
    end_ns: int,
    *,
    contract: TableContract,
) -> pa.Table:
    """Rows of several row groups in total order.

    Args:
        groups: of parts of one dataset, in any order.
        columns: columns to return, in this order; empty means all of the contract.
        start_ns: first instant, see `read_bronze`.
        end_ns: end of the span, exclusive.
        contract: the dataset's contract.

    Returns:
        Rows by (ts_event_ns, seq, src_file, src_row).
    """
    names = list(columns) or list(contract.names)
    schema = pa.schema([contract.column(n).arrow_field for n in names])
    pieces = _pieces(groups, names, start_ns, end_ns, contract)
    if not pieces:
        return schema.empty_table()
    if not _follow(pieces):
        keyed = list(dict.fromkeys([*names, *_ORDER]))
        rows = pa.concat_tables(_pieces(groups, keyed, start_ns, end_ns, contract))
        pieces = [in_total_order(rows)]
    return pa.concat_tables(pieces).select(names)


def _pieces(
    groups: Sequence[RowGroup],
    names: Sequence[str],
    start_ns: int,
    end_ns: int,
    contract: TableContract,
) -> list[pa.Table]:
    """Non-empty slices of the parts, by their first event time."""
    ordered = sorted(groups, key=lambda g: (g.uri, g.number))
    tables = [
        _read_part(uri, list(part), names, start_ns, end_ns, contract)
        for uri, part in groupby(ordered, key=lambda g: g.uri)
    ]
    filled = [table for table in tables if table.num_rows]
    return sorted(filled, key=lambda table: int(table.column(_TIME)[0].as_py()))


def _follow(pieces: Sequence[pa.Table]) -> bool:
    """Whether each part is in time order and ends strictly before the next one begins."""
    last = -1
    for piece in pieces:
        time = piece.column(_TIME).to_numpy()
        if time[0] <= last or (time[1:] < time[:-1]).any():
            return False
        last = int(time[-1])
    return True


def _read_part(
    uri: str,
    groups: Sequence[RowGroup],
    names: Sequence[str],
    start_ns: int,
    end_ns: int,
    contract: TableContract,
) -> pa.Table:
    wanted = list(dict.fromkeys([*names, _TIME]))
    if _SNAPSHOT in contract.names:
        wanted = list(dict.fromkeys([*wanted, _SNAPSHOT, _RECEIVED]))
    with _reading(uri), _open(uri, groups[0].metadata) as file:
        table = file.read_row_groups([g.number for g in groups], columns=wanted, use_threads=False)
    return _within(table.select(wanted), start_ns, end_ns)


def _open(uri: str, metadata: Any) -> pq.ParquetFile:
    if "://" not in uri:
        return pq.ParquetFile(uri, memory_map=True, metadata=metadata)
    return pq.ParquetFile(fsspec.open(uri, "rb").open(), metadata=metadata)


@contextmanager
def _reading(uri: str) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException) as exc:
        raise DataError(f"{uri}: unreadable Bronze file: {exc}") from exc


def _check_schema(uri: str, found: pa.Schema, contract: TableContract) -> None:
    expected = contract.arrow_schema
    if found.equals(expected):
        return
    there = {field.name: field for field in found}
    lines = [f"{n}: not in the contract" for n in there if n not in expected.names]
    for field in expected:
        if field.name not in there:
            lines.append(f"{field.name}: missing")
        elif not there[field.name].equals(field):
            lines.append(f"{field.name}: found {there[field.name]}, allowed {field}")
    shown = "; ".join(lines or ["columns in another order"])
    raise ContractError(f"{uri}: schema differs from the contract of {contract.dataset}: {shown}")


def _within(table: pa.Table, start_ns: int, end_ns: int) -> pa.Table:
    time = table.column(_TIME).to_numpy()
    if _SNAPSHOT in table.column_names:
        snapshot = table.column(_SNAPSHOT).to_numpy()
        if snapshot.any():
            time = np.where(snapshot, table.column(_RECEIVED).to_numpy(), time)
    inside = (time >= start_ns) & (time < end_ns)
    if inside.all():
        return table
    at = np.flatnonzero(inside)
    if not at.size or at[-1] - at[0] + 1 == at.size:
        return table.slice(at[0] if at.size else 0, at.size)
    return table.filter(pa.array(inside))
