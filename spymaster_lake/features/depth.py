"""Resting size that faces the approach: zone depth, its coverage, and the whole visible side.

Unit contracts, unsigned. A book shows k prices a side, so most zones are wholly or partly outside
it at an anchor; unseen prices are unknown, not empty, and differences between two states use only
prices visible in both (02 N-1, N-2, N-7b, N-12; 08 A24, A25).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spymaster_lake.features.arrays import F64, I64, NO_TICK, UNBOUNDED, BookSeconds, Bool, Queries
from spymaster_lake.features.grid import facing_book, fresh_rows, grid_rows, price_zone
from spymaster_lake.features.grouping import prefix_sums

MAX_AGE_S = 5
"""A state older than this says nothing about the instant (08 A24)."""

EVOLUTION_MIN = (1, 2, 3, 5)
"""Look-backs of the evolution columns, in minutes (02 N-12)."""


def facing_features(
    seconds: BookSeconds,
    queries: Queries,
    *,
    minutes: Sequence[int] = EVOLUTION_MIN,
    max_age_s: int = MAX_AGE_S,
    baseline_s: int = 1800,
    min_samples: int = 300,
) -> dict[str, F64]:
    """The whole visible facing side, which needs no level, only a direction.

    Returns:
        float64[m] by column: `facing_depth` (sum of its sizes at t); `facing_depth_ratio`, that
        over its mean on the grid t - 1800 s .. t - 1 s; `facing_depth_delta_{W}min`, sizes inside
        the bound common to t and t - W, now minus then. Null where a state it needs is older than
        `max_age_s`, sigma is 0, or the baseline has fewer than `min_samples` seconds or mean 0.
    """
    rows = grid_rows(seconds, queries.t_ns)
    now = facing_book(seconds, rows, queries.sigma, max_age_s=max_age_s)
    depth = _where(now.fresh, now.size.sum(axis=1))
    baseline = facing_baseline(
        seconds, queries, max_age_s=max_age_s, baseline_s=baseline_s, min_samples=min_samples
    )
    out = {"facing_depth": depth, "facing_depth_ratio": _ratio(depth, baseline.mean_depth)}
    everything = np.full(len(queries), -UNBOUNDED)
    for minute in minutes:
        then = facing_book(seconds, rows - 60 * minute, queries.sigma, max_age_s=max_age_s)
        bound = np.minimum(now.bound, then.bound)
        delta = now.size_between(everything, bound) - then.size_between(everything, bound)
        out[f"facing_depth_delta_{minute}min"] = _where(now.fresh & then.fresh, delta)
    return out


def zone_features(
    seconds: BookSeconds,
    queries: Queries,
    *,
    tick: float,
    zone_half_width: float,
    minutes: Sequence[int] = EVOLUTION_MIN,
    max_age_s: int = MAX_AGE_S,
) -> dict[str, F64]:
    """Depth of the zone around the level on the facing side, and how it changed.

    Args:
        seconds: per-second states.
        queries: m questions; t must be a whole second of the grid.
        tick: points per tick.
        zone_half_width: the zone is level +- this, in points, both ends closed.
        minutes: look-backs W of the evolution columns.
        max_age_s: greatest age of a state at t and at t - W.

    Returns:
        float64[m] by column: `barrier_zone_coverage` (visible share of the zone's prices at t, in
        [0, 1]); `barrier_depth_current` (null if coverage is 0); `barrier_delta_{W}min` over zone
        prices visible at t and t - W (null if there are none); `barrier_pct_change_{W}min`, that
        over the past depth on the same prices (null if that is 0). All null without a level, a
        direction or a fresh state.
    """
    rows = grid_rows(seconds, queries.t_ns)
    zone = price_zone(queries.level, queries.sigma, half_width=zone_half_width, tick=tick)
    now = facing_book(seconds, rows, queries.sigma, max_age_s=max_age_s)
    visible, observed = zone.visible(now.bound), zone.known & now.fresh
    depth = now.size_between(zone.low, np.minimum(zone.high, now.bound))
    out = {
        "barrier_zone_coverage": _ratio(_where(observed, visible), zone.width.astype(np.float64)),
        "barrier_depth_current": _where(observed & (visible > 0), depth),
    }
    for minute in minutes:
        then = facing_book(seconds, rows - 60 * minute, queries.sigma, max_age_s=max_age_s)
        bound = np.minimum(now.bound, then.bound)
        high = np.minimum(zone.high, bound)
        past = then.size_between(zone.low, high)
        common = observed & then.fresh & (zone.visible(bound) > 0)
        delta = _where(common, now.size_between(zone.low, high) - past)
        out[f"barrier_delta_{minute}min"] = delta
        out[f"barrier_pct_change_{minute}min"] = _ratio(delta, past.astype(np.float64))
    return out


def wall_ratio(
    seconds: BookSeconds,
    queries: Queries,
    *,
    tick: float,
    zone_half_width: float,
    min_coverage: float = 0.25,
    max_age_s: int = MAX_AGE_S,
    baseline_s: int = 1800,
    min_samples: int = 300,
) -> dict[str, F64]:
    """Mean size per visible zone price over the side's usual mean size per level (02 N-7b).

    Returns:
        {`wall_ratio`: float64[m]}, >= 0; null if coverage < `min_coverage`, or without a fresh
        state or a baseline.
    """
    rows = grid_rows(seconds, queries.t_ns)
    zone = price_zone(queries.level, queries.sigma, half_width=zone_half_width, tick=tick)
    now = facing_book(seconds, rows, queries.sigma, max_age_s=max_age_s)
    visible = zone.visible(now.bound)
    depth = now.size_between(zone.low, np.minimum(zone.high, now.bound))
    coverage = _ratio(_where(zone.known & now.fresh, visible), zone.width.astype(np.float64))
    per_price = _ratio(_where(coverage >= min_coverage, depth), visible.astype(np.float64))
    baseline = facing_baseline(
        seconds, queries, max_age_s=max_age_s, baseline_s=baseline_s, min_samples=min_samples
    )
    return {"wall_ratio": _ratio(per_price, baseline.mean_size_per_level)}


@dataclass(frozen=True, slots=True)
class Baseline:
    """Half-hour means of the facing side on the one-second grid (08 A24); null with few samples.

    Attributes:
        mean_depth: float64[m], mean of the side's total size.
        mean_size_per_level: float64[m], total size over number of present levels, samples pooled.
    """

    mean_depth: F64
    mean_size_per_level: F64


def facing_baseline(
    seconds: BookSeconds,
    queries: Queries,
    *,
    max_age_s: int = MAX_AGE_S,
    baseline_s: int = 1800,
    min_samples: int = 300,
) -> Baseline:
    """Means over the grid t - 1800 s .. t - 1 s; a second with a stale state is no sample."""
    rows = grid_rows(seconds, queries.t_ns)
    fresh = fresh_rows(seconds, max_age_s=max_age_s)
    begin, end = np.clip(rows - baseline_s, 0, None), np.clip(rows, 0, None)

    def window(values: I64) -> I64:
        prefix = prefix_sums(np.where(fresh, values, 0))
        return prefix[end] - prefix[begin]

    from_below = queries.sigma > 0
    total = np.where(
        from_below, window(seconds.ask_size.sum(axis=1)), window(seconds.bid_size.sum(axis=1))
    )
    levels = np.where(
        from_below,
        window((seconds.ask_ticks != NO_TICK).sum(axis=1)),
        window((seconds.bid_ticks != NO_TICK).sum(axis=1)),
    )
    samples = window(np.ones(len(seconds), np.int64))
    total_size = _where((samples >= min_samples) & (queries.sigma != 0), total)
    return Baseline(
        mean_depth=_ratio(total_size, samples.astype(np.float64)),
        mean_size_per_level=_ratio(total_size, levels.astype(np.float64)),
    )


def _where(observed: Bool, values: I64) -> F64:
    """Integers as float64, null where not observed."""
    return np.where(observed, values.astype(np.float64), np.nan)


def _ratio(numerator: F64, denominator: F64) -> F64:
    """Plain quotient, null where the denominator is 0 or either is null."""
    defined = np.where(denominator == 0, np.nan, denominator)
    return np.asarray(numerator / defined)
