"""Proper scores against literal tables and a slow oracle."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.evaluation.forecasts import (
    binary_brier_rows,
    brier_rows,
    log_loss_rows,
    one_hot,
    skill,
)

P = np.array([[1.0, 0.0, 0.0], [0.5, 0.25, 0.25], [0.0, 1.0, 0.0]])
Y = np.array([0, 1, 2])


def test_brier__literal():
    """A sure hit costs 0, a sure miss 2, and a split what its squares add up to."""
    assert brier_rows(P, Y).tolist() == [0.0, 0.25 + 0.5625 + 0.0625, 2.0]


def test_log_loss__literal_and_clipped():
    """Both ends are clipped, and nothing is rescaled."""
    found = log_loss_rows(P, Y, clip=1e-3)
    assert found == pytest.approx([-math.log(1 - 1e-3), -math.log(0.25), -math.log(1e-3)])


def test_binary_brier__counts_class_one_only():
    """Half of the two-class sum."""
    p1, y1 = np.array([0.2, 0.9]), np.array([True, False])
    assert binary_brier_rows(p1, y1) == pytest.approx([0.64, 0.81])
    both = brier_rows(np.column_stack([1 - p1, p1]), y1.astype(int))
    assert both == pytest.approx(2 * binary_brier_rows(p1, y1))


@pytest.mark.parametrize(
    ("loss", "reference", "expected"), [(0.5, 1.0, 0.5), (1.0, 1.0, 0.0), (2.0, 1.0, -1.0)]
)
def test_skill__literal(loss, reference, expected):
    """1 - loss / reference."""
    assert skill(loss, reference) == expected


def test_skill__nothing_to_gain_is_unknown():
    """A reference that loses nothing gives NaN, not 0."""
    assert math.isnan(skill(0.0, 0.0))


def test_no_rows__no_losses():
    """Empty in, empty out."""
    empty, none = np.empty((0, 3)), np.empty(0, dtype=int)
    assert len(brier_rows(empty, none)) == len(log_loss_rows(empty, none, clip=0.1)) == 0


@pytest.mark.parametrize(
    ("p", "y", "word"),
    [
        ([[0.5, 0.4]], [0], "sums to"),
        ([[math.nan, 1.0]], [0], "NaN"),
        ([[1.5, -0.5]], [0], "outside"),
        ([[0.5, 0.5]], [2], "allowed"),
        ([[0.5, 0.5]], [-1], "allowed"),
        ([[0.5, 0.5]], [0, 1], "shape"),
    ],
)
def test_bad_forecasts__refused(p, y, word):
    """What is no forecast is an error that says why."""
    with pytest.raises(DataError, match=word):
        brier_rows(np.array(p), np.array(y))


def test_clip__must_leave_something():
    """A clip of one half would make every forecast equal."""
    with pytest.raises(DataError, match="clip"):
        log_loss_rows(P, Y, clip=0.5)


def simplex(n):
    return st.lists(st.floats(0.01, 1.0), min_size=n, max_size=n).map(
        lambda v: np.array(v) / np.sum(v)
    )


@given(simplex(4), st.integers(0, 3))
def test_scores__agree_with_the_definition(p, y):
    """Slow oracle: plain sums from the text."""
    found = brier_rows(p[None, :], np.array([y]))[0]
    assert found == pytest.approx(sum((p[c] - (c == y)) ** 2 for c in range(4)))
    assert log_loss_rows(p[None, :], np.array([y]), clip=1e-6)[0] == pytest.approx(-math.log(p[y]))
    assert one_hot(np.array([y]), 4).sum() == 1


@given(simplex(3), simplex(3))
def test_scores__are_proper(truth, other):
    """No forecast has a smaller expected loss than the true probabilities."""
    classes = np.arange(3)
    rows = np.repeat(truth[None, :], 3, axis=0), np.repeat(other[None, :], 3, axis=0)
    for loss in (brier_rows, lambda p, y: log_loss_rows(p, y, clip=1e-9)):
        honest, lie = ((truth * loss(p, classes)).sum() for p in rows)
        assert honest <= lie + 1e-12
