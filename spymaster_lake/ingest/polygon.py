"""Polygon's flat files: gzip CSV with a header, ns timestamps of the consolidated tape (SIP).

US stocks have trades and quotes, options have trades; columns are found by name, others ignored.
The event time is `sip_timestamp`, the moment the record became public; `participant_timestamp` is
kept beside it. Quotes are whole national bests. A file of the whole market holds many tickers: it
is read in blocks, and rows of other tickers are refused or, if asked, left out and counted.
"""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from io import IOBase
from typing import IO, cast
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv

from spymaster_lake.contracts.errors import RawFileError, SymbolError
from spymaster_lake.features.arrays import I64, Bool
from spymaster_lake.ingest.equity_rows import (
    UNITS,
    QuoteRecords,
    Texts,
    TradeRows,
    check_quotes,
    check_trades,
    units,
    whole_numbers,
    whole_shares,
)
from spymaster_lake.ingest.polygon_layouts import CANCELS, EXCHANGES, LAYOUTS
from spymaster_lake.ingest.quarantine import Reason, flag
from spymaster_lake.lake.filesystem import LakeFileSystem

SOURCE = "POLYGON"
BLOCK_BYTES = 1 << 23
"""Plain text read at a time."""

_NAME_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})")


@dataclass(frozen=True, slots=True)
class PolygonFile:
    """What a file says about itself."""

    path: str
    layout: str
    day: date

    @property
    def name(self) -> str:
        """File name, for messages."""
        return self.path.rsplit("/", 1)[-1]


def identify(path: str, zone: ZoneInfo) -> PolygonFile:
    """Layout by the header, day by the first row's tape time in the exchange's zone.

    Raises:
        RawFileError: no flat file of a known layout, no rows, or a name that says another day.
    """
    name = path.rsplit("/", 1)[-1]
    try:
        with _opened(path) as stream:
            header, first = stream.readline(), stream.readline()
    except (OSError, EOFError, zlib.error) as exc:
        raise RawFileError(f"{name}: truncated or corrupt: {exc}") from exc
    lines = [line.decode("utf-8", "replace") for line in (header, first)]
    columns, *cells = csv.reader(line for line in lines if line.strip()) if header else ([],)
    row = dict(zip(columns, cells[0], strict=False)) if cells else {}
    layout = _layout(name, columns, row.get("ticker", ""))
    if not row:
        raise RawFileError(f"{name}: a header and no rows; the day cannot be known")
    try:
        seconds = int(row["sip_timestamp"]) // 1_000_000_000
        day = datetime.fromtimestamp(seconds, UTC).astimezone(zone).date()
    except (ValueError, OverflowError) as exc:
        raise RawFileError(f"{name}: the first row has no tape time: {exc}") from exc
    said = _NAME_DAY.search(name)
    if said and said[1] != day.isoformat():
        raise RawFileError(f"{name}: the first row is of {day}, the name says {said[1]}")
    return PolygonFile(path, layout, day)


def _layout(name: str, columns: list[str], ticker: str) -> str:
    wanted = "stock quotes" if "bid_price" in columns else "stock trades"
    if wanted == "stock trades" and ticker.startswith("O:"):
        wanted = "option trades"
    missing = [column for column in LAYOUTS[wanted] if column not in columns]
    if missing:
        raise RawFileError(
            f"{name}: no flat file of {wanted}: columns {missing} are missing; it has {columns[:12]}"
        )
    return wanted


def read_stock_trades(
    file: PolygonFile, symbol: str, *, skip_foreign: bool
) -> tuple[TradeRows, int]:
    """The prints of one ticker and how many rows of others were left out.

    Raises:
        RawFileError: corrupt, truncated, or columns that are no numbers.
        SymbolError: rows of another ticker, unless they are to be left out.
    """
    table, rows, foreign = _ticker_rows(file, symbol, skip_foreign=skip_foreign)
    n = table.num_rows
    price, price_known = units(_floats(table, "price"), UNITS)
    size, size_known = whole_shares(_floats(table, "size"))
    found = TradeRows(
        row=rows,
        ts_ns=_ints(table, "sip_timestamp"),
        seq=_ints(table, "sequence_number"),
        exchange_ns=_ints(table, "participant_timestamp"),
        price=price,
        size=size,
        exchange=_letters(Texts.of(table.column("exchange"))),
        conditions=Texts.of(table.column("conditions")),
        suspicious=np.zeros(n, np.bool_),
        corrected=_corrected(Texts.of(table.column("correction"))),
        reasons=np.zeros(n, np.uint8),
    )
    check_trades(found, price_known, size_known)
    return found, foreign


def read_stock_quotes(
    file: PolygonFile, symbol: str, *, skip_foreign: bool, lot: int
) -> tuple[QuoteRecords, int]:
    """The national bests of one ticker and how many rows of others were left out.

    Args:
        file: as identified.
        symbol: ticker.
        skip_foreign: leave out rows of other tickers.
        lot: shares in one unit of the file's sizes.
    """
    table, rows, foreign = _ticker_rows(file, symbol, skip_foreign=skip_foreign)
    n = table.num_rows
    bid, bid_known = units(np.nan_to_num(_floats(table, "bid_price")), UNITS)
    ask, ask_known = units(np.nan_to_num(_floats(table, "ask_price")), UNITS)
    bid_size, bid_ok = whole_numbers(np.nan_to_num(_floats(table, "bid_size")) * lot)
    ask_size, ask_ok = whole_numbers(np.nan_to_num(_floats(table, "ask_size")) * lot)
    found = QuoteRecords(
        row=rows,
        ts_ns=_ints(table, "sip_timestamp"),
        seq=_ints(table, "sequence_number"),
        exchange_ns=_ints(table, "participant_timestamp"),
        bid=bid,
        bid_size=bid_size,
        ask=ask,
        ask_size=ask_size,
        exchange=Texts(np.zeros(n, np.int64), [""]),
        bid_exchange=_letters(Texts.of(table.column("bid_exchange"))),
        ask_exchange=_letters(Texts.of(table.column("ask_exchange"))),
        conditions=Texts.of(table.column("conditions")),
        suspicious=np.zeros(n, np.bool_),
        firm=np.ones(n, np.bool_),
        whole=True,
        reasons=np.zeros(n, np.uint8),
    )
    flag(found.reasons, ~(bid_known & ask_known), Reason.UNDEFINED_PRICE)
    check_quotes(found, bid_ok & ask_ok)
    return found, foreign


def option_batches(file: PolygonFile) -> Iterator[tuple[pa.Table, I64]]:
    """Blocks of option prints with the ordinal of each row in the file."""
    first = 0
    for batch in _batches(file):
        table = pa.Table.from_batches([batch])
        yield table, np.arange(first, first + table.num_rows)
        first += table.num_rows


def _ticker_rows(
    file: PolygonFile, symbol: str, *, skip_foreign: bool
) -> tuple[pa.Table, I64, int]:
    """Rows of one ticker, their ordinals, and how many rows of others there are."""
    kept, ordinals, first, foreign = [], [], 0, 0
    schema = pa.schema(list(LAYOUTS[file.layout].items()))
    for batch in _batches(file):
        tickers = Texts.of(batch.column("ticker"))
        mine = np.array([t == symbol for t in tickers.values], np.bool_)[tickers.codes]
        others = int((~mine).sum())
        if others and not skip_foreign:
            other = tickers.values[int(tickers.codes[np.argmin(mine)])]
            raise SymbolError(
                f"{file.name}: row {first + int(np.argmin(mine))} is of {other!r}, not of "
                f"{symbol!r}; a file of the whole market is read with foreign symbols left out"
            )
        foreign += others
        if mine.any():
            kept.append(pa.Table.from_batches([batch.filter(pa.array(mine))]))
            ordinals.append(first + np.flatnonzero(mine))
        first += batch.num_rows
    if not kept:
        return schema.empty_table(), np.zeros(0, np.int64), foreign
    return pa.concat_tables(kept).unify_dictionaries(), np.concatenate(ordinals), foreign


def _batches(file: PolygonFile) -> Iterator[pa.RecordBatch]:
    columns = LAYOUTS[file.layout]
    convert = pcsv.ConvertOptions(
        column_types=dict(columns), include_columns=list(columns), strings_can_be_null=False
    )
    read = pcsv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES)
    try:
        with _opened(file.path) as stream:
            source = pa.PythonFile(cast("IOBase", stream), mode="r")
            yield from pcsv.open_csv(source, read_options=read, convert_options=convert)
    except pa.ArrowInvalid as exc:
        raise RawFileError(f"{file.name}: not the columns of {file.layout}: {exc}") from exc
    except (OSError, EOFError, zlib.error) as exc:
        raise RawFileError(f"{file.name}: truncated or corrupt: {exc}") from exc


@contextmanager
def _opened(path: str) -> Iterator[IO[bytes]]:
    with LakeFileSystem.of(path).open(path) as stream:
        if path.lower().endswith(".gz"):
            with gzip.open(stream) as plain:
                yield cast("IO[bytes]", plain)
        else:
            yield stream


def _floats(table: pa.Table, name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """A number column, NaN where the file leaves it blank."""
    return cast(
        "np.ndarray[tuple[int], np.dtype[np.float64]]",
        table.column(name).combine_chunks().to_numpy(zero_copy_only=False),
    )


def _ints(table: pa.Table, name: str) -> I64:
    """A whole number column, 0 where the file leaves it blank."""
    return cast("I64", pc.fill_null(table.column(name), 0).combine_chunks().to_numpy())


def _letters(numbers: Texts) -> Texts:
    return Texts(numbers.codes, [EXCHANGES.get(value, value) for value in numbers.values])


def _corrected(corrections: Texts) -> Bool:
    cancels = [value in CANCELS for value in corrections.values]
    return np.array(cancels, np.bool_)[corrections.codes]
