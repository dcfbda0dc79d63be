"""What a forecast loses because it rests on few rows (Ferro's fair score; 03 5.3 no. 2).

Shares of n rows scatter around what they estimate, and a Brier score counts that scatter as error.
So a forecast from ten neighbours without any information scores below the base rate by about a
tenth. The fair score takes the expected scatter out of both: it asks whether the neighbourhood
knows something, the plain score whether the forecast may be used as it is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.errors import DataError

FloatArray = NDArray[np.float64]


def share_cost_rows(p: FloatArray, n: FloatArray) -> FloatArray:
    """Expected Brier loss from the scatter of shares of n rows: sum p (1 - p) / (n - 1).

    Unbiased for independent rows of equal weight; for unequal ones n is their effective number.

    Args:
        p: float64[m, C], shares.
        n: float64[m], (effective) number of rows they are shares of.

    Returns:
        float64[m]; NaN where n <= 1: one row says nothing about its scatter.

    Raises:
        DataError: shapes differ.
    """
    if p.ndim != 2 or n.shape != p.shape[:1]:
        raise DataError(f"sampling cost: p has shape {p.shape}, n {n.shape}; needed [m, C], [m]")
    spread = (p * (1 - p)).sum(axis=1)
    cost: FloatArray = np.full(len(n), np.nan)
    np.divide(spread, n - 1, out=cost, where=n > 1 + 1e-9)
    return cost


def posterior_cost_rows(
    p_raw: FloatArray, n_eff: FloatArray, base_cost: FloatArray, *, prior: float
) -> FloatArray:
    """The same for a posterior of neighbours' shares and the base rate of their partition.

    With lambda = n_eff / (n_eff + prior), the shares count lambda and the base rate 1 - lambda. The
    neighbours are rows of the base rate too, so both errors are correlated, and the sum is
    lambda^2 cost(shares) + (1 - lambda^2) cost(base).

    Args:
        p_raw: float64[m, C], shares of the neighbours' outcomes.
        n_eff: float64[m], effective number of the neighbours.
        base_cost: float64[m], `share_cost_rows` of the base rate.
        prior: strength of the base rate.

    Returns:
        float64[m]; NaN where n_eff <= 1 or the base rate's cost is unknown.
    """
    weight = (n_eff / (n_eff + prior)) ** 2
    cost: FloatArray = weight * share_cost_rows(p_raw, n_eff) + (1 - weight) * base_cost
    return cost
