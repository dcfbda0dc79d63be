"""QuantConnect Lean's equity tick files (05 A 10): one zip a day and kind, one CSV in it.

`{date}_trade.zip` holds `{date}_{symbol}_Trade_Tick.csv`. Times are milliseconds since midnight in
the exchange's time zone, prices are times 10,000. Trade: time, price, size, exchange, conditions
(hexadecimal bits), suspicious. Quote: time, bid, bid size, ask, ask size, exchange, conditions,
suspicious; usually one side a row, the other 0.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from io import IOBase
from typing import IO, cast

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc

from spymaster_lake.contracts.errors import RawFileError
from spymaster_lake.ingest.equity_rows import (
    Kind,
    QuoteRecords,
    Texts,
    TradeRows,
    check_quotes,
    check_trades,
    units,
    whole_numbers,
)
from spymaster_lake.ingest.quarantine import Reason, flag
from spymaster_lake.lake.filesystem import LakeFileSystem

SOURCE = "LEAN"
_MEMBER = re.compile(
    r"(?P<day>\d{8})_(?P<symbol>[a-z0-9.]+)_"
    r"(?:(?P<kind>trade|quote)_tick|tick_(?P<last>trade|quote))\.csv",
    re.IGNORECASE,
)
_ZIP = re.compile(r"(?P<day>\d{8})_(?P<kind>trade|quote)\.zip(\.zip)?", re.IGNORECASE)
_UNITS_PER_PRICE = 100.0
_NS_PER_MS = 1_000_000
_DAY_MS = 86_400_000
_TRUE, _FALSE = {"1", "true", "True"}, {"0", "false", "False", ""}
_NOT_FIRM = 1 << 8 | 1 << 9 | 1 << 10
"""Quote condition bits: closed market maker, volatility pause, non-firm."""

_TEXT = pa.dictionary(pa.int32(), pa.string())
_TRADE: Mapping[str, pa.DataType] = {
    "ms": pa.float64(), "price": pa.float64(), "size": pa.float64(),
    "exchange": _TEXT, "conditions": _TEXT, "suspicious": _TEXT,
}  # fmt: skip
_QUOTE: Mapping[str, pa.DataType] = {
    "ms": pa.float64(), "bid": pa.float64(), "bid_size": pa.float64(), "ask": pa.float64(),
    "ask_size": pa.float64(), "exchange": _TEXT, "conditions": _TEXT, "suspicious": _TEXT,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class LeanFile:
    """What a file says about itself."""

    path: str
    kind: Kind
    symbol: str
    day: date


def identify(path: str) -> LeanFile:
    """Kind, symbol and day of a file by its name and that of its only member.

    Raises:
        RawFileError: no zip or CSV of equity ticks, or the two names contradict each other.
    """
    name = path.rsplit("/", 1)[-1]
    if name.lower().endswith(".csv"):
        return _described(path, name, name)
    with _zip(path) as archive:
        members = [m for m in archive.namelist() if _is_data(m)]
    if len(members) != 1:
        raise RawFileError(
            f"{name}: holds {len(members)} files ({', '.join(members[:3])}); allowed: one CSV of "
            "equity ticks"
        )
    found = _described(path, name, members[0].rsplit("/", 1)[-1])
    outer = _ZIP.fullmatch(name)
    kind = f"{outer['kind'].lower()}s" if outer else ""
    if outer is None or (kind, outer["day"]) != (found.kind, f"{found.day:%Y%m%d}"):
        raise RawFileError(
            f"{name}: its member is {members[0]!r}, which belongs into "
            f"{found.day:%Y%m%d}_{found.kind.removesuffix('s')}.zip"
        )
    return found


def _is_data(member: str) -> bool:
    """Whether a member is a file of the vendor, not a folder or what an archiver adds."""
    name = member.rsplit("/", 1)[-1]
    return bool(name) and not name.startswith(".") and not member.startswith("__MACOSX/")


def _described(path: str, name: str, member: str) -> LeanFile:
    match = _MEMBER.fullmatch(member)
    if match is None:
        raise RawFileError(
            f"{name}: {member!r} is no file of equity ticks; allowed: YYYYMMDD_symbol_Trade_Tick.csv "
            "or YYYYMMDD_symbol_Quote_Tick.csv"
        )
    try:
        day = datetime.strptime(match["day"], "%Y%m%d").date()
    except ValueError as exc:
        raise RawFileError(f"{name}: {match['day']} is no day") from exc
    named = (match["kind"] or match["last"]).lower()
    kind: Kind = "trades" if named == "trade" else "quotes"
    return LeanFile(path, kind, match["symbol"].upper(), day)


def read_trades(file: LeanFile, midnight_ns: int) -> TradeRows:
    """The prints of a file.

    Args:
        file: as identified.
        midnight_ns: ns UTC that its milliseconds count from.

    Raises:
        RawFileError: corrupt, truncated, or columns that are no numbers.
    """
    table = _table(file, _TRADE)
    n = table.num_rows
    price, price_known = units(_floats(table, "price"), _UNITS_PER_PRICE)
    size, size_known = whole_numbers(_floats(table, "size"))
    rows = TradeRows(
        row=np.arange(n),
        ts_ns=np.zeros(n, np.int64),
        seq=np.zeros(n, np.int64),
        exchange_ns=np.zeros(n, np.int64),
        price=price,
        size=size,
        exchange=Texts.of(table.column("exchange")),
        conditions=Texts.of(table.column("conditions")),
        suspicious=_suspicious(table, file),
        corrected=np.zeros(n, np.bool_),
        reasons=np.zeros(n, np.uint8),
    )
    _time(rows, table, midnight_ns)
    check_trades(rows, price_known, size_known)
    return rows


def read_quotes(file: LeanFile, midnight_ns: int) -> QuoteRecords:
    """The quote records of a file, see `read_trades`."""
    table = _table(file, _QUOTE)
    n = table.num_rows
    bid, bid_known = units(_floats(table, "bid"), _UNITS_PER_PRICE)
    ask, ask_known = units(_floats(table, "ask"), _UNITS_PER_PRICE)
    bid_size, bid_size_known = whole_numbers(_floats(table, "bid_size"))
    ask_size, ask_size_known = whole_numbers(_floats(table, "ask_size"))
    exchange, conditions = Texts.of(table.column("exchange")), Texts.of(table.column("conditions"))
    rows = QuoteRecords(
        row=np.arange(n),
        ts_ns=np.zeros(n, np.int64),
        seq=np.zeros(n, np.int64),
        exchange_ns=np.zeros(n, np.int64),
        bid=bid,
        bid_size=bid_size,
        ask=ask,
        ask_size=ask_size,
        exchange=exchange,
        bid_exchange=exchange,
        ask_exchange=exchange,
        conditions=conditions,
        suspicious=_suspicious(table, file),
        firm=_firm(conditions, file),
        whole=False,
        reasons=np.zeros(n, np.uint8),
    )
    _time(rows, table, midnight_ns)
    flag(rows.reasons, ~(bid_known & ask_known), Reason.UNDEFINED_PRICE)
    check_quotes(rows, bid_size_known & ask_size_known)
    return rows


def _time(rows: TradeRows | QuoteRecords, table: pa.Table, midnight_ns: int) -> None:
    ms = _floats(table, "ms")
    with np.errstate(invalid="ignore"):
        good = (ms >= 0) & (ms < _DAY_MS)
    flag(rows.reasons, ~good, Reason.OUT_OF_BOUNDS_TIME)
    since = np.rint(np.where(good, ms, 0) * _NS_PER_MS).astype(np.int64)
    rows.ts_ns = midnight_ns + since


def _floats(table: pa.Table, name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """A number column, NaN where the file leaves it blank."""
    return cast(
        "np.ndarray[tuple[int], np.dtype[np.float64]]",
        table.column(name).combine_chunks().to_numpy(zero_copy_only=False),
    )


def _suspicious(table: pa.Table, file: LeanFile) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    flags = Texts.of(table.column("suspicious"))
    used = {flags.values[code] for code in np.unique(flags.codes)}
    if foreign := sorted(used - _TRUE - _FALSE):
        raise RawFileError(f"{_name(file)}: the suspicious flag is {foreign[:3]}; allowed: 0, 1")
    return np.array([value in _TRUE for value in flags.values], np.bool_)[flags.codes]


def _firm(conditions: Texts, file: LeanFile) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    try:
        bits = [int(value, 16) if value else 0 for value in conditions.values]
    except ValueError as exc:
        raise RawFileError(f"{_name(file)}: a quote condition is no bit field: {exc}") from exc
    return np.array([not b & _NOT_FIRM for b in bits], np.bool_)[conditions.codes]


def _name(file: LeanFile) -> str:
    return file.path.rsplit("/", 1)[-1]


def _table(file: LeanFile, columns: Mapping[str, pa.DataType]) -> pa.Table:
    """All rows, read in blocks into compact columns."""
    read = pc.ReadOptions(column_names=list(columns), use_threads=False, block_size=1 << 22)
    convert = pc.ConvertOptions(column_types=dict(columns), strings_can_be_null=False)
    try:
        with _member(file.path) as stream:
            source = pa.PythonFile(cast("IOBase", stream), mode="r")
            return pc.open_csv(source, read_options=read, convert_options=convert).read_all()
    except pa.ArrowInvalid as exc:
        if "Empty CSV" in str(exc):
            return pa.schema(list(columns.items())).empty_table()
        raise RawFileError(f"{_name(file)}: not the columns of Lean ticks: {exc}") from exc
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as exc:
        raise RawFileError(f"{_name(file)}: truncated or corrupt: {exc}") from exc


@contextmanager
def _zip(path: str) -> Iterator[zipfile.ZipFile]:
    name = path.rsplit("/", 1)[-1]
    try:
        with LakeFileSystem.of(path).open(path) as stream, zipfile.ZipFile(stream) as archive:
            yield archive
    except zipfile.BadZipFile as exc:
        raise RawFileError(f"{name}: truncated or corrupt zip file: {exc}") from exc


@contextmanager
def _member(path: str) -> Iterator[IO[bytes]]:
    if path.lower().endswith(".csv"):
        with LakeFileSystem.of(path).open(path) as stream:
            yield stream
        return
    with _zip(path) as archive:
        member = next(m for m in archive.namelist() if _is_data(m))
        with archive.open(member) as stream:
            yield stream
