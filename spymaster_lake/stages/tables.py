"""From arrays to contract tables and back; the one place where NaN becomes null."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spymaster_lake.contracts.errors import ContractError
from spymaster_lake.contracts.table import Column, TableContract


def build_table(
    contract: TableContract, columns: Mapping[str, Any], *, rows: int | None = None
) -> pa.Table:
    """Arrow table of a contract from arrays by column name.

    Args:
        contract: the table's contract; gives order and types.
        columns: one array (or scalar, with `rows`) per column. NaN in a double is null, None in an
            object array is null, `numpy.ma` masks are nulls.
        rows: number of rows, for scalars.

    Raises:
        ContractError: a column is missing, unknown or of another length.
    """
    unknown, missing = (
        sorted(set(columns) - set(contract.names)),
        [n for n in contract.names if n not in columns],
    )
    if unknown or missing:
        raise ContractError(
            f"{contract.dataset}: missing columns {missing}, unknown columns {unknown}"
        )
    if rows is None:
        rows = next(
            len(v)
            for v in columns.values()
            if isinstance(v, np.ndarray | list | tuple | pa.Array | pa.ChunkedArray)
        )
    return pa.table(
        [_array(contract, contract.by_name[n], columns[n], rows) for n in contract.names],
        schema=contract.arrow_schema,
    )


def _array(contract: TableContract, column: Column, values: Any, rows: int) -> pa.Array:
    kind = column.arrow_field.type
    if values is None or isinstance(values, str | int | float | bool | date | np.generic):
        value = values.item() if isinstance(values, np.generic) else values
        return pa.repeat(pa.scalar(value, kind), rows)
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if len(values) != rows:
        raise ContractError(
            f"{contract.dataset}.{column.name}: {len(values)} values for {rows} rows"
        )
    if isinstance(values, pa.Array):
        return values.cast(kind)
    if isinstance(values, np.ma.MaskedArray):
        return pa.array(values.data, mask=np.ma.getmaskarray(values)).cast(kind)
    if isinstance(values, np.ndarray) and values.dtype.kind == "f" and not pa.types.is_nested(kind):
        known = pa.array(values, from_pandas=True)
        return known.cast(kind)
    if (
        isinstance(values, np.ndarray)
        and values.dtype.kind in "iub"
        and not pa.types.is_nested(kind)
    ):
        return pa.array(values).cast(kind)
    return pa.array([_plain(v) for v in values], kind)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    plain = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(plain, float) and np.isnan(plain) else plain


def array_of(table: pa.Table, name: str) -> np.ndarray[Any, Any]:
    """One column as a NumPy array: nulls of doubles as NaN; nulls elsewhere are an error."""
    column = table.column(name)
    if pa.types.is_floating(column.type):
        return np.asarray(pc.fill_null(column, float("nan")).to_numpy(), dtype=np.float64)
    if (
        pa.types.is_string(column.type)
        or pa.types.is_nested(column.type)
        or pa.types.is_date(column.type)
    ):
        return np.array(column.to_pylist(), dtype=object)
    if column.null_count:
        raise ContractError(
            f"column {name!r} holds {column.null_count} nulls where integers are needed"
        )
    return np.asarray(column.to_numpy())


def filled(table: pa.Table, name: str, value: int) -> np.ndarray[Any, Any]:
    """An integer column with a sentinel in place of nulls (the kernels' NO_TIME, NO_TICK …)."""
    column = table.column(name)
    return np.asarray(pc.fill_null(column, pa.scalar(value, column.type)).to_numpy())


def objects(table: pa.Table, name: str) -> np.ndarray[Any, Any]:
    """One column as an object array with None for null."""
    return np.array(table.column(name).to_pylist(), dtype=object)


def on_day(table: pa.Table, day: date) -> pa.Table:
    """The rows of one session date of an input with history."""
    return table.filter(pc.equal(table.column("date"), pa.scalar(day, pa.date32())))


def in_order(table: pa.Table, key: str) -> pa.Table:
    """The rows by an integer column that numbers or times them; free where they are in order.

    Nothing may depend on the order in which rows are delivered (00 section 6-4).
    """
    values = array_of(table, key)
    if (values[1:] >= values[:-1]).all():
        return table
    return table.take(pa.array(np.argsort(values, kind="stable")))


def sort_by(table: pa.Table, keys: Sequence[str]) -> pa.Table:
    """The rows in ascending order of `keys` (a total order is the caller's duty)."""
    return table.sort_by([(k, "ascending") for k in keys])
