"""How `patchtst_event` is trained: every number that is no weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spymaster_lake.contracts.bundle import required_heads
from spymaster_lake.contracts.episodes import SEQUENCE_CHANNELS
from spymaster_lake.serving.patchtst.network import NetworkConfig, Output
from spymaster_lake.serving.patchtst.scaling import STEPS
from spymaster_lake.training.heads import HEADS, Head

MODEL_ID = "patchtst_event"
PATCHTST_HEADS: tuple[Head, ...] = tuple(
    head for head in HEADS if head.name in required_heads(MODEL_ID)
)
"""tradeable, direction and strength at 4min: the targets of 04 section 1.3."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Hyper-parameters.

    Attributes:
        patch, stride: length of a patch and distance of their starts, in steps of 30 s.
        d_model, attention_heads, layers, d_ff, d_static: see `NetworkConfig`.
        dropout: share of activations set to 0 in training.
        learning_rate, weight_decay, beta_1, beta_2, epsilon: of AdamW; matrices alone decay.
        max_norm: gradients of a larger global norm are shortened to it.
        batch: rows per step.
        max_epochs, patience: training ends after `patience` epochs without a better validation loss.
        smooth_l1_beta: where the regression loss turns from square to absolute, in ATR.
        binary_weight, regression_weight: of the losses of the heads.
    """

    patch: int = 8
    stride: int = 4
    d_model: int = 32
    attention_heads: int = 4
    layers: int = 2
    d_ff: int = 64
    d_static: int = 32
    dropout: float = 0.2
    learning_rate: float = 5e-4
    weight_decay: float = 0.01
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    max_norm: float = 1.0
    batch: int = 64
    max_epochs: int = 60
    patience: int = 10
    smooth_l1_beta: float = 1.0
    binary_weight: float = 1.0
    regression_weight: float = 1.0

    def config(self, heads: Sequence[Head], n_static: int) -> NetworkConfig:
        """The architecture for some heads and a width of the static block."""
        return NetworkConfig(
            heads=tuple(Output(head=head.name, task=head.task) for head in heads),
            channels=len(SEQUENCE_CHANNELS),
            steps=STEPS,
            n_static=n_static,
            patch=self.patch,
            stride=self.stride,
            d_model=self.d_model,
            attention_heads=self.attention_heads,
            layers=self.layers,
            d_ff=self.d_ff,
            d_static=self.d_static,
        )
