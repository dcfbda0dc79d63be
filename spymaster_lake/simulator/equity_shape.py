"""How a share's activity is spread over its session: thin, full, thin again."""

from __future__ import annotations

import numpy as np

from spymaster_lake.simulator.equity_model import EquityPlan
from spymaster_lake.simulator.model import MINUTE, SessionTimes
from spymaster_lake.simulator.shape import F64, I64, Bool, SessionShape, slow_noise

_LEAST_REGULAR = 2
_FIRST_QUIET, _QUIET_SPAN = 20, 150
_AFTER_HOURS_SHARE = 0.25
_PRINTS_OF_THIN_MINUTE = 0.4
"""Parameter of the geometric number of prints in a thin minute that has any."""


def equity_shape(times: SessionTimes, rng: np.random.Generator) -> SessionShape:
    """Weights with a U over regular hours, a rising pre-market and fading after-hours, times noise.

    Volume outside regular hours says where thin minutes lie; `regular_counts` and `thin_counts`
    say how much there is. The noise is log-normal and persists for some twenty minutes.
    """
    pre, opening, close, stop = (
        (t - times.start) // MINUTE for t in (times.premarket, times.open, times.close, times.stop)
    )
    minute = np.arange(stop, dtype=np.float64)
    since, left, after = minute - opening, close - minute, minute - close
    rising = np.clip((minute - pre) / max(opening - pre, 1), 0.0, 1.0)
    regular = (since >= 0) & (left > 0)
    fading = np.exp(-np.maximum(after, 0.0) / 60.0)
    outside = np.where(since < 0, 0.5 + 5.5 * rising**2, 0.5 + 3.0 * fading)
    with np.errstate(over="ignore"):
        variance = 36.0 + 85.0 * np.exp(-since / 25.0) + 30.0 * np.exp(-left / 30.0)
        volume = 2300.0 + 5200.0 * np.exp(-since / 30.0) + 4500.0 * np.exp(-left / 25.0)
    noise = slow_noise(rng, len(minute))
    return SessionShape(
        np.where(regular, variance, outside) * np.exp(0.35 * noise),
        np.where(regular, volume, 20.0 * outside) * np.exp(0.20 * noise),
        int(pre),
        int(opening),
        int(close),
    )


def regular_hours(shape: SessionShape) -> Bool:
    """bool[m], minutes of regular hours."""
    minute = np.arange(shape.minutes)
    return (minute >= shape.open) & (minute < shape.close)


def regular_counts(rng: np.random.Generator, plan: EquityPlan, shape: SessionShape, n: int) -> I64:
    """Regular prints per minute, int64[m]: all minutes of regular hours, few of the others.

    Args:
        rng: source of randomness.
        plan: how many minutes of the pre-market have prints, how many regular ones have none.
        shape: volume per minute.
        n: prints in regular hours, about.
    """
    regular = regular_hours(shape)
    weights = np.where(regular, shape.volume, 0.0)
    counts = np.maximum(rng.multinomial(n, weights / weights.sum()), _LEAST_REGULAR * regular)
    quiet = shape.open + _FIRST_QUIET + rng.choice(_QUIET_SPAN, plan.quiet_minutes, replace=False)
    counts[quiet] = 0
    fewest, most = plan.premarket_minutes
    minute = np.arange(shape.minutes)
    before = np.flatnonzero((minute >= shape.premarket) & (minute < shape.open))
    after = np.flatnonzero(minute >= shape.close)
    for where, busy in (
        (before, int(rng.integers(fewest, most + 1))),
        (after, round(len(after) * _AFTER_HOURS_SHARE)),
    ):
        chosen = _some(rng, where, shape.volume[where], busy)
        counts[chosen] = rng.geometric(_PRINTS_OF_THIN_MINUTE, len(chosen))
    return np.asarray(counts, np.int64)


def _some(rng: np.random.Generator, where: I64, weights: F64, n: int) -> I64:
    if not n:
        return where[:0]
    return rng.choice(where, n, replace=False, p=weights / weights.sum())
