"""Outcome probabilities from weighted neighbours: one estimator everywhere (03 4.4 [N], D39, D40)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.enums import OUTCOMES
from spymaster_lake.features.retrieval_weights import effective_n

PRIOR_STRENGTH = 2.5

FloatArray = NDArray[np.float64]
OutcomeCodes = NDArray[np.int8]
"""Position in OUTCOMES, -1 = unknown."""


def posterior(
    p_raw: FloatArray, n_eff: FloatArray | float, base_rate: FloatArray, *, prior: float
) -> FloatArray:
    """(n_eff p + prior pi) / (n_eff + prior).

    Args:
        p_raw: float64[..., c], shares of the outcomes.
        n_eff: float64[...], effective number of neighbours.
        base_rate: float64[c], pi.
        prior: how many neighbours the base rate counts for.
    """
    strength = n_eff[..., None] if isinstance(n_eff, np.ndarray) else n_eff
    estimate: FloatArray = (strength * p_raw + prior * base_rate) / (strength + prior)
    return estimate


@dataclass(frozen=True, slots=True)
class Estimate:
    """Outcome probabilities at one horizon.

    Attributes:
        p_raw, p_posterior: float64[4] in the order of OUTCOMES; None if no outcome is known.
        n_eff: effective number of the neighbours with a known outcome; NaN if there is none.
        n_valid: their number.
    """

    p_raw: FloatArray | None
    p_posterior: FloatArray | None
    n_eff: float
    n_valid: int


def estimate_outcomes(
    outcome: OutcomeCodes,
    weights: FloatArray,
    base_rate: FloatArray | None,
    *,
    prior: float = PRIOR_STRENGTH,
) -> Estimate:
    """Probabilities over the neighbours whose outcome is known, weights renormalised (08 B15).

    Args:
        outcome: int8[k], see `OutcomeCodes`.
        weights: float64[k], >= 0.
        base_rate: float64[4]; None if the partition knows no outcome.
        prior: strength of the base rate.
    """
    valid = outcome >= 0
    if not valid.all():
        outcome, weights = outcome[valid], weights[valid]
    mass = np.bincount(outcome, weights=weights, minlength=len(OUTCOMES))
    total = float(mass.sum())
    if base_rate is None or not total > 0:
        return Estimate(None, None, float("nan"), len(outcome))
    p_raw, n_eff = mass / total, effective_n(weights)
    return Estimate(p_raw, posterior(p_raw, n_eff, base_rate, prior=prior), n_eff, len(outcome))
