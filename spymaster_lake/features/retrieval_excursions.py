"""How far price went after the neighbours' anchors, in ATR (03 4.4 [N]); unknown is skipped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.enums import OUTCOMES
from spymaster_lake.contracts.retrieval import (
    ConditionalExcursion,
    ContextMetrics,
    ExpectedExcursions,
    number,
)
from spymaster_lake.features.retrieval_posterior import Estimate, OutcomeCodes
from spymaster_lake.features.retrieval_weights import weighted_means

RATIO_FLOOR = 1e-6
_CONDITIONS = ("BREAK", "REJECT")
_CODES = tuple(OUTCOMES.index(name) for name in _CONDITIONS)

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ExcursionMeans:
    """Weighted means over neighbours, in ATR; NaN where nothing is known.

    Attributes:
        favorable, adverse: of all neighbours.
        farther, farthest: mean and maximum of the larger of the two, where both are known.
        given: favorable, adverse and favorable - adverse by outcome, weights renormalised there.
        counts: neighbours by outcome.
    """

    favorable: float
    adverse: float
    farther: float
    farthest: float
    given: dict[str, tuple[float, float, float]]
    counts: dict[str, int]


def excursion_means(
    outcome: OutcomeCodes, favorable: FloatArray, adverse: FloatArray, weights: FloatArray
) -> ExcursionMeans:
    """All means that an answer shows.

    Args:
        outcome: int8[k], position in OUTCOMES, -1 = unknown.
        favorable: float64[k], ATR, >= 0, NaN = unknown.
        adverse: float64[k], likewise.
        weights: float64[k].
    """
    farther = np.maximum(favorable, adverse)  # NaN unless both are known
    used = np.array([weights, *(np.where(outcome == code, weights, 0.0) for code in _CODES)])
    values = np.array([favorable, adverse, favorable - adverse, farther])
    everyone, *those = weighted_means(values, used[:, None, :]).tolist()
    known = farther[~np.isnan(farther)]
    return ExcursionMeans(
        favorable=everyone[0],
        adverse=everyone[1],
        farther=everyone[3],
        farthest=float(known.max()) if len(known) else float("nan"),
        given={name: tuple(means[:3]) for name, means in zip(_CONDITIONS, those, strict=True)},
        counts={
            name: int((outcome == code).sum())
            for name, code in zip(_CONDITIONS, _CODES, strict=True)
        },
    )


def context_metrics(estimate: Estimate, means: ExcursionMeans) -> ContextMetrics:
    """Shares of BREAK and REJECT, and mean and largest excursions; both of one horizon."""
    share = dict.fromkeys(OUTCOMES, float("nan"))
    if estimate.p_raw is not None:
        share = dict(zip(OUTCOMES, estimate.p_raw.tolist(), strict=True))
    return ContextMetrics(
        base_rate_break=number(share["BREAK"]),
        base_rate_reject=number(share["REJECT"]),
        historical_avg_volatility=number(means.farther),
        historical_max_excursion=number(means.farthest),
        avg_favorable_excursion=number(means.favorable),
        avg_adverse_excursion=number(means.adverse),
    )


def expected_excursions(means: ExcursionMeans) -> ExpectedExcursions:
    """Weighted means and their ratio favorable / (adverse + 1e-6)."""
    gain, loss = means.favorable, means.adverse
    return ExpectedExcursions(
        favorable=number(gain), adverse=number(loss), ratio=number(gain / (loss + RATIO_FLOOR))
    )


def conditional_excursions(means: ExcursionMeans) -> dict[str, ConditionalExcursion]:
    """The same among neighbours that broke and that were rejected, weights renormalised there."""
    return {
        name: ConditionalExcursion(
            favorable=number(gain),
            adverse=number(loss),
            mean_strength=number(strength),
            n=means.counts[name],
        )
        for name, (gain, loss, strength) in means.given.items()
    }
