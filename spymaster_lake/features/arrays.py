"""The arrays that kernels exchange: market data of one session and the questions asked of it.

All times are int64 nanoseconds UTC. Prices of trades and book levels are integers in ticks, so that
sums are exact (08 A31); levels are float64 points because averages lie off the grid. Every array is
sorted in the total order of its rows. Windows are half-open [t - W, t) throughout (02 N-0).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

I8 = NDArray[np.int8]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

NS = 1_000_000_000
"""Nanoseconds in a second."""

BAND_TOLERANCE = 1e-9
"""Every band test on a level reads `<= band + 1e-9` points (08 A30)."""

NO_TICK = np.iinfo(np.int32).min
"""Stands for an absent book price in an int32 tick array; its size is 0."""

NO_TIME = np.iinfo(np.int64).min
"""Stands for "never" in an int64 time array."""


@dataclass(frozen=True, slots=True)
class Queries:
    """Questions to a session: at instant t, about level L, approached in direction sigma (08 A1).

    Attributes:
        t_ns: int64[m], the instants; records at t or later are invisible.
        level: float64[m], level price in points, NaN where the level is not active.
        sigma: int8[m], +1 UP (from below, the ask side defends), -1 DOWN, 0 where not active.
    """

    t_ns: I64
    level: F64
    sigma: I8

    def __len__(self) -> int:
        return len(self.t_ns)


@dataclass(frozen=True, slots=True)
class Trades:
    """Front-month prints of one session in total order (ts_event, sequence, row in file).

    Attributes:
        ts_ns: int64[n] event time.
        ticks: int32[n] price in ticks.
        size: int64[n] contracts, at least 1.
        side: int8[n] aggressor, +1 buy, -1 sell, 0 unknown.
    """

    ts_ns: I64
    ticks: I32
    size: I64
    side: I8

    def __len__(self) -> int:
        return len(self.ts_ns)


@dataclass(frozen=True, slots=True)
class Bars:
    """Trade bars [start, end); bars without a trade are absent (01 2.1, 08 A32).

    Attributes:
        start_ns: int64[n], multiples of the width since the epoch.
        end_ns: int64[n], start + width; the bar is known from here on.
        close_ts_ns: int64[n], event time of the closing trade.
        open, high, low, close: int32[n] ticks.
        volume, n_trades, buy_volume, sell_volume: int64[n].
    """

    start_ns: I64
    end_ns: I64
    close_ts_ns: I64
    open: I32
    high: I32
    low: I32
    close: I32
    volume: I64
    n_trades: I64
    buy_volume: I64
    sell_volume: I64

    def __len__(self) -> int:
        return len(self.start_ns)


@dataclass(frozen=True, slots=True)
class BookSeconds:
    """The last book state strictly before each whole second, on a gapless grid of seconds.

    Row i belongs to grid instant tau = second_ns[i]; `bid`/`ask` columns are best level first.

    Attributes:
        second_ns: int64[n], consecutive multiples of 1 s.
        state_ts_ns: int64[n], event time of that state, NO_TIME before the first state.
        bid_ticks, ask_ticks: int32[n, k] prices in ticks, NO_TICK where absent (k = visible levels).
        bid_size, ask_size: int64[n, k] contracts, 0 where absent.
        n_updates: int64[n], collapsed states with ts in [tau - 1 s, tau).
        first_ts_ns, last_ts_ns: int64[n], first and last update in [tau - 1 s, tau), NO_TIME if none.
        ask_common: int64[n], over the pairs whose later state falls in [tau - 1 s, tau): the
            largest tick visible on the ask side of both states; NO_COMMON_ASK if there is no pair.
        bid_common: int64[n], likewise the smallest tick visible on the bid side of both states;
            NO_COMMON_BID if there is no pair.
    """

    second_ns: I64
    state_ts_ns: I64
    bid_ticks: I32
    bid_size: I64
    ask_ticks: I32
    ask_size: I64
    n_updates: I64
    first_ts_ns: I64
    last_ts_ns: I64
    ask_common: I64
    bid_common: I64

    def __len__(self) -> int:
        return len(self.second_ns)


NO_COMMON_ASK = np.iinfo(np.int64).min
"""ask_common where no pair exists; every zone lies above it, so nothing is common."""

NO_COMMON_BID = np.iinfo(np.int64).max
"""bid_common where no pair exists."""

UNBOUNDED = np.int64(2**40)
"""Visibility bound of a side with fewer than k levels (the whole side is visible): +UNBOUNDED for
asks, -UNBOUNDED for bids."""

ASK, BID = np.int8(1), np.int8(-1)
"""Book side in flow cells: the side that defends against sigma (+1 UP: ask, -1 DOWN: bid)."""


@dataclass(frozen=True, slots=True)
class FlowCells:
    """Book flow per (second, side, tick), exact for windows of whole seconds (08 A11, A12).

    A pair of consecutive states belongs to the second [tau - 1 s, tau) of its later state; cells
    hold only commonly visible prices and are sorted by (second_ns, side, ticks).

    Attributes:
        second_ns: int64[n], tau, the END of the second.
        side: int8[n], +1 ask, -1 bid.
        ticks: int32[n] price.
        added, canceled, filled: int64[n] contracts.
    """

    second_ns: I64
    side: I8
    ticks: I32
    added: I64
    canceled: I64
    filled: I64

    def __len__(self) -> int:
        return len(self.second_ns)


@dataclass(frozen=True, slots=True)
class OfiCells:
    """Best-level order-flow imbalance per (second, mid), exact for windows of whole seconds.

    Attributes:
        second_ns: int64[n], tau, the END of the second the updates fall in; sorted.
        mid_half_ticks: int64[n], best bid + best ask in ticks (twice the mid); NO_MID if a side is
            empty after the update.
        ofi: int64[n], sum of e over those updates.
        n_updates: int64[n].
    """

    second_ns: I64
    mid_half_ticks: I64
    ofi: I64
    n_updates: I64

    def __len__(self) -> int:
        return len(self.second_ns)


NO_MID = np.iinfo(np.int64).min
"""mid_half_ticks of an update after which one side of the book is empty."""


def level_ticks(level: F64, tick: float) -> F64:
    """Level prices as (fractional) ticks; float64[m], NaN stays NaN."""
    return level / tick


_WHOLE = 1e-9
"""How near 1 / tick must be to a whole number."""


def points(ticks: I32 | I64 | F64, *, tick: float) -> F64:
    """Points of ticks, of any shape: for whole ticks the double nearest to the decimal price.

    A tick of which a whole number makes a point (0.25, 0.01) divides instead of multiplying, so
    18,270 ticks of 0.01 are 182.7 and not 182.70000000000002. Ticks become points here and nowhere
    else; means and slopes in ticks too, so that a mean on the grid is the price itself.
    """
    per_point = round(1.0 / tick)
    result: F64
    if per_point >= 1 and abs(per_point * tick - 1.0) < _WHOLE:
        result = np.true_divide(ticks, per_point, dtype=np.float64)
    else:
        result = np.multiply(ticks, tick, dtype=np.float64)
    return result
