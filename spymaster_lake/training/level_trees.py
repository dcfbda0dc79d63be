"""`level_trees`: one histogram gradient boosting per head, every parameter explicit (04 1.2).

Null stays null: the estimator has a branch for it. Columns without any value in a head's training rows
are left out of its fit and named in the bundle (08 B12); the head itself leaves them out, so that
every head takes the whole matrix of the feature set. Files hold plain scikit-learn objects: reading
one needs no class of this package (M-28). One thread: sums of floats do not depend on the machine.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from spymaster_lake.contracts.feature_set import FeatureSet
from spymaster_lake.training.dataset import TrainingData
from spymaster_lake.training.heads import HEADS, Head
from spymaster_lake.training.splits import Split
from spymaster_lake.training.trainer import ExtraDataset

FloatArray = NDArray[np.float64]

COMMON: dict[str, Any] = {
    "learning_rate": 0.05,
    "max_iter": 300,
    "max_leaf_nodes": 31,
    "max_depth": 6,
    "min_samples_leaf": 20,
    "l2_regularization": 0.0,
    "max_features": 1.0,
    "max_bins": 255,
    "monotonic_cst": None,
    "interaction_cst": None,
    "warm_start": False,
    "early_stopping": False,
    "scoring": None,
    "validation_fraction": None,
    "n_iter_no_change": 10,
    "tol": 1e-7,
    "verbose": 0,
}
"""Parameters of both estimators; `early_stopping` would hold out random rows (M-07)."""

CLASSIFIER: dict[str, Any] = {**COMMON, "loss": "log_loss", "class_weight": None}
REGRESSOR: dict[str, Any] = {**COMMON, "loss": "squared_error", "quantile": None}


@dataclass(frozen=True)
class LevelTreesModel:
    """Fitted heads.

    Attributes:
        heads: scikit-learn pipelines by head.
        binary: names of the heads that give a probability.
        dead_columns: see `FittedModel`.
    """

    heads: Mapping[str, Pipeline]
    binary: frozenset[str]
    dead_columns: tuple[str, ...]

    def predict(self, data: TrainingData, rows: NDArray[np.int64]) -> Mapping[str, FloatArray]:
        """By head: probability of class 1, or the value, float64[len(rows)]."""
        inputs = data.inputs[rows]
        with threadpool_limits(limits=1):
            return {
                name: np.asarray(
                    head.predict_proba(inputs)[:, 1]
                    if name in self.binary
                    else head.predict(inputs),
                    dtype=np.float64,
                )
                for name, head in self.heads.items()
            }

    def files(self) -> Mapping[str, bytes]:
        """`heads/{head}.joblib`, uncompressed."""
        return {self._file(name): _dump(head) for name, head in self.heads.items()}

    def head_files(self) -> Mapping[str, str]:
        """The file of each head."""
        return {name: self._file(name) for name in self.heads}

    @staticmethod
    def _file(name: str) -> str:
        return f"heads/{name}.joblib"


class LevelTrees:
    """The trainer of `level_trees`."""

    model_id = "level_trees"
    heads = HEADS
    extra_datasets: tuple[ExtraDataset, ...] = ()
    libraries: tuple[str, ...] = ("numpy", "scikit-learn", "pandas", "joblib", "threadpoolctl")

    def hyper_parameters(self, seed: int) -> Mapping[str, Any]:
        """Parameters of both estimators."""
        return {
            **COMMON,
            "random_state": seed,
            "classifier.loss": CLASSIFIER["loss"],
            "classifier.class_weight": CLASSIFIER["class_weight"],
            "regressor.loss": REGRESSOR["loss"],
            "regressor.quantile": REGRESSOR["quantile"],
            "categorical_features": "those of the feature set",
            "sample_weight": None,
            "threads": 1,
        }

    def fit(
        self,
        data: TrainingData,
        split: Split,
        feature_set: FeatureSet,
        *,
        heads: Sequence[Head],
        seed: int,
    ) -> LevelTreesModel:
        """Fit each head on its own training rows; the validation block is not looked at."""
        categorical = np.array([c.kind == "cat" for c in feature_set.columns])
        fitted: dict[str, Pipeline] = {}
        dead = np.zeros(len(feature_set.columns), dtype=np.bool_)
        with threadpool_limits(limits=1):
            for head in heads:
                target = head.truth(data.labels)[split.train]
                known = ~np.isnan(target)
                inputs = data.inputs[split.train[known]]
                unseen = np.isnan(inputs).all(axis=0)
                dead |= unseen
                pipeline = _pipeline(head, np.flatnonzero(~unseen), categorical[~unseen], seed)
                fitted[head.name] = pipeline.fit(inputs, target[known])
        binary = frozenset(head.name for head in heads if head.task == "binary")
        names = (c.name for c, gone in zip(feature_set.columns, dead, strict=True) if gone)
        return LevelTreesModel(fitted, binary, tuple(names))


def _pipeline(
    head: Head, kept: NDArray[np.int64], categorical: NDArray[np.bool_], seed: int
) -> Pipeline:
    choice = ColumnTransformer([("kept", "passthrough", kept.tolist())], remainder="drop")
    mask = categorical if categorical.any() else None
    estimator = (
        HistGradientBoostingClassifier(**CLASSIFIER, categorical_features=mask, random_state=seed)
        if head.task == "binary"
        else HistGradientBoostingRegressor(
            **REGRESSOR, categorical_features=mask, random_state=seed
        )
    )
    return Pipeline([("columns", choice), ("trees", estimator)])


def _dump(pipeline: Pipeline) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(pipeline, buffer)
    return buffer.getvalue()
