"""What happened to the size in the zone: added, canceled, filled, and the state they describe.

A pair of book states belongs to the window [t - 240 s, t) if its later state does. Only prices
visible in both states count, so scrolling of the visible book is no flow (02 N-7a-c, 1.4; 08 A11,
A12, A28).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.features.arrays import (
    ASK,
    F64,
    I8,
    I64,
    NS,
    BookSeconds,
    Bool,
    FlowCells,
    Queries,
)
from spymaster_lake.features.grid import Zone, grid_rows, price_zone
from spymaster_lake.features.grouping import prefix_sums

BARRIER_STATES = ("VACUUM", "WALL", "ABSORPTION", "CONSUMED", "WEAK", "NEUTRAL")
"""The closed set of `barrier_state`."""


def barrier_flows(
    flow: FlowCells,
    seconds: BookSeconds,
    queries: Queries,
    *,
    tick: float,
    zone_half_width: float,
    window_s: int = 240,
) -> dict[str, F64]:
    """Flow of the facing side in the zone over [t - W, t), in contracts.

    Args:
        flow: flow cells of the session.
        seconds: per-second states of the same session.
        queries: m questions; t must be a whole second of the grid.
        tick: points per tick.
        zone_half_width: the zone is level +- this, in points, both ends closed.
        window_s: W in seconds.

    Returns:
        float64[m] by column: `barrier_added`, `barrier_canceled`, `barrier_filled`,
        `barrier_delta_liq` = added - canceled - filled, and `barrier_replenishment_ratio` =
        added / (canceled + filled), null if nothing was removed. All null if no pair of the window
        has a zone price visible in both states, without a level or direction, or where the window
        begins before the grid.

    Raises:
        DataError: a query lies off the grid.
    """
    rows = grid_rows(seconds, queries.t_ns)
    zone = price_zone(queries.level, queries.sigma, half_width=zone_half_width, tick=tick)
    observed = _any_common_price(seconds, rows, queries.sigma, zone, window_s=window_s)
    added, canceled, filled = _zone_sums(flow, queries, zone, window_s=window_s)
    removed = canceled + filled
    ratio = added / np.where(removed == 0, np.nan, removed.astype(np.float64))
    columns = {
        "barrier_delta_liq": added - removed,
        "barrier_replenishment_ratio": ratio,
        "barrier_added": added,
        "barrier_canceled": canceled,
        "barrier_filled": filled,
    }
    return {name: np.where(observed, column, np.nan) for name, column in columns.items()}


def _any_common_price(
    seconds: BookSeconds, rows: I64, sigma: I8, zone: Zone, *, window_s: int
) -> Bool:
    """Whether some pair of the window shows a zone price in both of its states; bool[m]."""
    asks = _trailing_max(seconds.ask_common, window_s)
    bids = _trailing_max(-seconds.bid_common, window_s)
    at = np.maximum(rows, 0)
    farthest = np.where(sigma > 0, asks[at], bids[at])
    return np.asarray(zone.known & (rows >= window_s) & (farthest >= zone.low))


def _trailing_max(values: I64, window: int) -> I64:
    """Maximum of the last `window` values up to and including each row; int64[n].

    Doubling: a maximum over 2w values is the larger of two over w.
    """
    out, reach = values.copy(), 1
    while reach < window:
        step = min(reach, window - reach)
        shifted = out.copy()
        shifted[step:] = np.maximum(out[step:], out[: len(out) - step])
        out, reach = shifted, reach + step
    return out


def _zone_sums(
    flow: FlowCells, queries: Queries, zone: Zone, *, window_s: int
) -> tuple[I64, I64, I64]:
    """(added, canceled, filled), int64[m] each: prefix sums per price, one difference per price."""
    none = np.zeros(len(queries), np.int64)
    if len(flow) == 0 or len(queries) == 0:
        return none, none, none
    turned = flow.ticks * flow.side.astype(np.int64)
    origin_ns, low_tick = int(flow.second_ns.min()), int(turned.min())
    n_seconds = (int(flow.second_ns.max()) - origin_ns) // NS + 1
    n_ticks = int(turned.max()) - low_tick + 1
    price = (flow.side == ASK) * n_ticks + (turned - low_tick)
    keys = price * n_seconds + (flow.second_ns - origin_ns) // NS
    order = np.argsort(keys, kind="stable")
    keys = keys[order]

    ticks = zone.low[:, None] + np.arange(max(int(zone.width.max()), 0))
    known = (ticks <= zone.high[:, None]) & (ticks >= low_tick) & (ticks < low_tick + n_ticks)
    price = (queries.sigma > 0)[:, None] * n_ticks + np.where(known, ticks - low_tick, 0)
    after = (queries.t_ns - origin_ns) // NS + 1
    start, stop = np.clip(after - window_s, 0, n_seconds), np.clip(after, 0, n_seconds)
    begin = np.searchsorted(keys, price * n_seconds + start[:, None], side="left")
    end = np.searchsorted(keys, price * n_seconds + stop[:, None], side="left")

    def window(values: I64) -> I64:
        prefix = prefix_sums(values[order])
        return np.asarray(np.where(known, prefix[end] - prefix[begin], 0).sum(axis=1))

    return window(flow.added), window(flow.canceled), window(flow.filled)


def barrier_state(
    flows: dict[str, F64],
    *,
    coverage: F64,
    depth: F64,
    delta_threshold: float,
    vacuum_ratio: float = 0.3,
    wall_ratio: float = 1.5,
    weak_depth: float,
    min_coverage: float = 0.25,
) -> NDArray[np.object_]:
    """The state of the barrier, first match of an ordered list (02 1.4, N-7c; 08 A28).

    With delta = added - canceled - filled, R = added / (canceled + filled), +inf if nothing was
    removed and something added (if neither, no test on R holds), churn = added + canceled + filled:

    1. VACUUM: R < vacuum_ratio and delta < -delta_threshold
    2. WALL: R > wall_ratio and delta > delta_threshold
    3. CONSUMED: delta < -delta_threshold and filled > canceled
    4. ABSORPTION: delta > 0 and R > 1
    5. WEAK: depth / coverage < weak_depth
    6. ABSORPTION (contested): abs(delta) < delta_threshold / 2 and churn > delta_threshold
    7. NEUTRAL

    Args:
        flows: the columns of `barrier_flows`.
        coverage: float64[m] `barrier_zone_coverage`.
        depth: float64[m] `barrier_depth_current`.
        delta_threshold: contracts.
        vacuum_ratio: ratio.
        wall_ratio: ratio.
        weak_depth: contracts, of a fully visible zone.
        min_coverage: below it the state is null.

    Returns:
        object[m] of names in BARRIER_STATES, None where coverage is null or < `min_coverage` or no
        pair of the window shows a zone price in both states.
    """
    added, canceled = flows["barrier_added"], flows["barrier_canceled"]
    filled, delta = flows["barrier_filled"], flows["barrier_delta_liq"]
    ratio = flows["barrier_replenishment_ratio"]
    ratio = np.where(np.isnan(ratio) & (added > 0), np.inf, ratio)
    observed = (coverage >= min_coverage) & ~np.isnan(added)
    full_depth = depth / np.where(coverage > 0, coverage, np.nan)
    rules: list[tuple[str, Bool]] = [
        ("VACUUM", (ratio < vacuum_ratio) & (delta < -delta_threshold)),
        ("WALL", (ratio > wall_ratio) & (delta > delta_threshold)),
        ("CONSUMED", (delta < -delta_threshold) & (filled > canceled)),
        ("ABSORPTION", (delta > 0) & (ratio > 1.0)),
        ("WEAK", full_depth < weak_depth),
        (
            "ABSORPTION",
            (np.abs(delta) < delta_threshold / 2) & (added + canceled + filled > delta_threshold),
        ),
    ]
    state = np.full(len(added), "NEUTRAL", object)
    for name, holds in reversed(rules):
        state[holds] = name
    state[~observed] = None
    return state
