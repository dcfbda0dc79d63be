"""The similarity below which an answer has low support: `min_avg_similarity` (08 B7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.index_blocks import RetrievalRules, SimilarityThreshold
from spymaster_lake.features.neighbours import exact_similarity, select_neighbours, tie_ranks

THRESHOLD_SESSIONS = 20
PERCENTILE = 10.0
MAX_QUERIES = 20_000
"""More queries are thinned evenly; a session has some 25 episodes, so 20 have about 500."""
_DIGITS = 9


@dataclass(frozen=True)
class SearchRows:
    """Indexed episodes sorted by (date, anchor, event_id).

    Attributes:
        units: float32[n, d], unit vectors.
        day: int32[n], session date in days since 1970-01-01.
        anchor_ns: int64[n].
        episode: int64[n], code of the episode_id.
    """

    units: NDArray[np.float32]
    day: NDArray[np.int32]
    anchor_ns: NDArray[np.int64]
    episode: NDArray[np.int64]

    @cached_property
    def ranks(self) -> NDArray[np.int64]:
        """Order among equal similarities."""
        return tie_ranks(self.anchor_ns)

    def take(self, rows: NDArray[Any]) -> SearchRows:
        """Some rows, ascending."""
        return SearchRows(
            self.units[rows], self.day[rows], self.anchor_ns[rows], self.episode[rows]
        )


def average_similarities(
    rows: SearchRows, queries: NDArray[np.int64], rules: RetrievalRules
) -> NDArray[np.float64]:
    """Mean similarity of the neighbours of some rows of a partition, on strictly older dates.

    Args:
        rows: all rows of the partition.
        queries: int64[q], rows that query it.
        rules: limits of the neighbours.

    Returns:
        float64[q], NaN where there is no neighbour.
    """
    found = np.full(len(queries), np.nan)
    for at, query in enumerate(queries.tolist()):
        eligible = int(np.searchsorted(rows.day, rows.day[query], side="left"))
        near = _nearest(rows.units[:eligible], rows.units[query], rules.candidates)
        best = _neighbours(rows, query, near, rules)
        if len(best) < rules.neighbours and len(near) < eligible:
            best = _neighbours(rows, query, np.arange(eligible, dtype=np.int64), rules)
        if len(best):
            found[at] = best.mean()
    return found


def _nearest(units: NDArray[np.float32], query: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    if len(units) <= k:
        return np.arange(len(units), dtype=np.int64)
    rough = np.einsum("ij,j->i", units, query)
    return np.sort(np.argpartition(-rough, k - 1)[:k]).astype(np.int64)


def _neighbours(
    rows: SearchRows, query: int, among: NDArray[np.int64], rules: RetrievalRules
) -> NDArray[np.float64]:
    """Similarities of the neighbours of one query among eligible rows."""
    similarity = exact_similarity(rows.units[query], rows.units[among])
    chosen = select_neighbours(
        similarity,
        tie_rank=rows.ranks[among],
        day=rows.day[among],
        episode=rows.episode[among],
        limit=rules.neighbours,
        max_per_date=rules.max_per_date,
        max_per_episode=rules.max_per_episode,
    )
    return similarity[chosen]


def similarity_threshold(
    rows: SearchRows,
    home: NDArray[np.int64],
    partitions: Mapping[int, NDArray[np.int64]],
    rules: RetrievalRules,
) -> SimilarityThreshold:
    """10th percentile of the average similarity of queries from the newest 20 sessions.

    Args:
        rows: all indexed episodes.
        home: int64[n], the partition that a query of this episode searches: its bucket's, else the
            pooled one, else -1.
        partitions: rows by partition number.
        rules: limits of the neighbours.
    """
    newest = np.unique(rows.day)[-THRESHOLD_SESSIONS:]
    asked = np.flatnonzero(np.isin(rows.day, newest) & (home >= 0))
    if len(asked) > MAX_QUERIES:
        asked = asked[np.arange(MAX_QUERIES, dtype=np.int64) * len(asked) // MAX_QUERIES]
    averages = [np.empty(0)]
    for number in np.unique(home[asked]).tolist():
        at = partitions[number]
        queries = np.searchsorted(at, asked[home[asked] == number]).astype(np.int64)
        averages.append(average_similarities(rows.take(at), queries, rules))
    known = np.concatenate(averages)
    known = known[~np.isnan(known)]
    if len(known):
        value = round(float(np.quantile(known, PERCENTILE / 100)), _DIGITS)
        return SimilarityThreshold(value=value, n_sessions=len(newest), n_queries=len(known))
    reason = (
        "no episode of the newest sessions has a neighbour on an older date"
        if len(asked)
        else "no partition holds an episode of the newest sessions"
    )
    return SimilarityThreshold(value=None, n_sessions=len(newest), n_queries=0, reason=reason)
