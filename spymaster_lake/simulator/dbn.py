"""Databento files: record layouts, headers with symbol mappings, and zstd streams written whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import databento_dbn as dbn
import numpy as np
import numpy.typing as npt
import zstandard

from spymaster_lake.simulator.model import SECOND
from spymaster_lake.simulator.shape import I64

Records = npt.NDArray[np.void]

UNDEFINED_PRICE = 2**63 - 1
LAST, SNAPSHOT, BAD_RECEIVE_TIME = 128, 32, 8
_PUBLISHER = 1
_LENGTH_UNIT = 4
_SEQUENCE_NS = 25_000
_HASH = np.uint64(2_654_435_761)
_ZSTD_LEVEL = 1

_VENDOR: dict[str, tuple[Any, int]] = {
    "trades": (dbn.TradeMsg, 0),
    "mbp-10": (dbn.MBP10Msg, 10),
    "statistics": (dbn.StatMsg, 24),
    "definition": (dbn.InstrumentDefMsg, 19),
}
_LEVEL = [
    ("bid_px", "i8"),
    ("ask_px", "i8"),
    ("bid_sz", "u4"),
    ("ask_sz", "u4"),
    ("bid_ct", "u4"),
    ("ask_ct", "u4"),
]
_HEADER_FIELDS = 14


def _layout(schema: str) -> np.dtype[np.void]:
    fields = list(_VENDOR[schema][0]._dtypes)  # noqa: SLF001 - the vendor's published layout
    if schema == "mbp-10":
        return np.dtype([*fields[:_HEADER_FIELDS], ("levels", _LEVEL, 10)])
    return np.dtype(fields)


LAYOUTS: dict[str, np.dtype[np.void]] = {schema: _layout(schema) for schema in _VENDOR}
"""NumPy record layouts, DBN version 3; the ten levels of a book record as one subarray."""


@dataclass(frozen=True, slots=True)
class _Interval:
    start_date: date
    end_date: date
    symbol: str


@dataclass(frozen=True, slots=True)
class _Symbol:
    raw_symbol: str
    intervals: list[_Interval]


def blank(schema: str, n: int) -> Records:
    """`n` records of `schema`, header filled in, all else zero."""
    records = np.zeros(n, LAYOUTS[schema])
    records["length"] = LAYOUTS[schema].itemsize // _LENGTH_UNIT
    records["rtype"] = _VENDOR[schema][1]
    records["publisher_id"] = _PUBLISHER
    return records


def stamp(records: Records, time: I64, start: int) -> None:
    """Set event time, receive time and sequence.

    Args:
        records: to be changed.
        time: int64[n], ns since the session start, ascending.
        start: session start, ns UTC.

    The receive time follows the event time by 60 to 210 microseconds and never decreases; rows
    within 25 microseconds may share a sequence, rows of one time always do.
    """
    event = (time + start).astype(np.uint64)
    delay = 60_000 + ((event >> np.uint64(3)) * _HASH & np.uint64(0xFFFFFFFF)) % np.uint64(150_000)
    records["ts_event"] = event
    records["ts_recv"] = np.maximum.accumulate(event + delay)
    if "sequence" in (records.dtype.names or ()):
        records["ts_in_delta"] = delay // np.uint64(5)
        records["sequence"] = time // _SEQUENCE_NS + 1


def _stype(name: str) -> Any:
    return dbn.SType.from_str(name)


def header(schema: str, *, dataset: str, start: int, end: int, symbols: Mapping[str, int]) -> bytes:
    """DBN 3 metadata: raw symbols to instrument ids on the UTC dates of [start, end)."""
    first = datetime.fromtimestamp(start // SECOND, UTC).date()
    last = datetime.fromtimestamp(end // SECOND, UTC).date() + timedelta(days=1)
    mappings: Any = [_Symbol(raw, [_Interval(first, last, str(i))]) for raw, i in symbols.items()]
    metadata = dbn.Metadata(
        dataset=dataset,
        start=start,
        stype_in=_stype("raw_symbol"),
        stype_out=_stype("instrument_id"),
        schema=dbn.Schema.from_str(schema),
        symbols=list(symbols),
        partial=[],
        not_found=[],
        mappings=mappings,
        end=end,
        version=3,
    )
    return bytes(metadata)


def write(path: Path, head: bytes, chunks: Iterable[Records]) -> int:
    """Write a zstd file beside its place and move it there; the number of records.

    The same records give the same bytes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    count = 0
    with (
        partial.open("wb") as raw,
        zstandard.ZstdCompressor(level=_ZSTD_LEVEL).stream_writer(raw) as stream,
    ):
        stream.write(head)
        for records in chunks:
            stream.write(records.view(np.uint8).data if len(records) else b"")
            count += len(records)
    partial.replace(path)
    return count
