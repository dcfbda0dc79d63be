"""How well a score ranks positives above negatives: ROC AUC and PR AUC (03 5.3, 04 1.1).

A measure that needs two classes is None where there is one: never 0.5, never 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from spymaster_lake.contracts.errors import DataError

FloatArray = NDArray[np.float64]


def _two_classes(score: FloatArray, positive: NDArray[Any]) -> bool:
    if score.shape != positive.shape or score.ndim != 1:
        raise DataError(
            f"ranking: score has shape {score.shape}, positive {positive.shape}; needed [n] both"
        )
    if not np.isfinite(score).all():
        raise DataError("ranking: score holds NaN or infinities")
    return bool(positive.any()) and not bool(positive.all())


def roc_auc(score: FloatArray, positive: NDArray[Any]) -> float | None:
    """Probability that a positive scores above a negative, ties counting half.

    Args:
        score: float64[n], finite.
        positive: bool[n].

    Returns:
        In [0, 1]; None if only one class occurs.

    Raises:
        DataError: shapes differ or a score is not finite.
    """
    if not _two_classes(score, positive):
        return None
    return float(roc_auc_score(positive, score))


def pr_auc(score: FloatArray, positive: NDArray[Any]) -> float | None:
    """Average precision: the mean precision over the positives, by falling score.

    Args and errors as `roc_auc`; a score without skill has the share of positives.
    """
    if not _two_classes(score, positive):
        return None
    return float(average_precision_score(positive, score))


def resampled_roc_auc(
    score: FloatArray, positive: NDArray[Any], copies: NDArray[np.int64]
) -> FloatArray:
    """ROC AUC of resamples in which row i occurs `copies[b, i]` times.

    Args:
        score: float64[n], finite.
        positive: bool[n].
        copies: int64[b, n].

    Returns:
        float64[b]; NaN where a resample holds one class only.
    """
    _two_classes(score, positive)
    order = np.argsort(score, kind="stable")
    ranked, up = score[order], positive[order].astype(np.bool_)
    starts = np.flatnonzero(np.diff(ranked, prepend=np.nan) != 0)  # NaN differs from everything
    out = np.full(len(copies), np.nan)
    if not len(score):
        return out
    drawn = copies[:, order].astype(np.float64)
    ups = np.add.reduceat(drawn * up, starts, axis=1)
    downs = np.add.reduceat(drawn * ~up, starts, axis=1)
    below = np.cumsum(downs, axis=1) - downs
    won = (ups * (below + 0.5 * downs)).sum(axis=1)
    pairs = ups.sum(axis=1) * downs.sum(axis=1)
    np.divide(won, pairs, out=out, where=pairs > 0)
    return out
