"""Averages of closes: golden EMA of 01 2.1, exact SMA, prefix law."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.features.averages import ema, sma
from tests.features.test_true_range import CLOSES

TICK = 0.25
TICKS = np.asarray([int(c / TICK) for c in CLOSES], dtype=np.int32)


def test_ema__golden() -> None:
    """EMA_20 starts at the first close and reproduces the golden values."""
    found = ema(TICKS, tick=TICK)
    np.testing.assert_allclose(
        found[:5], [6000, 6000.095238, 6000.133787, 6000.311521, 6000.567567], atol=5e-7
    )
    assert found[-1] == pytest.approx(6002.894750, abs=5e-7)


def test_ema__recursion() -> None:
    """Each value is (2/21) c + (19/21) of the one before, in sequence."""
    found = ema(TICKS, tick=TICK)
    for j in range(1, len(found)):
        assert found[j] == (2 / 21) * (TICKS[j] * TICK) + (19 / 21) * found[j - 1]


def test_sma__exact() -> None:
    """Null before 90 closes; then the correctly rounded mean of the exact sum."""
    rng = np.random.default_rng(8)
    ticks = (24_000 + np.cumsum(rng.integers(-5, 6, 400))).astype(np.int32)
    found = sma(ticks, tick=TICK)
    assert np.isnan(found[:89]).all()
    for j in range(89, 400):
        exact = Fraction(sum(ticks[j - 89 : j + 1].tolist()), 90) * Fraction(1, 4)
        assert found[j] == float(exact)


@pytest.mark.parametrize("function", [sma, ema])
def test_averages__prefix(function: object) -> None:
    """A prefix of the closes gives a prefix of the values, bit for bit."""
    rng = np.random.default_rng(9)
    ticks = (24_000 + np.cumsum(rng.integers(-5, 6, 300))).astype(np.int32)
    full = function(ticks, tick=TICK)  # type: ignore[operator]
    part = function(ticks[:150], tick=TICK)  # type: ignore[operator]
    assert np.array_equal(part, full[:150], equal_nan=True)


def test_averages__empty_and_bad_span() -> None:
    """No closes give no values; a span below one is refused."""
    assert len(ema(TICKS[:0], tick=TICK)) == len(sma(TICKS[:0], tick=TICK)) == 0
    with pytest.raises(DataError, match="span must be at least 1"):
        ema(TICKS, tick=TICK, span=0)
