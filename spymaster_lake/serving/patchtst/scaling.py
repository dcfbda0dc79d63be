"""How raw inputs become network inputs: `scaling.json`, statistics of the training sessions alone.

Robust: median and interquartile range over known values. What is unknown becomes 0 and is marked
unknown beside it; no value stands for a missing one (04 section 1.3, M-20).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spymaster_lake.contracts.bundle import json_bytes
from spymaster_lake.contracts.episodes import SEQUENCE_CHANNELS, SEQUENCE_LENGTH
from spymaster_lake.contracts.errors import DataError
from spymaster_lake.contracts.feature_set import FeatureSet
from spymaster_lake.contracts.model import FrozenModel

FloatArray = NDArray[np.float64]
STEPS = SEQUENCE_LENGTH // len(SEQUENCE_CHANNELS)

MIN_VALUES = 30
"""Fewer known training values make an input unavailable: always unknown (as 08 B13)."""
DEGENERATE = 1e-9
"""A scale at most this share of the largest absolute value is none (08 B13)."""
NORMAL_IQR = 1.3489795003921634
"""Interquartile range of a standard normal: the scale is a standard deviation there."""

State = Literal["ok", "constant", "unavailable"]


class Statistic(FrozenModel):
    """One input: (x - centre) / scale, clipped; 0 if constant, unknown if unavailable.

    Attributes:
        n: known training values.
        centre: their median.
        scale: their interquartile range over that of a normal; their standard deviation where more
            than half of them are equal.
        state: whether it can be scaled.
    """

    n: int = Field(ge=0)
    centre: float
    scale: float = Field(gt=0)
    state: State


class Scaling(FrozenModel):
    """`scaling.json`.

    Attributes:
        clip: bound of scaled values.
        channels: by channel of the sequence, signs applied.
        numeric: by numeric column of the feature set, signs applied.
        categories: size of the enumeration by categorical column.
        columns: all columns in the order of the matrix.
    """

    schema_version: Literal[1] = 1
    clip: float = Field(default=6.0, gt=0)
    channels: dict[str, Statistic]
    numeric: dict[str, Statistic]
    categories: dict[str, int]
    columns: tuple[str, ...]

    @property
    def n_static(self) -> int:
        """Width of the static block: value and mark of each number, a mark for each category."""
        return 2 * len(self.numeric) + sum(self.categories.values())

    def to_bytes(self) -> bytes:
        """The file, deterministic; floats keep every bit."""
        return json_bytes(self.model_dump(mode="json"))


@dataclass(frozen=True)
class NetworkInputs:
    """What `network.forward` reads.

    Attributes:
        values, known: float64[n, channels, steps].
        static: float64[n, n_static].
    """

    values: FloatArray
    known: FloatArray
    static: FloatArray

    def take(self, rows: NDArray[np.int64] | slice) -> NetworkInputs:
        """Some of the rows."""
        return NetworkInputs(self.values[rows], self.known[rows], self.static[rows])


def fit_scaling(feature_set: FeatureSet, matrix: FloatArray, sequences: FloatArray) -> Scaling:
    """Statistics of training rows.

    Args:
        feature_set: of the matrix.
        matrix: float64[n, C] of `model_matrix`, training rows only.
        sequences: float64[n, 280] of `sequence_matrix`, the same rows.
    """
    by_channel = sequences.reshape(len(sequences), STEPS, len(SEQUENCE_CHANNELS))
    return Scaling(
        channels={name: statistic(by_channel[:, :, c]) for c, name in enumerate(SEQUENCE_CHANNELS)},
        numeric={
            column.name: statistic(matrix[:, i])
            for i, column in enumerate(feature_set.columns)
            if column.enum is None
        },
        categories={c.name: len(c.enum) for c in feature_set.columns if c.enum is not None},
        columns=feature_set.names,
    )


def statistic(values: FloatArray) -> Statistic:
    """Centre and scale of the values that are not NaN."""
    known = values[~np.isnan(values)]
    if len(known) < MIN_VALUES:
        return Statistic(n=len(known), centre=0.0, scale=1.0, state="unavailable")
    low, centre, high = (float(q) for q in np.quantile(known, (0.25, 0.5, 0.75)))
    scale = (high - low) / NORMAL_IQR
    least = DEGENERATE * float(np.abs(known).max())
    if scale <= least:
        scale = float(known.std())
    if scale <= least:
        return Statistic(n=len(known), centre=centre, scale=1.0, state="constant")
    return Statistic(n=len(known), centre=centre, scale=scale, state="ok")


def network_inputs(scaling: Scaling, matrix: FloatArray, sequences: FloatArray) -> NetworkInputs:
    """Scaled inputs of any rows.

    Args:
        scaling: of the model.
        matrix: float64[n, C] of `model_matrix`.
        sequences: float64[n, 280] of `sequence_matrix`.

    Raises:
        DataError: another number of columns than the scaling has.
    """
    want = (len(sequences), len(scaling.columns))
    if matrix.shape != want or sequences.shape[1:] != (SEQUENCE_LENGTH,):
        raise DataError(f"model inputs have shapes {matrix.shape} and {sequences.shape}")
    by_channel = sequences.reshape(len(sequences), STEPS, len(SEQUENCE_CHANNELS))
    scaled = [
        _scaled(scaling.channels[name], by_channel[:, :, c], scaling.clip)
        for c, name in enumerate(SEQUENCE_CHANNELS)
    ]
    static = _static(scaling, matrix)
    values, known = (np.stack([pair[i] for pair in scaled], axis=1) for i in (0, 1))
    return NetworkInputs(values, known, static)


def _scaled(by: Statistic, values: FloatArray, clip: float) -> tuple[FloatArray, FloatArray]:
    known = ~np.isnan(values)
    if by.state == "unavailable":
        known = np.zeros_like(known)
    factor = 0.0 if by.state == "constant" else 1.0 / by.scale
    inner = np.where(known, values - by.centre, 0.0) * factor
    return np.clip(inner, -clip, clip), known.astype(np.float64)


def _static(scaling: Scaling, matrix: FloatArray) -> FloatArray:
    blocks: list[FloatArray] = []
    by_column: Mapping[str, Statistic] = scaling.numeric
    for i, name in enumerate(scaling.columns):
        if name in by_column:
            blocks += [
                part[:, None] for part in _scaled(by_column[name], matrix[:, i], scaling.clip)
            ]
        else:
            codes = np.arange(scaling.categories[name], dtype=np.float64)
            blocks.append((matrix[:, i, None] == codes).astype(np.float64))
    return np.concatenate(blocks, axis=1)
