"""Columns of published tables as the arrays that episode kernels take."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spymaster_lake.features.arrays import F64
from spymaster_lake.stages.tables import array_of, objects


def numbers(table: pa.Table, name: str) -> F64:
    """A number or bool column as float64 with NaN for null (all counts lie far below 2**53)."""
    column: Any = table.column(name)
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    known: Any = pc.fill_null(column.cast(pa.float64()), float("nan"))
    return np.asarray(known.to_numpy(), dtype=np.float64)


def kernel_columns(table: pa.Table, names: Iterable[str]) -> dict[str, NDArray[Any]]:
    """Named columns: text as object arrays with None, all else as float64 with NaN."""
    return {
        name: objects(table, name)
        if pa.types.is_string(table.schema.field(name).type)
        else numbers(table, name)
        for name in names
    }


def exact_columns(table: pa.Table, names: Iterable[str]) -> dict[str, NDArray[Any]]:
    """Named columns for comparison: doubles with NaN, all else as object arrays with None."""
    return {
        name: array_of(table, name)
        if pa.types.is_floating(table.schema.field(name).type)
        else objects(table, name)
        for name in names
    }
