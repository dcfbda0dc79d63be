"""Neighbours of one unit vector in one partition, all of them on older dates (03 4.2, 08 B16, B17).

FAISS proposes candidates for an inverted file; of a flat partition every eligible row is one. The
exact similarity decides. It is computed for the best few candidates by a float32 product, and for
all of them unless those few provably hold the neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.index_blocks import RetrievalRules
from spymaster_lake.features.neighbours import exact_similarity, select_neighbours
from spymaster_lake.features.vector_index import candidate_count, candidates, padded
from spymaster_lake.serving.search_index import SearchPartition

_TRIED_FIRST = 128
"""Candidates whose exact similarity is tried first; some 50 are wanted, a few per date fall out."""


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
    # a NumPy integer: a plain one would have the whole column converted to int64
    eligible = int(np.searchsorted(partition.day, np.int32(day), side="left"))
    proposed = _proposed(partition, unit, eligible, rules)
    found = _chosen(partition, unit, proposed, allowed, rules)
    if len(found.rows) < rules.neighbours and len(proposed) < eligible:
        found = _chosen(partition, unit, range(eligible), allowed, rules)
    return found


Candidates = NDArray[np.int64] | range
"""Rows of a partition; a range is a prefix, which needs no copy of its vectors."""


def _proposed(
    partition: SearchPartition, unit: NDArray[np.float32], eligible: int, rules: RetrievalRules
) -> Candidates:
    loaded = partition.loaded
    if loaded.plan.index_type == "FLAT_IP":
        return range(eligible)
    query = padded(unit[None, :], loaded.plan.padded_dim)[0]
    k = candidate_count(loaded.plan, loaded.record.n, default=rules.candidates)
    return candidates(loaded.index, query, k=k, n_eligible=eligible)


def _chosen(
    partition: SearchPartition,
    unit: NDArray[np.float32],
    among: Candidates,
    allowed: NDArray[np.bool_] | None,
    rules: RetrievalRules,
) -> Found:
    prefix = isinstance(among, range)
    vectors = partition.loaded.vectors
    rough = (vectors[: len(among)] if prefix else vectors[among]) @ unit
    rows = np.arange(len(among)) if prefix else np.asarray(among)
    if allowed is not None:
        kept = allowed[rows]
        rows, rough = rows[kept], rough[kept]
    first = len(rows) - _TRIED_FIRST
    if first > 0:
        order = np.argpartition(rough, first)
        found = _exact(partition, unit, rows[order[first:]], rules)
        # no row that was not tried can be more similar than this
        bound = float(rough[order[first]]) + rounding_bound(len(unit))
        if len(found.rows) == rules.neighbours and found.similarity[-1] > bound:
            return found
    return _exact(partition, unit, rows, rules)


def rounding_bound(dim: int) -> float:
    """Largest error of a float32 inner product of two unit vectors of `dim` entries, twofold.

    Whatever the order of its sums, the error is at most dim u / (1 - dim u) with u = 2^-24.
    """
    return 2.0 * dim * 2.0**-24


def _exact(
    partition: SearchPartition,
    unit: NDArray[np.float32],
    among: NDArray[np.int64],
    rules: RetrievalRules,
) -> Found:
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
