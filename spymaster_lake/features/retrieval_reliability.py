"""How much an answer rests on, and whether that is enough (03 4.4, 4.6 [N], D44, 08 B7)."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.index_blocks import RetrievalRules, SimilarityThreshold
from spymaster_lake.contracts.retrieval import Reason, ReasonCode, Reliability, number
from spymaster_lake.features.retrieval_weights import effective_n

_EPOCH = date(1970, 1, 1)

FloatArray = NDArray[np.float64]


def weight_entropy(weights: FloatArray) -> float:
    """Entropy of weights that sum to 1, divided by ln n: 1 for equal weights; NaN for n < 2."""
    positive = weights[weights > 0]
    if len(weights) < 2:
        return float("nan")
    return float(-(positive * np.log(positive)).sum()) / math.log(len(weights))


def reliability(
    similarity: FloatArray,
    weights: FloatArray,
    day: NDArray[np.int32],
    *,
    partition_level: Literal["bucket", "pooled"],
) -> Reliability:
    """Support of an answer.

    Args:
        similarity: float64[k], k >= 1.
        weights: float64[k], summing to 1, the ones that every aggregate uses.
        day: int32[k], session dates in days since 1970-01-01.
        partition_level: bucket or pooled.
    """
    dates, mean = set(day.tolist()), float(similarity.mean())
    return Reliability(
        n_retrieved=len(similarity),
        effective_n=number(effective_n(weights)),
        entropy=number(weight_entropy(weights)),
        avg_similarity=mean,
        min_similarity=float(similarity.min()),
        max_similarity=float(similarity.max()),
        std_similarity=math.sqrt(float(((similarity - mean) ** 2).mean())),
        n_dates=len(dates),
        oldest_date=_EPOCH + timedelta(days=min(dates)),
        newest_date=_EPOCH + timedelta(days=max(dates)),
        partition_level=partition_level,
    )


def low_support(
    found: Reliability, rules: RetrievalRules, threshold: SimilarityThreshold
) -> tuple[Reason, ...]:
    """Every reason for LOW_SUPPORT; none if the answer is OK.

    An index without a similarity threshold cannot vouch for similarity: that is a reason too.
    """
    reasons: list[tuple[ReasonCode, str]] = []
    n, n_eff, average = found.n_retrieved, found.effective_n, found.avg_similarity
    if n < rules.min_neighbours:
        reasons.append((ReasonCode.FEW_NEIGHBOURS, f"{n}, needed {rules.min_neighbours}"))
    if n_eff is None or n_eff < rules.min_effective_n:
        shown = "unknown" if n_eff is None else f"{n_eff:.4g}"
        reasons.append((ReasonCode.LOW_EFFECTIVE_N, f"{shown}, needed {rules.min_effective_n:g}"))
    if threshold.value is None:
        reasons.append((ReasonCode.NO_SIMILARITY_THRESHOLD, threshold.reason or "unknown"))
    elif average is None or average < threshold.value:
        shown = "unknown" if average is None else f"{average:.6f}"
        reasons.append((ReasonCode.LOW_SIMILARITY, f"{shown}, needed {threshold.value:.6f}"))
    return tuple(Reason(code=code, detail=detail) for code, detail in reasons)
