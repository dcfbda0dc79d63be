"""A fitted `patchtst_event`: scaling, weights and network together, in NumPy, without JAX.

Rows are computed one at a time in double precision, so a forecast has the same bits whatever rows
stand beside it: scoring a single session repeats the forecasts of a whole test block.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from spymaster_lake.contracts.bundle import SCALING_FILE, json_bytes
from spymaster_lake.contracts.episodes import SEQUENCE_CHANNELS, SEQUENCE_LENGTH
from spymaster_lake.contracts.errors import BundleSchemaError
from spymaster_lake.contracts.model import FrozenModel, describe
from spymaster_lake.serving.patchtst.extra import SERVING, require_extra
from spymaster_lake.serving.patchtst.network import NetworkConfig, forward
from spymaster_lake.serving.patchtst.scaling import STEPS, Scaling, network_inputs

FloatArray = NDArray[np.float64]
_Json = TypeVar("_Json", bound=FrozenModel)

WEIGHTS_FILE, NETWORK_FILE = "model.safetensors", "network.json"
MODEL_FILES: tuple[str, ...] = (WEIGHTS_FILE, NETWORK_FILE, SCALING_FILE)


@dataclass(frozen=True)
class PatchTst:
    """Everything that a forecast needs.

    Attributes:
        config: architecture.
        scaling: statistics of the training sessions.
        weights: float32 arrays by name.
    """

    config: NetworkConfig
    scaling: Scaling
    weights: Mapping[str, NDArray[np.float32]]

    def predict(self, matrix: FloatArray, sequences: FloatArray) -> dict[str, FloatArray]:
        """By head: probability of class 1, or the value.

        Args:
            matrix: float64[n, C] of `model_matrix`, NaN where unknown.
            sequences: float64[n, 280] of `sequence_matrix`, NaN where unknown.

        Returns:
            float64[n] by head.
        """
        inputs = network_inputs(self.scaling, matrix, sequences)
        weights = {name: w.astype(np.float64) for name, w in self.weights.items()}
        out = np.empty((len(matrix), len(self.config.heads)), dtype=np.float64)
        for i in range(len(matrix)):
            row = inputs.take(slice(i, i + 1))
            out[i] = forward(
                np,
                self.config,
                weights,
                values=np.ascontiguousarray(row.values),
                known=np.ascontiguousarray(row.known),
                static=np.ascontiguousarray(row.static),
            )[0]
        return {
            output.head: _probability(out[:, i]) if output.task == "binary" else out[:, i]
            for i, output in enumerate(self.config.heads)
        }

    def files(self) -> dict[str, bytes]:
        """`model.safetensors`, `network.json` and `scaling.json`; equal models, equal bytes."""
        require_extra(SERVING, what="writing a sequence model")
        from safetensors.numpy import save

        arrays = {name: np.ascontiguousarray(self.weights[name]) for name in sorted(self.weights)}
        return {
            WEIGHTS_FILE: save(arrays),
            NETWORK_FILE: json_bytes(self.config.model_dump(mode="json")),
            SCALING_FILE: self.scaling.to_bytes(),
        }


def read_patchtst(files: Mapping[str, bytes], root: str) -> PatchTst:
    """The model of a bundle's files, checked against each other.

    Args:
        files: contents by path in the bundle, hashes verified.
        root: the bundle's directory, for messages.

    Raises:
        ConfigError: safetensors is not installed; names the extra.
        BundleSchemaError: a file is absent or malformed, weights lack a tensor, have one too many, or
            one of another shape or type.
    """
    require_extra(SERVING, what="a sequence model")
    from safetensors import SafetensorError
    from safetensors.numpy import load

    if absent := [name for name in MODEL_FILES if name not in files]:
        raise BundleSchemaError(f"{root}: lacks {', '.join(absent)}")
    config = _parse(NetworkConfig, files[NETWORK_FILE], f"{root}/{NETWORK_FILE}")
    scaling = _parse(Scaling, files[SCALING_FILE], f"{root}/{SCALING_FILE}")
    try:
        weights: dict[str, NDArray[np.float32]] = load(files[WEIGHTS_FILE])
    except SafetensorError as exc:
        raise BundleSchemaError(f"{root}/{WEIGHTS_FILE}: {exc}") from exc
    _check_shapes(config, scaling, root)
    want = {name: (shape, "float32") for name, shape in config.shapes().items()}
    have = {name: (w.shape, str(w.dtype)) for name, w in weights.items()}
    if differing := sorted(n for n in {*want, *have} if want.get(n) != have.get(n)):
        raise BundleSchemaError(
            f"{root}/{WEIGHTS_FILE}: {len(differing)} tensors differ from {NETWORK_FILE}, such as "
            f"{differing[0]}: {have.get(differing[0])}, needed {want.get(differing[0])}"
        )
    if bad := sorted(n for n, w in weights.items() if not np.isfinite(w).all()):
        raise BundleSchemaError(f"{root}/{WEIGHTS_FILE}: not finite: {', '.join(bad)}")
    return PatchTst(config, scaling, weights)


def _probability(logits: FloatArray) -> FloatArray:
    """The logistic function, without overflow."""
    small = np.exp(-np.abs(logits))
    return np.asarray(np.where(logits >= 0, 1.0, small) / (1.0 + small), dtype=np.float64)


def _parse(kind: type[_Json], data: bytes, path: str) -> _Json:
    try:
        return kind.model_validate_json(data, strict=True)
    except ValidationError as exc:
        raise BundleSchemaError(f"{path}: {describe(exc)}") from exc


def _check_shapes(config: NetworkConfig, scaling: Scaling, root: str) -> None:
    said = (config.channels, config.steps, config.n_static)
    needed = (len(SEQUENCE_CHANNELS), STEPS, scaling.n_static)
    split = {*scaling.numeric, *scaling.categories}
    if (
        said != needed
        or set(scaling.channels) != set(SEQUENCE_CHANNELS)
        or split != set(scaling.columns)
    ):
        raise BundleSchemaError(
            f"{root}: {NETWORK_FILE} reads {said} (channels, steps, static), {SCALING_FILE} and the "
            f"sequence of {SEQUENCE_LENGTH} give {needed}"
        )


@dataclass(frozen=True)
class SequenceHead:
    """One head behind the interface of an estimator: `predict_proba` or `predict` on one matrix.

    The matrix holds the feature set's columns and, after them, the 280 of `sequence_matrix`.

    Attributes:
        model: the whole network; the heads of a bundle share it.
        name: of the head.
    """

    model: PatchTst
    name: str

    @property
    def classes_(self) -> NDArray[np.int64]:
        """Codes in the order of `predict_proba`."""
        return np.array([0, 1], dtype=np.int64)

    def predict_proba(self, matrix: FloatArray) -> FloatArray:
        """float64[n, 2] of a binary head."""
        p = self.predict(matrix)
        return np.column_stack([1.0 - p, p])

    def predict(self, matrix: FloatArray) -> Any:
        """float64[n]: probability of class 1, or the value of a regression."""
        width = len(self.model.scaling.columns)
        return self.model.predict(matrix[:, :width], matrix[:, width:])[self.name]
