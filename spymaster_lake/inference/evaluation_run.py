"""An evaluation in memory: every variant walks forward, every table is made (03 5.3)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pyarrow as pa

from spymaster_lake.contracts.evaluation_settings import EvaluationSettings, Variant
from spymaster_lake.contracts.retrieval_evaluation import ALL_HORIZONS, EVALUATION_TABLES
from spymaster_lake.evaluation.forecast_set import ForecastSet
from spymaster_lake.inference.evaluation_tables import (
    ablation_table,
    drift_table,
    forecasts_table,
    measures_table,
    reliability_table,
    stratum_labels,
)
from spymaster_lake.inference.forecast_rows import horizon_forecasts, scored_sets
from spymaster_lake.inference.variants import ABLATIONS, SHIPPED, is_shipped
from spymaster_lake.inference.walk_forward import blocks, walk_forward
from spymaster_lake.stages.index_building.corpus import Episodes
from spymaster_lake.stages.spec import StageContext

Progress = Callable[[str, int, int], None]
"""Told (variant, episodes answered with this index, episodes answered so far)."""


def evaluation_tables(
    episodes: Episodes,
    sessions: tuple[date, ...],
    context: StageContext,
    settings: EvaluationSettings,
    *,
    ablations: tuple[Variant, ...] = ABLATIONS,
    progress: Progress = lambda *_: None,
) -> dict[str, pa.Table]:
    """All tables of an evaluation, by dataset; nothing is read or written.

    Args:
        episodes: all episodes, in canonical order.
        sessions: all session dates, also those without episodes.
        context: parameters of build_indices.
        settings: of the evaluation.
        ablations: evaluated beside the shipped index.
        progress: told after every index.
    """
    gates, least = tuple(context.param("gates")), settings.min_partition_size
    newest = blocks(sessions, settings)[-1].days[-1]
    variants: dict[str, dict[str, ForecastSet]] = {}
    tables: dict[str, pa.Table] = {}
    for variant in (SHIPPED, *ablations):
        if variant is not SHIPPED and is_shipped(context.params, variant):
            variants[variant.name] = variants[SHIPPED.name]
            continue
        answers = list(
            walk_forward(
                episodes,
                sessions,
                context,
                settings,
                variant=variant,
                progress=_counted(progress, variant.name),
            )
        )
        found = horizon_forecasts(answers, episodes, least=least, gates=gates)
        sets = scored_sets(found, ALL_HORIZONS)
        variants[variant.name] = sets
        if variant is SHIPPED:
            labels = stratum_labels(episodes, found)
            tables["forecasts"] = forecasts_table(answers, episodes, found)
            tables["reliability"] = reliability_table(sets, newest)
            tables["measures"] = measures_table(
                sets, labels, newest, seed=settings.seed, resamples=settings.resamples
            )
    tables["ablation"] = ablation_table(
        variants, newest, seed=settings.seed, resamples=settings.resamples
    )
    tables["drift"] = drift_table(episodes, newest)
    return {contract.dataset: tables[contract.dataset] for contract in EVALUATION_TABLES}


def _counted(progress: Progress, name: str) -> Callable[[int], None]:
    total = 0

    def count(answered: int) -> None:
        nonlocal total
        total += answered
        progress(name, answered, total)

    return count
