"""Vendor records to the columns of the Bronze contracts (01 section 1, 05 A 1 to 9).

Each schema has one function from a batch of records to its columns plus a reason per row; nothing
is computed that the vendor did not send. Prices are the vendor's fixed point divided by 1e9 (the
correctly rounded double); undefined prices are null where the contract allows it and a reason to
reject the row elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from spymaster_lake.ingest.quarantine import Reason, Reasons, flag

FIXED = 1_000_000_000
UNDEFINED = np.iinfo(np.int64).max
_ABSURD = 10**18
_MIN_TIME = 946_684_800 * FIXED
_MAX_TIME = 4_102_444_800 * FIXED
_FLAG_SNAPSHOT, _FLAG_LAST = np.uint8(32), np.uint8(128)
_LEVELS = 10
_INT32_MAX = np.iinfo(np.int32).max
_OPEN_INTEREST = 9
_STAT_DELETED = 2

Records = npt.NDArray[np.void]


@dataclass(frozen=True)
class Batch:
    """One normalised batch, row for row the records it came from.

    Attributes:
        columns: Arrow columns by contract name, without the ones that are constant in a file.
        reasons: uint8[n], 0 where the row goes to Bronze.
        kept: bool[n] or None; False where Bronze does not keep the row by contract (counted only).
        when_ns: int64[n], the time that decides UTC date and hour: receive time of snapshot rows,
            event time of all others.
    """

    columns: dict[str, pa.Array]
    reasons: Reasons
    when_ns: npt.NDArray[np.int64]
    kept: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class Grid:
    """What a schema needs to know of the profile: tick in units of 1e-9."""

    tick_fixed: int


def _common(records: Records) -> tuple[dict[str, pa.Array], Reasons, npt.NDArray[np.int64]]:
    event = records["ts_event"].astype(np.int64)
    receive = records["ts_recv"].astype(np.int64)
    reasons = np.zeros(records.size, np.uint8)
    outside = (event < _MIN_TIME) | (event > _MAX_TIME)
    outside |= (receive < _MIN_TIME) | (receive > _MAX_TIME)
    flag(reasons, outside, Reason.OUT_OF_BOUNDS_TIME)
    columns = {
        "ts_event_ns": pa.array(event),
        "ts_recv_ns": pa.array(receive),
        "seq": pa.array(records["sequence"].astype(np.int64))
        if "sequence" in (records.dtype.names or ())
        else pa.array(np.zeros(records.size, np.int64)),
    }
    return columns, reasons, event


def _aggressor(records: Records, reasons: Reasons) -> pa.Array:
    side = records["side"]
    buy, sell = side == b"B", side == b"A"
    flag(reasons, ~(buy | sell | (side == b"N")), Reason.BAD_SIDE)
    return pa.array(buy.astype(np.int8) - sell.astype(np.int8))


def _trade_size(records: Records, reasons: Reasons) -> pa.Array:
    size = records["size"]
    flag(reasons, (size == 0) | (size > _INT32_MAX), Reason.BAD_SIZE)
    return pa.array(size.astype(np.int32))


def futures_trades(records: Records, grid: Grid) -> Batch:
    """`trades` of futures: price on the tick grid and above zero, size at least 1."""
    columns, reasons, event = _common(records)
    price = records["price"].copy()
    flag(reasons, price == UNDEFINED, Reason.UNDEFINED_PRICE)
    flag(reasons, price <= 0, Reason.NON_POSITIVE_PRICE)
    flag(reasons, price % grid.tick_fixed != 0, Reason.OFF_TICK)
    columns["price"] = pa.array(price / FIXED)
    columns["size"] = _trade_size(records, reasons)
    columns["aggressor"] = _aggressor(records, reasons)
    return Batch(columns, reasons, event)


def futures_mbp10(records: Records, grid: Grid) -> Batch:
    """`mbp-10`: ten levels a side; undefined, non-positive or empty levels are null with size 0.

    A locked or crossed book is legal here: before the open and in a halt it is the truth (05 A 4).
    """
    columns, reasons, event = _common(records)
    flags = records["flags"]
    snapshot = (flags & _FLAG_SNAPSHOT) != 0
    columns["is_snapshot"] = pa.array(snapshot)
    columns["is_last"] = pa.array((flags & _FLAG_LAST) != 0)
    off_tick = np.zeros(records.size, np.bool_)
    too_large = np.zeros(records.size, np.bool_)
    for level in range(_LEVELS):
        for side in ("bid", "ask"):
            price = np.ascontiguousarray(records[f"{side}_px_{level:02d}"])
            size = records[f"{side}_sz_{level:02d}"].astype(np.int32)
            present = (price > 0) & (price < _ABSURD) & (size != 0)
            whole = bool(present.all())
            off = price % grid.tick_fixed != 0
            off_tick |= off if whole else off & present
            too_large |= size < 0
            if not whole:
                size[~present] = 0
            columns[f"{side}_px_{level + 1}"] = pa.array(
                price / FIXED, mask=None if whole else ~present
            )
            columns[f"{side}_sz_{level + 1}"] = pa.array(size)
    flag(reasons, off_tick, Reason.OFF_TICK)
    flag(reasons, too_large, Reason.BAD_SIZE)
    when = np.where(snapshot, columns["ts_recv_ns"].to_numpy(), event) if snapshot.any() else event
    return Batch(columns, reasons, when)


def options_trades(records: Records, grid: Grid) -> Batch:  # noqa: ARG001 - one signature for all
    """`trades` of options: premium zero or above (options have finer ticks than the future)."""
    columns, reasons, event = _common(records)
    price = records["price"].copy()
    flag(reasons, price == UNDEFINED, Reason.UNDEFINED_PRICE)
    flag(reasons, price < 0, Reason.NEGATIVE_PRICE)
    columns["instrument_id"] = pa.array(records["instrument_id"].astype(np.int64))
    columns["price"] = pa.array(price / FIXED)
    columns["size"] = _trade_size(records, reasons)
    columns["aggressor"] = _aggressor(records, reasons)
    return Batch(columns, reasons, event)


def options_statistics(records: Records, grid: Grid) -> Batch:  # noqa: ARG001 - one signature
    """`statistics`: open interest (type 9) only; other types are counted and not kept."""
    columns, reasons, event = _common(records)
    quantity = records["quantity"].copy()
    kept = records["stat_type"] == _OPEN_INTEREST
    flag(reasons, records["update_action"] == _STAT_DELETED, Reason.DELETED)
    flag(reasons, (quantity == UNDEFINED) | (quantity < 0), Reason.BAD_SIZE)
    columns["instrument_id"] = pa.array(records["instrument_id"].astype(np.int64))
    columns["open_interest"] = pa.array(quantity)
    columns["ts_ref_ns"] = _nullable_time(records["ts_ref"])
    return Batch(columns, reasons, event, kept)


def options_definitions(records: Records, grid: Grid) -> Batch:  # noqa: ARG001 - one signature
    """`definition` of options: strike, right, expiration and underlying as the exchange says."""
    columns, reasons, event = _common(records)
    kind, strike = records["instrument_class"], records["strike_price"].copy()
    underlying = records["underlying"].astype("U21")
    flag(reasons, records["security_update_action"] == b"D", Reason.DELETED)
    flag(reasons, strike == UNDEFINED, Reason.UNDEFINED_PRICE)
    flag(reasons, strike <= 0, Reason.NON_POSITIVE_PRICE)
    flag(reasons, (kind != b"C") & (kind != b"P"), Reason.BAD_SIDE)
    flag(reasons, underlying == "", Reason.NO_UNDERLYING)
    columns["instrument_id"] = pa.array(records["instrument_id"].astype(np.int64))
    columns["underlying_contract"] = pa.array(underlying.tolist(), pa.string())
    columns["strike"] = pa.array(strike / FIXED)
    columns["right"] = pa.array(kind.astype("U1").tolist(), pa.string())
    columns["expiration_ns"] = _nullable_time(records["expiration"])
    return Batch(columns, reasons, event)


def _nullable_time(values: npt.NDArray[np.uint64]) -> pa.Array:
    undefined = (values > np.uint64(UNDEFINED)) | (values == 0)
    return pa.array(values.astype(np.int64), mask=undefined)


Normaliser = Callable[[Any, Grid], Batch]


@dataclass(frozen=True, slots=True)
class Route:
    """Where records of one vendor schema go.

    Attributes:
        dataset: Bronze dataset.
        normalise: records to columns and reasons.
        in_market: whether a row in the daily break is rejected; definitions and statistics are
            published at any time of day and are not.
    """

    dataset: str
    normalise: Normaliser
    in_market: bool


ROUTES: dict[tuple[str, str], Route] = {
    ("futures", "trades"): Route("trades", futures_trades, in_market=True),
    ("futures", "mbp-10"): Route("mbp10", futures_mbp10, in_market=True),
    ("options", "trades"): Route("trades", options_trades, in_market=True),
    ("options", "statistics"): Route("statistics", options_statistics, in_market=False),
    ("options", "definition"): Route("definitions", options_definitions, in_market=False),
}
"""Routes by (product, vendor schema)."""
