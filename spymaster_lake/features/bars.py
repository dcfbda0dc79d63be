"""Trade bars in integer ticks: built from prints, aggregated exactly, joined across sessions.

A bar is labelled by its start, covers [start, start + width), is aligned to the epoch and is known
only at its end. A bar without a trade does not exist; nothing is filled forward (01 2.1, 08 A32).
Every column is an integer, so 10 s -> 1 min -> 2 min reproduces the bars built directly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.features.arrays import I64, Bars, Trades

_Int = TypeVar("_Int", bound="np.integer[Any]")


def trade_bars(trades: Trades, *, width_ns: int, start_ns: int, end_ns: int) -> Bars:
    """Bars of the front-month prints in [start_ns, end_ns), in total order.

    First and last price follow the total order of the prints, so ties in time are decided. A bar
    that start_ns or end_ns cuts holds only the prints inside; callers pass multiples of the width.

    Args:
        trades: n prints of one contract, sorted by time.
        width_ns: bar width in ns, positive.
        start_ns: first instant, ns UTC, inclusive.
        end_ns: last instant, ns UTC, exclusive.

    Returns:
        Bars with at least one trade each, prices in ticks, sorted by start; possibly none.

    Raises:
        DataError: width not positive, or prints not sorted by time.

    Source: 01 2.1 NEW, 08 A32.
    """
    if width_ns <= 0:
        raise DataError(f"bars: the width must be positive; found {width_ns} ns")
    disorder = np.flatnonzero(np.diff(trades.ts_ns) < 0)
    if len(disorder):
        raise DataError(
            f"trades: rows must be sorted by time; found {len(disorder)} steps back, "
            f"the first after row {disorder[0]}"
        )
    low, high = np.searchsorted(trades.ts_ns, [start_ns, end_ns], side="left")
    ts, ticks = trades.ts_ns[low:high], trades.ticks[low:high]
    size = trades.size[low:high].astype(np.int64, copy=False)
    side = trades.side[low:high]
    starts = ts // width_ns * width_ns
    first, last = _runs(starts)
    return Bars(
        start_ns=starts[first],
        end_ns=starts[first] + width_ns,
        close_ts_ns=ts[last],
        open=ticks[first],
        high=_reduce(np.maximum, ticks, first),
        low=_reduce(np.minimum, ticks, first),
        close=ticks[last],
        volume=_reduce(np.add, size, first),
        n_trades=(last - first + 1).astype(np.int64),
        buy_volume=_reduce(np.add, np.where(side > 0, size, 0), first),
        sell_volume=_reduce(np.add, np.where(side < 0, size, 0), first),
    )


def aggregate_bars(bars: Bars, *, width_ns: int) -> Bars:
    """Wider bars from narrower ones; equal, bit for bit, to bars built from the prints.

    Args:
        bars: bars of one width, sorted by start.
        width_ns: new width in ns, a positive multiple of the width of every bar in `bars`.

    Returns:
        Bars of the new width, sorted by start.

    Raises:
        DataError: the new width is not a multiple of the old one.

    Source: 01 section 4 (build 10 s once, derive 1 min and 2 min from it).
    """
    widths = np.unique(bars.end_ns - bars.start_ns)
    if width_ns <= 0 or np.any(width_ns % widths != 0):
        raise DataError(
            f"bars: the new width must be a multiple of the old; found {width_ns} ns from bars of "
            f"{widths.tolist()} ns"
        )
    starts = bars.start_ns // width_ns * width_ns
    first, last = _runs(starts)
    return Bars(
        start_ns=starts[first],
        end_ns=starts[first] + width_ns,
        close_ts_ns=bars.close_ts_ns[last],
        open=bars.open[first],
        high=_reduce(np.maximum, bars.high, first),
        low=_reduce(np.minimum, bars.low, first),
        close=bars.close[last],
        volume=_reduce(np.add, bars.volume, first),
        n_trades=_reduce(np.add, bars.n_trades, first),
        buy_volume=_reduce(np.add, bars.buy_volume, first),
        sell_volume=_reduce(np.add, bars.sell_volume, first),
    )


def concat_bars(parts: Sequence[Bars]) -> Bars:
    """Bars of several sessions, one after the other (warm-up first, 01 2.3).

    Args:
        parts: bars of one width; each part starts after the one before it.

    Returns:
        All bars in the given order.

    Raises:
        DataError: no parts, or starts that do not increase strictly.
    """
    if not parts:
        raise DataError("bars: nothing to join; at least one part is needed")
    columns = {f.name: [getattr(part, f.name) for part in parts] for f in fields(Bars)}
    joined = Bars(**{name: np.concatenate(values) for name, values in columns.items()})
    if np.any(np.diff(joined.start_ns) <= 0):
        raise DataError("bars: starts must increase strictly across the joined parts")
    return joined


def select_bars(bars: Bars, *, start_ns: int, end_ns: int) -> Bars:
    """The bars that lie wholly inside [start_ns, end_ns): start >= start_ns and end <= end_ns.

    With end_ns = t these are the bars known at t (01 section 0).

    Args:
        bars: bars sorted by start.
        start_ns: ns UTC.
        end_ns: ns UTC.

    Returns:
        A view of the selected rows.
    """
    low = int(np.searchsorted(bars.start_ns, start_ns, side="left"))
    high = max(low, int(np.searchsorted(bars.end_ns, end_ns, side="right")))
    return Bars(**{f.name: getattr(bars, f.name)[low:high] for f in fields(Bars)})


def _runs(values: I64) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First and last position of every run of equal values."""
    if not len(values):
        empty = np.zeros(0, dtype=np.intp)
        return empty, empty
    change = np.flatnonzero(np.diff(values))
    return np.concatenate([[0], change + 1]), np.concatenate([change, [len(values) - 1]])


def _reduce(function: np.ufunc, values: NDArray[_Int], first: NDArray[np.intp]) -> NDArray[_Int]:
    """`function` over each run of `values` that starts at `first`; keeps the dtype."""
    if not len(first):
        return values[:0]
    result: NDArray[_Int] = function.reduceat(values, first, dtype=values.dtype)
    return result
