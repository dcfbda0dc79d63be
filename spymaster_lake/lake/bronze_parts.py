"""Read columns of Bronze parts in total order: the work of a Spark task.

`read_bronze` and `BronzeScan` are picklable, need no Spark, open files memory-mapped where they are
local, prune row groups by time and skip the sort where the parts already follow one another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from spymaster_lake.contracts.errors import ContractError, DataError
from spymaster_lake.contracts.table import TableContract
from spymaster_lake.lake.bronze_writer import bronze_contract, in_total_order

HOUR_NS = 3_600_000_000_000
_TIME, _RECEIVED, _SNAPSHOT = "ts_event_ns", "ts_recv_ns", "is_snapshot"
_ORDER = (_TIME, "seq", "src_file", "src_row")


@dataclass(frozen=True, slots=True)
class BronzeFile:
    """One Bronze part.

    Attributes:
        path: relative to the root, as fingerprints record it.
        size: bytes.
        uri: full path or URI.
        value: its contract, underlying or symbol.
        hour_ns: start of its UTC hour, ns.
    """

    path: str
    size: int
    uri: str
    value: str
    hour_ns: int

    @property
    def day(self) -> date:
        """UTC date of the partition."""
        return datetime.fromtimestamp(self.hour_ns // 1_000_000_000, UTC).date()


def read_bronze(
    uris: Sequence[str],
    columns: Sequence[str],
    start_ns: int,
    end_ns: int,
    *,
    contract: TableContract,
) -> pa.Table:
    """Rows of several parts in total order.

    Args:
        uris: full paths or URIs, in any order.
        columns: columns to return, in this order; empty means all of the contract.
        start_ns: first instant, int64 ns UTC. A row counts by its event time, a snapshot row by
            its receive time (05 A 1).
        end_ns: end of the span, exclusive.
        contract: the dataset's contract; every file's schema must equal it.

    Returns:
        Rows by (ts_event_ns, seq, src_file, src_row).

    Raises:
        DataError: a file is corrupt or missing; names it.
        ContractError: a file has another schema; lists every discrepancy.
    """
    names = list(columns) or list(contract.names)
    for name in names:
        contract.column(name)
    schema = pa.schema([contract.column(n).arrow_field for n in names])
    pieces = _pieces(uris, names, start_ns, end_ns, contract)
    if not pieces:
        return schema.empty_table()
    if not _follow(pieces):
        keyed = list(dict.fromkeys([*names, *_ORDER]))
        pieces = [
            in_total_order(pa.concat_tables(_pieces(uris, keyed, start_ns, end_ns, contract)))
        ]
    return pa.concat_tables(pieces).select(names)


def _pieces(
    uris: Sequence[str], names: Sequence[str], start_ns: int, end_ns: int, contract: TableContract
) -> list[pa.Table]:
    """Non-empty slices of the parts, by their first event time."""
    tables = [_read_part(uri, names, start_ns, end_ns, contract) for uri in sorted(set(uris))]
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
    uri: str, names: Sequence[str], start_ns: int, end_ns: int, contract: TableContract
) -> pa.Table:
    wanted = list(dict.fromkeys([*names, _TIME]))
    if _SNAPSHOT in contract.names:
        wanted = list(dict.fromkeys([*wanted, _SNAPSHOT, _RECEIVED]))
    try:
        with _open(uri) as file:
            _check_schema(uri, file.schema_arrow, contract)
            groups = _groups(file.metadata, start_ns, end_ns)
            table = file.read_row_groups(groups, columns=wanted, use_threads=False)
    except (OSError, pa.ArrowException) as exc:
        raise DataError(f"{uri}: unreadable Bronze file: {exc}") from exc
    return _within(table.select(wanted), start_ns, end_ns)


def _open(uri: str) -> pq.ParquetFile:
    if "://" not in uri:
        return pq.ParquetFile(uri, memory_map=True)
    return pq.ParquetFile(fsspec.open(uri, "rb").open())


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


def _groups(metadata: Any, start_ns: int, end_ns: int) -> list[int]:
    """Row groups that may hold a row of the span, by the statistics of both times."""
    names = [metadata.schema.column(i).name for i in range(metadata.num_columns)]
    at = [names.index(_TIME), names.index(_RECEIVED)]
    chosen = []
    for group in range(metadata.num_row_groups):
        stats = [metadata.row_group(group).column(i).statistics for i in at]
        unknown = any(s is None or not s.has_min_max for s in stats)
        if unknown or (
            max(s.max for s in stats) >= start_ns and min(s.min for s in stats) < end_ns
        ):
            chosen.append(group)
    return chosen


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


@dataclass(frozen=True)
class BronzeScan:
    """Lazy rows of one dataset over a fixed list of files; picklable, used in Spark workers.

    Attributes:
        product: product of the dataset.
        dataset: Bronze dataset.
        files: the parts it may read.
    """

    product: str
    dataset: str
    files: tuple[BronzeFile, ...]

    def contracts(self) -> tuple[str, ...]:
        """Partition values present, sorted."""
        return tuple(sorted({file.value for file in self.files}))

    def _uris(self, start_ns: int, end_ns: int, contract: str | None) -> list[str]:
        return [f.uri for f in overlapping(self.files, start_ns, end_ns, contract)]

    def read(
        self,
        columns: Sequence[str] = (),
        *,
        start_ns: int,
        end_ns: int,
        contract: str | None = None,
    ) -> pa.Table:
        """Rows of [start_ns, end_ns) in total order, see `read_bronze`; no file means no rows."""
        uris = self._uris(start_ns, end_ns, contract)
        schema = bronze_contract(self.product, self.dataset)
        return read_bronze(uris, columns, start_ns, end_ns, contract=schema)

    def chunks(
        self,
        columns: Sequence[str] = (),
        *,
        start_ns: int,
        end_ns: int,
        contract: str | None = None,
    ) -> Iterator[pa.Table]:
        """The same rows, one UTC hour at a time, each in total order; empty hours are left out."""
        files = overlapping(self.files, start_ns, end_ns, contract)
        for hour in sorted({file.hour_ns for file in files}):
            begin, end = max(start_ns, hour), min(end_ns, hour + HOUR_NS)
            table = self.read(columns, start_ns=begin, end_ns=end, contract=contract)
            if table.num_rows:
                yield table


def overlapping(
    files: Sequence[BronzeFile], start_ns: int, end_ns: int, value: str | None
) -> list[BronzeFile]:
    """The files of `value` (None for all) whose hour overlaps [start_ns, end_ns)."""
    return [
        file
        for file in files
        if file.hour_ns < end_ns
        and file.hour_ns + HOUR_NS > start_ns
        and (value is None or file.value == value)
    ]
