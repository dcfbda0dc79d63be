"""Strata, single guesses, purity, drift and bands."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, recall_score

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.evaluation.bands import band_coverage
from spymaster_lake.evaluation.classification import (
    accuracy,
    balanced_accuracy,
    confusion_rows,
    macro_f1,
)
from spymaster_lake.evaluation.drift import drift, drift_windows
from spymaster_lake.evaluation.purity import excess_purity_rows, purity_rows
from spymaster_lake.evaluation.strata import strata


def test_strata__literal():
    """Groups by name, in order; small and unknown ones are left out."""
    found = strata(
        {"kind": ["B", "A", "A", None], "side": np.array(["U", "U", "D", "U"])}, min_rows=2
    )
    assert {name: mask.tolist() for name, mask in found.items()} == {
        "kind=A": [False, True, True, False],
        "side=U": [True, True, False, True],
    }
    assert list(found) == ["kind=A", "side=U"]


def test_strata__thirty_rows_by_default():
    """29 rows are no stratum."""
    assert strata({"x": ["a"] * 29}) == {}
    assert list(strata({"x": ["a"] * 30, "y": [math.nan] * 30})) == ["x=a"]


def test_strata__columns_must_match():
    """Columns of different lengths describe different rows."""
    with pytest.raises(DataError, match="lengths"):
        strata({"a": ["x"], "b": ["x", "y"]})


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40))
def test_guesses__agree_with_scikit_learn(rows):
    """Accuracy, mean recall and macro F1 over the classes that occur."""
    guess, y = (np.array(column) for column in zip(*rows, strict=True))
    sums = confusion_rows(guess, y, 4).sum(axis=0)
    assert accuracy(sums) == pytest.approx(accuracy_score(y, guess))
    recalls = recall_score(y, guess, average=None, labels=np.unique(y), zero_division=0)
    assert balanced_accuracy(sums) == pytest.approx(recalls.mean())
    assert macro_f1(sums) == pytest.approx(f1_score(y, guess, average="macro", zero_division=0))


def test_guesses__no_rows_are_unknown_and_resamples_are_rows():
    """Zero counts give NaN; a leading axis is kept."""
    sums = np.stack([np.zeros(4), [1.0, 1.0, 0.0, 2.0]])
    assert np.isnan(accuracy(sums)[0])
    assert np.isnan(macro_f1(sums)[0])
    assert accuracy(sums)[1] == 0.75
    assert balanced_accuracy(sums)[1] == 0.75


def test_guesses__unknown_class_refused():
    """A class that does not exist is an error."""
    with pytest.raises(DataError):
        confusion_rows(np.array([4]), np.array([0]), 4)


NEIGHBOURS = np.array([[0, 1, 0], [-1, 2, -1], [-1, -1, -1]])


@pytest.mark.parametrize(
    ("k", "expected"),
    [(1, [1.0, math.nan, math.nan]), (2, [0.5, 1.0, math.nan]), (9, [2 / 3, 1.0, math.nan])],
)
def test_purity__literal(k, expected):
    """Share of the k nearest with the same outcome; unknown outcomes are left out."""
    assert purity_rows(NEIGHBOURS, np.array([0, 2, 1]), k) == pytest.approx(expected, nan_ok=True)


def test_purity__expected_share_is_subtracted():
    """Neighbours that match as often as the base rate have no excess."""
    base = np.array([[0.5, 0.25, 0.25]] * 3)
    found = excess_purity_rows(NEIGHBOURS, np.array([0, 2, 1]), base, 2)
    assert found == pytest.approx([0.0, 0.75, math.nan], nan_ok=True)


def test_purity__random_neighbours_have_no_excess():
    """Neighbours drawn from the base rates: mean excess about 0."""
    rng = np.random.default_rng(2)
    pi = np.array([0.6, 0.3, 0.1])
    y, near = rng.choice(3, 4000, p=pi), rng.choice(3, (4000, 10), p=pi)
    assert abs(excess_purity_rows(near, y, np.repeat(pi[None], 4000, 0), 10).mean()) < 0.01


def test_drift__literal_shift():
    """A shift of three deviations is a distance and a shift of three."""
    old = np.tile([-1.0, 1.0], 50)
    found = drift(old[:60] + 3 * old.std(ddof=1), old)
    assert (found.wasserstein, found.mean_shift) == (pytest.approx(3.0), pytest.approx(3.0))
    assert found.drifted
    assert drift(old[:60], old).drifted is False


def test_drift__spread_counts_for_the_distance_only():
    """The mean may stay while the distribution moves."""
    rng = np.random.default_rng(3)
    found = drift(3 * rng.normal(size=500), rng.normal(size=500))
    assert found.mean_shift < 0.5 < found.wasserstein
    assert found.drifted


@pytest.mark.parametrize("old", [np.ones(50), np.r_[np.full(50, np.nan), 1.0]])
def test_drift__unknown(old):
    """Constant or too few values: unknown, not 0."""
    found = drift(np.arange(40.0), old)
    assert (found.wasserstein, found.drifted) == (None, None)


def test_drift__windows():
    """The last five sessions against at most sixty before them."""
    recent, before = drift_windows(np.repeat(np.arange(70, dtype=np.int32), 2))
    assert np.flatnonzero(recent).tolist() == list(range(130, 140))
    assert np.flatnonzero(before)[[0, -1]].tolist() == [10, 129]


def test_bands__true_probabilities_are_covered():
    """Bands around the truth hold what happens; bands beside it do not."""
    rng = np.random.default_rng(8)
    p = rng.uniform(0.2, 0.8, 5000)
    y = rng.uniform(size=5000) < p
    good, bad = band_coverage(p, p - 0.1, p + 0.1, y), band_coverage(p, p + 0.1, p + 0.2, y)
    assert (good.coverage, good.mean_width) == (1.0, pytest.approx(0.2))
    assert bad.coverage == 0.0


def test_bands__absent():
    """Episodes without bands do not count; none at all is unknown."""
    p, nan = np.array([0.5, 0.5]), math.nan
    y = np.array([True, False])
    assert band_coverage(p, np.array([nan, nan]), np.array([nan, nan]), y).coverage is None
    assert band_coverage(p, np.array([nan, 0.0]), np.array([nan, 0.1]), y).n == 1
