"""Records that an ingest must set aside: malformed, unmapped, off hours, or of a calendar spread."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spymaster_lake.simulator import dbn
from spymaster_lake.simulator.dbn import Records
from spymaster_lake.simulator.model import MINUTE, SessionPlan
from spymaster_lake.simulator.shape import I64

UNMAPPED_ID = 999_999_999
SPREAD_ID = 31_337
_FINER = 5
"""Ticks of the calendar spread in one of its legs."""
_SPREAD_TRADES, _SPREAD_BOOKS = 12, 30
_AFTER_OPEN, _AFTER_END = 30 * MINUTE, 30 * MINUTE
_TENTH = 100_000_000
_LOCKED = 3
_LOCK_NS = 2_000

TRADE_FAULTS: tuple[str, ...] = (
    "undefined_price", "zero_size", "off_tick", "zero_price", "negative_price", "unmapped", "off_hours",
)  # fmt: skip
BOOK_FAULTS: tuple[str, ...] = ("off_tick", "unmapped", "off_hours")


def spread_symbol(plan: SessionPlan) -> str:
    """Raw symbol of the calendar spread: both legs with a dash."""
    return "-".join(c.code for c in plan.contracts)


def _times(plan: SessionPlan, reasons: tuple[str, ...]) -> I64:
    """One minute apart after the open; off-hours rows after the session end."""
    start = plan.times.start
    inside = plan.times.open - start + _AFTER_OPEN
    late = plan.times.end - start + _AFTER_END
    return np.array(
        [late if r == "off_hours" else inside + i * MINUTE + 7 for i, r in enumerate(reasons)],
        np.int64,
    )


def _broken(
    base: Records, reasons: tuple[str, ...], set_price: Callable[[Records, int, int], None]
) -> Records:
    base = base.copy()
    for i, reason in enumerate(reasons):
        match reason:
            case "undefined_price":
                set_price(base, i, dbn.UNDEFINED_PRICE)
            case "zero_size":
                base["size"][i] = 0
            case "off_tick":
                set_price(base, i, int(base["price"][i]) + _TENTH)
            case "zero_price":
                set_price(base, i, 0)
            case "negative_price":
                set_price(base, i, -int(base["price"][i]))
            case "unmapped":
                base["instrument_id"][i] = UNMAPPED_ID
    return base


def trade_faults(
    plan: SessionPlan, good: Records, *, options: bool = False
) -> tuple[Records, list[str]]:
    """One malformed print per reason, copied from good ones; ascending in time, with its reasons.

    Args:
        plan: the session.
        good: at least as many good prints as there are reasons.
        options: leave out what is legal for options (price zero).
    """
    legal = ("zero_price", "off_tick") if options else ()
    reasons = tuple(r for r in TRADE_FAULTS if r not in legal)
    times = _times(plan, reasons)
    base = good[np.minimum(np.arange(len(reasons)), len(good) - 1)]

    def set_price(records: Records, i: int, value: int) -> None:
        records["price"][i] = value

    records = _broken(base, reasons, set_price)
    dbn.stamp(records, times, plan.times.start)
    return records, list(reasons)


def book_faults(plan: SessionPlan, good: Records) -> tuple[Records, list[str]]:
    """One malformed book record per reason, copied from good ones."""
    times = _times(plan, BOOK_FAULTS)
    base = good[np.minimum(np.arange(len(BOOK_FAULTS)), len(good) - 1)]

    def set_price(records: Records, i: int, value: int) -> None:
        records["price"][i] = value
        records["levels"]["bid_px"][i, 0] = value

    base = base.copy()
    base["price"] = base["levels"]["bid_px"][:, 0]
    base["flags"] = dbn.LAST
    records = _broken(base, BOOK_FAULTS, set_price)
    dbn.stamp(records, times, plan.times.start)
    return records, list(BOOK_FAULTS)


def locked_books(plan: SessionPlan, good: Records) -> Records:
    """A few locked books before the open, which are legal; each lasts a microsecond.

    Args:
        plan: the session.
        good: the first book records of the leading contract, in order.
    """
    before_open = good["ts_event"].astype(np.int64) < plan.times.open
    lasts = np.diff(good["ts_event"].astype(np.int64), append=0) > _LOCK_NS
    records = good[
        np.flatnonzero(before_open & lasts & (good["flags"] == dbn.LAST))[:_LOCKED]
    ].copy()
    records["levels"]["ask_px"][:, 0] = records["levels"]["bid_px"][:, 0]
    records["action"], records["side"] = b"A", b"A"
    records["price"] = records["levels"]["ask_px"][:, 0]
    dbn.stamp(
        records,
        records["ts_event"].astype(np.int64) + _LOCK_NS // 2 - plan.times.start,
        plan.times.start,
    )
    return records


def spread_trades(rng: np.random.Generator, plan: SessionPlan, *, tick_fixed: int) -> Records:
    """Prints of the calendar spread, at the basis of its legs, ascending in time."""
    records = dbn.blank("trades", _SPREAD_TRADES)
    _spread_common(rng, plan, records, tick_fixed // _FINER)
    records["action"] = b"T"
    return records


def spread_books(rng: np.random.Generator, plan: SessionPlan, *, tick_fixed: int) -> Records:
    """Book records of the calendar spread."""
    records = dbn.blank("mbp-10", _SPREAD_BOOKS)
    _spread_common(rng, plan, records, tick_fixed // _FINER)
    records["action"] = b"A"
    records["flags"] = dbn.LAST
    levels = records["levels"]
    depth = np.arange(10)
    tick = tick_fixed // _FINER
    levels["bid_px"] = records["price"][:, None] - tick * depth
    levels["ask_px"] = records["price"][:, None] + tick * (depth + 1)
    for name in ("bid", "ask"):
        levels[f"{name}_sz"] = rng.integers(50, 900, (len(records), 10))
        levels[f"{name}_ct"] = 9
    return records


def _spread_common(
    rng: np.random.Generator, plan: SessionPlan, records: Records, tick_fixed: int
) -> None:
    first, second = plan.contracts
    n = len(records)
    basis = (second.offset - first.offset) * _FINER + rng.integers(-2, 3, n)
    span = first.stop - plan.times.start
    dbn.stamp(records, np.sort(rng.integers(MINUTE, span - MINUTE, n)), plan.times.start)
    records["instrument_id"] = SPREAD_ID
    records["price"] = basis * tick_fixed
    records["size"] = rng.integers(1, 60, n)
    records["side"] = np.where(rng.random(n) < 0.5, b"A", b"B")
