"""Levels with the interval in which each is the known value, and look-ups into them (01 2.5 NEW).

A level row never contains a bar that ends after its `valid_from`. `valid_to` is where the next
value takes over; it may lie in the future of an instant t and carries no information for t, because
a look-up reads only `valid_from <= t < valid_to`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.contracts.profile import AVERAGE_KINDS, LEVEL_KIND_CODES, LEVEL_KINDS
from spymaster_lake.features.arrays import F64, I8, I64, Bars, Bool, points
from spymaster_lake.features.bars import select_bars

AVERAGE_COLUMNS: Bool = np.asarray([kind in AVERAGE_KINDS for kind in LEVEL_KINDS])
"""bool[6]: which columns of `level_at` are moving averages."""


@dataclass(frozen=True, slots=True)
class Levels:
    """Level rows of one session, sorted by (kind code, valid_from).

    Attributes:
        code: int8[n], level kind code.
        price: float64[n] points, never NaN.
        valid_from_ns: int64[n], first instant at which the price is known.
        valid_to_ns: int64[n], end of validity, exclusive; always later than valid_from.
    """

    code: I8
    price: F64
    valid_from_ns: I64
    valid_to_ns: I64

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.code)


@dataclass(frozen=True, slots=True)
class LevelClock:
    """The instants of one session that levels depend on, int64 ns UTC (01 section 0).

    Attributes:
        session_start_ns: averages of bars before it belong to the warm-up and give no row.
        premarket_start_ns: start of the pre-market window, which ends at the open.
        open_ns: end of the pre-market, start of the opening range; PM kinds are valid from here.
        opening_range_end_ns: OR kinds are valid from here.
        session_end_ns: end of every validity.
    """

    session_start_ns: int
    premarket_start_ns: int
    open_ns: int
    opening_range_end_ns: int
    session_end_ns: int


def session_levels(
    *, bars_1min: Bars, bars_2min: Bars, sma_90: F64, ema_20: F64, clock: LevelClock, tick: float
) -> Levels:
    """All level rows of one session.

    Args:
        bars_1min: one-minute bars of the session.
        bars_2min: n two-minute bars, warm-up first.
        sma_90: float64[n] points, one value per two-minute bar; NaN gives no row.
        ema_20: float64[n] points, likewise.
        clock: instants of the session.
        tick: price step in points.

    Returns:
        Rows sorted by (kind code, valid_from). PM_* from bars wholly inside [premarket start,
        open), valid [open, session end); OR_* from bars inside [open, opening range end), valid
        from its end; averages one row per bar of the session, valid from its end to the next bar's
        end, the last one to the session end. A kind without source bars has no row.

    Raises:
        DataError: averages and bars differ in length.

    Source: 01 2.5 NEW, 02 N-4.
    """
    for name, values in (("sma_90", sma_90), ("ema_20", ema_20)):
        if len(values) != len(bars_2min):
            raise DataError(f"levels: {name} holds {len(values)} values for {len(bars_2min)} bars")
    pm = select_bars(bars_1min, start_ns=clock.premarket_start_ns, end_ns=clock.open_ns)
    opening = select_bars(bars_1min, start_ns=clock.open_ns, end_ns=clock.opening_range_end_ns)
    parts = [
        *_extremes("PM_HIGH", "PM_LOW", pm, clock.open_ns, clock=clock, tick=tick),
        *_extremes(
            "OR_HIGH", "OR_LOW", opening, clock.opening_range_end_ns, clock=clock, tick=tick
        ),
        _average("SMA_90", bars_2min, sma_90, clock),
        _average("EMA_20", bars_2min, ema_20, clock),
    ]
    return Levels(
        code=np.concatenate([p.code for p in parts]),
        price=np.concatenate([p.price for p in parts]),
        valid_from_ns=np.concatenate([p.valid_from_ns for p in parts]),
        valid_to_ns=np.concatenate([p.valid_to_ns for p in parts]),
    )


def level_at(levels: Levels, *, t_ns: I64) -> F64:
    """Every kind's value known at t.

    Args:
        levels: rows of one session.
        t_ns: int64[m] instants, any order.

    Returns:
        float64[m, 6] points in the order of LEVEL_KINDS; NaN where no row has
        valid_from <= t < valid_to.

    Source: 01 2.5 NEW, 08 A1.
    """
    result = np.full((len(t_ns), len(LEVEL_KINDS)), np.nan)
    for k, kind in enumerate(LEVEL_KINDS):
        rows = np.flatnonzero(levels.code == LEVEL_KIND_CODES[kind])
        if not len(rows):
            continue
        order = np.searchsorted(levels.valid_from_ns[rows], t_ns, side="right") - 1
        at = rows[np.maximum(order, 0)]
        known = (order >= 0) & (t_ns < levels.valid_to_ns[at])
        result[known, k] = levels.price[at[known]]
    return result


def level_series(
    levels: Levels, bars_1min: Bars, *, open_ns: int, events_end_ns: int
) -> tuple[I64, F64]:
    """Values known at the start of each one-minute bar with start in [open, events end).

    Args:
        levels: rows of one session.
        bars_1min: one-minute bars of the session.
        open_ns: regular open, ns UTC.
        events_end_ns: end of the event window, exclusive for starts.

    Returns:
        (int64[m] bar starts, float64[m, 6] points in the order of LEVEL_KINDS, NaN while invalid).

    Source: 01 2.5 NEW.
    """
    starts = bars_1min.start_ns
    starts = starts[(starts >= open_ns) & (starts < events_end_ns)]
    return starts, level_at(levels, t_ns=starts)


def running_extremes(
    bars: Bars, *, t_ns: I64, start_ns: int, end_ns: int, tick: float
) -> tuple[F64, F64]:
    """Highest high and lowest low known at t, of the bars wholly inside [start, min(t, end)].

    For t before the open this is the PM level of warm-up state rows; from the open on it equals
    PM_HIGH and PM_LOW.

    Args:
        bars: one-minute bars of the session.
        t_ns: int64[m] instants, any order.
        start_ns: start of the window, ns UTC (pre-market start).
        end_ns: end of the window (open).
        tick: price step in points.

    Returns:
        (float64[m] high, float64[m] low) in points; NaN where no bar of the window has ended.

    Source: 01 2.5 NEW (optional context), 08 B19.
    """
    inside = select_bars(bars, start_ns=start_ns, end_ns=end_ns)
    count = np.searchsorted(inside.end_ns, t_ns, side="right")
    high = np.concatenate([[np.nan], points(np.maximum.accumulate(inside.high), tick=tick)])
    low = np.concatenate([[np.nan], points(np.minimum.accumulate(inside.low), tick=tick)])
    return high[count], low[count]


def _extremes(
    high_kind: str, low_kind: str, source: Bars, valid_from: int, *, clock: LevelClock, tick: float
) -> list[Levels]:
    """One row of each kind, highest high and lowest low; none without source bars."""
    if not len(source):
        return []
    start = np.asarray([valid_from], dtype=np.int64)
    end = np.asarray([clock.session_end_ns], dtype=np.int64)
    prices = points(np.asarray([source.high.max(), source.low.min()]), tick=tick)
    return [_rows(high_kind, prices[:1], start, end), _rows(low_kind, prices[1:], start, end)]


def _average(kind: str, bars: Bars, values: F64, clock: LevelClock) -> Levels:
    """One row per bar of the session with a known average and a validity that is not empty."""
    of_session = bars.start_ns >= clock.session_start_ns
    rows = np.flatnonzero(of_session & (bars.end_ns < clock.session_end_ns))
    valid_to = np.append(bars.end_ns, clock.session_end_ns)[rows + 1]
    valid_to = np.minimum(valid_to, clock.session_end_ns)
    known = ~np.isnan(values[rows])
    return _rows(kind, values[rows][known], bars.end_ns[rows][known], valid_to[known])


def _rows(kind: str, price: F64, valid_from: I64, valid_to: I64) -> Levels:
    code = np.full(len(price), LEVEL_KIND_CODES[kind], dtype=np.int8)
    return Levels(code, price, valid_from, valid_to)
