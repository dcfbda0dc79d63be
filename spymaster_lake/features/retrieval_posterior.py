"""Outcome probabilities from weighted neighbours: one estimator everywhere (03 4.4 [N], D39, D40)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.enums import OUTCOMES

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
    """`estimate_horizons` of one horizon."""
    return estimate_horizons([outcome], weights, [base_rate], prior=prior)[0]


def estimate_horizons(
    outcomes: Sequence[OutcomeCodes],
    weights: FloatArray,
    base_rates: Sequence[FloatArray | None],
    *,
    prior: float = PRIOR_STRENGTH,
) -> list[Estimate]:
    """Probabilities over the neighbours whose outcome is known, weights renormalised (08 B15).

    Args:
        outcomes: int8[k] by horizon, see `OutcomeCodes`.
        weights: float64[k], >= 0.
        base_rates: float64[4] by horizon; None if the partition knows no outcome.
        prior: strength of the base rate.
    """
    codes = np.array(outcomes)
    n_horizons, n_codes = len(codes), len(OUTCOMES) + 1
    known = codes >= 0
    # an unknown outcome, -1, is counted under a code of its own, and its mass forgotten
    cells = (codes + np.arange(1, n_horizons * n_codes, n_codes)[:, None]).ravel()
    mass = np.bincount(cells, np.tile(weights, n_horizons), n_horizons * n_codes)
    mass = mass.reshape(n_horizons, n_codes)[:, 1:]
    totals = mass.sum(axis=1).tolist()
    squares = np.where(known, weights * weights, 0.0).sum(axis=1).tolist()
    found = []
    for horizon, n_valid in enumerate(known.sum(axis=1).tolist()):
        base, total = base_rates[horizon], totals[horizon]
        if base is None or not total > 0:
            found.append(Estimate(None, None, float("nan"), n_valid))
            continue
        p_raw, n_eff = mass[horizon] / total, total * total / squares[horizon]
        found.append(Estimate(p_raw, posterior(p_raw, n_eff, base, prior=prior), n_eff, n_valid))
    return found
