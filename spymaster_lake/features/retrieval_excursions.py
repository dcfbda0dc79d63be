"""How far price went after the neighbours' anchors, in ATR (03 4.4 [N]); unknown is skipped."""

from __future__ import annotations

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
from spymaster_lake.features.retrieval_weights import weighted_mean

RATIO_FLOOR = 1e-6

FloatArray = NDArray[np.float64]


def context_metrics(
    estimate: Estimate, favorable: FloatArray, adverse: FloatArray, weights: FloatArray
) -> ContextMetrics:
    """Shares of BREAK and REJECT, and mean and largest excursions.

    Args:
        estimate: of the same horizon; its p_raw are the shares.
        favorable: float64[k], ATR, >= 0, NaN = unknown.
        adverse: float64[k], likewise.
        weights: float64[k].
    """
    farther = np.maximum(favorable, adverse)  # NaN unless both are known
    known = farther[~np.isnan(farther)]
    share = dict.fromkeys(OUTCOMES, float("nan"))
    if estimate.p_raw is not None:
        share = dict(zip(OUTCOMES, estimate.p_raw.tolist(), strict=True))
    return ContextMetrics(
        base_rate_break=number(share["BREAK"]),
        base_rate_reject=number(share["REJECT"]),
        historical_avg_volatility=number(weighted_mean(farther, weights)),
        historical_max_excursion=float(known.max()) if len(known) else None,
        avg_favorable_excursion=number(weighted_mean(favorable, weights)),
        avg_adverse_excursion=number(weighted_mean(adverse, weights)),
    )


def expected_excursions(
    favorable: FloatArray, adverse: FloatArray, weights: FloatArray
) -> ExpectedExcursions:
    """Weighted means and their ratio favorable / (adverse + 1e-6).

    Args:
        favorable: float64[k], ATR, >= 0, NaN = unknown.
        adverse: float64[k], likewise.
        weights: float64[k].
    """
    gain, loss = weighted_mean(favorable, weights), weighted_mean(adverse, weights)
    return ExpectedExcursions(
        favorable=number(gain), adverse=number(loss), ratio=number(gain / (loss + RATIO_FLOOR))
    )


def conditional_excursions(
    outcome: OutcomeCodes, favorable: FloatArray, adverse: FloatArray, weights: FloatArray
) -> dict[str, ConditionalExcursion]:
    """The same among neighbours that broke and that were rejected, weights renormalised there.

    Args:
        outcome: int8[k], position in OUTCOMES, -1 = unknown.
        favorable: float64[k], ATR, >= 0, NaN = unknown.
        adverse: float64[k], likewise.
        weights: float64[k].
    """
    found = {}
    for name in ("BREAK", "REJECT"):
        at = outcome == OUTCOMES.index(name)
        gain, loss, weight = favorable[at], adverse[at], weights[at]
        found[name] = ConditionalExcursion(
            favorable=number(weighted_mean(gain, weight)),
            adverse=number(weighted_mean(loss, weight)),
            mean_strength=number(weighted_mean(gain - loss, weight)),
            n=int(at.sum()),
        )
    return found
