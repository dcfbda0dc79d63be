"""What happened at a level before: touches, attempts, and change since the first attempt.

Touches and recency go by level kind, either direction; attempts by kind and direction. "Next" and
"previous" follow the anchors within one session (02 N-15c, N-15d, 08 A26). The state table carries
the values of the newest event of its kind forward (08 B20).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.features.arrays import BAND_TOLERANCE, F64, I8, I32, I64, NS, Trades
from spymaster_lake.features.columns import Columns
from spymaster_lake.features.tape import ticks_within

LEAD_NS = 60 * NS
"""Touches of an event count from this long before its anchor: its entry bar."""

TREND_SOURCES: dict[str, str] = {
    "barrier_replenishment_trend": "barrier_replenishment_ratio",
    "barrier_delta_liq_trend": "barrier_delta_liq",
    "tape_velocity_trend": "tape_velocity",
    "tape_imbalance_trend": "tape_imbalance",
}
"""Trend column to the column it compares with the first attempt of the cluster."""

_CARRIED_COUNTS = ("prior_touches", "attempt_index")


@dataclass(frozen=True, slots=True)
class LevelEvents:
    """The events of one session, in any order.

    Attributes:
        kind_code: int[e], level kind.
        sigma: int8[e], +1 UP, -1 DOWN.
        anchor_ns: int64[e], distinct within a kind.
        level: float64[e] points, each event's own L.
    """

    kind_code: NDArray[np.integer]
    sigma: I8
    anchor_ns: I64
    level: F64

    def __len__(self) -> int:
        return len(self.anchor_ns)


@dataclass(frozen=True, slots=True)
class Attempts:
    """Attempts at a level, clustered in time and price.

    Attributes:
        index: int64[e], 1 for the first event of a cluster.
        cluster_id: int64[e], from 1 per (kind, direction).
        first_row: int64[e], the row of the first event of the cluster.
    """

    index: I64
    cluster_id: I64
    first_row: I64

    def columns(self) -> Columns:
        """`attempt_index` and `attempt_cluster_id`, int64[e], never null."""
        return {"attempt_index": self.index, "attempt_cluster_id": self.cluster_id}


def touch_history(
    events: LevelEvents, trades: Trades, *, tick_size: float, touch_band: float
) -> Columns:
    """Earlier events of the same kind that touched their level, and time since the last event.

    An event with anchor a and level L touched if a print with abs(p - L) <= touch_band + 1e-9 lies
    in [a - 60 s, min(next event's anchor - 60 s, t)), t being the anchor of the row that asks.

    Args:
        events: e events of one session.
        trades: prints of that session in total order.
        tick_size: points per tick.
        touch_band: points.

    Returns:
        `prior_touches`: int32[e], never null. `time_since_prev_event_s`: float64[e] seconds since
        the previous event of the kind, either direction, uncapped; NaN for the first (08 B20).

    Raises:
        DataError: two events of a kind share an anchor.
    """
    first, last = ticks_within(events.level, np.full(len(events), touch_band), tick_size=tick_size)
    prior: I32 = np.zeros(len(events), np.int32)
    since = np.full(len(events), np.nan)
    for rows in _groups(events, (events.kind_code,)):
        anchors = events.anchor_ns[rows]
        edges = np.searchsorted(trades.ts_ns, anchors - LEAD_NS, side="left")
        touched = [
            _traded_within(trades, edges[i : i + 2], first[row], last[row])
            for i, row in enumerate(rows[:-1])
        ]
        prior[rows[1:]] = np.cumsum(touched, dtype=np.int32)
        since[rows[1:]] = np.diff(anchors) / NS
    return {"prior_touches": prior, "time_since_prev_event_s": since}


def attempt_clusters(events: LevelEvents, *, max_gap_s: int, max_move: float) -> Attempts:
    """Runs of events of one kind and direction that stay close in time and price (02 N-15c).

    A cluster starts at the first event, after more than `max_gap_s` between consecutive anchors,
    or where the level moved by more than `max_move` + 1e-9 since the previous event (08 A26).

    Args:
        events: e events of one session.
        max_gap_s: seconds.
        max_move: points.

    Returns:
        Attempts of e rows.

    Raises:
        DataError: two events of a kind share an anchor.
    """
    e = len(events)
    index, cluster, first_row = (np.zeros(e, np.int64) for _ in range(3))
    for rows in _groups(events, (events.sigma, events.kind_code)):
        gap = np.diff(events.anchor_ns[rows]) > max_gap_s * NS
        moved = np.abs(np.diff(events.level[rows])) > max_move + BAND_TOLERANCE
        starts = np.concatenate(([True], gap | moved))
        begin = np.maximum.accumulate(np.where(starts, np.arange(len(rows)), 0))
        index[rows] = np.arange(len(rows)) - begin + 1
        cluster[rows] = np.cumsum(starts)
        first_row[rows] = rows[begin]
    return Attempts(index=index, cluster_id=cluster, first_row=first_row)


def attempt_trends(attempts: Attempts, features: dict[str, F64]) -> Columns:
    """Change of four features since the first attempt of the cluster (02 N-15d).

    Args:
        attempts: attempts of e events.
        features: the columns named in TREND_SOURCES, float64[e], of the same rows.

    Returns:
        The four `*_trend` columns, float64[e], in the frame and unit of their source; NaN at the
        first attempt or where either value is unknown.
    """
    later = attempts.index > 1
    out: Columns = {}
    for trend, source in TREND_SOURCES.items():
        values = features[source]
        out[trend] = np.where(later, values - values[attempts.first_row], np.nan)
    return out


def newest_event(events: LevelEvents, *, t_ns: I64, kind_code: NDArray[np.integer]) -> I64:
    """Row of the newest event of the kind, either direction, with anchor <= t (08 B20).

    Args:
        events: e events of one session.
        t_ns: int64[m], instants of the state rows.
        kind_code: int[m], their level kinds.

    Returns:
        int64[m], -1 before the first event of the kind.

    Raises:
        DataError: two events of a kind share an anchor.
    """
    newest = np.full(len(t_ns), -1, np.int64)
    for rows in _groups(events, (events.kind_code,)):
        asked = np.flatnonzero(kind_code == events.kind_code[rows[0]])
        at = np.searchsorted(events.anchor_ns[rows], t_ns[asked], side="right") - 1
        newest[asked] = np.where(at >= 0, rows[np.maximum(at, 0)], -1)
    return newest


def carried_touch_columns(
    newest: I64, *, t_ns: I64, anchor_ns: I64, event_columns: dict[str, NDArray[Any]]
) -> Columns:
    """Touch columns of state rows, carried forward from the newest event (08 B20).

    Args:
        newest: int64[m], row of the newest event, -1 if there is none.
        t_ns: int64[m], instants of the state rows.
        anchor_ns: int64[e], anchors of the events.
        event_columns: `prior_touches`, `attempt_index` and the four `*_trend` columns, [e].

    Returns:
        `prior_touches` int32[m] and `attempt_index` int64[m], 0 before the first event; the four
        trends and `time_since_last_touch_sec` = t - newest anchor (s, uncapped) float64[m], NaN
        before the first event.
    """
    found = np.flatnonzero(newest >= 0)
    source = newest[found]
    out: Columns = {}
    for name in _CARRIED_COUNTS:
        counts = np.zeros(len(newest), event_columns[name].dtype)
        counts[found] = event_columns[name][source]
        out[name] = counts
    for name in TREND_SOURCES:
        trend = np.full(len(newest), np.nan)
        trend[found] = event_columns[name][source]
        out[name] = trend
    since = np.full(len(newest), np.nan)
    since[found] = (t_ns[found] - anchor_ns[source]) / NS
    out["time_since_last_touch_sec"] = since
    return out


def _groups(events: LevelEvents, keys: tuple[NDArray[Any], ...]) -> list[I64]:
    """Rows of each combination of `keys`, by anchor; refuses equal anchors within a kind."""
    by_kind = np.lexsort((events.anchor_ns, events.kind_code))
    kinds, anchors = events.kind_code[by_kind], events.anchor_ns[by_kind]
    equal = np.flatnonzero((np.diff(kinds) == 0) & (np.diff(anchors) == 0))
    if len(equal):
        row = equal[0]
        raise DataError(
            f"events: {len(equal)} pairs share kind and anchor, allowed 0; "
            f"first: kind {kinds[row]}, anchor {anchors[row]}"
        )
    order = np.lexsort((events.anchor_ns, *keys))
    changes = [np.diff(key[order]) != 0 for key in keys]
    cuts = np.flatnonzero(np.logical_or.reduce(changes)) + 1
    return [rows for rows in np.split(order, cuts) if len(rows)]


def _traded_within(trades: Trades, edges: I64, first: np.int64, last: np.int64) -> bool:
    """Whether a print of rows edges[0]..edges[1] lies at ticks first..last."""
    ticks = trades.ticks[edges[0] : edges[1]]
    return bool(((ticks >= first) & (ticks <= last)).any())
