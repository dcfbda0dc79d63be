"""Thresholds learned from the 20 sessions before a date, and the one enum cut by them (08 A14).

theta cuts gamma exposure into fuel effects (02 N-7h), q cuts clusters into sweeps (02 N-7f), beta
predicts acceleration from force over mass (02 N-14). Each is null, never a guess, while there are
too few sessions or rows. Results do not depend on the order of the rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from spymaster_lake.features.arrays import F64, I64
from spymaster_lake.features.columns import Objects, nullable

THETA, SWEEP_Q, BETA = "theta", "q", "beta"
"""Names in the calibration table."""

THETA_PERCENTILE = 67.0
SWEEP_PERCENTILE = 99.0
MIN_ROWS = 200
"""Rows with a known value that theta and beta need."""


@dataclass(frozen=True, slots=True)
class Calibrated:
    """One threshold.

    Attributes:
        name: "theta" (USD/pt per pt), "q" (contracts) or "beta" (pt/s^2).
        value: None if there were too few sessions or rows.
        n: number of known values it was (or would have been) computed from.
    """

    name: str
    value: float | None
    n: int


def calibrate(
    *,
    gamma_exposure: F64,
    cluster_size: I64,
    acceleration_1min: F64,
    force_mass_ratio: F64,
    n_sessions: int,
    required_sessions: int,
) -> tuple[Calibrated, ...]:
    """theta, q and beta from the rows of the sessions before a date.

    Args:
        gamma_exposure: float64[e], event rows, NaN where unknown.
        cluster_size: int64[c] contracts, all candidate clusters of the event rows (08 A27).
        acceleration_1min: float64[e] pt/s^2, event rows.
        force_mass_ratio: float64[e], the same event rows.
        n_sessions: sessions the rows come from.
        required_sessions: sessions needed; with fewer, every value is None.

    Returns:
        (theta, q, beta). theta: 67th percentile of abs(gamma_exposure), at least 200 known values.
        q: 99th percentile of cluster_size, at least one cluster. beta: least squares through the
        origin of acceleration_1min on force_mass_ratio, at least 200 rows with both known.
        Percentiles interpolate linearly.
    """
    gamma = np.abs(gamma_exposure[np.isfinite(gamma_exposure)])
    both = np.isfinite(acceleration_1min) & np.isfinite(force_mass_ratio)
    enough = n_sessions >= required_sessions
    theta = _percentile(gamma, THETA_PERCENTILE) if enough and len(gamma) >= MIN_ROWS else None
    q = _percentile(cluster_size, SWEEP_PERCENTILE) if enough and len(cluster_size) else None
    n_both = int(both.sum())
    beta = (
        slope_through_origin(force_mass_ratio[both], acceleration_1min[both])
        if enough and n_both >= MIN_ROWS
        else None
    )
    return (
        Calibrated(THETA, theta, len(gamma)),
        Calibrated(SWEEP_Q, q, len(cluster_size)),
        Calibrated(BETA, beta, n_both),
    )


def slope_through_origin(x: F64, y: F64) -> float | None:
    """Least-squares slope of y = beta x, sums rounded once so that row order cannot matter.

    Args:
        x: float64[n].
        y: float64[n].

    Returns:
        sum(x y) / sum(x^2); None if every x is 0.
    """
    denominator = math.fsum((x * x).tolist())
    if denominator == 0.0:
        return None
    return math.fsum((x * y).tolist()) / denominator


def fuel_effect(gamma_exposure: F64, theta: float | None) -> Objects:
    """What dealers' hedging does to a move (02 N-7h); unsigned frame.

    Args:
        gamma_exposure: float64[m] USD/pt per pt, dealers' side.
        theta: threshold; None if not yet calibrated.

    Returns:
        object[m] str: AMPLIFY if < -theta (dealers chase), DAMPEN if > theta (dealers fade), else
        NEUTRAL; None where the exposure or theta is unknown.
    """
    if theta is None:
        return np.full(len(gamma_exposure), None, np.object_)
    names = np.full(len(gamma_exposure), "NEUTRAL", np.object_)
    names[gamma_exposure < -theta] = "AMPLIFY"
    names[gamma_exposure > theta] = "DAMPEN"
    return nullable(names, np.isfinite(gamma_exposure))


def _percentile(values: F64 | I64, percent: float) -> float:
    """Linear-interpolation percentile of at least one value."""
    return float(np.percentile(values, percent, method="linear"))
