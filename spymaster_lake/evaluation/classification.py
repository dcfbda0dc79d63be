"""Single guesses: accuracy, balanced accuracy, macro F1, from one confusion matrix (03 5.3 no. 4).

All three are functions of counts, so that sessions can be resampled.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.errors import DataError

FloatArray = NDArray[np.float64]


def confusion_rows(guess: NDArray[Any], y: NDArray[Any], n_classes: int) -> FloatArray:
    """float64[n, C * C]: a 1 at C * truth + guess of each row; its sums are a confusion matrix.

    Raises:
        DataError: shapes differ, or a class does not exist.
    """
    if guess.shape != y.shape or guess.ndim != 1:
        raise DataError(f"confusion: guess has shape {guess.shape}, y {y.shape}; needed [n] both")
    both = np.concatenate([guess, y])
    if len(both) and not (int(both.min()) >= 0 and int(both.max()) < n_classes):
        raise DataError(f"confusion: classes must be 0 to {n_classes - 1}")
    cell = y.astype(np.int64) * n_classes + guess
    return np.asarray(np.arange(n_classes * n_classes)[None, :] == cell[:, None], dtype=np.float64)


def _matrix(sums: FloatArray) -> FloatArray:
    classes = round(sums.shape[-1] ** 0.5)
    return sums.reshape(*sums.shape[:-1], classes, classes)


def _divided(over: FloatArray, under: FloatArray) -> FloatArray:
    return np.divide(over, under, out=np.full_like(over, np.nan), where=under > 0)


def _mean_known(values: FloatArray) -> FloatArray:
    known = ~np.isnan(values)
    total = np.where(known, values, 0.0).sum(axis=-1)
    return _divided(total, known.sum(axis=-1).astype(np.float64))


def accuracy(sums: FloatArray) -> FloatArray:
    """Share of right guesses: float64[..., C * C] counts to float64[...]; NaN without rows."""
    matrix = _matrix(sums)
    right = np.trace(matrix, axis1=-2, axis2=-1)
    return _divided(np.asarray(right, dtype=np.float64), sums.sum(axis=-1))


def balanced_accuracy(sums: FloatArray) -> FloatArray:
    """Mean recall over the classes that happened; NaN without rows."""
    matrix = _matrix(sums)
    right = np.diagonal(matrix, axis1=-2, axis2=-1)
    return _mean_known(_divided(np.array(right), matrix.sum(axis=-1)))


def macro_f1(sums: FloatArray) -> FloatArray:
    """Mean F1 over the classes that happened or were guessed; NaN without rows."""
    matrix = _matrix(sums)
    right = np.array(np.diagonal(matrix, axis1=-2, axis2=-1))
    return _mean_known(_divided(2 * right, matrix.sum(axis=-1) + matrix.sum(axis=-2)))
