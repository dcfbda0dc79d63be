"""The orthonormal DCT-II."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.features.dct import dct_ii

WINDOWS = hnp.arrays(np.float64, (3, 40), elements=st.floats(-1e3, 1e3, width=32))


def slow_dct(samples: list[float], k: int) -> float:
    """03 2.4 F, term by term."""
    scale = math.sqrt((1 if k == 0 else 2) / 40)
    terms = (x * math.cos(math.pi * (2 * n + 1) * k / 80) for n, x in enumerate(samples))
    return scale * math.fsum(terms)


def test_dct__ramp() -> None:
    """The golden vector of 03 7.8: a ramp 0 ... 39."""
    found = dct_ii(np.arange(40.0)[None], coefficients=8)[0]
    expected = [123.3288, -72.4809, 0.0, -8.0368, 0.0, -2.8811, 0.0, -1.4604]
    assert found == pytest.approx(expected, abs=5e-5)


def test_dct__constant_series_has_one_coefficient() -> None:
    """A constant c gives c sqrt(40) and zeros."""
    found = dct_ii(np.full((1, 40), 2.5), coefficients=8)[0]
    assert found == pytest.approx([2.5 * math.sqrt(40)] + [0.0] * 7, abs=1e-12)


@given(WINDOWS)
def test_dct__matches_the_definition(windows: np.ndarray) -> None:
    """Every coefficient is the scaled sum of the definition."""
    found = dct_ii(windows, coefficients=8)
    expected = [[slow_dct(row, k) for k in range(8)] for row in windows.tolist()]
    assert found == pytest.approx(np.array(expected), abs=1e-8)


@given(WINDOWS)
def test_dct__keeps_the_norm(windows: np.ndarray) -> None:
    """With all 40 coefficients the transform is a rotation."""
    found = dct_ii(windows, coefficients=40)
    assert (found**2).sum(axis=1) == pytest.approx((windows**2).sum(axis=1), rel=1e-9, abs=1e-9)


@given(WINDOWS)
def test_dct__bits_do_not_depend_on_other_rows(windows: np.ndarray) -> None:
    """A window alone gives the same bits as among others."""
    together = dct_ii(windows, coefficients=8)
    for row in range(3):
        assert dct_ii(windows[row : row + 1], coefficients=8).tobytes() == together[row].tobytes()


def test_dct__unknown_sample_makes_its_row_unknown() -> None:
    """A NaN spoils its own window and no other."""
    windows = np.ones((2, 40))
    windows[0, 17] = np.nan
    found = dct_ii(windows, coefficients=8)
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1]).all()


@pytest.mark.parametrize("coefficients", [0, 41])
def test_dct__refuses_impossible_counts(coefficients: int) -> None:
    """There are as many coefficients as samples."""
    with pytest.raises(DataError, match="allowed 1 to 40"):
        dct_ii(np.zeros((1, 40)), coefficients=coefficients)
