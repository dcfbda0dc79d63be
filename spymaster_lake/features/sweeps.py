"""Sweeps: one aggressor taking several prices within a burst, near the level (02 N-7f, 08 A27).

Prints of the zone in [t - 60 s, t) form clusters that end where the next one comes more than
100 ms later. A cluster is a candidate if all its prints have the same known side and they span at
least two distinct ticks; it is a sweep if its size also reaches the calibrated threshold q. The
candidates are kept apart from the threshold, because q comes from candidates of earlier sessions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spymaster_lake.features.arrays import F64, I8, I32, I64, NS, Bool, Queries, Trades
from spymaster_lake.features.columns import Columns, nullable
from spymaster_lake.features.tape import WINDOW_NS, ticks_within

MAX_GAP_NS = NS // 10
MIN_TICKS = 2


@dataclass(frozen=True, slots=True)
class SweepClusters:
    """Candidate clusters, sorted by (query, start_ns); market frame.

    Attributes:
        query: int64[c], the row of the query whose window holds the cluster.
        start_ns: int64[c], time of its first print.
        size: int64[c], contracts.
        side: int8[c], +1 buys, -1 sells.
        n_ticks: int32[c], distinct prices, at least 2.
    """

    query: I64
    start_ns: I64
    size: I64
    side: I8
    n_ticks: I32

    def __len__(self) -> int:
        return len(self.query)


def sweep_clusters(
    trades: Trades, queries: Queries, *, zone_half_width: F64, tick_size: float
) -> SweepClusters:
    """Candidate clusters in the window of every query.

    Args:
        trades: prints of one session in total order.
        queries: m instants and levels; sigma is not used.
        zone_half_width: float64[m] points.
        tick_size: points per tick.

    Returns:
        The candidates; a query without any, or with an inactive level, has no row.
    """
    first, last = ticks_within(queries.level, zone_half_width, tick_size=tick_size)
    starts = np.searchsorted(trades.ts_ns, queries.t_ns - WINDOW_NS, side="left")
    stops = np.searchsorted(trades.ts_ns, queries.t_ns, side="left")
    found: list[tuple[int, int, int, int, int]] = []
    for row in np.flatnonzero((first <= last) & (starts < stops)):
        ticks = trades.ticks[starts[row] : stops[row]]
        inside = np.flatnonzero((ticks >= first[row]) & (ticks <= last[row]))
        if len(inside) >= MIN_TICKS:
            picked = inside + starts[row]
            found.extend((int(row), *cluster) for cluster in _candidates(trades, picked))
    table = np.array(found, np.int64).reshape(-1, 5)
    return SweepClusters(
        query=table[:, 0].copy(),
        start_ns=table[:, 1].copy(),
        size=table[:, 2].copy(),
        side=table[:, 3].astype(np.int8),
        n_ticks=table[:, 4].astype(np.int32),
    )


def apply_sweep_threshold(clusters: SweepClusters, *, q: float | None, active: Bool) -> Columns:
    """Which queries saw a sweep: the largest candidate of size >= q, the earlier on a tie.

    Args:
        clusters: candidates of m queries.
        q: contracts, 99th percentile over the 20 sessions before; None if not yet calibrated.
        active: bool[m], level and zone known.

    Returns:
        `sweep_detected`: object[m] bool; `sweep_side`: object[m] int, +1 buys, -1 sells, 0 no
        sweep; market frame. Both None where q is null or the query is not active.
    """
    m = len(active)
    side = np.zeros(m, np.int8)
    known = active if q is not None else np.zeros(m, np.bool_)
    if q is not None:
        rows = np.flatnonzero(clusters.size >= q)
        # Ascending by merit, so that the last assignment to a query is its best cluster.
        order = rows[np.lexsort((-clusters.start_ns[rows], clusters.size[rows]))]
        side[clusters.query[order]] = clusters.side[order]
    return {"sweep_detected": nullable(side != 0, known), "sweep_side": nullable(side, known)}


def _candidates(trades: Trades, rows: I64) -> list[tuple[int, int, int, int]]:
    """(start_ns, size, side, n_ticks) of the candidates among the in-zone prints `rows`."""
    ts, ticks, side = trades.ts_ns[rows], trades.ticks[rows], trades.side[rows]
    begins = np.concatenate(([0], np.flatnonzero(np.diff(ts) > MAX_GAP_NS) + 1))
    lowest = np.minimum.reduceat(side, begins)
    one_sided = (lowest != 0) & (lowest == np.maximum.reduceat(side, begins))
    spread = np.maximum.reduceat(ticks, begins) > np.minimum.reduceat(ticks, begins)
    picked = np.flatnonzero(one_sided & spread)
    if len(picked) == 0:
        return []
    size = np.add.reduceat(trades.size[rows], begins)
    ends = np.append(begins[1:], len(rows))
    return [
        (
            int(ts[begins[c]]),
            int(size[c]),
            int(lowest[c]),
            len(np.unique(ticks[begins[c] : ends[c]])),
        )
        for c in picked
    ]
