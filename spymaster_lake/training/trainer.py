"""What a trainer is: the interface every model kind shares.

Splits, measures, bundle, registry and tracking know only this. A trainer fits heads on one split and
gives a model that predicts rows and writes its own files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.feature_set import FeatureSet
from spymaster_lake.training.dataset import TrainingData
from spymaster_lake.training.heads import Head
from spymaster_lake.training.splits import Split

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ExtraDataset:
    """A further table with at most one row per event that a trainer reads; others are no rows.

    Attributes:
        dataset: name, such as "episodes/sequences"; the hand-off run must have it.
        columns: array columns; they arrive in `TrainingData.extra`, and bundle.json declares them.
    """

    dataset: str
    columns: tuple[str, ...]


class FittedModel(Protocol):
    """Fitted heads of one model."""

    @property
    def dead_columns(self) -> tuple[str, ...]:
        """Declared columns that a head ignores, having no training value of them (08 B12)."""
        ...

    def predict(self, data: TrainingData, rows: NDArray[np.int64]) -> Mapping[str, FloatArray]:
        """By head: probability of class 1, or the value of a regression, float64[len(rows)]."""
        ...

    def files(self) -> Mapping[str, bytes]:
        """Artefact files by path in the bundle."""
        ...

    def head_files(self) -> Mapping[str, str]:
        """By fitted head: the path of the file in `files` that holds it."""
        ...


class Trainer(Protocol):
    """A kind of model.

    Attributes:
        model_id: name in the registry, such as "level_trees".
        heads: what it learns; those that a served model needs are in `contracts.bundle`.
        extra_datasets: what it reads beside signals and labels.
        libraries: distributions whose versions belong into `env.json`.
    """

    model_id: str
    heads: tuple[Head, ...]
    extra_datasets: tuple[ExtraDataset, ...]
    libraries: tuple[str, ...]

    def hyper_parameters(self, seed: int) -> Mapping[str, Any]:
        """Every hyper-parameter by name, library defaults spelled out."""
        ...

    def fit(
        self,
        data: TrainingData,
        split: Split,
        feature_set: FeatureSet,
        *,
        heads: Sequence[Head],
        seed: int,
    ) -> FittedModel:
        """Fit `heads` on `split.train`; `split.val` may choose between candidates, test never.

        Deterministic: equal data, split, heads and seed give equal predictions, bit for bit.
        """
        ...
