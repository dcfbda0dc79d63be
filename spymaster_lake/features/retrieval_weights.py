"""Weights of the neighbours: the same ones in every aggregate of an answer (03 4.3 [N])."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.errors import DataError

FloatArray = NDArray[np.float64]


def neighbour_weights(
    similarity: FloatArray, age_days: NDArray[Any], *, power: float = 4.0, half_life: float = 60.0
) -> FloatArray:
    """Weights proportional to max(similarity, 0)^power x 2^(-age / half_life), summing to 1.

    Args:
        similarity: float64[k], cosine similarity.
        age_days: int[k], whole calendar days between the two session dates, >= 1.
        power: exponent of the similarity.
        half_life: days in which a neighbour loses half its weight.

    Returns:
        float64[k]; empty for k = 0.

    Raises:
        DataError: a neighbour is not strictly older, or no similarity is positive.
    """
    if not len(similarity):
        return np.empty(0)
    if int(age_days.min()) < 1:
        raise DataError(
            f"neighbours: the newest is {int(age_days.min())} days older than the query; allowed: "
            ">= 1"
        )
    best = float(similarity.max())
    if not best > 0:
        raise DataError(f"neighbours: the best similarity is {best}; allowed: > 0")
    # relative to the best and the newest, so that no common factor can underflow
    decay = np.exp2(-(age_days - age_days.min()) / half_life)
    mass = (np.maximum(similarity, 0.0) / best) ** power * decay
    weights: FloatArray = mass / mass.sum()
    return weights


def effective_n(weights: FloatArray) -> float:
    """(sum w)^2 / sum w^2: how many equal weights say as much; NaN without a positive weight.

    Args:
        weights: float64[k], >= 0, any scale.
    """
    total = float(weights.sum())
    return total * total / float((weights * weights).sum()) if total > 0 else float("nan")


def weighted_mean(values: FloatArray, weights: FloatArray) -> float:
    """Mean of the known values: `weighted_means` of one row."""
    return float(weighted_means(values, weights))


def weighted_means(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Means of the known values along the last axis, weights renormalised over them.

    Args:
        values: float64[..., k], NaN = unknown.
        weights: float64[..., k], >= 0, of a shape that fits.

    Returns:
        float64[...]; NaN where no value with a weight is known.
    """
    known = ~np.isnan(values)
    used = np.where(known, weights, 0.0)
    total = used.sum(axis=-1)
    mass = (used * np.where(known, values, 0.0)).sum(axis=-1)
    means: FloatArray = np.divide(mass, total, out=np.full_like(total, np.nan), where=total > 0)
    return means
