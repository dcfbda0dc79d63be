"""True range and ATR: the golden check of 01 2.1 with the NEW null rule."""

from __future__ import annotations

import numpy as np
import pytest

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.features.arrays import NS, Bars
from spymaster_lake.features.true_range import atr, rolling_sum, true_range_ticks

TICK = 0.25
CLOSES = (6000, 6001, 6000.5, 6002, 6003, 6002.25, 6001, 6001.5,
          6003, 6004, 6003.5, 6005, 6004.25, 6004, 6006, 6005.5)  # fmt: skip


def golden_bars(closes: tuple[float, ...] = CLOSES) -> Bars:
    """Bars of 01 2.1: open = previous close, high = max(close + 0.75, open), low = min(close - 1, open)."""
    close = np.asarray(closes)
    opened = np.concatenate([close[:1], close[:-1]])
    high, low = np.maximum(close + 0.75, opened), np.minimum(close - 1.0, opened)
    o, h, l, c = ((x / TICK).astype(np.int32) for x in (opened, high, low, close))
    start = np.arange(len(close), dtype=np.int64) * 60 * NS
    one = np.ones(len(close), dtype=np.int64)
    return Bars(start, start + 60 * NS, start + NS, o, h, l, c, one, one, one, 0 * one)


def test_atr__golden() -> None:
    """Null for 13 bars, then the golden values; 14 true ranges exactly."""
    found = atr(golden_bars(), tick=TICK)
    assert np.isnan(found[:13]).all()
    np.testing.assert_allclose(found[13:], [1.892857, 1.964286, 1.964286], atol=5e-7)


def test_true_range__golden() -> None:
    """True ranges reproduce the partial means of the reference: 1.75, 1.75, 1.75, 1.875, 1.85."""
    ranges = true_range_ticks(golden_bars()) * TICK
    means = [ranges[: i + 1].mean() for i in range(13)]
    expected = [1.75, 1.75, 1.75, 1.875, 1.85, 1.833333, 1.892857, 1.875, 1.916667, 1.9, 1.886364,
                1.916667, 1.903846]  # fmt: skip
    np.testing.assert_allclose(means, expected, atol=5e-7)


def test_true_range__gap_from_previous_close() -> None:
    """A jump counts from the previous close, on both sides; the first bar has none."""
    bars = golden_bars((6000, 6000, 6000))
    gap = np.asarray([0, 100, -100], dtype=np.int32)
    jumped = Bars(*bars_columns(bars, gap))
    # bar: [L, H] = close + [-4, 3] ticks; previous close 0 -> 100 -> -100 ticks
    assert true_range_ticks(jumped).tolist() == [7, 103, 204]


def bars_columns(bars: Bars, shift: np.ndarray) -> list[np.ndarray]:
    """The columns of bars with all prices shifted, per bar."""
    prices = [getattr(bars, name) + shift for name in ("open", "high", "low", "close")]
    return [
        bars.start_ns, bars.end_ns, bars.close_ts_ns, *prices,
        bars.volume, bars.n_trades, bars.buy_volume, bars.sell_volume,
    ]  # fmt: skip


def test_atr__independent_of_history() -> None:
    """From the 15th bar on, where the bars start does not change the value, bit for bit (A31)."""
    rng = np.random.default_rng(7)
    closes = tuple(6000 + 0.25 * np.cumsum(rng.integers(-9, 10, 300)))
    full, late = atr(golden_bars(closes), tick=TICK), atr(golden_bars(closes[100:]), tick=TICK)
    assert np.array_equal(full[115:], late[15:])


def test_atr__short_and_empty() -> None:
    """Fewer than 14 bars, or none, give only nulls."""
    assert np.isnan(atr(golden_bars(CLOSES[:13]), tick=TICK)).all()
    assert len(atr(golden_bars(()), tick=TICK)) == 0


def test_rolling_sum__window_of_zero() -> None:
    """A window below one is refused."""
    with pytest.raises(DataError, match="at least 1; found 0"):
        rolling_sum(np.arange(3), window=0)
