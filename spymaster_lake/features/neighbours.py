"""Which rows of a partition are the neighbours of a query (03 4.2, 08 B16, B17).

Rows of a partition are sorted by (date, anchor, event_id), so the rows before a date are a prefix.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def exact_similarity(query: NDArray[np.float32], rows: NDArray[np.float32]) -> FloatArray:
    """Cosine similarity of stored unit vectors: float64 dot product, clipped to [-1, 1].

    Args:
        query: float32[d].
        rows: float32[n, d], C order.

    Returns:
        float64[n]; a row's value does not depend on the rows beside it.
    """
    products = rows.astype(np.float64) * query.astype(np.float64)
    similarity: FloatArray = np.clip(products.sum(axis=1), -1.0, 1.0)
    return similarity


def tie_ranks(anchor_ns: IntArray) -> IntArray:
    """Order among rows of equal similarity: the newer anchor first, then event_id.

    Args:
        anchor_ns: int64[n] of rows sorted by (date, anchor, event_id).

    Returns:
        int64[n], a permutation of 0 … n - 1; smaller is preferred.
    """
    order = np.lexsort((np.arange(len(anchor_ns)), -anchor_ns))
    ranks = np.empty(len(anchor_ns), dtype=np.int64)
    ranks[order] = np.arange(len(anchor_ns))
    return ranks


def select_neighbours(
    similarity: FloatArray,
    *,
    tie_rank: IntArray,
    day: NDArray[np.int32],
    episode: IntArray,
    limit: int = 50,
    max_per_date: int = 2,
    max_per_episode: int = 1,
) -> IntArray:
    """Positions of the neighbours among eligible candidates, best first.

    Args:
        similarity: float64[c], exact similarity.
        tie_rank: int64[c], see `tie_ranks`.
        day: int32[c], session date.
        episode: int64[c], code of the episode_id; equal codes are one episode.
        limit: neighbours wanted; fewer come back if fewer survive.
        max_per_date: neighbours of one session date.
        max_per_episode: neighbours of one episode.

    Returns:
        int64[k], k <= limit; only similarities > 0.
    """
    order = np.lexsort((tie_rank, -similarity))
    order = order[similarity[order] > 0]
    chosen: list[int] = []
    per_day: dict[int, int] = {}
    per_episode: dict[int, int] = {}
    ranked = zip(order.tolist(), day[order].tolist(), episode[order].tolist(), strict=True)
    for position, date_number, code in ranked:
        if len(chosen) == limit:
            break
        if per_day.get(date_number, 0) >= max_per_date:
            continue
        if per_episode.get(code, 0) >= max_per_episode:
            continue
        per_day[date_number] = per_day.get(date_number, 0) + 1
        per_episode[code] = per_episode.get(code, 0) + 1
        chosen.append(position)
    return np.array(chosen, dtype=np.int64)
