"""Which options trade, when, and at what volatility; the same for futures and shares."""

from __future__ import annotations

import numpy as np

from spymaster_lake.simulator.model import MINUTE, SECOND
from spymaster_lake.simulator.shape import F64, SessionShape

NEAR_STRIKES, FAR_STRIKES, FAR_FACTOR = 20, 8, 5
"""Strikes on each side: near ones a step apart, then far ones `FAR_FACTOR` steps apart."""

YEAR_NS = 365 * 86_400 * SECOND
LAST_PRINT = 2 * MINUTE
_SKEW, _SMILE = -0.05, 0.015
STRIKE_SPREAD = 2.8
"""Mean absolute distance of a traded strike from the price, in strike steps."""
OUT_OF_THE_MONEY = 0.8
HALF_SPREAD = 0.6
"""Of a print from its fair value, in option ticks."""


def strikes(spot: float, step: float) -> F64:
    """Positive strikes around `spot` (points), `step` apart near it and wider further out."""
    wide = step * FAR_FACTOR
    middle = round(spot / wide) * wide
    near = middle + step * np.arange(-NEAR_STRIKES, NEAR_STRIKES + 1)
    edge = step * NEAR_STRIKES
    far = edge + wide * np.arange(1, FAR_STRIKES + 1)
    listed = np.sort(np.concatenate([near, middle + far, middle - far]))
    return np.asarray(listed[listed > 0], np.float64)


def option_weights(shape: SessionShape) -> F64:
    """Weights per minute: most of the trading from the open to three and a half hours later."""
    minute = np.arange(shape.minutes)
    weights = np.where(minute < shape.open, 0.08, np.where(minute < shape.open + 200, 2.0, 1.0))
    weights = np.where((minute >= shape.open - 60) & (minute < shape.open), 0.7, weights)
    return np.where((minute < shape.premarket) | (minute >= shape.close), 0.0, weights)


def smile(forward: F64, strike: F64, t_years: F64, *, at_the_money: float) -> F64:
    """Volatility per root year, by moneyness in standard deviations."""
    deviations = np.log(strike / forward) / (at_the_money * np.sqrt(t_years))
    m = np.clip(deviations, -4.0, 4.0)
    return np.asarray(at_the_money * (1.0 + _SKEW * m + _SMILE * m * m), np.float64)
