"""Attribution of an answer in the space of the index (03 4.5 [N], D35).

Whatever goes wrong here is written into the attribution and never costs the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.attribution import (
    Attribution,
    FeatureValue,
    GroupLean,
    OutcomeRegression,
)
from spymaster_lake.contracts.enums import OUTCOMES
from spymaster_lake.contracts.index_blocks import CompressorBlock
from spymaster_lake.contracts.physics_buckets import BUCKET_OF, PHYSICS_BUCKETS, series_of
from spymaster_lake.contracts.vector import SECTIONS, VECTOR_FEATURES, VECTOR_NAMES

TOP = 10
MIN_PER_CLASS = 10
INVERSE_STRENGTH = 0.1
MAX_ITERATIONS = 1000
_BREAK, _REJECT = OUTCOMES.index("BREAK"), OUTCOMES.index("REJECT")
_PHYSICS = slice(*SECTIONS["multiscale_dynamics"])

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A query and its neighbours in the space of the index.

    Attributes:
        query: float32[d], unit vector.
        rows: float32[k, d], unit vectors of the neighbours.
        similarity, weights: float64[k].
        outcome: int8[k], primary horizon, position in OUTCOMES, -1 = unknown.
        day: int32[k], session dates.
    """

    query: NDArray[np.float32]
    rows: NDArray[np.float32]
    similarity: FloatArray
    weights: FloatArray
    outcome: NDArray[np.int8]
    day: NDArray[np.int32]


def attribute(evidence: Evidence, compressor: CompressorBlock) -> Attribution:
    """What the similarity and the outcomes of the neighbours rest on.

    Args:
        evidence: see there.
        compressor: names and groups of the entries.

    Returns:
        The attribution; status `unavailable` with the reason after any failure.
    """
    try:
        names = compressor.feature_names
        shares = similarity_shares(evidence)
        return Attribution(
            status="ok",
            similarity=_values(names, shares, np.arange(len(names))),
            top_similarity=_values(names, shares, _strongest(np.abs(shares))),
            outcome=regress_outcome(evidence, compressor),
            groups=group_leans(evidence, feature_groups(compressor)),
        )
    except Exception as exc:
        return Attribution.unavailable(f"{type(exc).__name__}: {exc}")


def similarity_shares(evidence: Evidence) -> FloatArray:
    """float64[d]: sum_i s_i q_f r_if / sum_i s_i; they sum to the s-weighted mean similarity."""
    products = evidence.rows.astype(np.float64) * evidence.query.astype(np.float64)
    similarity = evidence.similarity
    shares: FloatArray = (similarity[:, None] * products).sum(axis=0) / similarity.sum()
    return shares


def feature_groups(compressor: CompressorBlock) -> tuple[str, ...]:
    """Group of each entry: its series for geometry_only, else its section of the vector."""
    geometry = compressor.strategy == "geometry_only"
    known = {f.name: series_of(f) if geometry else f.section for f in VECTOR_FEATURES}
    # the only other names are the components of the section that PCA compresses
    return tuple(known.get(name, "multiscale_dynamics") for name in compressor.feature_names)


def group_leans(evidence: Evidence, groups: tuple[str, ...]) -> tuple[GroupLean, ...]:
    """Distances of each group of the query to the weighted centroids of BREAK and REJECT."""
    centroids = [_centroid(evidence, code) for code in (_BREAK, _REJECT)]
    query, member = evidence.query.astype(np.float64), np.array(groups)
    leans = []
    for group in dict.fromkeys(groups):
        at = member == group
        near, far = (None if c is None else _length(query[at] - c[at]) for c in centroids)
        leans.append(_lean(group, near, far))
    return tuple(leans)


def _centroid(evidence: Evidence, code: int) -> FloatArray | None:
    at = evidence.outcome == code
    weight = evidence.weights[at]
    if not weight.sum() > 0:
        return None
    rows = evidence.rows[at].astype(np.float64)
    centroid: FloatArray = (weight[:, None] * rows).sum(axis=0) / weight.sum()
    return centroid


def _length(difference: FloatArray) -> float:
    return float(np.sqrt((difference * difference).sum()))


def _lean(group: str, to_break: float | None, to_reject: float | None) -> GroupLean:
    if to_break is None or to_reject is None:
        return GroupLean(group=group, distance_break=to_break, distance_reject=to_reject)
    gap = to_reject - to_break
    return GroupLean(
        group=group,
        distance_break=to_break,
        distance_reject=to_reject,
        lean=None if gap == 0 else "BREAK" if gap > 0 else "REJECT",
        confidence=abs(gap) / (to_break + to_reject + 1e-6),
    )


def regress_outcome(evidence: Evidence, compressor: CompressorBlock) -> OutcomeRegression:
    """L2 logistic regression of BREAK (1) against REJECT (0), sample weight = similarity."""
    at = np.isin(evidence.outcome, (_BREAK, _REJECT))
    rows, broke = evidence.rows[at].astype(np.float64), evidence.outcome[at] == _BREAK
    weight, day = evidence.similarity[at], evidence.day[at]
    n_break, n_reject = int(broke.sum()), int((~broke).sum())
    if min(n_break, n_reject) < MIN_PER_CLASS:
        return OutcomeRegression(
            status="unavailable",
            reason=f"needs {MIN_PER_CLASS} neighbours of each class",
            n_break=n_break,
            n_reject=n_reject,
        )
    model = _fitted(rows, broke, weight)
    coefficients: FloatArray = model.coef_[0]
    names = compressor.feature_names
    upward, downward = _strongest(coefficients), _strongest(-coefficients)
    return OutcomeRegression(
        status="ok",
        n_break=n_break,
        n_reject=n_reject,
        toward_break=_values(names, coefficients, upward[coefficients[upward] > 0]),
        toward_reject=_values(names, coefficients, downward[coefficients[downward] < 0]),
        accuracy=float((model.predict(rows) == broke).mean()),
        accuracy_leave_one_date_out=_left_out_accuracy(rows, broke, weight, day),
        physics=physics_shares(coefficients, compressor),
    )


def _fitted(rows: FloatArray, broke: NDArray[np.bool_], weight: FloatArray) -> Any:
    # here, because it costs a second and only answers with attribution need it
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=INVERSE_STRENGTH, solver="lbfgs", max_iter=MAX_ITERATIONS)
    return model.fit(rows, broke, sample_weight=weight)


def _left_out_accuracy(
    rows: FloatArray, broke: NDArray[np.bool_], weight: FloatArray, day: NDArray[np.int32]
) -> float | None:
    """Accuracy when every date is classified by the others; None if they lack a class."""
    right = 0
    for date_number in np.unique(day):
        out = day == date_number
        if len(np.unique(broke[~out])) < 2:
            return None
        model = _fitted(rows[~out], broke[~out], weight[~out])
        right += int((model.predict(rows[out]) == broke[out]).sum())
    return right / len(broke)


def physics_shares(
    coefficients: FloatArray, compressor: CompressorBlock
) -> dict[str, float] | None:
    """Absolute coefficients by bucket, normalised to 1; None if all are zero.

    A principal component counts for the buckets of its inputs by its squared loadings.
    """
    sums = dict.fromkeys(PHYSICS_BUCKETS, 0.0)
    size = dict(zip(compressor.feature_names, np.abs(coefficients).tolist(), strict=True))
    for name in compressor.feature_names:
        if name in BUCKET_OF:
            sums[BUCKET_OF[name]] += size[name]
    if compressor.pca is not None:
        for number, loadings in enumerate(compressor.pca.components):
            share = size[f"multiscale_dynamics_pc{number}"]
            for entry, loading in zip(VECTOR_NAMES[_PHYSICS], loadings, strict=True):
                sums[BUCKET_OF[entry]] += share * loading * loading
    total = sum(sums.values())
    return {bucket: value / total for bucket, value in sums.items()} if total > 0 else None


def _strongest(values: FloatArray) -> NDArray[np.int64]:
    """Positions of the ten largest values, largest first; ties by position."""
    return np.argsort(-values, kind="stable")[:TOP].astype(np.int64)


def _values(
    names: tuple[str, ...], values: FloatArray, at: NDArray[np.int64]
) -> tuple[FeatureValue, ...]:
    return tuple(FeatureValue(feature=names[i], value=float(values[i])) for i in at.tolist())
