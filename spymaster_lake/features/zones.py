"""Zone entries: the minute bar that brings price from outside a level's zone to inside (01 2.6).

Both the bar and the one before it are judged against the same level and half width, the level known
at the bar's start. So only price can enter a zone: an average that drifts onto price is counted,
never an event (08 A35). The event is knowable, and anchored, at the bar's end.

Thin data. The half width needs the ATR of the previous bar. Where that is unknown (fewer than 14
bars in the session so far) nothing can be decided about the bar: it gives no event, and is counted
in `n_atr_unknown`. With pre-market data this does not happen.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.contracts.profile import LEVEL_KIND_CODES, LEVEL_KINDS
from spymaster_lake.features.arrays import (
    BAND_TOLERANCE,
    F64,
    I8,
    I64,
    NO_TIME,
    NS,
    Bars,
    Bool,
    Trades,
    points,
)
from spymaster_lake.features.levels import AVERAGE_COLUMNS, Levels, level_at

MAX_BAR_STEP_NS = 300 * NS
"""The previous bar may start at most this much earlier (01 2.6)."""

DIRECTION = {1: "UP", -1: "DOWN"}
"""Direction name of sigma: UP approaches the level from below."""


@dataclass(frozen=True, slots=True)
class ZoneEntries:
    """Events of one session, sorted by (anchor_ts_ns, level_kind_code).

    Attributes:
        event_id: object[n] str, unique.
        level_kind: object[n] str.
        level_kind_code: int8[n].
        direction: object[n] str, UP or DOWN.
        sigma: int8[n], +1 UP, -1 DOWN.
        anchor_ts_ns: int64[n], end of the entry bar.
        bar_start_ns: int64[n].
        first_touch_ts_ns: int64[n], first print of the bar inside the zone; NO_TIME if the prints
            jump across the whole zone.
        level_price: float64[n] points, known at bar_start.
        spot: float64[n] points, last trade before the anchor.
        zone_half_width: float64[n] points.
        atr: float64[n] points, known at the anchor, positive.
        colocated_kinds: object[n], tuple of the other kinds that at bar_start have the same price
            in hundredths, in code order.
        n_level_moved_onto_price: bars that lie inside the zone of an average with the previous bar
            inside too, but outside the zone around the average's previous value (count, no event).
        n_atr_unknown: (bar, kind) pairs with a valid level that thin data left undecided.
    """

    event_id: NDArray[np.object_]
    level_kind: NDArray[np.object_]
    level_kind_code: I8
    direction: NDArray[np.object_]
    sigma: I8
    anchor_ts_ns: I64
    bar_start_ns: I64
    first_touch_ts_ns: I64
    level_price: F64
    spot: F64
    zone_half_width: F64
    atr: F64
    colocated_kinds: NDArray[np.object_]
    n_level_moved_onto_price: int
    n_atr_unknown: int

    def __len__(self) -> int:
        """Number of events."""
        return len(self.event_id)


def detect_zone_entries(
    *,
    day: date,
    bars_1min: Bars,
    atr: F64,
    levels: Levels,
    trades: Trades,
    open_ns: int,
    events_end_ns: int,
    tick: float,
    half_width: float,
    atr_fraction: float,
) -> ZoneEntries:
    """All zone entries of one session.

    For each kind and each bar i with start in [open, events end): L = value known at the bar's
    start, z = max(half_width, atr_fraction * ATR of bar i-1). Entry iff bar i overlaps
    [L - z, L + z] and bar i-1, at most 5 minutes older, does not. Direction from the close of
    bar i-1.

    Args:
        day: session date, for the event ids.
        bars_1min: n one-minute bars of the session, from well before the open.
        atr: float64[n] points, ATR known at each bar's end, NaN before 14 bars.
        levels: rows of `session_levels`.
        trades: front-month prints that cover the event window.
        open_ns: regular open, ns UTC.
        events_end_ns: last anchor, inclusive, ns UTC.
        tick: price step in points.
        half_width: smallest half width, points.
        atr_fraction: half width as a fraction of ATR, 1.

    Returns:
        The events; zero is legal.

    Raises:
        DataError: `atr` and `bars_1min` differ in length.

    Source: 01 2.6 NEW, 08 A1, A2, A30, A33, A35.
    """
    if len(atr) != len(bars_1min):
        raise DataError(f"zones: {len(atr)} ATR values for {len(bars_1min)} bars")
    starts = bars_1min.start_ns
    bar = np.flatnonzero((starts >= open_ns) & (starts < events_end_ns))
    bar = bar[bar > 0]
    bar = bar[starts[bar] - starts[bar - 1] <= MAX_BAR_STEP_NS]
    level = level_at(levels, t_ns=starts[bar])
    half = np.fmax(half_width, atr_fraction * atr[bar - 1])
    half[np.isnan(atr[bar - 1])] = np.nan
    high, low = points(bars_1min.high, tick=tick), points(bars_1min.low, tick=tick)
    inside = _overlaps(low[bar], high[bar], level, half)
    inside_before = _overlaps(low[bar - 1], high[bar - 1], level, half)
    decided = ~np.isnan(level) & ~np.isnan(half)[:, None]
    row, column = np.nonzero(decided & inside & ~inside_before)
    earlier = level_at(levels, t_ns=starts[bar - 1])
    moved = decided & inside & inside_before & AVERAGE_COLUMNS & ~np.isnan(earlier)
    moved &= ~_overlaps(low[bar - 1], high[bar - 1], earlier, half)
    return _describe(
        day,
        bars_1min,
        trades,
        bar=bar[row],
        column=column,
        level=level[row],
        half=half[row],
        atr=atr[bar[row]],
        tick=tick,
        counts=(int(moved.sum()), int((~np.isnan(level) & np.isnan(half)[:, None]).sum())),
    )


def _overlaps(low: F64, high: F64, level: F64, half: F64) -> Bool:
    """Whether bars [low, high] meet the zones level -+ half; bool[m, 6], False where unknown."""
    reach = half[:, None] + BAND_TOLERANCE
    below: Bool = low[:, None] - level <= reach
    above: Bool = level - high[:, None] <= reach
    return below & above


def _describe(
    day: date,
    bars: Bars,
    trades: Trades,
    *,
    bar: NDArray[np.intp],
    column: NDArray[np.intp],
    level: F64,
    half: F64,
    atr: F64,
    tick: float,
    counts: tuple[int, int],
) -> ZoneEntries:
    """The event columns of entries given in (bar, kind) order; `level` is float64[n, 6]."""
    n = len(bar)
    price = level[np.arange(n), column]
    sigma = np.where(points(bars.close[bar - 1], tick=tick) < price, 1, -1).astype(np.int8)
    anchor = bars.end_ns[bar]
    kind = _objects([LEVEL_KINDS[k] for k in column])
    hundredths = np.floor(100.0 * level + 0.5)
    cents = hundredths[np.arange(n), column].astype(np.int64)
    same = hundredths == cents[:, None]
    same[np.arange(n), column] = False
    direction = _objects([DIRECTION[int(s)] for s in sigma])
    return ZoneEntries(
        event_id=_objects(
            [f"{day.isoformat()}_{kind[i]}_{cents[i]}_{anchor[i]}_{direction[i]}" for i in range(n)]
        ),
        level_kind=kind,
        level_kind_code=np.asarray([LEVEL_KIND_CODES[k] for k in kind], dtype=np.int8),
        direction=direction,
        sigma=sigma,
        anchor_ts_ns=anchor,
        bar_start_ns=bars.start_ns[bar],
        first_touch_ts_ns=_first_touches(trades, bars, bar=bar, level=price, half=half, tick=tick),
        level_price=price,
        spot=points(bars.close[bar], tick=tick),
        zone_half_width=half,
        atr=atr,
        colocated_kinds=_objects([tuple(np.asarray(LEVEL_KINDS)[row].tolist()) for row in same]),
        n_level_moved_onto_price=counts[0],
        n_atr_unknown=counts[1],
    )


def _first_touches(
    trades: Trades, bars: Bars, *, bar: NDArray[np.intp], level: F64, half: F64, tick: float
) -> I64:
    """Time of the first print of each bar within `half` of the level, NO_TIME if there is none."""
    result = np.full(len(bar), NO_TIME, dtype=np.int64)
    lows = np.searchsorted(trades.ts_ns, bars.start_ns[bar], side="left")
    highs = np.searchsorted(trades.ts_ns, bars.end_ns[bar], side="left")
    for i, (low, high) in enumerate(zip(lows, highs, strict=True)):
        distance = np.abs(points(trades.ticks[low:high], tick=tick) - level[i])
        touched = np.flatnonzero(distance <= half[i] + BAND_TOLERANCE)
        if len(touched):
            result[i] = trades.ts_ns[low + touched[0]]
    return result


def _objects(values: list[str] | list[tuple[str, ...]]) -> NDArray[np.object_]:
    """A one-dimensional object array, also of tuples (which NumPy would else unpack)."""
    result = np.empty(len(values), dtype=object)
    for i, value in enumerate(values):
        result[i] = value
    return result
