"""Weights before the first step, from the seed alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.serving.patchtst.network import NetworkConfig

CLIP = 1e-3
"""Base rates are kept this far from 0 and 1 when they become logits."""


def initial_weights(
    config: NetworkConfig, means: Sequence[float], *, seed: int
) -> dict[str, NDArray[np.float32]]:
    """Scaled normal matrices, unit norms, and heads that say the training means at first.

    Before the first step the network is the baseline B0, so that training starts from what it has
    to beat and a market without an effect leaves it there.

    Args:
        config: architecture.
        means: base rate or mean target of each head, in order.
        seed: of the normal numbers.

    Returns:
        float32 arrays by name.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    out: dict[str, NDArray[np.float32]] = {}
    for name, shape in config.shapes().items():
        if name.startswith("heads.") or name.endswith(".bias"):
            value = np.zeros(shape)
        elif name.endswith(".scale"):
            value = np.ones(shape)
        elif name.endswith(".kernel"):
            value = rng.normal(0.0, 1.0 / math.sqrt(shape[0]), shape)
        else:
            value = rng.normal(0.0, 0.02, shape)  # positions and channels
        out[name] = value.astype(np.float32)
    out["heads.bias"] = np.array(
        [
            _logit(mean) if output.task == "binary" else mean
            for output, mean in zip(config.heads, means, strict=True)
        ],
        dtype=np.float32,
    )
    return out


def _logit(rate: float) -> float:
    kept = min(max(rate, CLIP), 1.0 - CLIP)
    return math.log(kept / (1.0 - kept))
