"""Force and mass: order flow against the liquidity it meets (02 N-14).

Force is the one-minute order-flow imbalance turned into the approach frame, mass the resting size
on the defending side; acceleration is predicted by their ratio times a calibrated slope.
"""

from __future__ import annotations

import numpy as np

from spymaster_lake.features.arrays import F64, I8
from spymaster_lake.features.columns import Columns


def force_mass_ratio(*, sigma: I8, ofi_60s: F64, facing_depth: F64) -> F64:
    """Force over mass, sigma ofi_60s / facing_depth; approach frame, unitless.

    Args:
        sigma: int8[m], 0 where the level is inactive.
        ofi_60s: float64[m] contracts, market frame.
        facing_depth: float64[m] contracts.

    Returns:
        float64[m]; NaN if a term is unknown, sigma is 0 or the depth is not positive.
    """
    sign = np.where(sigma == 0, np.nan, sigma.astype(np.float64))
    mass = np.where(facing_depth > 0.0, facing_depth, np.nan)
    quotient: F64 = sign * ofi_60s / mass + 0.0
    return quotient


def force_mass(*, ratio: F64, acceleration_1min: F64, beta: float | None) -> Columns:
    """Predicted acceleration and what is left of the observed one; approach frame.

    Args:
        ratio: float64[m], force over mass.
        acceleration_1min: float64[m] pt/s^2, approach frame.
        beta: pt/s^2, slope over the 20 sessions before; None if not yet calibrated.

    Returns:
        float64[m] each: `force_mass_ratio`, `predicted_accel` = beta ratio (pt/s^2) and
        `accel_residual` = acceleration_1min - predicted_accel (+ moved more than pressure
        explains, - was absorbed). The last two are NaN without beta.
    """
    slope = np.nan if beta is None else beta
    predicted = slope * ratio
    return {
        "force_mass_ratio": ratio,
        "predicted_accel": predicted,
        "accel_residual": acceleration_1min - predicted,
    }
