"""OFI windows of event and state rows from per-second cells (02 N-11, 08 A19)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spymaster_lake.features.arrays import (
    BAND_TOLERANCE,
    F64,
    I64,
    NO_TIME,
    NS,
    BookSeconds,
    Bool,
    OfiCells,
    Queries,
    points,
)
from spymaster_lake.features.grid import grid_rows
from spymaster_lake.features.grouping import prefix_sums


def ofi_windows(
    cells: OfiCells,
    seconds: BookSeconds,
    queries: Queries,
    *,
    tick: float,
    windows_s: Sequence[int] = (30, 60, 120, 300),
    near_band: float,
    max_gap_s: int = 60,
) -> dict[str, F64]:
    """OFI over [t - W, t): contracts, market frame (+ = net buying).

    Args:
        cells: OFI cells of the session.
        seconds: per-second states of the same session, which know every gap of the stream.
        queries: m questions; t must be a whole second of the grid.
        tick: points per tick.
        windows_s: lengths W in ascending order; 30 and 120 give `ofi_acceleration`.
        near_band: updates count as near if abs(mid - level) <= near_band + 1e-9 points.
        max_gap_s: longest allowed interval between updates that overlaps the window.

    Returns:
        float64[m] by column: `ofi_{W}s` (0 if the window holds no update), `ofi_near_level_{W}s`
        (null if no update is near, or no level), `ofi_acceleration` = ofi_30s/30 - ofi_120s/120 in
        contracts/s. All are null where the stream has a longer gap or the window begins before the
        grid.

    Raises:
        DataError: a query lies off the grid.
    """
    near = _near_sums(cells, queries, windows_s=windows_s, near_band=near_band, tick=tick)
    prefix = prefix_sums(cells.ofi)
    stop = np.searchsorted(cells.second_ns, queries.t_ns, side="right")
    out: dict[str, F64] = {}
    for window_s, near_sum in zip(windows_s, near, strict=True):
        left_ns = queries.t_ns - window_s * NS
        start = np.searchsorted(cells.second_ns, left_ns, side="right")
        gapless = ~has_gap(seconds, queries.t_ns, window_s=window_s, max_gap_s=max_gap_s)
        out[f"ofi_{window_s}s"] = np.where(gapless, prefix[stop] - prefix[start], np.nan)
        out[f"ofi_near_level_{window_s}s"] = np.where(gapless, near_sum, np.nan)
    if 30 in windows_s and 120 in windows_s:
        out["ofi_acceleration"] = out["ofi_30s"] / 30 - out["ofi_120s"] / 120
    return out


def has_gap(seconds: BookSeconds, t_ns: I64, *, window_s: int, max_gap_s: int) -> Bool:
    """Whether the update stream is too thin over [t - W, t) (08 A19); bool[m].

    True if an interval between consecutive updates that overlaps the window is longer than
    `max_gap_s`. Without an update before the window the first interval starts at its left edge; t
    ends the last one. An interval that ends exactly at the left edge does not overlap. Also True
    where the window begins before the grid's first second, of which nothing is known.
    """
    stop = grid_rows(seconds, t_ns)
    start = stop - window_s
    busy = np.flatnonzero(seconds.n_updates > 0)
    first_ns, last_ns = seconds.first_ts_ns[busy], seconds.last_ts_ns[busy]
    limit_ns = max_gap_s * NS
    too_long = np.zeros(len(busy), np.int64)
    too_long[1:] = (first_ns[1:] - last_ns[:-1]) > limit_ns
    prefix = prefix_sums(too_long)
    begin = np.searchsorted(busy, start, side="right")
    end = np.searchsorted(busy, stop, side="right")
    inside = end > begin
    left_ns = t_ns - window_s * NS
    before_ns = seconds.state_ts_ns[np.maximum(start, 0)]
    before_ns = np.where(before_ns == NO_TIME, left_ns, before_ns)
    if len(busy) == 0:
        first_update_ns = last_update_ns = t_ns
    else:
        at_first, at_last = np.minimum(begin, len(busy) - 1), np.maximum(end - 1, 0)
        first_update_ns = np.where(inside, first_ns[at_first], t_ns)
        last_update_ns = np.where(inside, last_ns[at_last], t_ns)
    opening = (first_update_ns > left_ns) & (first_update_ns - before_ns > limit_ns)
    closing = t_ns - last_update_ns > limit_ns
    within = inside & (prefix[end] - prefix[np.minimum(begin + 1, end)] > 0)
    return np.asarray(opening | closing | within | (start < 0))


def _near_sums(
    cells: OfiCells,
    queries: Queries,
    *,
    windows_s: Sequence[int],
    near_band: float,
    tick: float,
) -> F64:
    """Sum of e over updates near the level, float64[windows, m]; NaN without such an update."""
    out = np.full((len(windows_s), len(queries)), np.nan)
    mid = points(cells.mid_half_ticks, tick=tick / 2)
    left_ns = queries.t_ns - NS * np.asarray(windows_s, np.int64)[:, None]
    start = np.searchsorted(cells.second_ns, left_ns, side="right")
    stop = np.searchsorted(cells.second_ns, queries.t_ns, side="right")
    for row in range(len(queries)):
        oldest = int(start[:, row].min())
        span = slice(oldest, stop[row])
        near = np.flatnonzero(np.abs(mid[span] - queries.level[row]) <= near_band + BAND_TOLERANCE)
        if len(near) == 0:
            continue
        suffix = np.cumsum(cells.ofi[span][near][::-1])[::-1]
        at = np.searchsorted(near, start[:, row] - oldest, side="left")
        seen = at < len(near)
        out[seen, row] = suffix[at[seen]]
    return out
