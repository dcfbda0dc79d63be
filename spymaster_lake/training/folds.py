"""Fits every fold and scores its blocks: one model per fold, the last one is what is registered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.enums import PRIMARY_HORIZON
from spymaster_lake.contracts.feature_set import FeatureSet
from spymaster_lake.training.baselines import Baselines, fit_baselines
from spymaster_lake.training.composed import (
    HEADS_NEEDED,
    ComposedRows,
    compose,
    measure_composed,
    outcome_classes,
)
from spymaster_lake.training.dataset import TrainingData
from spymaster_lake.training.heads import Head
from spymaster_lake.training.measures import Measures, Scored, concatenate, measure_head
from spymaster_lake.training.splits import Split
from spymaster_lake.training.sufficiency import HeadCount
from spymaster_lake.training.trainer import FittedModel, Trainer

FloatArray = NDArray[np.float64]
COMPOSED = f"composed_{PRIMARY_HORIZON}"


@dataclass(frozen=True)
class BlockForecasts:
    """Forecasts for all eligible rows of one block, by head.

    Attributes:
        rows: row numbers.
        p, b0, b1: float64[len(rows)] by head: model and baselines.
    """

    rows: NDArray[np.int64]
    p: Mapping[str, FloatArray]
    b0: Mapping[str, FloatArray]
    b1: Mapping[str, FloatArray]


@dataclass(frozen=True)
class FittedFold:
    """One fold after fitting.

    Attributes:
        split: its rows.
        heads: the heads that were fitted.
        model, baselines: what was fitted.
        val: forecasts of the validation block.
    """

    split: Split
    heads: tuple[Head, ...]
    model: FittedModel
    baselines: Baselines
    val: BlockForecasts


def fit_fold(
    trainer: Trainer,
    data: TrainingData,
    split: Split,
    feature_set: FeatureSet,
    counts: Sequence[HeadCount],
    *,
    seed: int,
) -> FittedFold:
    """Fit the heads that have enough rows, and the baselines, on one fold."""
    enough = {c.head for c in counts if c.status == "OK"}
    heads = tuple(head for head in trainer.heads if head.name in enough)
    model = trainer.fit(data, split, feature_set, heads=heads, seed=seed)
    baselines = fit_baselines(data, split, heads)
    return FittedFold(split, heads, model, baselines, forecast(model, baselines, data, split.val))


def forecast(
    model: FittedModel, baselines: Baselines, data: TrainingData, rows: NDArray[np.int64]
) -> BlockForecasts:
    """Forecasts of model and baselines for some rows."""
    return BlockForecasts(
        rows,
        model.predict(data, rows),
        baselines.predict_b0(rows),
        baselines.predict_b1(data, rows),
    )


def measure_block(
    data: TrainingData, heads: Sequence[Head], blocks: Sequence[BlockForecasts], *, seed: int
) -> dict[str, Measures]:
    """Measures by head, and of the composed forecast, over one block or several pooled ones.

    A head that a fold skipped is measured on the folds that have it.
    """
    groups = data.strata
    found = {}
    for head in heads:
        truth = head.truth(data.labels)
        parts = [_scored(data, groups, truth, b, head.name) for b in blocks if head.name in b.p]
        if parts:
            pooled = concatenate(parts)
            found[head.name] = measure_head(pooled, binary=head.task == "binary", seed=seed)
    whole = [b for b in blocks if all(name in b.p for name in HEADS_NEEDED)]
    if whole:
        found[COMPOSED] = measure_composed(_composed(data, groups, whole), seed=seed)
    return found


def _scored(
    data: TrainingData,
    groups: Mapping[str, NDArray[np.object_]],
    truth: FloatArray,
    block: BlockForecasts,
    head: str,
) -> Scored:
    known = ~np.isnan(truth[block.rows])
    rows = block.rows[known]
    return Scored(
        y=truth[rows],
        p=block.p[head][known],
        b0=block.b0[head][known],
        b1=block.b1[head][known],
        day=data.session[rows],
        groups={name: labels[rows] for name, labels in groups.items()},
    )


def _composed(
    data: TrainingData,
    groups: Mapping[str, NDArray[np.object_]],
    blocks: Sequence[BlockForecasts],
) -> ComposedRows:
    rows = np.concatenate([b.rows for b in blocks])
    return ComposedRows(
        y=outcome_classes(data.labels[f"outcome_{PRIMARY_HORIZON}"][rows]),
        p=np.concatenate([compose(b.p) for b in blocks]),
        b0=np.concatenate([compose(b.b0) for b in blocks]),
        b1=np.concatenate([compose(b.b1) for b in blocks]),
        day=data.session[rows],
        groups={name: labels[rows] for name, labels in groups.items()},
    )
