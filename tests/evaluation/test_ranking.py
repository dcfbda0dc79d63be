"""AUC against literal tables, all pairs, and resampled copies."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.evaluation.ranking import pr_auc, resampled_roc_auc, roc_auc


@pytest.mark.parametrize(
    ("score", "positive", "roc", "pr"),
    [
        ([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1], 1.0, 1.0),
        ([0.9, 0.8, 0.2, 0.1], [0, 0, 1, 1], 0.0, (1 / 3 + 2 / 4) / 2),
        ([0.5, 0.5, 0.5, 0.5], [0, 1, 0, 1], 0.5, 0.5),
        ([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1], 0.75, 0.5 + 0.5 * 2 / 3),
    ],
)
def test_auc__literal(score, positive, roc, pr):
    """Known tables."""
    s, y = np.array(score), np.array(positive, dtype=bool)
    assert roc_auc(s, y) == pytest.approx(roc)
    assert pr_auc(s, y) == pytest.approx(pr)


@pytest.mark.parametrize("positive", [[], [True, True], [False, False]])
def test_one_class__unknown(positive):
    """Nothing to rank: None, never 0.5."""
    y = np.array(positive, dtype=bool)
    assert roc_auc(np.linspace(0, 1, len(y)), y) is None
    assert pr_auc(np.linspace(0, 1, len(y)), y) is None


@pytest.mark.parametrize("score", [[0.5, math.nan], [0.5]])
def test_bad_scores__refused(score):
    """NaN and other lengths are errors."""
    with pytest.raises(DataError):
        roc_auc(np.array(score), np.array([True, False]))


ROWS = st.lists(
    st.tuples(st.integers(0, 5), st.booleans(), st.integers(0, 3)), min_size=2, max_size=25
)


@given(ROWS)
def test_resampled__equals_repeated_rows_and_all_pairs(rows):
    """A row drawn m times is m rows; slow oracle: every pair, ties counting half."""
    score, positive, copies = (np.array(column) for column in zip(*rows, strict=True))
    found = resampled_roc_auc(score / 5, positive, copies[None, :])[0]
    again = np.repeat(np.arange(len(rows)), copies)
    ups = [score[i] for i in again if positive[i]]
    downs = [score[i] for i in again if not positive[i]]
    if not ups or not downs:
        assert math.isnan(found)
        return
    wins = sum((u > d) + 0.5 * (u == d) for u in ups for d in downs)
    assert found == pytest.approx(wins / (len(ups) * len(downs)))
    assert found == pytest.approx(roc_auc(score[again] / 5, positive[again]))
