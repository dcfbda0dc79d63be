"""Rejected rows: the closed list of reasons, counting, and the quarantine table (00 section 6-3).

Every record of a raw file ends in exactly one of three places: Bronze, the quarantine (with its
first reason in the order of `Reason`), or the count of rows that Bronze does not keep by contract.
"""

from __future__ import annotations

from collections import Counter
from enum import IntEnum
from typing import IO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from spymaster_lake.lake.bronze_writer import StagedFile
from spymaster_lake.lake.filesystem import LakeFileSystem


class Reason(IntEnum):
    """Why a row is not in Bronze; the first that applies is recorded."""

    NONE = 0
    OUT_OF_BOUNDS_TIME = 1
    UNMAPPED = 2
    USER_DEFINED = 3
    SPREAD = 4
    WRONG_PRODUCT = 5
    DELETED = 6
    UNDEFINED_PRICE = 7
    NON_POSITIVE_PRICE = 8
    NEGATIVE_PRICE = 9
    OFF_TICK = 10
    BAD_SIZE = 11
    BAD_SIDE = 12
    NO_UNDERLYING = 13
    MAINTENANCE_BREAK = 14
    OUTSIDE_SESSION = 15
    IMPLAUSIBLE_PRICE = 16
    ADJUSTED_OPTION = 17


REASON_TEXT: dict[Reason, str] = {
    Reason.OUT_OF_BOUNDS_TIME: "event or receive time undefined or outside 2000 to 2099",
    Reason.UNMAPPED: "no symbol for the instrument id on the date of receipt",
    Reason.USER_DEFINED: "user-defined instrument",
    Reason.SPREAD: "combination, or a future that the profile does not take as an outright",
    Reason.WRONG_PRODUCT: "of the instrument, but of another product than the directory",
    Reason.DELETED: "the vendor deletes the statistic or definition",
    Reason.UNDEFINED_PRICE: "undefined price or strike",
    Reason.NON_POSITIVE_PRICE: "price of a future, or strike, not above zero",
    Reason.NEGATIVE_PRICE: "negative option premium",
    Reason.OFF_TICK: "price off the tick grid (any of the twenty of a book)",
    Reason.BAD_SIZE: "size, or open interest, undefined, zero or out of range",
    Reason.BAD_SIDE: "aggressor side is none of A, B, N; or right is none of C, P",
    Reason.NO_UNDERLYING: "definition of an option that names no underlying contract",
    Reason.MAINTENANCE_BREAK: "market record in the daily break (08 A23)",
    Reason.OUTSIDE_SESSION: "tape record of another day, or outside the session's hours",
    Reason.IMPLAUSIBLE_PRICE: "price outside the profile's price_min and price_max",
    Reason.ADJUSTED_OPTION: "option adjusted for a corporate action: delivers not 100 shares",
}

QUARANTINE_SCHEMA = pa.schema(
    [
        pa.field("src_file", pa.string(), nullable=False),
        pa.field("src_row", pa.int64(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("dataset", pa.string(), nullable=False),
        pa.field("instrument_id", pa.int64(), nullable=False),
        pa.field("symbol", pa.string()),
        pa.field("ts_event_ns", pa.int64()),
        pa.field("ts_recv_ns", pa.int64()),
        pa.field("price_fixed", pa.int64()),
        pa.field("size", pa.int64()),
    ]
)
"""Times are null where undefined; `price_fixed` is the vendor's price in units of 1e-9."""

Reasons = npt.NDArray[np.uint8]


def flag(reasons: Reasons, mask: npt.NDArray[np.bool_], reason: Reason) -> None:
    """Set `reason` on the rows of `mask` that have none or a later one, in place.

    The first reason in the order of `Reason` wins, in whatever order the checks run.
    """
    if mask.any():
        reasons[mask & ((reasons == Reason.NONE) | (reasons > reason))] = reason


def count_reasons(reasons: Reasons) -> dict[str, int]:
    """Rows by reason name; rows without a reason are left out."""
    counts = np.bincount(reasons, minlength=len(Reason))
    return {r.name: int(counts[r]) for r in Reason if r is not Reason.NONE and counts[r]}


def quarantine_table(
    records: npt.NDArray[np.void],
    *,
    rows: npt.NDArray[np.int64],
    reasons: Reasons,
    codes: npt.NDArray[np.int64],
    symbols: list[str],
    src_file: str,
    dataset: str,
) -> pa.Table:
    """The quarantine rows of one batch.

    Args:
        records: structured[n], the batch.
        rows: int64[n], ordinal of each record in the file.
        reasons: uint8[n], `Reason` codes; rows with 0 are left out.
        codes: int64[n], symbol codes, -1 where unmapped.
        symbols: symbols by code.
        src_file: first 16 hex digits of the file's sha256.
        dataset: Bronze dataset the rows were meant for.
    """
    at = np.flatnonzero(reasons)
    bad = records[at]
    names = {int(r): r.name for r in Reason}
    fields = bad.dtype.names or ()
    price = next((f for f in ("price", "strike_price") if f in fields), None)
    size = next((f for f in ("size", "quantity") if f in fields), None)
    none = pa.nulls(at.size, pa.int64())
    columns = [
        pa.repeat(src_file, at.size),
        pa.array(rows[at]),
        pa.array([names[int(r)] for r in reasons[at]], pa.string()),
        pa.repeat(dataset, at.size),
        pa.array(bad["instrument_id"].astype(np.int64)),
        pa.array([symbols[c] if c >= 0 else None for c in codes[at]], pa.string()),
        _times(bad["ts_event"]),
        _times(bad["ts_recv"]),
        pa.array(bad[price].astype(np.int64)) if price else none,
        pa.array(bad[size].astype(np.int64)) if size else none,
    ]
    return pa.table(columns, schema=QUARANTINE_SCHEMA)


def _times(values: npt.NDArray[np.uint64]) -> pa.Array:
    undefined = values > np.uint64(np.iinfo(np.int64).max)
    return pa.array(values.astype(np.int64), mask=undefined)


class QuarantineWriter:
    """Writes the quarantine file of one raw file as its batches come; no file without a row.

    Attributes:
        counts: rows by reason name.
    """

    def __init__(self, filesystem: LakeFileSystem, staged: str, final: str) -> None:
        self._filesystem, self._staged, self._final = filesystem, staged, final
        self._stream: IO[bytes] | None = None
        self._writer: pq.ParquetWriter | None = None
        self.counts: Counter[str] = Counter()

    def add(self, table: pa.Table, reasons: Reasons) -> None:
        """Append the rows of one batch and count them."""
        self.counts.update(count_reasons(reasons))
        if self._writer is None:
            self._stream = self._filesystem.open(self._staged, "wb")
            self._writer = pq.ParquetWriter(self._stream, QUARANTINE_SCHEMA, compression="zstd")
        self._writer.write_table(table)

    def close(self) -> StagedFile | None:
        """Finish the file; None if nothing was rejected. May be called twice."""
        if self._writer is None or self._stream is None:
            return None
        self._writer.close()
        self._stream.close()
        size = self._filesystem.size(self._staged)
        return StagedFile(self._staged, self._final, self.counts.total(), size)
