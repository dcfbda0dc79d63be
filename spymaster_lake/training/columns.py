"""Arrow columns as arrays: numbers with NaN for null, everything else as objects with None."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spymaster_lake.contracts.errors import DataError

Array = NDArray[Any]


def values(table: pa.Table, name: str) -> Array:
    """Numbers as float64 with NaN for null, everything else as objects with None."""
    column = table[name]
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)
    out = np.empty(len(column), dtype=object)
    out[:] = column.to_pylist()
    return out


def array_of(table: pa.Table, name: str) -> Array:
    """An array column of fixed length: [n, length]."""
    return np.array(table[name].to_pylist()).reshape(table.num_rows, -1)


def nanoseconds(table: pa.Table, name: str) -> NDArray[np.int64]:
    """An int64 column without nulls.

    Raises:
        DataError: it holds nulls; names the column and how many.
    """
    if table[name].null_count:
        raise DataError(f"column {name}: {table[name].null_count} nulls; it must not be null")
    return np.asarray(table[name].to_numpy(), dtype=np.int64)
