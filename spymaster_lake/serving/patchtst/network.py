"""The network of `patchtst_event` as one pure function: JAX runs it in training, NumPy in serving.

Channel-independent PatchTST: each channel of the sequence is cut into overlapping patches, all of
them go through the same transformer encoder, and the mean over channels and patches that hold at
least one observed value meets an embedding of the static features. A hidden patch is neither
attended to nor pooled; a hidden value is replaced by zero and said to be hidden. Layer instead of
batch normalisation, so that a forecast never depends on the other rows of its batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from spymaster_lake.contracts.bundle import HeadTask
from spymaster_lake.contracts.model import FrozenModel

Weights = Mapping[str, Any]
Drop = Callable[[Any], Any]

_HIDDEN = -1e9
"""Added to the attention score of a hidden patch; its weight underflows to exactly 0."""
_EPSILON = 1e-5


class Output(FrozenModel):
    """One head of the network and what its output means."""

    head: str
    task: HeadTask


class NetworkConfig(FrozenModel):
    """`network.json`: the architecture, all that is needed besides weights and scaling.

    Attributes:
        heads: in the order of the output.
        channels, steps: of the sequence.
        patch, stride: length of a patch and distance of their starts, in steps.
        n_static: width of the scaled static block.
        d_model, attention_heads, layers, d_ff: of the encoder.
        d_static: width of the static embedding.
    """

    schema_version: Literal[1] = 1
    heads: tuple[Output, ...] = Field(min_length=1)
    channels: int = Field(ge=1)
    steps: int = Field(ge=1)
    n_static: int = Field(ge=1)
    patch: int = Field(default=8, ge=1)
    stride: int = Field(default=4, ge=1)
    d_model: int = Field(default=32, ge=1)
    attention_heads: int = Field(default=4, ge=1)
    layers: int = Field(default=2, ge=1)
    d_ff: int = Field(default=64, ge=1)
    d_static: int = Field(default=32, ge=1)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.d_model % self.attention_heads:
            raise ValueError(f"d_model {self.d_model} is no multiple of {self.attention_heads}")
        if self.patch > self.steps or (self.steps - self.patch) % self.stride:
            raise ValueError(
                f"patches of {self.patch} every {self.stride} do not end with step {self.steps}"
            )
        return self

    @property
    def patches(self) -> int:
        """Patches per channel."""
        return (self.steps - self.patch) // self.stride + 1

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of all weights by name; those of rank 2 are matrices applied from the right."""
        d, joint = self.d_model, self.d_model + self.d_static
        out: dict[str, tuple[int, ...]] = {
            "patch.kernel": (2 * self.patch, d),
            "patch.bias": (d,),
            "patch.position": (1, self.patches, d),
            "patch.channel": (self.channels, 1, d),
        }
        for i in range(self.layers):
            out |= {
                f"layer{i}.attention.norm.scale": (d,),
                f"layer{i}.attention.norm.bias": (d,),
                f"layer{i}.attention.in.kernel": (d, 3 * d),
                f"layer{i}.attention.in.bias": (3 * d,),
                f"layer{i}.attention.out.kernel": (d, d),
                f"layer{i}.attention.out.bias": (d,),
                f"layer{i}.mlp.norm.scale": (d,),
                f"layer{i}.mlp.norm.bias": (d,),
                f"layer{i}.mlp.in.kernel": (d, self.d_ff),
                f"layer{i}.mlp.in.bias": (self.d_ff,),
                f"layer{i}.mlp.out.kernel": (self.d_ff, d),
                f"layer{i}.mlp.out.bias": (d,),
            }
        return out | {
            "norm.scale": (d,),
            "norm.bias": (d,),
            "static.kernel": (self.n_static, self.d_static),
            "static.bias": (self.d_static,),
            "heads.kernel": (joint, len(self.heads)),
            "heads.bias": (len(self.heads),),
        }


def patch_steps(config: NetworkConfig) -> NDArray[np.int64]:
    """Step numbers of every patch: int64[patches, patch]."""
    starts = np.arange(config.patches) * config.stride
    return np.asarray(starts[:, None] + np.arange(config.patch), dtype=np.int64)


def forward(
    xp: Any,
    config: NetworkConfig,
    weights: Weights,
    *,
    values: Any,
    known: Any,
    static: Any,
    drop: Drop = lambda x: x,
) -> Any:
    """Outputs of all heads: logits of binary heads, values of regressions.

    Args:
        xp: `numpy` or `jax.numpy`.
        config: architecture.
        weights: arrays by name, see `NetworkConfig.shapes`.
        values: float[b, channels, steps], scaled; 0 where unknown.
        known: float[b, channels, steps], 1 where observed, else 0.
        static: float[b, n_static], scaled, with its own marks of what is known.
        drop: dropout; the identity outside training.

    Returns:
        float[b, heads].
    """
    steps = patch_steps(config)
    parts, seen = values[:, :, steps], known[:, :, steps]  # [b, channel, patch, step]
    observed = xp.max(seen, axis=-1)  # [b, channel, patch]
    tokens = (
        xp.matmul(xp.concatenate([parts * seen, seen], axis=-1), weights["patch.kernel"])
        + weights["patch.bias"]
        + weights["patch.position"]
        + weights["patch.channel"]
    )
    tokens = drop(tokens)
    for i in range(config.layers):
        tokens = tokens + drop(
            _attention(xp, config, weights, f"layer{i}.attention", tokens, observed)
        )
        tokens = tokens + drop(_mlp(xp, weights, f"layer{i}.mlp", tokens))
    tokens = _norm(xp, weights, "norm", tokens)
    shown = observed[..., None]
    total = xp.sum(xp.sum(tokens * shown, axis=2), axis=1)
    count = xp.sum(xp.sum(shown, axis=2), axis=1)
    pooled = total / xp.maximum(count, 1.0)  # nothing observed: 0
    embedded = _gelu(xp, _dense(xp, weights, "static", static[:, None, :]))[:, 0, :]
    joint = drop(xp.concatenate([pooled, embedded], axis=-1))
    return _dense(xp, weights, "heads", joint[:, None, :])[:, 0, :]


def _attention(
    xp: Any, config: NetworkConfig, weights: Weights, name: str, tokens: Any, observed: Any
) -> Any:
    """Among the patches of one channel; hidden patches get no weight."""
    b, channels, patches, d = tokens.shape
    each = d // config.attention_heads
    mixed = _dense(xp, weights, f"{name}.in", _norm(xp, weights, f"{name}.norm", tokens))
    split = xp.reshape(mixed, (b, channels, patches, 3, config.attention_heads, each))
    q, k, v = (xp.swapaxes(split[:, :, :, i], 2, 3) for i in range(3))  # [b, c, head, patch, each]
    score = xp.matmul(q, xp.swapaxes(k, -1, -2)) / math.sqrt(each)
    score = score + (1.0 - observed[:, :, None, None, :]) * _HIDDEN
    power = xp.exp(score - xp.max(score, axis=-1, keepdims=True))
    share = power / xp.sum(power, axis=-1, keepdims=True)
    found = xp.reshape(xp.swapaxes(xp.matmul(share, v), 2, 3), (b, channels, patches, d))
    return _dense(xp, weights, f"{name}.out", found)


def _mlp(xp: Any, weights: Weights, name: str, tokens: Any) -> Any:
    hidden = _dense(xp, weights, f"{name}.in", _norm(xp, weights, f"{name}.norm", tokens))
    return _dense(xp, weights, f"{name}.out", _gelu(xp, hidden))


def _dense(xp: Any, weights: Weights, name: str, x: Any) -> Any:
    return xp.matmul(x, weights[f"{name}.kernel"]) + weights[f"{name}.bias"]


def _norm(xp: Any, weights: Weights, name: str, x: Any) -> Any:
    centred = x - xp.mean(x, axis=-1, keepdims=True)
    spread = xp.sqrt(xp.mean(centred * centred, axis=-1, keepdims=True) + _EPSILON)
    return centred / spread * weights[f"{name}.scale"] + weights[f"{name}.bias"]


def _gelu(xp: Any, x: Any) -> Any:
    """The tanh form."""
    return 0.5 * x * (1.0 + xp.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)))
