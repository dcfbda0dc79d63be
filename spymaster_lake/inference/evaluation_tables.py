"""The tables of an evaluation, from its forecasts (contracts/retrieval_evaluation.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spymaster_lake.contracts.enums import OUTCOMES
from spymaster_lake.contracts.retrieval_evaluation import (
    ABLATION,
    ALL_HORIZONS,
    BASE_LEVELS,
    DRIFT,
    FORECASTS,
    MEASURES,
    RELIABILITY,
)
from spymaster_lake.contracts.table import TableContract
from spymaster_lake.contracts.vector import VECTOR_NAMES
from spymaster_lake.evaluation.calibration import quantile_bins, uniform_bins
from spymaster_lake.evaluation.drift import drift, drift_windows
from spymaster_lake.evaluation.forecast_set import ForecastSet
from spymaster_lake.evaluation.forecasts import brier_rows, log_loss_rows
from spymaster_lake.evaluation.measures import (
    LOG_CLIP,
    group_measures,
    quartile_difference,
    quartiles,
    score_measures,
)
from spymaster_lake.evaluation.strata import strata
from spymaster_lake.evaluation.sums import Measure, SumMeasures
from spymaster_lake.inference.forecast_rows import HorizonForecasts
from spymaster_lake.inference.walk_forward import Answer
from spymaster_lake.stages.index_building.corpus import Episodes

_CARRIED = ("event_id", "date", "anchor_ts_ns", "level_kind", "direction", "time_bucket")
STRATA: tuple[str, ...] = ("level_kind", "direction", "time_bucket", "similarity")
OVERALL = "overall"


def table_of(contract: TableContract, columns: Mapping[str, Sequence[Any]]) -> pa.Table:
    """A table of the contract's schema; NaN becomes null."""
    arrays = [
        pa.array([None if v is None or v != v else v for v in columns[c.name]], c.arrow_field.type)  # noqa: PLR0124
        for c in contract.columns
    ]
    return pa.table(arrays, schema=contract.arrow_schema)


def forecasts_table(
    answers: Sequence[Answer], episodes: Episodes, found: Mapping[str, HorizonForecasts]
) -> pa.Table:
    """One row per episode and horizon, ordered by (date, anchor, event_id, horizon)."""
    pieces = []
    row = np.array([answer.row for answer in answers], dtype=np.int64)
    facts = episodes.rows.select(_CARRIED).take(pa.array(row)).to_pydict()
    shared = {**facts, **_answer_columns(answers)}
    for horizon, rows in found.items():
        pieces.append(table_of(FORECASTS, {**shared, **_horizon_columns(horizon, rows)}))
    order = [(name, "ascending") for name in ("date", "anchor_ts_ns", "event_id", "horizon")]
    return pa.concat_tables(pieces).sort_by(order).combine_chunks()


def _answer_columns(answers: Sequence[Answer]) -> dict[str, list[Any]]:
    results = [answer.result for answer in answers]
    return {
        "asof_date": [r.index.asof_date for r in results],
        "newest_neighbour_date": [r.reliability.newest_date for r in results],
        "index_sha256": [r.index.manifest_sha256 for r in results],
        "status": [r.status.value for r in results],
        "reasons": [",".join(r.reason_codes) for r in results],
        "partition": [r.index.partition for r in results],
        "partition_level": [r.index.partition_level for r in results],
        "avg_similarity": [r.reliability.avg_similarity for r in results],
    }


def _horizon_columns(horizon: str, rows: HorizonForecasts) -> dict[str, list[Any]]:
    f = rows.forecasts
    scored = rows.scored
    y = np.where(scored, f.y, 0)
    quartile = quartiles(f.similarity).tolist()
    columns: dict[str, list[Any]] = {
        "horizon": [horizon] * len(f),
        "covered": f.covered.tolist(),
        "n_valid": rows.n_valid.tolist(),
        "effective_n": rows.n_eff.tolist(),
        "similarity_quartile": [q or None for q in quartile],
        "outcome": [OUTCOMES[code] if code >= 0 else None for code in f.y.tolist()],
        "base_level": [BASE_LEVELS[code] for code in rows.base_level.tolist()],
        "sampling_cost": f.cost.tolist(),
        "sampling_cost_base": f.base_cost.tolist(),
    }
    for prefix, values in (("p", f.p), ("base", f.base), ("ci_low", f.low), ("ci_high", f.high)):
        for c, name in enumerate(OUTCOMES):
            columns[f"{prefix}_{name.lower()}"] = values[:, c].tolist()
    for suffix, p in (("", f.p), ("_base", f.base)):
        for name, losses in (
            ("brier", brier_rows(p, y)),
            ("log_loss", log_loss_rows(p, y, clip=LOG_CLIP)),
        ):
            columns[f"{name}{suffix}"] = np.where(scored, losses, np.nan).tolist()
    return columns


def stratum_labels(
    episodes: Episodes, found: Mapping[str, HorizonForecasts]
) -> dict[str, dict[str, NDArray[Any]]]:
    """Labels of the scored rows by horizon and column, as `scored_sets` orders them."""
    labels: dict[str, dict[str, NDArray[Any]]] = {}
    for horizon, rows in found.items():
        facts = episodes.rows.take(pa.array(rows.row[rows.scored]))
        quartile = quartiles(rows.forecasts.similarity)[rows.scored]
        names = [f"Q{q}" if q else None for q in quartile.tolist()]
        labels[horizon] = {
            **{n: np.array(facts.column(n).to_pylist(), dtype=object) for n in STRATA[:-1]},
            "similarity": np.array(names, dtype=object),
        }
    pooled = {n: np.concatenate([part[n] for part in labels.values()]) for n in STRATA}
    return {**labels, ALL_HORIZONS: pooled}


def measures_table(
    sets: Mapping[str, ForecastSet],
    labels: Mapping[str, Mapping[str, NDArray[Any]]],
    newest: date,
    *,
    seed: int,
    resamples: int,
) -> pa.Table:
    """Every measure of every group of at least 30 rows, and of all rows."""
    rows: list[tuple[Any, ...]] = []
    for horizon, forecasts in sets.items():
        if not len(forecasts):
            continue
        groups = {OVERALL: np.ones(len(forecasts), np.bool_), **strata(labels[horizon])}
        for stratum, mask in groups.items():
            found = group_measures(forecasts.where(mask), OUTCOMES, seed=seed, resamples=resamples)
            if stratum == OVERALL:
                quartile = quartiles(forecasts.similarity)
                found += quartile_difference(forecasts, quartile, seed=seed, resamples=resamples)
            rows += [(newest, horizon, stratum, *_cells(m)) for m in found]
    return _from_rows(MEASURES, rows)


def ablation_table(
    variants: Mapping[str, Mapping[str, ForecastSet]], newest: date, *, seed: int, resamples: int
) -> pa.Table:
    """Scores of each variant; the first is the shipped one, with which the others are compared."""
    rows: list[tuple[Any, ...]] = []
    shipped = next(iter(variants.values()))
    for name, sets in variants.items():
        for horizon, forecasts in sets.items():
            if not len(forecasts):
                continue
            found = score_measures(forecasts, OUTCOMES, seed=seed, resamples=resamples)
            sums = SumMeasures.of(forecasts.day, seed=seed, resamples=resamples)
            own, reference = (brier_rows(s.p, s.y) for s in (forecasts, shipped[horizon]))
            sums.mean("brier_gain", own - reference)
            rows += [(newest, name, horizon, *_cells(m)) for m in (*found, *sums.measures())]
    return _from_rows(ABLATION, rows)


def _cells(measure: Measure) -> tuple[Any, ...]:
    return (
        measure.name,
        measure.value,
        measure.low,
        measure.high,
        measure.n,
        measure.n_sessions,
    )


def _from_rows(contract: TableContract, rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(contract.names)
    return table_of(contract, dict(zip(contract.names, columns, strict=True)))


def reliability_table(sets: Mapping[str, ForecastSet], newest: date) -> pa.Table:
    """Bins of every outcome, for the forecasts and for the base rates."""
    rows: list[tuple[Any, ...]] = []
    for horizon, f in sets.items():
        for c, name in enumerate(OUTCOMES):
            for source, p in (("retrieval", f.p), ("base_rate", f.base)):
                for binning, make in (("uniform", uniform_bins), ("quantile", quantile_bins)):
                    # a posterior may exceed 1 by rounding
                    bins = make(np.clip(p[:, c], 0.0, 1.0), f.y == c)
                    rows += [
                        (newest, horizon, name, source, binning, i, b.low, b.high, b.n, b.mean_p, b.share)
                        for i, b in enumerate(bins)
                    ]  # fmt: skip
    return _from_rows(RELIABILITY, rows)


def drift_table(episodes: Episodes, newest: date) -> pa.Table:
    """Drift of every vector entry over all episodes."""
    recent, before = drift_windows(episodes.days)
    new, old = (episodes.raw(np.flatnonzero(mask)).astype(np.float64) for mask in (recent, before))
    rows = []
    for i, name in enumerate(VECTOR_NAMES):
        d = drift(new[:, i], old[:, i])
        rows.append(
            (newest, name, d.n_recent, d.n_preceding, d.wasserstein, d.mean_shift, d.drifted)
        )
    return _from_rows(DRIFT, rows)
