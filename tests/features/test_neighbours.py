"""Exact similarity, order of ties, and the choice of neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spymaster_lake.features.neighbours import exact_similarity, select_neighbours, tie_ranks


def choose(rows: list[tuple[float, int, int]], **limits) -> list[int]:
    """Positions chosen among (similarity, day, episode), ties by position."""
    similarity, day, episode = (np.array(c) for c in zip(*rows))
    chosen = select_neighbours(
        similarity.astype(float), tie_rank=np.arange(len(rows)), day=day.astype(np.int32),
        episode=episode, **limits,
    )  # fmt: skip
    return chosen.tolist()


def test_select_neighbours__two_per_date_one_per_episode():
    """The third row of a date and the second of an episode give way to worse rows."""
    rows = [
        (0.9, 1, 10),
        (0.8, 1, 10),  # same episode as the best
        (0.7, 1, 11),
        (0.6, 1, 12),  # third of its date
        (0.5, 2, 13),
        (0.0, 3, 14),  # not similar
        (-0.4, 4, 15),
    ]
    assert choose(rows) == [0, 2, 4]
    assert choose(rows, max_per_date=3) == [0, 2, 3, 4]
    assert choose(rows, max_per_episode=2) == [0, 1, 4]
    assert choose(rows, limit=2) == [0, 2]


def test_select_neighbours__no_candidates():
    """Nothing in, nothing out."""
    empty = np.empty(0)
    found = select_neighbours(
        empty,
        tie_rank=np.empty(0, np.int64),
        day=np.empty(0, np.int32),
        episode=np.empty(0, np.int64),
    )
    assert found.tolist() == []


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([-0.5, 0.0, 0.2, 0.5, 0.7]), st.integers(0, 4), st.integers(0, 9)),
        min_size=1, max_size=40,
    ),
    st.integers(1, 8),
)  # fmt: skip
def test_select_neighbours__equals_the_slow_oracle(rows, limit):
    """Walk the rows from the most similar on and take each one that breaks no limit."""
    taken: list[int] = []
    for i in sorted(range(len(rows)), key=lambda i: (-rows[i][0], i)):
        similarity, day, episode = rows[i]
        same_day = [j for j in taken if rows[j][1] == day]
        same_episode = [j for j in taken if rows[j][2] == episode]
        if similarity > 0 and len(same_day) < 2 and not same_episode and len(taken) < limit:
            taken.append(i)
    assert choose(rows, limit=limit) == taken


def test_tie_ranks__newer_anchor_then_event_id():
    """Rows are sorted by (anchor, event_id): the newest anchor first, equal anchors in row order."""
    assert tie_ranks(np.array([5, 7, 7, 9])).tolist() == [3, 1, 2, 0]


def test_exact_similarity__row_by_row_and_clipped():
    """A row's value does not depend on its neighbours, equals the float64 sum, and is at most 1."""
    rng = np.random.default_rng(2)
    rows = rng.standard_normal((50, 32))
    rows = (rows / np.linalg.norm(rows, axis=1)[:, None]).astype(np.float32)
    together = exact_similarity(rows[0], rows)
    alone = np.concatenate([exact_similarity(rows[0], rows[i : i + 1]) for i in range(50)])
    assert together.tobytes() == alone.tobytes()
    by_hand = [min(sum(float(a) * float(b) for a, b in zip(rows[0], row)), 1.0) for row in rows]
    assert together == pytest.approx(by_hand, abs=1e-12)
    assert together[0] == pytest.approx(1.0, abs=1e-6)
    long = np.full((1, 4), 0.6, np.float32)
    assert exact_similarity(long[0], long).tolist() == [1.0]
