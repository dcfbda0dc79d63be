"""Write Bronze: refuse foreign instruments, partition by UTC hour, stage, publish by rename.

A part is called `part-{src_file}-{first_row}-{last_row}.parquet` after the raw file and the row
ordinals in it, and its bytes depend on those rows alone: ingesting a file again replaces every part
by itself, and the files of a day may come in any order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from spymaster_lake.contracts.bronze import BRONZE
from spymaster_lake.contracts.errors import SymbolError, UnknownNameError
from spymaster_lake.contracts.table import TableContract
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.instruments import PRODUCT_OF_KIND, InstrumentResolver
from spymaster_lake.lake.paths import LakePathResolver

FLUSH_ROWS = 524_288
MAX_HELD_ROWS = 1_572_864
ROW_GROUP_ROWS = 131_072
COMPRESSION_LEVEL = 3
_HOUR_NS = 3_600_000_000_000
_INCREASING = ("ts_event_ns", "ts_recv_ns", "seq", "src_row")

Columns = Mapping[str, pa.Array]


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A file written to staging, and where it belongs."""

    staged: str
    final: str
    rows: int
    size: int


def bronze_contract(product: str, dataset: str) -> TableContract:
    """The contract of a Bronze dataset; an unknown one lists those that exist."""
    if (product, dataset) not in BRONZE:
        known = [f"{p}/{d}" for p, d in BRONZE]
        raise UnknownNameError("Bronze dataset", f"{product}/{dataset}", known)
    return BRONZE[product, dataset]


def write_part(filesystem: LakeFileSystem, path: str, table: pa.Table) -> None:
    """Write one Parquet file with Bronze's settings (zstd 3, dictionaries, small row groups)."""
    delta = [name for name in _INCREASING if name in table.column_names]
    with filesystem.open(path, "wb") as stream:
        pq.write_table(
            table,
            stream,
            compression="zstd",
            compression_level=COMPRESSION_LEVEL,
            row_group_size=ROW_GROUP_ROWS,
            use_dictionary=[name for name in table.column_names if name not in delta],
            column_encoding=dict.fromkeys(delta, "DELTA_BINARY_PACKED"),
            store_schema=False,
        )


class BronzeWriter:
    """Stages the Bronze parts of one raw file.

    Args:
        paths: path resolver of the lake.
        filesystem: its file system.
        resolver: maps symbols to instruments.
        instrument: the only instrument that may be written.
        product: its product.
        dataset: Bronze dataset.
        staging: directory below which parts are staged.
        src_file: first 16 hex digits of the sha256 of the raw file.
        source: vendor dataset, as the file names it.
        flush_rows: rows of one hour and contract at which a part is written; parts are written at
            the latest when the file ends.
        max_held_rows: rows held over all partitions before the largest is written.
    """

    def __init__(
        self,
        *,
        paths: LakePathResolver,
        filesystem: LakeFileSystem,
        resolver: InstrumentResolver,
        instrument: str,
        product: str,
        dataset: str,
        staging: str,
        src_file: str,
        source: str,
        flush_rows: int = FLUSH_ROWS,
        max_held_rows: int = MAX_HELD_ROWS,
    ) -> None:
        self.contract = bronze_contract(product, dataset)
        profile = resolver.profile(instrument)
        self._paths, self._filesystem, self._resolver = paths, filesystem, resolver
        self._instrument, self._product, self._dataset = instrument, product, dataset
        self._staging, self._src_file = staging, src_file
        self._constants = {"src_file": src_file, "source": source, "exchange": profile.exchange}
        self._underlying = profile.options.underlying if profile.options else ""
        self._flush_rows, self._max_held_rows = flush_rows, max_held_rows
        self._held: dict[tuple[str, int], list[pa.Table]] = {}
        self._rows: dict[tuple[str, int], int] = {}
        self.staged: list[StagedFile] = []

    def write(
        self,
        columns: Columns,
        *,
        src_rows: npt.NDArray[np.int64],
        codes: npt.NDArray[np.int64],
        symbols: Sequence[str],
        when_ns: npt.NDArray[np.int64],
    ) -> None:
        """Take rows of one batch; parts of hours that are full are written to staging.

        Args:
            columns: contract columns but symbol, src_file, src_row, source and exchange.
            src_rows: int64[n], ordinal in the raw file; must grow from call to call.
            codes: int64[n], index into `symbols`.
            symbols: raw symbols.
            when_ns: int64[n], the time that decides UTC date and hour.

        Raises:
            SymbolError: a symbol belongs to another instrument, or is no single instrument of this
                product.
        """
        if not src_rows.size:
            return
        self._refuse_foreign(codes, symbols)
        table = pa.table({**columns, "src_row": pa.array(src_rows)})
        if self._product == "options":
            chosen = pa.array(symbols, pa.string()).take(pa.array(codes))
            table = table.append_column("option_symbol", chosen)
        hours = when_ns // _HOUR_NS
        groups = (codes << 32 | hours) if self._product != "options" else hours
        first = groups[0]
        every = [first] if (groups == first).all() else np.unique(groups).tolist()
        for group in every:
            at = None if len(every) == 1 else np.flatnonzero(groups == group)
            one = 0 if at is None else at[0]
            value = self._underlying if self._product == "options" else symbols[int(codes[one])]
            self._hold((value, int(hours[one])), table if at is None else table.take(pa.array(at)))

    def _refuse_foreign(self, codes: npt.NDArray[np.int64], symbols: Sequence[str]) -> None:
        only_one = (codes == codes[0]).all()
        for code in codes[:1].tolist() if only_one else np.unique(codes).tolist():
            resolved = self._resolver.require(symbols[code], self._instrument)
            product = PRODUCT_OF_KIND.get(resolved.kind)
            if product != self._product:
                raise SymbolError(
                    f"Symbol {resolved.symbol!r} ({resolved.kind}) may not enter "
                    f"{self._instrument}/{self._product}/{self._dataset}"
                )

    def _hold(self, key: tuple[str, int], table: pa.Table) -> None:
        self._held.setdefault(key, []).append(table)
        self._rows[key] = self._rows.get(key, 0) + table.num_rows
        if self._rows[key] >= self._flush_rows:
            self._flush(key)
        while sum(self._rows.values()) > self._max_held_rows:
            self._flush(max(self._rows, key=lambda k: (self._rows[k], k)))

    def close(self) -> list[StagedFile]:
        """Write what is held; returns every staged part."""
        for key in sorted(self._held):
            self._flush(key)
        return self.staged

    def _flush(self, key: tuple[str, int]) -> None:
        value, hour = key
        table = in_total_order(pa.concat_tables(self._held.pop(key)))
        del self._rows[key]
        rows = table.column("src_row").to_numpy()
        name = f"part-{self._src_file}-{rows.min():012d}-{rows.max():012d}.parquet"
        start = datetime.fromtimestamp(hour * 3600, UTC)
        folder = self._paths.bronze_partition(
            self._instrument, self._product, self._dataset, value, start.date(), start.hour
        )
        final = f"{folder}/{name}"
        staged = f"{self._staging}/{self._paths.relative(final)}"
        write_part(self._filesystem, staged, self._finished(table, value))
        self.staged.append(StagedFile(staged, final, table.num_rows, self._filesystem.size(staged)))

    def _finished(self, table: pa.Table, value: str) -> pa.Table:
        """The table in the contract's columns and order; constants as one-entry dictionaries."""
        constants = {**self._constants, "symbol": value}
        arrays, fields = [], []
        for column in self.contract.columns:
            if column.name in table.column_names:
                array = table.column(column.name)
                fields.append(column.arrow_field)
            else:
                indices = pa.array(np.zeros(table.num_rows, np.int32))
                array = pa.DictionaryArray.from_arrays(indices, [constants[column.name]])
                fields.append(pa.field(column.name, array.type, nullable=False))
            arrays.append(array)
        return pa.table(arrays, schema=pa.schema(fields))


def in_total_order(table: pa.Table) -> pa.Table:
    """Rows by (ts_event_ns, seq, src_file, src_row); returned as is where already in order.

    Args:
        table: with ts_event_ns, seq and src_row; without src_file all rows are of one file.
    """
    time = table.column("ts_event_ns").to_numpy()
    seq = table.column("seq").to_numpy()
    row = table.column("src_row").to_numpy()
    keys = [row, seq, time]
    if "src_file" in table.column_names:
        names = table.column("src_file").combine_chunks().dictionary_encode()
        if isinstance(names, pa.ChunkedArray):
            names = names.unify_dictionaries().combine_chunks()
        rank = np.argsort(np.argsort(np.asarray(names.dictionary.to_pylist(), object)))
        keys.insert(1, rank[names.indices.to_numpy()] if len(names) else row)
    return table if _is_ordered(keys) else table.take(pa.array(np.lexsort(keys)))


def _is_ordered(keys: Sequence[npt.NDArray[np.int64]]) -> bool:
    """Whether rows are in order of the last key, ties by the one before it, and so on."""
    undecided = np.ones(max(keys[0].size - 1, 0), np.bool_)
    for key in reversed(keys):
        if not undecided.any():
            return True
        before, after = key[:-1], key[1:]
        if (undecided & (after < before)).any():
            return False
        undecided &= after == before
    return True
