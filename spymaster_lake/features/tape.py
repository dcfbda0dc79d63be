"""Tape: aggressor volumes near the level and the drift of price over the last minute (02 N-7e).

The window is [t - 60 s, t). Everything is in market frame: + is buying, + velocity is a rising
price. Volumes come from one histogram over ticks per distinct instant, so the levels tested at one
instant share it; sums are integers and do not depend on what else is asked.
"""

from __future__ import annotations

import numpy as np

from spymaster_lake.features.arrays import (
    BAND_TOLERANCE,
    F64,
    I64,
    NS,
    Bool,
    Queries,
    Trades,
    points,
)
from spymaster_lake.features.columns import Columns, nullable, ratio
from spymaster_lake.features.grouping import prefix_sums

WINDOW_NS = 60 * NS

_SPLIT_BITS = 20
"""Times in a window are split into two numbers of this many bits, so that int64 sums of products
stay exact for windows up to 2**40 ns and 2**20 prints."""


def ticks_within(level: F64, half_width: F64, *, tick_size: float) -> tuple[I64, I64]:
    """Integer ticks p with abs(p * tick_size - level) <= half_width + 1e-9 (08 A30).

    Args:
        level: float64[m] points, on or off the grid, NaN where inactive.
        half_width: float64[m] points, NaN where unknown.
        tick_size: points per tick.

    Returns:
        (first, last): int64[m] each, both inclusive; last = first - 1 (empty) where level or
        half_width is NaN.
    """
    reach = half_width + BAND_TOLERANCE
    first = np.ceil((level - reach) / tick_size)
    last = np.floor((level + reach) / tick_size)
    known = np.isfinite(first) & np.isfinite(last)
    return (
        np.where(known, first, 0.0).astype(np.int64),
        np.where(known, last, -1.0).astype(np.int64),
    )


def tape_features(
    trades: Trades,
    queries: Queries,
    *,
    zone_half_width: F64,
    tape_band: float,
    tick_size: float,
) -> Columns:
    """The seven tape columns over [t - 60 s, t); market frame.

    Args:
        trades: prints of one session in total order.
        queries: m instants and levels; sigma is not used.
        zone_half_width: float64[m] points.
        tape_band: half width in points of the narrow band.
        tick_size: points per tick.

    Returns:
        `tape_buy_vol`, `tape_sell_vol` (contracts, prints with abs(p - L) <= tape_band),
        `tape_zone_buy_vol`, `tape_zone_sell_vol` (the same within zone_half_width): object[m] int,
        None where the level is inactive; 0 is a legal volume; prints of unknown side count nowhere.
        `tape_imbalance`, `tape_zone_imbalance`: float64[m] = (B - S) / (B + S), NaN if B + S = 0.
        `tape_velocity`: float64[m] pt/s, least-squares slope over all prints of the window, of any
        price and side; NaN with fewer than two distinct times. It does not depend on the level.
    """
    narrow_width = np.full(len(queries), tape_band)
    narrow = ticks_within(queries.level, narrow_width, tick_size=tick_size)
    zone = ticks_within(queries.level, zone_half_width, tick_size=tick_size)
    volumes, velocity = _by_instant(trades, queries.t_ns, narrow, zone)
    active = np.isfinite(queries.level)
    zone_known = active & np.isfinite(zone_half_width)
    return {
        "tape_buy_vol": nullable(volumes[0], active),
        "tape_sell_vol": nullable(volumes[1], active),
        "tape_imbalance": _imbalance(volumes[0], volumes[1]),
        "tape_zone_buy_vol": nullable(volumes[2], zone_known),
        "tape_zone_sell_vol": nullable(volumes[3], zone_known),
        "tape_zone_imbalance": _imbalance(volumes[2], volumes[3]),
        "tape_velocity": points(velocity, tick=tick_size),
    }


def ols_slope_ticks(elapsed_ns: I64, ticks: I64) -> float:
    """Least-squares slope of price on time, computed in exact integers and rounded once.

    Args:
        elapsed_ns: int64[n], at least 0 and below 2**40; any common origin gives the same bits.
        ticks: int64[n] price in ticks.

    Returns:
        Ticks per second; NaN with fewer than two distinct times.
    """
    n = len(elapsed_ns)
    high, low = elapsed_ns >> _SPLIT_BITS, elapsed_ns & ((1 << _SPLIT_BITS) - 1)
    price = ticks - ticks[:1]
    s_x = (int(high.sum()) << _SPLIT_BITS) + int(low.sum())
    s_xx = (
        (int((high * high).sum()) << (2 * _SPLIT_BITS))
        + (int((high * low).sum()) << (_SPLIT_BITS + 1))
        + int((low * low).sum())
    )
    s_xp = (int((high * price).sum()) << _SPLIT_BITS) + int((low * price).sum())
    spread = n * s_xx - s_x * s_x
    if spread == 0:
        return float("nan")
    return (n * s_xp - s_x * int(price.sum())) * NS / spread


def _by_instant(
    trades: Trades, t_ns: I64, narrow: tuple[I64, I64], zone: tuple[I64, I64]
) -> tuple[I64, F64]:
    """Volumes int64[4, m] (narrow buy, sell, zone buy, sell) and slopes float64[m] ticks/s."""
    volumes = np.zeros((4, len(t_ns)), np.int64)
    slope = np.full(len(t_ns), np.nan)
    instants, inverse, counts = np.unique(t_ns, return_inverse=True, return_counts=True)
    starts = np.searchsorted(trades.ts_ns, instants - WINDOW_NS, side="left")
    stops = np.searchsorted(trades.ts_ns, instants, side="left")
    groups = np.split(np.argsort(inverse, kind="stable"), np.cumsum(counts)[:-1])
    for t, start, stop, rows in zip(instants, starts, stops, groups, strict=False):
        if start == stop:
            continue
        window = slice(start, stop)
        ticks = trades.ticks[window].astype(np.int64)
        slope[rows] = ols_slope_ticks(trades.ts_ns[window] - (t - WINDOW_NS), ticks)
        base = int(ticks.min())
        for row, sign in ((0, 1), (1, -1)):
            chosen = trades.side[window] == sign
            cumulative = _volume_by_tick(ticks - base, trades.size[window], chosen)
            volumes[row, rows] = _between(cumulative, narrow[0][rows], narrow[1][rows], base)
            volumes[row + 2, rows] = _between(cumulative, zone[0][rows], zone[1][rows], base)
    return volumes, slope


def _volume_by_tick(offset: I64, size: I64, chosen: Bool) -> I64:
    """Cumulative contracts below each tick: int64[span + 1], entry i sums offsets < i."""
    span = int(offset.max()) + 1
    # Float weights are exact: contract counts stay far below 2**53.
    by_tick = np.bincount(offset[chosen], weights=size[chosen], minlength=span)
    return prefix_sums(by_tick.astype(np.int64))


def _between(cumulative: I64, first: I64, last: I64, base: int) -> I64:
    """Contracts at ticks first..last, int64[m]."""
    top = len(cumulative) - 1
    volume: I64 = (
        cumulative[np.clip(last + 1 - base, 0, top)] - cumulative[np.clip(first - base, 0, top)]
    )
    return volume


def _imbalance(buy: I64, sell: I64) -> F64:
    """(B - S) / (B + S), NaN if nothing of known side traded."""
    return ratio((buy - sell).astype(np.float64), (buy + sell).astype(np.float64))
