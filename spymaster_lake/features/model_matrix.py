"""From feature columns to the matrix a model reads: the one transform of training and inference.

Market-frame columns marked `approach_sign` are multiplied by the direction's sign, so that UP and
DOWN approaches share one space; closed enumerations become their position. Nothing is imputed: null
stays NaN, which the estimators treat as missing (04 section 1.2, M-07).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.enums import DIRECTION_SIGNS
from spymaster_lake.contracts.errors import DataError, UnknownNameError
from spymaster_lake.contracts.feature_set import FeatureColumn, FeatureSet

FloatArray = NDArray[np.float64]


def direction_signs(direction: NDArray[Any]) -> FloatArray:
    """+1 for UP, -1 for DOWN.

    Args:
        direction: object[n], names of directions.

    Returns:
        float64[n].

    Raises:
        UnknownNameError: any other value, null too.
    """
    names = direction.tolist()
    for name in set(names) - set(DIRECTION_SIGNS):
        raise UnknownNameError("direction", str(name), DIRECTION_SIGNS)
    return np.array([DIRECTION_SIGNS[name] for name in names], dtype=np.float64)


def model_matrix(feature_set: FeatureSet, columns: Mapping[str, NDArray[Any]]) -> FloatArray:
    """The inputs of a model, in the order of the feature set.

    Args:
        feature_set: which columns, in which order and form.
        columns: arrays[n] by column name: numbers with NaN for null, enumerations as object[n] with
            None for null; `direction` too if a column has `approach_sign`. Others are ignored.

    Returns:
        float64[n, C]: numbers, signs applied; positions in the enumeration; NaN for null.

    Raises:
        DataError: a column is missing, infinite, null where the set forbids it, or a category is
            not in its enumeration; names column and value.
    """
    for column in feature_set.columns:
        if column.name not in columns:
            raise DataError(f"feature set {feature_set.id}: column {column.name} is missing")
    signed = any(column.approach_sign for column in feature_set.columns)
    if signed and "direction" not in columns:
        raise DataError(f"feature set {feature_set.id}: column direction is missing")
    sign = direction_signs(np.asarray(columns["direction"], dtype=object)) if signed else None
    inputs = [_input(column, columns[column.name], sign) for column in feature_set.columns]
    return np.column_stack(inputs)


def _input(column: FeatureColumn, values: NDArray[Any], sign: FloatArray | None) -> FloatArray:
    codes = _codes(column, values) if column.enum is not None else _numbers(column, values)
    if not column.nullable and np.isnan(codes).any():
        row = int(np.flatnonzero(np.isnan(codes))[0])
        raise DataError(f"column {column.name}: null in row {row}; it must not be null")
    if column.approach_sign:
        assert sign is not None
        return codes * sign
    return codes


def _numbers(column: FeatureColumn, values: NDArray[Any]) -> FloatArray:
    numbers = np.asarray(values, dtype=np.float64)
    if np.isinf(numbers).any():
        row = int(np.flatnonzero(np.isinf(numbers))[0])
        raise DataError(f"column {column.name}: infinite in row {row}; allowed: finite or null")
    return numbers


def _codes(column: FeatureColumn, values: NDArray[Any]) -> FloatArray:
    assert column.enum is not None
    code: dict[str | None, float] = {name: float(i) for i, name in enumerate(column.enum)}
    code[None] = float("nan")
    names = np.asarray(values, dtype=object).tolist()
    for name in set(names) - set(code):
        raise DataError(
            f"column {column.name}: category {name!r}; allowed: {', '.join(column.enum)}"
        )
    return np.array([code[name] for name in names], dtype=np.float64)
