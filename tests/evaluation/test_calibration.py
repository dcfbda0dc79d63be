"""Bins, ECE and MCE: closed last bin, merged edges, slow oracle."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.evaluation.calibration import Bin, ece, mce, quantile_bins, uniform_bins


def test_uniform_bins__literal():
    """Half-open bins, the last one closed; an empty bin has neither forecast nor share."""
    p, y = np.array([0.0, 0.49, 0.5, 1.0]), np.array([0, 1, 1, 1])
    assert uniform_bins(p, y, bins=2) == [
        Bin(0.0, 0.5, 2, pytest.approx(0.245), 0.5),
        Bin(0.5, 1.0, 2, 0.75, 1.0),
    ]
    assert uniform_bins(np.array([0.1]), np.array([1]), bins=2)[1] == Bin(0.5, 1.0, 0, None, None)


def test_last_bin__is_closed():
    """A forecast of 1 is counted."""
    bins = uniform_bins(np.array([1.0, 1.0]), np.array([1, 0]))
    assert bins[-1] == Bin(0.9, 1.0, 2, 1.0, 0.5)
    assert ece(bins, 2) == 0.5


@pytest.mark.parametrize("edge", [0.1, 0.2, 0.3, 0.6, 0.7])
def test_edges__belong_to_the_bin_above(edge):
    """Decimal edges are exact: no forecast of 0.3 lands below 0.3."""
    (filled,) = (b for b in uniform_bins(np.array([edge]), np.array([1])) if b.n)
    assert filled.low == edge


def test_quantile_bins__literal():
    """Equal counts where forecasts differ."""
    bins = quantile_bins(np.arange(20) / 20, np.arange(20) >= 10, bins=4)
    assert [b.n for b in bins] == [5, 5, 5, 5]
    assert [b.share for b in bins] == [0.0, 0.0, 1.0, 1.0]


def test_quantile_bins__equal_forecasts_are_one_bin():
    """A constant forecast cannot be split."""
    assert quantile_bins(np.full(5, 0.3), np.array([1, 0, 0, 0, 0])) == [
        Bin(0.3, 0.3, 5, pytest.approx(0.3), 0.2)
    ]


def test_constant_base_rate__has_no_calibration_error():
    """Why a small ECE proves nothing: the base rate itself has none."""
    y = np.array([1, 0, 0, 0])
    assert ece(uniform_bins(np.full(4, 0.25), y), 4) == 0.0


def test_no_rows__unknown():
    """NaN, not 0."""
    none = np.empty(0)
    assert quantile_bins(none, none) == []
    assert math.isnan(ece(uniform_bins(none, none), 0))
    assert math.isnan(mce(uniform_bins(none, none)))


def test_ece__all_rows_must_be_there():
    """Rows that fell out of the bins cannot go unnoticed."""
    with pytest.raises(DataError, match="hold 1 rows"):
        ece(uniform_bins(np.array([0.5]), np.array([1])), 2)


@pytest.mark.parametrize("p", [[math.nan], [1.1], [-0.1], [0.1, 0.2]])
def test_bad_forecasts__refused(p):
    """Unknown, outside [0, 1], or of another length."""
    with pytest.raises(DataError):
        uniform_bins(np.array(p), np.array([1]))


ROWS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60)


@given(ROWS, st.integers(1, 12))
def test_uniform__agrees_with_the_definition(rows, bins):
    """Slow oracle: walk over bins and rows."""
    p, y = (np.array(column) for column in zip(*rows, strict=True))
    gaps, total = [], 0.0
    for i in range(bins):
        low, high = i / bins, (i + 1) / bins
        inside = [(a, b) for a, b in rows if low <= a < high or (i == bins - 1 and a == 1.0)]
        if inside:
            gap = abs(
                sum(a for a, _ in inside) / len(inside) - sum(b for _, b in inside) / len(inside)
            )
            gaps.append(gap)
            total += len(inside) * gap
    found = uniform_bins(p, y, bins)
    assert ece(found, len(rows)) == pytest.approx(total / len(rows))
    assert mce(found) == pytest.approx(max(gaps))


@given(ROWS, st.integers(1, 12))
def test_quantile__holds_every_row_once(rows, bins):
    """No forecast is lost and none is counted twice; ECE never exceeds MCE."""
    p, y = (np.array(column) for column in zip(*rows, strict=True))
    found = quantile_bins(p, y, bins)
    assert sum(b.n for b in found) == len(rows)
    assert len(found) <= bins
    assert ece(found, len(rows)) <= mce(found) + 1e-12
    assert all(b.mean_p is None or b.low - 1e-12 <= b.mean_p <= b.high + 1e-12 for b in found)
