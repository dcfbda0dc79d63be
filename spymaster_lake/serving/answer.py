"""From neighbours to the answer: every aggregate of one query, from one set of weights (03 4.4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.enums import HORIZONS, OUTCOMES, PRIMARY_HORIZON
from spymaster_lake.contracts.index_blocks import RetrievalRules
from spymaster_lake.contracts.retrieval import (
    HorizonOutcomes,
    Shares,
    no_shares,
)
from spymaster_lake.features.retrieval_attribution import Evidence
from spymaster_lake.features.retrieval_bootstrap import Interval, posterior_intervals
from spymaster_lake.features.retrieval_excursions import (
    conditional_excursions,
    context_metrics,
    excursion_means,
    expected_excursions,
)
from spymaster_lake.features.retrieval_posterior import Estimate, estimate_horizons
from spymaster_lake.features.retrieval_weights import neighbour_weights
from spymaster_lake.serving.search import Found
from spymaster_lake.serving.search_index import SHOWN, SearchPartition

_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class Support:
    """The neighbours of one query with their weights.

    Attributes:
        partition: where they were found.
        found: their rows and similarities, best first; at least one.
        weights: float64[k], summing to 1.
        rules: constants of the manifest.
        event_ids: their names.
    """

    partition: SearchPartition
    found: Found
    weights: NDArray[np.float64]
    rules: RetrievalRules
    event_ids: list[str]

    @classmethod
    def of(
        cls,
        partition: SearchPartition,
        found: Found,
        event_ids: list[str],
        *,
        day: int,
        rules: RetrievalRules,
    ) -> Support:
        """Weigh the neighbours of a query of session date `day`."""
        weights = neighbour_weights(
            found.similarity,
            day - partition.day[found.rows],
            power=rules.similarity_power,
            half_life=rules.recency_half_life_days,
        )
        return cls(partition, found, weights, rules, event_ids)

    @cached_property
    def day(self) -> NDArray[np.int32]:
        """int32[k], session dates."""
        return self.partition.day[self.found.rows]

    @cached_property
    def outcome(self) -> dict[str, NDArray[np.int8]]:
        """int8[k] by horizon, position in OUTCOMES, -1 = unknown."""
        return {h: self.partition.outcome[h][self.found.rows] for h in HORIZONS}

    @cached_property
    def favorable(self) -> dict[str, NDArray[np.float64]]:
        """float64[k] by horizon, ATR, NaN = unknown."""
        return {h: self.partition.favorable[h][self.found.rows] for h in HORIZONS}

    @cached_property
    def adverse(self) -> dict[str, NDArray[np.float64]]:
        """float64[k] by horizon, ATR, NaN = unknown."""
        return {h: self.partition.adverse[h][self.found.rows] for h in HORIZONS}

    @cached_property
    def estimates(self) -> dict[str, Estimate]:
        """Outcome probabilities by horizon."""
        found = estimate_horizons(
            [self.outcome[h] for h in HORIZONS],
            self.weights,
            [self.partition.base_rate[h] for h in HORIZONS],
            prior=self.rules.prior_strength,
        )
        return dict(zip(HORIZONS, found, strict=True))

    def evidence(self, unit: NDArray[np.float32]) -> Evidence:
        """What the attribution of a query with this unit vector needs."""
        return Evidence(
            query=unit,
            rows=self.partition.loaded.vectors[self.found.rows],
            similarity=self.found.similarity,
            weights=self.weights,
            outcome=self.outcome[PRIMARY_HORIZON],
            day=self.day,
        )


def outcomes(support: Support, seed: int) -> dict[str, HorizonOutcomes]:
    """Probabilities with intervals at every horizon.

    A horizon at which no neighbour's outcome is known has no probability, not even the base rate.
    """
    base = support.partition.base_rate
    intervals = posterior_intervals(
        [support.outcome[h] for h in HORIZONS],
        support.weights,
        support.day,
        [base[h] for h in HORIZONS],
        seed=seed,
        prior=support.rules.prior_strength,
        resamples=support.rules.bootstrap_resamples,
    )
    return {
        horizon: _outcomes(support.estimates[horizon], base[horizon], interval)
        for horizon, interval in zip(HORIZONS, intervals, strict=True)
    }


def _outcomes(
    estimate: Estimate, base_rate: NDArray[np.float64] | None, interval: Interval | None
) -> HorizonOutcomes:
    if estimate.p_raw is None:
        return HorizonOutcomes(n_valid=estimate.n_valid)
    low, high = interval or (None, None)
    return HorizonOutcomes(
        p_raw=_shares(estimate.p_raw),
        p_posterior=_shares(estimate.p_posterior),
        base_rate=_shares(base_rate),
        ci_low=_shares(low),
        ci_high=_shares(high),
        n_valid=estimate.n_valid,
    )


def _shares(values: NDArray[np.float64] | None) -> Shares:
    return no_shares() if values is None else dict(zip(OUTCOMES, values.tolist(), strict=True))


def excursion_blocks(support: Support) -> dict[str, Any]:
    """The three blocks about excursions, primary horizon."""
    means = excursion_means(
        support.outcome[PRIMARY_HORIZON],
        support.favorable[PRIMARY_HORIZON],
        support.adverse[PRIMARY_HORIZON],
        support.weights,
    )
    return {
        "context_metrics": context_metrics(support.estimates[PRIMARY_HORIZON], means),
        "expected_excursions": expected_excursions(means),
        "conditional_excursions": conditional_excursions(means),
    }


def neighbours(support: Support) -> list[dict[str, Any]]:
    """The neighbours as the answer shows them, best first: the fields of `Neighbour`.

    Plain values, not yet models: `RetrievalResult` checks them all in one pass.
    """
    found, partition = support.found, support.partition
    gains, losses = ([by[h] for h in HORIZONS] for by in (support.favorable, support.adverse))
    shown = [partition.shown[name][found.rows] for name in SHOWN]
    *moves, spots, atrs, minutes = _known([*gains, *losses, *shown])
    paired = [
        [{"favorable": gain, "adverse": loss} for gain, loss in zip(*pair, strict=True)]
        for pair in zip(moves[: len(HORIZONS)], moves[len(HORIZONS) :], strict=True)
    ]
    names = [[_NAMES[code] for code in support.outcome[h].tolist()] for h in HORIZONS]
    first, second, third = HORIZONS
    return [
        {
            "event_id": event_id,
            "date": date.fromordinal(_EPOCH + day),
            "anchor_ts_ns": anchor_ns,
            "similarity": similarity,
            "weight": weight,
            "outcomes": {first: name_1, second: name_2, third: name_3},
            "excursions": {first: move_1, second: move_2, third: move_3},
            "spot": spot,
            "atr": atr,
            "minutes_since_open": minute,
        }
        for (
            event_id, day, anchor_ns, similarity, weight, name_1, name_2, name_3,
            move_1, move_2, move_3, spot, atr, minute,
        ) in zip(
            support.event_ids, support.day.tolist(), partition.anchor_ns[found.rows].tolist(),
            found.similarity.tolist(), support.weights.tolist(), *names, *paired, spots, atrs,
            minutes, strict=True,
        )
    ]  # fmt: skip


_NAMES: tuple[str | None, ...] = (*OUTCOMES, None)
"""Name of an outcome by its code; -1 is the last one."""


def _known(columns: list[NDArray[np.float64]]) -> list[list[float | None]]:
    """Plain numbers of equally long columns; None for NaN and infinities."""
    values = np.array(columns)
    finite = np.isfinite(values)
    plain: list[list[float | None]] = values.tolist()
    for at in np.flatnonzero(~finite.all(axis=1)).tolist():
        plain[at] = [v if f else None for v, f in zip(plain[at], finite[at], strict=True)]
    return plain
