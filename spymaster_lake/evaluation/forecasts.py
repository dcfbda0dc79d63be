"""Proper scores of probability forecasts, one value per row (03 5.3, 04 1.1).

Per-row values, not means: intervals resample whole sessions and need the rows. A forecast is
`p` float64[n, C] whose rows sum to 1; the truth is `y` int[n], the position of the class.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.errors import DataError

FloatArray = NDArray[np.float64]
SUM_TOLERANCE = 1e-6


def check_forecasts(p: FloatArray, y: NDArray[Any]) -> None:
    """Refuse what is no forecast with a truth beside it.

    Raises:
        DataError: shapes differ, a probability is unknown or outside [0, 1], a row does not sum to
            1, or a class does not exist.
    """
    if p.ndim != 2 or y.shape != p.shape[:1]:
        raise DataError(f"forecasts: p has shape {p.shape} and y {y.shape}; needed [n, C] and [n]")
    if not np.isfinite(p).all() or (p < -SUM_TOLERANCE).any() or (p > 1 + SUM_TOLERANCE).any():
        raise DataError("forecasts: p holds NaN or a value outside [0, 1]")
    off = np.abs(p.sum(axis=1) - 1.0) > SUM_TOLERANCE
    if off.any():
        row = int(np.flatnonzero(off)[0])
        raise DataError(f"forecasts: row {row} sums to {p[row].sum()!r}; needed 1")
    if len(y) and not (int(y.min()) >= 0 and int(y.max()) < p.shape[1]):
        raise DataError(
            f"forecasts: y holds {int(y.min())} to {int(y.max())}; allowed: 0 to {p.shape[1] - 1}"
        )


def one_hot(y: NDArray[Any], n_classes: int) -> FloatArray:
    """float64[n, C], 1 in the column of the class that happened."""
    return np.asarray(np.arange(n_classes)[None, :] == y[:, None], dtype=np.float64)


def log_loss_rows(p: FloatArray, y: NDArray[Any], *, clip: float) -> FloatArray:
    """-ln of the probability given to what happened.

    Args:
        p: float64[n, C], rows sum to 1.
        y: int[n], classes.
        clip: probabilities are clipped to [clip, 1 - clip]; they are not rescaled.

    Returns:
        float64[n], nats.

    Raises:
        DataError: see `check_forecasts`, or clip is not in (0, 0.5).
    """
    check_forecasts(p, y)
    if not 0 < clip < 0.5:
        raise DataError(f"log_loss_rows: clip is {clip!r}; allowed: between 0 and 0.5")
    given = np.clip(p[np.arange(len(y)), y], clip, 1 - clip)
    losses: FloatArray = -np.log(given)
    return losses


def brier_rows(p: FloatArray, y: NDArray[Any]) -> FloatArray:
    """Sum over classes of (p_c - y_c)^2: float64[n] in [0, 2] (03 5.3 no. 2).

    Args:
        p: float64[n, C], rows sum to 1.
        y: int[n], classes.

    Raises:
        DataError: see `check_forecasts`.
    """
    check_forecasts(p, y)
    squares: FloatArray = ((p - one_hot(y, p.shape[1])) ** 2).sum(axis=1)
    return squares


def binary_brier_rows(p1: FloatArray, y1: NDArray[Any]) -> FloatArray:
    """(p - y)^2 of a two-class forecast, counted on class 1: float64[n] in [0, 1].

    Args:
        p1: float64[n], probability of class 1.
        y1: bool[n] or int[n] of 0 and 1.

    Raises:
        DataError: a probability is unknown or outside [0, 1], or the shapes differ.
    """
    check_forecasts(np.column_stack([1.0 - p1, p1]), y1.astype(np.int64))
    squares: FloatArray = (p1 - y1.astype(np.float64)) ** 2
    return squares


def skill(loss_mean: float, reference_mean: float) -> float:
    """1 - loss / reference: 1 is perfect, 0 is no better than the reference.

    NaN where the reference loses nothing: nothing can be gained on it.
    """
    return 1.0 - loss_mean / reference_mean if reference_mean > 0 else float("nan")
