"""The 30-second grid of the state table: instants, levels, direction and unit of distance at each.

Rows are kind-major: all instants of the first kind, then of the second, in the order of
LEVEL_KINDS. What a row needs is read as of its own instant: levels and bars whose validity began at
or before t, trades strictly before t (03 1.1 to 1.5, 08 B19).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.contracts.profile import LEVEL_KIND_CODES, LEVEL_KINDS
from spymaster_lake.contracts.state_table import CADENCE_S, WARMUP_INSTANTS
from spymaster_lake.features.arrays import F64, I8, I64, NS, Bars, Bool, Queries, Trades
from spymaster_lake.features.asof import spot_at
from spymaster_lake.features.levels import LevelClock, Levels, level_at, running_extremes

CADENCE_NS = CADENCE_S * NS

ENTRY_BAR_NS = 60 * NS
"""Width of an entry bar: an event at t was detected with the ATR known at t minus this."""

_PM_HIGH, _PM_LOW = LEVEL_KINDS.index("PM_HIGH"), LEVEL_KINDS.index("PM_LOW")


def grid_instants(*, open_ns: int, events_end_ns: int) -> I64:
    """The instants of one session: 39 before the open, then every 30 s up to the last anchor.

    Args:
        open_ns: regular open, ns UTC.
        events_end_ns: last anchor, inclusive, ns UTC.

    Returns:
        int64[n], ascending; 400 for a session from 09:30 to 12:30 ET.

    Raises:
        DataError: the event window is not a positive whole number of steps.

    Source: 03 1.1 [N].
    """
    span = events_end_ns - open_ns
    if span <= 0 or span % CADENCE_NS:
        raise DataError(
            f"state grid: the event window is {span} ns long, allowed are positive multiples of "
            f"{CADENCE_S} s"
        )
    first = open_ns - WARMUP_INSTANTS * CADENCE_NS
    return np.arange(first, events_end_ns + 1, CADENCE_NS, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class StateRows:
    """What every feature of m state rows is computed from; kind-major, instants ascending.

    Attributes:
        t_ns: int64[m].
        kind_code: int8[m].
        level: float64[m] points, NaN where the level is not active.
        sigma: int8[m], +1 UP (spot below the level), -1 DOWN, 0 where not active.
        spot: float64[m] points, last trade before t.
        atr: float64[m] points, NaN before 14 bars.
        zone_half_width: float64[m] points, NaN where its ATR is.
        level_matrix: float64[m, 6] points, all levels known at t in the order of LEVEL_KINDS.
        is_warmup: bool[m], t before the open.
    """

    t_ns: I64
    kind_code: I8
    level: F64
    sigma: I8
    spot: F64
    atr: F64
    zone_half_width: F64
    level_matrix: F64
    is_warmup: Bool

    def __len__(self) -> int:
        return len(self.t_ns)

    @property
    def active(self) -> Bool:
        """Whether the level is known at t; bool[m]."""
        return ~np.isnan(self.level)

    @property
    def queries(self) -> Queries:
        """The rows as questions to the kernels that event rows use too (08 A1, A12)."""
        return Queries(self.t_ns, self.level, self.sigma)


def state_rows(
    instants: I64,
    *,
    trades: Trades,
    bars_1min: Bars,
    atr: F64,
    levels: Levels,
    clock: LevelClock,
    tick: float,
    half_width: float,
    atr_fraction: float,
) -> StateRows:
    """The rows of all level kinds at the given instants.

    Args:
        instants: int64[n] ascending.
        trades: front-month prints of the session.
        bars_1min: its one-minute bars.
        atr: float64[b] points, known at each bar's end.
        levels: its level rows.
        clock: instants the levels depend on.
        tick: price step in points.
        half_width: smallest half width of a zone, points.
        atr_fraction: half width as a fraction of ATR, 1.

    Returns:
        6 n rows. The zone half width is that of an event whose anchor were t: detection reads the
        ATR of the bar before the entry bar, so it is the ATR known at t - 60 s.

    Raises:
        DataError: no trade precedes the first instant.
    """
    spot = spot_at(trades, instants, tick_size=tick)
    if np.isnan(spot).any():
        raise DataError(
            f"state grid: {int(np.isnan(spot).sum())} instants have no trade before them, allowed "
            f"0; the first is {instants[0]}"
        )
    matrix = grid_levels(instants, levels=levels, bars_1min=bars_1min, clock=clock, tick=tick)
    kinds, n = len(LEVEL_KINDS), len(instants)
    level = matrix.T.reshape(-1)
    spots = np.tile(spot, kinds)
    toward = np.where(spots < level, 1, -1)
    zone_atr = atr_at(bars_1min, atr, t_ns=instants - ENTRY_BAR_NS)
    zone = np.where(np.isnan(zone_atr), np.nan, np.fmax(half_width, atr_fraction * zone_atr))
    codes = np.array([LEVEL_KIND_CODES[kind] for kind in LEVEL_KINDS], dtype=np.int8)
    return StateRows(
        t_ns=np.tile(instants, kinds),
        kind_code=np.repeat(codes, n),
        level=level,
        sigma=np.where(np.isnan(level), 0, toward).astype(np.int8),
        spot=spots,
        atr=np.tile(atr_at(bars_1min, atr, t_ns=instants), kinds),
        zone_half_width=np.tile(zone, kinds),
        level_matrix=np.tile(matrix, (kinds, 1)),
        is_warmup=np.tile(instants < clock.open_ns, kinds),
    )


def grid_levels(
    instants: I64, *, levels: Levels, bars_1min: Bars, clock: LevelClock, tick: float
) -> F64:
    """Every kind's level at t; before the open, premarket kinds are the running extreme.

    Returns:
        float64[n, 6] points in the order of LEVEL_KINDS, NaN where not active: opening-range kinds
        before their end, premarket kinds before the first pre-market bar has ended.

    Source: 03 1.3 [N], 08 B19.
    """
    matrix = level_at(levels, t_ns=instants)
    high, low = running_extremes(
        bars_1min,
        t_ns=instants,
        start_ns=clock.premarket_start_ns,
        end_ns=clock.open_ns,
        tick=tick,
    )
    warmup = instants < clock.open_ns
    matrix[warmup, _PM_HIGH] = high[warmup]
    matrix[warmup, _PM_LOW] = low[warmup]
    return matrix


def atr_at(bars_1min: Bars, atr: F64, *, t_ns: I64) -> F64:
    """ATR of the last one-minute bar with end <= t (02 N-15a, 08 A33).

    Args:
        bars_1min: b bars of one session.
        atr: float64[b] points.
        t_ns: int64[n] instants.

    Returns:
        float64[n] points; NaN before the first bar's end and where the bar's ATR is.

    Raises:
        DataError: `atr` and `bars_1min` differ in length.
    """
    if len(atr) != len(bars_1min):
        raise DataError(f"state grid: {len(atr)} ATR values for {len(bars_1min)} bars")
    index = np.searchsorted(bars_1min.end_ns, t_ns, side="right")
    return np.concatenate(([np.nan], atr))[index]
