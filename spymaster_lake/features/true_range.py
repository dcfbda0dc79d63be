"""True range and its 14-bar mean: the unit of distance and of label barriers (01 2.1, 02 N-15a).

Bars passed in belong to one session: the first bar has no predecessor, so nothing is chained across
the break between sessions. Missing minutes are ignored; "previous" is the previous bar that exists.
"""

from __future__ import annotations

import numpy as np

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.features.arrays import F64, I64, Bars, points

ATR_WINDOW = 14
"""Number of true ranges in the mean; exactly this many or null (02 N-15a, 08 A33)."""


def true_range_ticks(bars: Bars) -> I64:
    """True range of each bar: max(H - L, |H - C_prev|, |L - C_prev|), the first H - L.

    Args:
        bars: n bars of one session, sorted, prices in ticks.

    Returns:
        int64[n] ticks, unsigned.

    Source: 01 2.1.
    """
    high, low = bars.high.astype(np.int64), bars.low.astype(np.int64)
    if not len(high):
        return np.zeros(0, dtype=np.int64)
    previous = bars.close[:-1].astype(np.int64)
    result = high - low
    result[1:] = np.maximum(high[1:], previous) - np.minimum(low[1:], previous)
    return result


def atr(bars: Bars, *, tick: float, window: int = ATR_WINDOW) -> F64:
    """Mean of the last `window` true ranges, bar i included, known at its end.

    The sum is an integer number of ticks, so the value does not depend on where the data start or
    how they are split (08 A31).

    Args:
        bars: n one-minute bars of one session, sorted.
        tick: price step in points.
        window: number of true ranges.

    Returns:
        float64[n] points, unsigned; NaN before `window` bars exist.

    Raises:
        DataError: window below 1.

    Source: 01 2.1 NEW, 02 N-15a, 08 A33.
    """
    return points(rolling_sum(true_range_ticks(bars), window=window) / window, tick=tick)


def rolling_sum(values: I64, *, window: int) -> F64:
    """Exact sum of the last `window` integers as float64[n]; NaN before `window` values exist.

    Args:
        values: int64[n].
        window: number of values, at least 1.

    Raises:
        DataError: window below 1.
    """
    if window < 1:
        raise DataError(f"rolling sum: the window must be at least 1; found {window}")
    result = np.full(len(values), np.nan)
    if len(values) >= window:
        total = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(values, dtype=np.int64)])
        result[window - 1 :] = total[window:] - total[:-window]
    return result
