"""`predict(model, frame)`: forecasts under the strict contract of 04 section 2.3.

Per horizon P(BREAK) = t b, P(REJECT) = t (1 - b), P(NONE) = 1 - t with t the tradeable and b the
direction head, so the three sum to one. Values outside the training range raise nothing; they count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spymaster_lake.contracts.bundle import Bundle, plain_sha256
from spymaster_lake.contracts.enums import HORIZONS
from spymaster_lake.contracts.errors import DataError, HeadError
from spymaster_lake.contracts.feature_set import FeatureSet
from spymaster_lake.contracts.predictions import (
    PREDICTIONS,
    REACH_KINDS,
    REACH_SECONDS,
    reach_column,
)
from spymaster_lake.features.model_matrix import model_matrix
from spymaster_lake.features.sequence_matrix import SEQUENCE_COLUMNS, sequence_matrix
from spymaster_lake.serving.frame_checks import SessionWindow, check_frame, frame_metadata
from spymaster_lake.serving.model_bundle import LoadedModel

FloatArray = NDArray[np.float64]
SIMPLEX_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a model says.

    Attributes:
        rows: of contract `predictions`, in the order of the frame.
        oob: "oob_{name}" to the number of values outside the training range, monitoring only.
    """

    rows: pa.Table
    oob: dict[str, int]


@dataclass(frozen=True, slots=True)
class Reach:
    """P(a barrier is reached in time): either, the break one, the reject one; null if skipped."""

    any: float | None
    break_: float | None
    reject: float | None


def reach_table(row: Mapping[str, Any]) -> dict[int, Reach]:
    """The reach heads of one prediction row, keyed by integer seconds."""
    return {s: Reach(*(row[reach_column(kind, s)] for kind in REACH_KINDS)) for s in REACH_SECONDS}


def feature_frame(bundle: Bundle, features: FeatureSet, table: pa.Table) -> pa.Table:
    """The declared columns of a feature table, marked with what they were made for.

    Args:
        bundle: whose columns.
        features: the caller's feature set, not the bundle's: `predict` compares the two.
        table: rows of the feature table of `bundle.pipeline_version`.
    """
    names = [*bundle.passthrough, *(n for n in bundle.names if n not in bundle.passthrough)]
    marks = frame_metadata(bundle.pipeline_version, features.sha256)
    return table.select(names).replace_schema_metadata(marks)


def predict(
    model: LoadedModel, frame: pa.Table, *, windows: Mapping[date, SessionWindow]
) -> Predictions:
    """Forecasts for the rows of a frame.

    Args:
        model: from `model_bundle.load`.
        frame: declared columns and passthrough, in any order; schema metadata of `frame_metadata`.
        windows: session windows of the frame's dates (`session_windows`).

    Raises:
        PredictionInputError: a subclass for each rule of 04 section 2.3; nothing is predicted.
        HeadError: a head gives something else than finite numbers.
    """
    frame = check_frame(model.bundle, frame, windows)
    matrix = _matrix(model, frame)
    found = {name: _of_head(model, name, matrix) for name in model.heads}
    columns: dict[str, Any] = {
        **{name: frame.column(name) for name in ("event_id", "date", "anchor_ts_ns")},
        **{name: [value] * frame.num_rows for name, value in _identity(model).items()},
    }
    for horizon in HORIZONS:
        columns |= _horizon(found, horizon, frame.num_rows)
    for kind in REACH_KINDS:
        for seconds in REACH_SECONDS:
            name = reach_column(kind, seconds)
            columns[name] = _of(found, name, frame.num_rows)
    arrays = [_array(columns[c.name], c.arrow_field.type) for c in PREDICTIONS.columns]
    return Predictions(
        pa.table(arrays, schema=PREDICTIONS.arrow_schema), _out_of_bounds(model.bundle, frame)
    )


def _matrix(model: LoadedModel, frame: pa.Table) -> FloatArray:
    """Columns of the feature set and, for a sequence model, the sequences after them."""
    arrays = _arrays(frame, model.feature_set)
    matrix = model_matrix(model.feature_set, arrays)
    if not any(column.kind == "seq" for column in model.bundle.columns):
        return matrix
    sequence, mask = (_lists(frame, name) for name in SEQUENCE_COLUMNS)
    return np.column_stack([matrix, sequence_matrix(sequence, mask, arrays["direction"])])


def _lists(frame: pa.Table, name: str) -> NDArray[Any]:
    """A column of equally long arrays: [n, length].

    Raises:
        DataError: an array has another length.
    """
    column = frame.column(name).combine_chunks()
    lengths = pc.list_value_length(column)
    if (n := pc.count_distinct(lengths).as_py()) != 1:
        raise DataError(f"column {name}: arrays of {n} different lengths")
    return np.asarray(column.flatten().to_numpy(zero_copy_only=False)).reshape(len(column), -1)


def _identity(model: LoadedModel) -> dict[str, Any]:
    return {
        "model_id": model.bundle.model_id,
        "model_version": model.bundle.model_version,
        "registry_revision": model.registry_revision,
        "bundle_sha256": plain_sha256(model.bundle_sha256),
    }


def _array(values: Any, kind: pa.DataType) -> pa.Array:
    if isinstance(values, pa.ChunkedArray):
        return values.combine_chunks()
    return pa.array(values, type=kind)


def _arrays(frame: pa.Table, feature_set: FeatureSet) -> dict[str, NDArray[Any]]:
    """Numbers as float64 with NaN for null, categories as objects with None."""
    wanted = {*feature_set.names, "direction"} & set(frame.column_names)
    out: dict[str, NDArray[Any]] = {}
    for name in wanted:
        values = frame.column(name)
        if pa.types.is_string(values.type):
            out[name] = np.array(values.to_pylist(), dtype=object)
        else:
            out[name] = np.asarray(values.cast(pa.float64()).to_numpy(), dtype=np.float64)
    return out


def _of_head(model: LoadedModel, name: str, matrix: FloatArray) -> FloatArray:
    estimator, task = model.heads[name], model.bundle.heads[name].task
    raw = estimator.predict_proba(matrix)[:, 1] if task == "binary" else estimator.predict(matrix)
    values = np.asarray(raw, dtype=np.float64)
    bad = ~np.isfinite(values)
    if task == "binary":
        bad |= (values < 0) | (values > 1)
    if bad.any():
        raise HeadError({name: f"gives {values[bad][0]} in {int(bad.sum())} row(s)"})
    return values


def _of(found: Mapping[str, FloatArray], name: str, n: int) -> FloatArray | list[None]:
    return found[name] if name in found else [None] * n


def _horizon(found: Mapping[str, FloatArray], horizon: str, n: int) -> dict[str, Any]:
    names = [f"p_break_{horizon}", f"p_reject_{horizon}", f"p_none_{horizon}"]
    tradeable, direction = f"tradeable_{horizon}", f"direction_{horizon}"
    out: dict[str, Any] = {
        f"p_tradeable_{horizon}": _of(found, tradeable, n),
        f"p_break_given_tradeable_{horizon}": _of(found, direction, n),
        f"strength_{horizon}": _of(found, f"strength_{horizon}", n),
        **{name: [None] * n for name in names},
    }
    if tradeable in found and direction in found:
        t, b = found[tradeable], found[direction]
        simplex = np.column_stack([t * b, t * (1.0 - b), 1.0 - t])
        assert np.abs(simplex.sum(axis=1) - 1.0).max() <= SIMPLEX_TOLERANCE
        out |= {name: simplex[:, i] for i, name in enumerate(names)}
    return out


def _out_of_bounds(bundle: Bundle, frame: pa.Table) -> dict[str, int]:
    counts: dict[str, int] = {}
    for column in bundle.columns:
        if column.min is None or column.max is None:
            continue
        values = frame.column(column.name)
        outside = pc.or_(pc.less(values, column.min), pc.greater(values, column.max))
        if total := pc.sum(outside).as_py():
            counts[f"oob_{column.name}"] = int(total)
    return counts
