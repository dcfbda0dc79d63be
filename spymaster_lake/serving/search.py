"""Neighbours of one unit vector in one partition, all of them on older dates (03 4.2, 08 B16, B17)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.index_blocks import RetrievalRules
from spymaster_lake.features.neighbours import exact_similarity, select_neighbours
from spymaster_lake.features.vector_index import candidate_count, candidates, padded
from spymaster_lake.serving.search_index import SearchPartition


@dataclass(frozen=True, slots=True)
class Found:
    """Neighbours, best first.

    Attributes:
        rows: int64[k], rows of the partition.
        similarity: float64[k], exact, in (0, 1].
    """

    rows: NDArray[np.int64]
    similarity: NDArray[np.float64]


def find_neighbours(
    partition: SearchPartition,
    unit: NDArray[np.float32],
    *,
    day: int,
    allowed: NDArray[np.bool_] | None,
    rules: RetrievalRules,
) -> Found:
    """The neighbours of a query.

    Eligibility is decided before the search: only the prefix of rows dated before `day` can be
    proposed. If filters and de-duplication leave too few, all eligible rows are proposed.

    Args:
        partition: where to search.
        unit: float32[d], the query's unit vector.
        day: session date of the query in days since 1970-01-01.
        allowed: bool[n], rows that the filters let through; None for all.
        rules: limits of the manifest.
    """
    loaded = partition.loaded
    eligible = int(np.searchsorted(partition.day, day, side="left"))
    query = padded(unit[None, :], loaded.plan.padded_dim)[0]
    k = candidate_count(loaded.plan, loaded.record.n, default=rules.candidates)
    among = candidates(loaded.index, query, k=k, n_eligible=eligible)
    found = _selected(partition, unit, among, allowed, rules)
    if len(found.rows) < rules.neighbours and len(among) < eligible:
        among = candidates(loaded.index, query, k=eligible, n_eligible=eligible, exhaustive=True)
        found = _selected(partition, unit, among, allowed, rules)
    return found


def _selected(
    partition: SearchPartition,
    unit: NDArray[np.float32],
    among: NDArray[np.int64],
    allowed: NDArray[np.bool_] | None,
    rules: RetrievalRules,
) -> Found:
    among = np.sort(among if allowed is None else among[allowed[among]])
    similarity = exact_similarity(unit, partition.loaded.vectors[among])
    chosen = select_neighbours(
        similarity,
        tie_rank=partition.ranks[among],
        day=partition.day[among],
        episode=partition.episode[among],
        limit=rules.neighbours,
        max_per_date=rules.max_per_date,
        max_per_episode=rules.max_per_episode,
    )
    return Found(among[chosen], similarity[chosen])
