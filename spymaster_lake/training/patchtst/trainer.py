"""`patchtst_event` behind the interface that every trainer has (04 sections 1.1, 1.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.bundle import json_bytes
from spymaster_lake.contracts.feature_set import FeatureSet
from spymaster_lake.features.sequence_matrix import SEQUENCE_COLUMNS, sequence_matrix
from spymaster_lake.serving.patchtst.extra import TRAINING, require_extra
from spymaster_lake.serving.patchtst.model import WEIGHTS_FILE, PatchTst
from spymaster_lake.serving.patchtst.scaling import (
    DEGENERATE,
    MIN_VALUES,
    fit_scaling,
    network_inputs,
)
from spymaster_lake.training.dataset import TrainingData
from spymaster_lake.training.heads import Head
from spymaster_lake.training.patchtst.fit import Epoch, Fit, fit_network, rows_of
from spymaster_lake.training.patchtst.recipe import MODEL_ID, PATCHTST_HEADS, Recipe
from spymaster_lake.training.splits import Split
from spymaster_lake.training.trainer import ExtraDataset

FloatArray = NDArray[np.float64]

SEQUENCES = ExtraDataset("episodes/sequences", SEQUENCE_COLUMNS)
HISTORY_FILE = "history.json"


@dataclass(frozen=True)
class PatchTstModel:
    """A fitted network and how it came to be.

    Attributes:
        network: serves as it stands here.
        dead_columns: see `FittedModel`.
        best: epoch whose weights were kept; 0 is the training base rate.
        history: losses by epoch.
    """

    network: PatchTst
    dead_columns: tuple[str, ...]
    best: int
    history: tuple[Epoch, ...]

    def predict(self, data: TrainingData, rows: NDArray[np.int64]) -> Mapping[str, FloatArray]:
        """By head: probability of class 1, or the value, float64[len(rows)]."""
        return self.network.predict(data.inputs[rows], sequences_of(data)[rows])

    def files(self) -> Mapping[str, bytes]:
        """`model.safetensors`, `network.json`, `scaling.json` and `history.json`."""
        told = {"best_epoch": self.best, "epochs": [asdict(epoch) for epoch in self.history]}
        return {**self.network.files(), HISTORY_FILE: json_bytes(told)}

    def head_files(self) -> Mapping[str, str]:
        """All heads are in the one file of weights."""
        return {output.head: WEIGHTS_FILE for output in self.network.config.heads}


class PatchTstEvent:
    """The trainer of `patchtst_event`.

    Raises:
        ConfigError: the extra `sequence` is not installed.
    """

    model_id = MODEL_ID
    heads: tuple[Head, ...] = PATCHTST_HEADS
    extra_datasets: tuple[ExtraDataset, ...] = (SEQUENCES,)
    libraries: tuple[str, ...] = ("numpy", "jax", "jaxlib", "optax", "safetensors")

    def __init__(self, recipe: Recipe | None = None) -> None:
        require_extra(TRAINING, what=f"model {MODEL_ID!r}")
        self.recipe = recipe or Recipe()

    def hyper_parameters(self, seed: int) -> Mapping[str, Any]:
        """The recipe; the seed is of weights, order of rows and dropout."""
        return {
            **asdict(self.recipe),
            "optimiser": "adamw",
            "normalisation": "layer, before each block",
            "checkpoint": "lowest validation loss, epoch 0 included",
            "scaling.min_values": MIN_VALUES,
            "scaling.degenerate": DEGENERATE,
            "class_weight": None,
            "threads": 1,
            "random_state": seed,
        }

    def fit(
        self,
        data: TrainingData,
        split: Split,
        feature_set: FeatureSet,
        *,
        heads: Sequence[Head],
        seed: int,
    ) -> PatchTstModel:
        """Fit all `heads` together; the validation block chooses the epoch."""
        sequences = sequences_of(data)
        scaling = fit_scaling(feature_set, data.inputs[split.train], sequences[split.train])
        inputs = network_inputs(scaling, data.inputs, sequences)
        truths = [head.truth(data.labels) for head in heads]
        fit: Fit = fit_network(
            config := self.recipe.config(heads, scaling.n_static),
            self.recipe,
            rows_of(inputs, truths, split.train),
            rows_of(inputs, truths, split.val),
            seed=seed,
        )
        alive = (~np.isnan(data.inputs[split.train])).sum(axis=0)
        return PatchTstModel(
            PatchTst(config, scaling, fit.weights),
            tuple(name for name, n in zip(feature_set.names, alive.tolist(), strict=True) if not n),
            fit.best,
            fit.history,
        )


def sequences_of(data: TrainingData) -> FloatArray:
    """float64[n, 280] of all rows, signs applied, NaN where unknown."""
    sequence, mask = (data.extra[name] for name in SEQUENCES.columns)
    return sequence_matrix(sequence, mask, data.columns["direction"])
