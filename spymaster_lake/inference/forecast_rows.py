"""Answers of the engine as rows of forecasts, beside base rates and outcomes (03 5.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.enums import HORIZONS, OUTCOMES
from spymaster_lake.contracts.index_blocks import RetrievalRules
from spymaster_lake.contracts.retrieval import HorizonOutcomes, RetrievalResult, Shares
from spymaster_lake.evaluation.forecast_set import ForecastSet
from spymaster_lake.evaluation.sampling import posterior_cost_rows, share_cost_rows
from spymaster_lake.features.retrieval_weights import effective_n
from spymaster_lake.inference.causal_base_rates import causal_base_rates, outcome_codes
from spymaster_lake.inference.walk_forward import Answer
from spymaster_lake.stages.index_building.corpus import Episodes

FloatArray = NDArray[np.float64]
_CODES: Mapping[str | None, int] = {None: -1, **{name: i for i, name in enumerate(OUTCOMES)}}


@dataclass(frozen=True, slots=True, eq=False)
class HorizonForecasts:
    """All answered episodes at one horizon, in canonical order.

    Attributes:
        row: int64[n], position among all episodes.
        forecasts: the rows; `y` is -1 where the outcome is unknown.
        base_level: int64[n], position in BASE_LEVELS.
        n_valid: int64[n], neighbours with a known outcome.
        n_eff: float64[n], their effective number; NaN without any.
    """

    row: NDArray[np.int64]
    forecasts: ForecastSet
    base_level: NDArray[np.int64]
    n_valid: NDArray[np.int64]
    n_eff: FloatArray

    @property
    def scored(self) -> NDArray[np.bool_]:
        """bool[n], whether the outcome is known."""
        return np.asarray(self.forecasts.y >= 0)


def horizon_forecasts(
    answers: Sequence[Answer],
    episodes: Episodes,
    *,
    least: int,
    gates: Sequence[str] = (),
    rules: RetrievalRules | None = None,
) -> dict[str, HorizonForecasts]:
    """Forecasts by horizon; an episode without an answer counts as its base rate (03 D54).

    Args:
        answers: of one walk forward.
        episodes: all episodes.
        least: known outcomes that a partition's base rate needs.
        gates: of the index.
        rules: of the index, for the strength of its base rate and the number of neighbours.
    """
    rules = rules or RetrievalRules()
    row = np.array([answer.row for answer in answers], dtype=np.int64)
    results = [answer.result for answer in answers]
    similarity = np.array([_number(r.reliability.avg_similarity) for r in results])
    found = {}
    for horizon in HORIZONS:
        base = causal_base_rates(episodes, row, horizon, least=least, gates=gates)
        blocks = [r.outcomes[horizon] for r in results]
        near = _neighbours(results, horizon, rules.neighbours)
        n_eff = np.array([_effective(r, horizon) for r in results])
        p, raw = _matrix(blocks, "p_posterior"), _matrix(blocks, "p_raw")
        covered: NDArray[np.bool_] = np.asarray(~np.isnan(p).any(axis=1))
        base_cost = share_cost_rows(base.rates, base.n)
        cost = base_cost.copy()
        cost[covered] = posterior_cost_rows(
            raw[covered], n_eff[covered], base_cost[covered], prior=rules.prior_strength
        )
        forecasts = ForecastSet(
            p=np.where(covered[:, None], p, base.rates),
            base=base.rates,
            y=outcome_codes(episodes.rows, horizon)[row],
            day=episodes.days[row],
            covered=covered,
            cost=cost,
            base_cost=base_cost,
            low=_matrix(blocks, "ci_low"),
            high=_matrix(blocks, "ci_high"),
            neighbour=near,
            similarity=similarity,
        )
        valid = np.array([block.n_valid for block in blocks], dtype=np.int64)
        found[horizon] = HorizonForecasts(row, forecasts, base.level, valid, n_eff)
    return found


def scored_sets(found: Mapping[str, HorizonForecasts], pooled: str) -> dict[str, ForecastSet]:
    """Forecasts with a known outcome by horizon, and all of them together under `pooled`."""
    sets = {horizon: rows.forecasts.where(rows.scored) for horizon, rows in found.items()}
    return {**sets, pooled: ForecastSet.concat(list(sets.values()))}


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _row(shares: Shares) -> list[float]:
    return [_number(shares[name]) for name in OUTCOMES]


def _matrix(blocks: Sequence[HorizonOutcomes], name: str) -> FloatArray:
    rows = [_row(getattr(block, name)) for block in blocks]
    return np.array(rows, dtype=np.float64).reshape(len(blocks), len(OUTCOMES))


def _neighbours(results: Sequence[RetrievalResult], horizon: str, most: int) -> NDArray[np.int64]:
    near = np.full((len(results), most), -1, dtype=np.int64)
    for i, result in enumerate(results):
        codes = [_CODES[n.outcomes[horizon]] for n in result.neighbours[:most]]
        near[i, : len(codes)] = codes
    return near


def _effective(result: RetrievalResult, horizon: str) -> float:
    """Effective number of the neighbours with a known outcome; NaN without any."""
    weights = np.array([n.weight for n in result.neighbours if n.outcomes[horizon] is not None])
    return effective_n(weights) if len(weights) else float("nan")
