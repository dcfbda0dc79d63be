"""Resampling of whole sessions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.evaluation.intervals import (
    session_interval,
    session_resamples,
    skill_interval,
    sums_interval,
)


def test_resamples__draw_whole_sessions():
    """Every resample holds as many sessions as there are; rows know theirs."""
    copies, place = session_resamples(np.array([30, 10, 10, 20]), seed=1, resamples=50)
    assert copies.shape == (50, 3)
    assert (copies.sum(axis=1) == 3).all()
    assert place.tolist() == [2, 0, 0, 1]


def test_resamples__same_seed_same_draws():
    """Seeded: equal twice, different for another seed."""
    day = np.arange(9)
    first, again, other = (session_resamples(day, seed=s, resamples=20)[0] for s in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_interval__slow_oracle():
    """Repeating the rows of the drawn sessions gives the same percentiles."""
    rng = np.random.default_rng(5)
    day, values = rng.integers(0, 8, 60), rng.normal(size=60)
    copies, place = session_resamples(day, seed=3, resamples=200)
    means = []
    for row in copies:
        drawn = [values[i] for i in range(60) for _ in range(row[place[i]])]
        means.append(sum(drawn) / len(drawn))
    expected = np.percentile(means, [2.5, 97.5])
    assert session_interval(values, day, seed=3, resamples=200) == pytest.approx(tuple(expected))


def test_interval__rows_of_one_session_are_not_independent():
    """Ten equal rows a session say no more than one: the interval does not shrink."""
    one = np.random.default_rng(0).normal(size=40)
    day = np.arange(40)
    assert session_interval(np.repeat(one, 10), np.repeat(day, 10), seed=1) == pytest.approx(
        session_interval(one, day, seed=1)
    )


def test_interval__covers_as_often_as_it_says():
    """About 95 of 100 intervals of a mean of 0 hold 0."""
    rng = np.random.default_rng(11)
    day, held = np.repeat(np.arange(40), 5), 0
    for i in range(200):
        values = rng.normal(size=40)[day] + rng.normal(size=200)
        low, high = session_interval(values, day, seed=i, resamples=300)
        held += low <= 0 <= high
    assert 178 <= held <= 198


@pytest.mark.parametrize("sessions", [0, 1, 4])
def test_few_sessions__no_interval(sessions):
    """Fewer than five sessions: unknown, not zero width."""
    found = session_interval(np.ones(sessions), np.arange(sessions), seed=1)
    assert all(math.isnan(end) for end in found)


def test_skill__is_the_ratio_of_sums():
    """Half the loss in every session is a skill of exactly one half."""
    reference = np.arange(1.0, 11.0)
    assert skill_interval(reference / 2, reference, np.arange(10), seed=1) == (0.5, 0.5)


def test_undefined_draws__are_left_out():
    """A resample in which the statistic does not exist does not poison the percentiles."""
    parts = np.array([[1.0, 1.0], *[[0.0, 0.0]] * 5])
    low, high = sums_interval(
        parts, np.arange(6), lambda s: np.where(s[:, 1] > 0, 2.0, np.nan), seed=1
    )
    assert (low, high) == (2.0, 2.0)


@pytest.mark.parametrize(
    ("values", "level"), [([math.nan] * 6, 0.95), ([1.0] * 5, 0.95), ([1.0] * 6, 1.0)]
)
def test_bad_input__refused(values, level):
    """Unknown values, other lengths and impossible levels are errors."""
    with pytest.raises(DataError):
        session_interval(np.array(values), np.arange(6), seed=1, level=level)


@given(
    st.lists(st.tuples(st.integers(0, 9), st.floats(-5, 5)), min_size=6, max_size=40),
    st.floats(-3, 3),
)
def test_interval__moves_with_the_values(rows, shift):
    """Adding a constant moves both ends by it; low <= high."""
    day, values = (np.array(column) for column in zip(*rows, strict=True))
    low, high = session_interval(values, day, seed=4, resamples=40)
    if math.isnan(low):
        assert len(np.unique(day)) < 5
        return
    moved = session_interval(values + shift, day, seed=4, resamples=40)
    assert low <= high
    assert moved == pytest.approx((low + shift, high + shift), abs=1e-9)
