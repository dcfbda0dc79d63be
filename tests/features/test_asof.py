"""As-of reads of bar closes and trades."""

from __future__ import annotations

import numpy as np
import pytest

from spymaster_lake.features.arrays import NS
from spymaster_lake.features.asof import last_close, last_trade_index, spot_at
from tests.features.kernel_market import BUY, T0, TICK, closes, prints

#                 end, close trade, price
BARS = closes([(10, 9.5, 5990.0), (20, 11.0, 5991.0), (100, 99.0, 5992.5)], width_s=10)


@pytest.mark.parametrize(
    ("at_s", "expected"),
    [
        pytest.param(9.999, None, id="first bar not ended"),
        pytest.param(10, 5990.0, id="bar is known at its end"),
        pytest.param(19.999, 5990.0, id="bar being formed is invisible"),
        pytest.param(71, 5991.0, id="age of exactly 60 s is allowed"),
        pytest.param(71.001, None, id="older than 60 s since the closing trade"),
        pytest.param(100, 5992.5, id="fresh again"),
    ],
)
def test_last_close__visibility_and_age(at_s: float, expected: float | None) -> None:
    """A close is visible from the bar's end and for 60 s after its closing trade."""
    found = last_close(BARS, np.array([T0 + round(at_s * NS)], np.int64))
    assert found.known.tolist() == [expected is not None]
    assert found.ticks.tolist() == [0 if expected is None else expected / TICK]


def test_last_close__any_shape() -> None:
    """A grid of instants gives a grid of closes."""
    at = T0 + np.array([[10, 20, 5], [100, 101, 90]], np.int64) * NS
    found = last_close(BARS, at)
    assert found.known.tolist() == [[True, True, False], [True, True, False]]
    assert (found.ticks * TICK).tolist() == [[5990.0, 5991.0, 0.0], [5992.5, 5992.5, 0.0]]


def test_last_close__no_bars() -> None:
    """Without bars nothing is known."""
    found = last_close(closes([], width_s=10), np.array([T0], np.int64))
    assert found.known.tolist() == [False]


def test_spot_at__strictly_before() -> None:
    """A trade at t itself is not yet seen; before the first trade spot is null."""
    trades = prints([(1, 5990.0, 1, BUY), (2, 5990.25, 1, BUY), (2, 5990.5, 1, BUY)])
    at = np.array([T0 + NS, T0 + 3 * NS // 2, T0 + 2 * NS, T0 + 2 * NS + 1], np.int64)
    assert spot_at(trades, at, tick_size=TICK).tolist()[1:] == [5990.0, 5990.0, 5990.5]
    assert np.isnan(spot_at(trades, at, tick_size=TICK)[0])
    assert last_trade_index(trades, at).tolist() == [-1, 0, 0, 2]


def test_spot_at__no_trades() -> None:
    """Without trades spot is null."""
    assert np.isnan(spot_at(prints([]), np.array([T0], np.int64), tick_size=TICK)).all()
