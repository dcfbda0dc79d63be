"""From neighbours to the answer: every aggregate of one query, from one set of weights (03 4.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.enums import HORIZONS, OUTCOMES, PRIMARY_HORIZON
from spymaster_lake.contracts.index_blocks import RetrievalRules
from spymaster_lake.contracts.retrieval import (
    Excursion,
    HorizonOutcomes,
    Neighbour,
    Shares,
    no_shares,
    number,
)
from spymaster_lake.features.retrieval_attribution import Evidence
from spymaster_lake.features.retrieval_bootstrap import posterior_interval
from spymaster_lake.features.retrieval_excursions import (
    conditional_excursions,
    context_metrics,
    expected_excursions,
)
from spymaster_lake.features.retrieval_posterior import Estimate, estimate_outcomes
from spymaster_lake.features.retrieval_weights import neighbour_weights
from spymaster_lake.serving.search import Found
from spymaster_lake.serving.search_index import SearchPartition

_SHOWN = ("event_id", "date", "anchor_ts_ns", "spot", "atr", "minutes_since_open")


@dataclass(frozen=True)
class Support:
    """The neighbours of one query with their weights.

    Attributes:
        partition: where they were found.
        found: their rows and similarities, best first; at least one.
        weights: float64[k], summing to 1.
        rules: constants of the manifest.
    """

    partition: SearchPartition
    found: Found
    weights: NDArray[np.float64]
    rules: RetrievalRules

    @classmethod
    def of(
        cls, partition: SearchPartition, found: Found, *, day: int, rules: RetrievalRules
    ) -> Support:
        """Weigh the neighbours of a query of session date `day`."""
        weights = neighbour_weights(
            found.similarity,
            day - partition.day[found.rows],
            power=rules.similarity_power,
            half_life=rules.recency_half_life_days,
        )
        return cls(partition, found, weights, rules)

    @property
    def day(self) -> NDArray[np.int32]:
        """int32[k], session dates."""
        return self.partition.day[self.found.rows]

    def estimate(self, horizon: str) -> Estimate:
        """Outcome probabilities at one horizon."""
        return estimate_outcomes(
            self.partition.outcome[horizon][self.found.rows],
            self.weights,
            self.partition.base_rate[horizon],
            prior=self.rules.prior_strength,
        )

    def evidence(self, unit: NDArray[np.float32]) -> Evidence:
        """What the attribution of a query with this unit vector needs."""
        rows = self.found.rows
        return Evidence(
            query=unit,
            rows=self.partition.loaded.vectors[rows],
            similarity=self.found.similarity,
            weights=self.weights,
            outcome=self.partition.outcome[PRIMARY_HORIZON][rows],
            day=self.day,
        )


def outcomes(support: Support, seed: int) -> dict[str, HorizonOutcomes]:
    """Probabilities with intervals at every horizon.

    A horizon at which no neighbour's outcome is known has no probability, not even the base rate.
    """
    return {horizon: _outcomes(support, horizon, seed) for horizon in HORIZONS}


def _outcomes(support: Support, horizon: str, seed: int) -> HorizonOutcomes:
    estimate, partition = support.estimate(horizon), support.partition
    if estimate.p_raw is None:
        return HorizonOutcomes(n_valid=estimate.n_valid)
    interval = posterior_interval(
        partition.outcome[horizon][support.found.rows],
        support.weights,
        support.day,
        partition.base_rate[horizon],
        seed=seed,
        prior=support.rules.prior_strength,
        resamples=support.rules.bootstrap_resamples,
    )
    low, high = interval or (None, None)
    return HorizonOutcomes(
        p_raw=_shares(estimate.p_raw),
        p_posterior=_shares(estimate.p_posterior),
        base_rate=_shares(partition.base_rate[horizon]),
        ci_low=_shares(low),
        ci_high=_shares(high),
        n_valid=estimate.n_valid,
    )


def _shares(values: NDArray[np.float64] | None) -> Shares:
    return no_shares() if values is None else dict(zip(OUTCOMES, values.tolist(), strict=True))


def excursion_blocks(support: Support) -> dict[str, Any]:
    """The three blocks about excursions, primary horizon."""
    rows, partition, weights = support.found.rows, support.partition, support.weights
    gain = partition.favorable[PRIMARY_HORIZON][rows]
    loss = partition.adverse[PRIMARY_HORIZON][rows]
    outcome = partition.outcome[PRIMARY_HORIZON][rows]
    return {
        "context_metrics": context_metrics(support.estimate(PRIMARY_HORIZON), gain, loss, weights),
        "expected_excursions": expected_excursions(gain, loss, weights),
        "conditional_excursions": conditional_excursions(outcome, gain, loss, weights),
    }


def neighbours(support: Support) -> tuple[Neighbour, ...]:
    """The neighbours as the answer shows them, best first."""
    rows, partition = support.found.rows, support.partition
    shown = partition.loaded.rows.select(_SHOWN).take(rows).to_pylist()
    similarity, weights = support.found.similarity.tolist(), support.weights.tolist()
    return tuple(
        Neighbour(
            event_id=facts["event_id"],
            date=facts["date"],
            anchor_ts_ns=facts["anchor_ts_ns"],
            similarity=similarity[i],
            weight=weights[i],
            outcomes={h: _name(int(partition.outcome[h][row])) for h in HORIZONS},
            excursions={
                h: Excursion(
                    favorable=number(float(partition.favorable[h][row])),
                    adverse=number(float(partition.adverse[h][row])),
                )
                for h in HORIZONS
            },
            spot=number(facts["spot"]),
            atr=number(facts["atr"]),
            minutes_since_open=number(facts["minutes_since_open"]),
        )
        for i, (row, facts) in enumerate(zip(rows.tolist(), shown, strict=True))
    )


def _name(code: int) -> str | None:
    return None if code < 0 else OUTCOMES[code]
