"""Simple and exponential averages of two-minute closes (01 2.3, 08 A31).

Value j belongs to bar j and becomes known at that bar's end. Bars run from the first warm-up bar
on; rows count, gaps are ignored.
"""

from __future__ import annotations

import numpy as np

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.features.arrays import F64, I32, I64, points
from spymaster_lake.features.true_range import rolling_sum

SMA_WINDOW = 90
EMA_SPAN = 20


def sma(close_ticks: I32 | I64, *, tick: float, window: int = SMA_WINDOW) -> F64:
    """Mean of the last `window` closes: an exact sum of ticks, divided, then scaled.

    Args:
        close_ticks: integer[n] closes in ticks.
        tick: price step in points.
        window: number of bars.

    Returns:
        float64[n] points; NaN before `window` bars exist.

    Source: 01 2.3 NEW, 08 A31.
    """
    mean = rolling_sum(close_ticks.astype(np.int64), window=window) / window
    return points(mean, tick=tick)


def ema(close_ticks: I32 | I64, *, tick: float, span: int = EMA_SPAN) -> F64:
    """Exponential mean, alpha = 2 / (span + 1), started at the first close.

    Computed strictly in sequence, ema_j = alpha * c_j + (1 - alpha) * ema_{j-1}, so that a prefix
    of the input always gives a prefix of the output, bit for bit.

    Args:
        close_ticks: integer[n] closes in ticks, from the first warm-up bar.
        tick: price step in points.
        span: smoothing span in bars, at least 1.

    Returns:
        float64[n] points, never NaN.

    Raises:
        DataError: span below 1.

    Source: 01 2.3 NEW, 08 A31.
    """
    if span < 1:
        raise DataError(f"ema: the span must be at least 1; found {span}")
    gain, keep = 2.0 / (span + 1), (span - 1.0) / (span + 1)
    values: list[float] = points(close_ticks, tick=tick).tolist()
    for j in range(1, len(values)):
        values[j] = gain * values[j] + keep * values[j - 1]
    return np.asarray(values, dtype=np.float64)
