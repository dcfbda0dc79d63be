"""Velocity, acceleration, jerk and momentum trend over windows of 1 to 20 minutes (02 N-10).

A window of W minutes has n = 6W equally spaced samples g_i = t - 10 i s, i = 0..n-1; sample i is
the last 10-second close with bar_end <= g_i, at most 60 s old (08 A32). The least-squares slope,
quadratic and cubic coefficients have a closed form (02 section 2) whose weights are integers up to
one common factor and sum to zero, so the level drops out. Sums run over integer ticks and are
exact; one division and the sign of the approach follow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spymaster_lake.features.arrays import F64, I64, NS, Bars, Queries, points
from spymaster_lake.features.asof import Closes, last_close
from spymaster_lake.features.columns import Columns

WINDOWS_MIN: tuple[int, ...] = (1, 2, 3, 5, 10, 20)
STEP_S = 10
SAMPLES_PER_MIN = 60 // STEP_S
MOMENTUM_SAMPLES = 3
"""`momentum_trend_1min` sets the slope of the last 30 s against that of the last minute."""


@dataclass(frozen=True, slots=True)
class FitWeights:
    """Integer weights of one least-squares derivative over n equally spaced samples.

    Attributes:
        weights: int64[n], newest sample first; they sum to zero.
        divisor: derivative = sum(weights * price) / divisor, in price units per s^order.
    """

    weights: I64
    divisor: float

    def apply(self, ticks: I64) -> F64:
        """Derivative of each row; int64[m, n] ticks, newest first -> float64[m] ticks/s^order."""
        total = (ticks[:, : len(self.weights)] * self.weights).sum(axis=1)
        derivative: F64 = total / self.divisor
        return derivative


def velocity_weights(n: int) -> FitWeights:
    """Slope: 6 sum(v p) / (h n (n^2 - 1)) with v = 2k - (n - 1), twice the centred index."""
    v = _doubled_index(n)
    return FitWeights(6 * v, float(STEP_S * n * (n**2 - 1)))


def acceleration_weights(n: int) -> FitWeights:
    """Twice the quadratic coefficient: 30 sum((3v^2 - n^2 + 1) p) / (h^2 n (n^2-1)(n^2-4))."""
    v = _doubled_index(n)
    divisor = STEP_S**2 * n * (n**2 - 1) * (n**2 - 4)
    return FitWeights(30 * (3 * v**2 - (n**2 - 1)), float(divisor))


def jerk_weights(n: int) -> FitWeights:
    """Six cubic coefficients: 420 sum((5v^3 - v(3n^2-7)) p) / (h^3 n (n^2-1)(n^2-4)(n^2-9))."""
    v = _doubled_index(n)
    divisor = STEP_S**3 * n * (n**2 - 1) * (n**2 - 4) * (n**2 - 9)
    return FitWeights(420 * (5 * v**3 - v * (3 * n**2 - 7)), float(divisor))


def kinematics(bars_10s: Bars, queries: Queries, *, tick_size: float) -> Columns:
    """The 24 kinematic columns, approach frame: + velocity moves towards and through the level.

    Args:
        bars_10s: 10-second bars of one session and contract.
        queries: m instants, levels and directions; only t and sigma matter.
        tick_size: points per tick.

    Returns:
        float64[m] each, for W in (1, 2, 3, 5, 10, 20): `velocity_{W}min` (pt/s),
        `acceleration_{W}min` (pt/s^2), `jerk_{W}min` (pt/s^3) and `momentum_trend_{W}min` (pt/s):
        velocity_1min - velocity_{W}min for W >= 2, slope of the last 3 samples - velocity_1min for
        W = 1 (02 N-10b). NaN if one of the window's 6W samples is unknown or sigma is 0.
    """
    instants, inverse = np.unique(queries.t_ns, return_inverse=True)
    market = _market_frame(_samples(bars_10s, instants), tick_size=tick_size)
    sign = np.where(queries.sigma == 0, np.nan, queries.sigma.astype(np.float64))
    # Adding 0.0 turns the -0.0 of a mirrored zero into 0.0, so that equal rows are equal bits.
    return {name: sign * values[inverse] + 0.0 for name, values in market.items()}


def _samples(bars_10s: Bars, instants: I64) -> Closes:
    """Closes [u, 120] at t - 10 i s, newest first."""
    offsets = np.arange(SAMPLES_PER_MIN * max(WINDOWS_MIN), dtype=np.int64) * (STEP_S * NS)
    return last_close(bars_10s, instants[:, None] - offsets[None, :])


def _market_frame(samples: Closes, *, tick_size: float) -> dict[str, F64]:
    """All columns per distinct instant, before the sign of the approach."""
    out: dict[str, F64] = {}
    for minutes in WINDOWS_MIN:
        n = SAMPLES_PER_MIN * minutes
        complete = samples.known[:, :n].all(axis=1)
        for name, fit in (
            ("velocity", velocity_weights(n)),
            ("acceleration", acceleration_weights(n)),
            ("jerk", jerk_weights(n)),
        ):
            derivative = points(fit.apply(samples.ticks), tick=tick_size)
            out[f"{name}_{minutes}min"] = np.where(complete, derivative, np.nan)
    last_30s = points(velocity_weights(MOMENTUM_SAMPLES).apply(samples.ticks), tick=tick_size)
    slope_1min = out["velocity_1min"]
    out["momentum_trend_1min"] = last_30s - slope_1min
    for minutes in WINDOWS_MIN[1:]:
        out[f"momentum_trend_{minutes}min"] = slope_1min - out[f"velocity_{minutes}min"]
    return out


def _doubled_index(n: int) -> I64:
    """2k - (n - 1) for k = n-1..0: the centred chronological index, doubled, newest first."""
    return np.arange(n - 1, -n, -2, dtype=np.int64)
