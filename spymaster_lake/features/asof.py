"""As-of reads: what was last known at an instant, and whether it was fresh enough (08 A32).

A bar is known from its end on, a trade from the first instant after it. Ages are measured from the
event that set the value, never from the label of the bar.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spymaster_lake.features.arrays import F64, I64, NS, Bars, Bool, Trades, points

MAX_AGE_NS = 60 * NS
"""A close older than this is unknown (02 N-10a, N-15b)."""


@dataclass(frozen=True, slots=True)
class Closes:
    """Closes as of some instants.

    Attributes:
        ticks: int64[...], price in ticks, 0 where not known.
        known: bool[...], a bar existed and its closing trade was fresh.
    """

    ticks: I64
    known: Bool


def last_close(bars: Bars, at_ns: I64, *, max_age_ns: int = MAX_AGE_NS) -> Closes:
    """Close of the last bar with end <= g, unknown if g - close_ts_ns > max_age (08 A32).

    Args:
        bars: bars of one session and contract, sorted by start.
        at_ns: int64 of any shape, the instants g, nanoseconds UTC.
        max_age_ns: greatest allowed age of the closing trade, inclusive.

    Returns:
        Closes of the shape of `at_ns`.
    """
    index = np.searchsorted(bars.end_ns, at_ns, side="right") - 1
    known: Bool = np.asarray(index >= 0)
    if len(bars) == 0:
        return Closes(ticks=np.zeros(np.shape(at_ns), np.int64), known=known)
    row = np.maximum(index, 0)
    known &= at_ns - bars.close_ts_ns[row] <= max_age_ns
    ticks = np.where(known, bars.close[row].astype(np.int64), 0)
    return Closes(ticks=ticks, known=known)


def last_trade_index(trades: Trades, t_ns: I64) -> I64:
    """Row of the last trade strictly before t, -1 where there is none (02 N-0).

    Args:
        trades: prints of one session in total order.
        t_ns: int64 of any shape, nanoseconds UTC.

    Returns:
        int64 of the shape of `t_ns`.
    """
    index: I64 = np.asarray(np.searchsorted(trades.ts_ns, t_ns, side="left"), np.int64) - 1
    return index


def spot_at(trades: Trades, t_ns: I64, *, tick_size: float) -> F64:
    """Price of the last trade strictly before t (02 N-0); unsigned frame.

    Args:
        trades: prints of one session in total order.
        t_ns: int64 of any shape, nanoseconds UTC.
        tick_size: points per tick.

    Returns:
        float64 points of the shape of `t_ns`; NaN before the first trade. No age limit.
    """
    index = last_trade_index(trades, t_ns)
    if len(trades) == 0:
        return np.full(np.shape(t_ns), np.nan)
    price = points(trades.ticks[np.maximum(index, 0)], tick=tick_size)
    spot: F64 = np.where(index >= 0, price, np.nan)
    return spot
