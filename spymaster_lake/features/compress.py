"""From the normalised vector to the unit vector of the index (03 3.3, 3.4, 08 B14, B25).

Sums run along contiguous rows without BLAS, so a row alone gives the same bits as in a matrix.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.errors import ConfigError, UnknownNameError
from spymaster_lake.contracts.index_blocks import (
    COMPRESSORS,
    CompressorBlock,
    NormalisationBlock,
    PcaBlock,
)
from spymaster_lake.contracts.vector import SECTIONS, VECTOR_DIMENSION, VECTOR_NAMES
from spymaster_lake.features.normalise import Normaliser

ZERO_NORM = 1e-12
"""Shorter vectors have no direction: not indexed, not a valid query (08 B14)."""

FloatArray = NDArray[np.float64]

_GEOMETRY = slice(*SECTIONS["trajectory_basis"])
_PHYSICS = slice(*SECTIONS["multiscale_dynamics"])
_KEPT = np.r_[0 : _PHYSICS.start, _PHYSICS.stop : VECTOR_DIMENSION]


def weight_vector(weights: Mapping[str, float]) -> tuple[float, ...]:
    """One weight for each of the 149 entries, 1 where none is given.

    Raises:
        UnknownNameError: a name that is no entry.
        ConfigError: a weight that is negative or not finite.
    """
    for name, weight in weights.items():
        if name not in VECTOR_NAMES:
            raise UnknownNameError("vector feature", name, VECTOR_NAMES)
        if not np.isfinite(weight) or weight < 0:
            raise ConfigError(
                f"feature_weights.{name}: must be a finite number >= 0 (found {weight!r})"
            )
    return tuple(float(weights.get(name, 1.0)) for name in VECTOR_NAMES)


def fit_compressor(strategy: str, normalised: FloatArray, *, components: int) -> CompressorBlock:
    """The compressor of an index.

    Args:
        strategy: geometry_only, identity or pca_physics.
        normalised: float64[n, 149], normalised and weighted rows of the fit window in canonical
            order; read by pca_physics only.
        components: k of pca_physics, 1 to 40.

    Raises:
        UnknownNameError: another strategy.
        ConfigError: k is out of range.
    """
    if strategy not in COMPRESSORS:
        raise UnknownNameError("compressor", strategy, COMPRESSORS)
    pca = _fit_pca(normalised[:, _PHYSICS], components) if strategy == "pca_physics" else None
    names = {
        "geometry_only": VECTOR_NAMES[_GEOMETRY],
        "identity": VECTOR_NAMES,
        "pca_physics": (
            *(VECTOR_NAMES[i] for i in _KEPT),
            *(f"multiscale_dynamics_pc{i}" for i in range(components)),
        ),
    }[strategy]
    known = cast("Literal['geometry_only', 'identity', 'pca_physics']", strategy)
    return CompressorBlock(
        strategy=known, output_dim=len(names), feature_names=tuple(names), pca=pca
    )


def _fit_pca(values: FloatArray, components: int) -> PcaBlock:
    n, width = values.shape
    if not 1 <= components <= min(width, n):
        raise ConfigError(f"pca_components: must be in [1, {min(width, n)}] (found {components!r})")
    mean, spread = values.mean(axis=0), values.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    _, singular, loadings = np.linalg.svd((values - mean) / scale, full_matrices=False)
    variance = singular**2
    loadings = loadings[:components]
    largest = loadings[np.arange(components), np.abs(loadings).argmax(axis=1)]
    loadings = loadings * np.where(largest < 0, -1.0, 1.0)[:, None]
    total = float(variance.sum())
    shares = variance[:components] / total if total else variance[:components]
    return PcaBlock(
        mean=tuple(mean.tolist()),
        scale=tuple(scale.tolist()),
        components=tuple(tuple(row) for row in loadings.tolist()),
        explained_variance_ratio=tuple(shares.tolist()),
    )


@dataclass(frozen=True, slots=True)
class Compressor:
    """A compressor ready to use.

    Attributes:
        strategy: see `CompressorBlock`.
        mean, scale: float64[40], components: float64[k, 40]; empty unless pca_physics.
    """

    strategy: str
    mean: FloatArray
    scale: FloatArray
    components: FloatArray

    @classmethod
    def of(cls, block: CompressorBlock) -> Compressor:
        """The compressor that a manifest describes."""
        if block.pca is None:
            return cls(block.strategy, np.empty(0), np.empty(0), np.empty((0, 0)))
        pca = block.pca
        return cls(
            block.strategy, np.array(pca.mean), np.array(pca.scale), np.array(pca.components)
        )

    def apply(self, normalised: FloatArray) -> FloatArray:
        """float64[n, 149] to float64[n, output_dim], C order."""
        if self.strategy == "geometry_only":
            return np.ascontiguousarray(normalised[:, _GEOMETRY])
        if self.strategy == "identity":
            return np.ascontiguousarray(normalised)
        standard = (normalised[:, _PHYSICS] - self.mean) / self.scale
        scores = [(standard * loading).sum(axis=1) for loading in self.components]
        return np.ascontiguousarray(np.column_stack([normalised[:, _KEPT], *scores]))


def unit_rows(rows: FloatArray) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Rows divided by their Euclidean length.

    Args:
        rows: float64[n, d], C order.

    Returns:
        float32[n, d], and bool[n]: False where the length is below 1e-12 (that row is zero).
    """
    length = np.sqrt((rows * rows).sum(axis=1))
    valid = length >= ZERO_NORM
    units = rows / np.where(valid, length, 1.0)[:, None]
    units[~valid] = 0.0
    return units.astype(np.float32), valid


@dataclass(frozen=True, slots=True)
class Projection:
    """Raw vector to index vector: normalise, weight, compress, divide by the length.

    Attributes:
        normaliser, compressor: see there.
        weights: float64[149].
    """

    normaliser: Normaliser
    weights: FloatArray
    compressor: Compressor

    @classmethod
    def of(
        cls,
        normalisation: NormalisationBlock,
        feature_weights: tuple[float, ...],
        compressor: CompressorBlock,
    ) -> Projection:
        """The projection that a manifest describes."""
        return cls(
            Normaliser.of(normalisation), np.array(feature_weights), Compressor.of(compressor)
        )

    def apply(self, raw: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Unit vectors of raw vectors.

        Args:
            raw: float[n, 149]; NaN = unknown.

        Returns:
            float32[n, d] and bool[n], False where the vector has no direction (08 B14).

        Raises:
            DataError: another shape, or an infinite entry.
        """
        return unit_rows(self.compressor.apply(self.normaliser.apply(raw) * self.weights))
