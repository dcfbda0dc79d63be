"""Read columns of Bronze parts in total order: the work of a Spark task.

`read_bronze` and `BronzeScan` are picklable and need no Spark.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pyarrow as pa

from spymaster_lake.contracts.table import TableContract
from spymaster_lake.lake.bronze_groups import read_groups, row_groups, split_groups
from spymaster_lake.lake.bronze_writer import bronze_contract

HOUR_NS = 3_600_000_000_000
CHUNK_ROWS = 262_144
"""Rows of a piece of `BronzeScan.chunks`."""


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
    groups = [g for uri in sorted(set(uris)) for g in row_groups(uri, start_ns, end_ns, contract)]
    return read_groups(groups, columns, start_ns, end_ns, contract=contract)


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
        """The same rows, cut between timestamps; empty pieces are left out.

        A piece is of one UTC hour and of about `CHUNK_ROWS` rows: as many row groups as belong
        together. Small pieces stay in the processor's cache and use the same memory again.
        """
        schema, files = (
            bronze_contract(self.product, self.dataset),
            overlapping(self.files, start_ns, end_ns, contract),
        )
        for hour in sorted({file.hour_ns for file in files}):
            begin, end = max(start_ns, hour), min(end_ns, hour + HOUR_NS)
            uris = sorted(file.uri for file in files if file.hour_ns == hour)
            groups = [g for uri in uris for g in row_groups(uri, begin, end, schema)]
            for piece in split_groups(groups, CHUNK_ROWS):
                table = read_groups(piece, columns, begin, end, contract=schema)
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
