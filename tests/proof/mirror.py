"""The market upside down: prices reflected around a point, sides, rights and directions exchanged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from spymaster_lake.contracts.features import MIRROR_PARTNERS
from spymaster_lake.contracts.table import Column, Frame
from spymaster_lake.stages.tables import array_of, objects
from tests.proof.bronze_in_memory import Bronze, Key

TICK = 0.25
TWICE_CENTRE_TICKS = 2 * 27_200 + 1
"""Twice the centre of reflection: a half tick, so that prices stay on the grid (08 A35)."""

OPPOSITE_KIND: dict[str, str] = {
    "PM_HIGH": "PM_LOW",
    "PM_LOW": "PM_HIGH",
    "OR_HIGH": "OR_LOW",
    "OR_LOW": "OR_HIGH",
    "SMA_90": "SMA_90",
    "EMA_20": "EMA_20",
}
OPPOSITE_DIRECTION: dict[str | None, str | None] = {"UP": "DOWN", "DOWN": "UP", None: None}


def reflected(prices: np.ndarray) -> np.ndarray:
    """Prices in points on the other side of the centre."""
    return TWICE_CENTRE_TICKS * TICK - prices


def mirrored(bronze: Bronze) -> Bronze:
    """The same ticks upside down: bids are asks, buyers are sellers, calls are puts.

    Option prints keep premium and aggressor: who bought a call buys the put.
    """
    return bronze.changed(_CHANGE)


def _CHANGE(key: Key, table: pa.Table) -> pa.Table:
    if key == ("futures", "trades"):
        return _with(
            table,
            {
                "price": reflected(array_of(table, "price")),
                "aggressor": -array_of(table, "aggressor"),
            },
        )
    if key == ("futures", "mbp10"):
        return _mirrored_book(table)
    if key == ("options", "definitions"):
        right = np.where(objects(table, "right") == "C", "P", "C")
        strike = reflected(array_of(table, "strike"))
        return _with(table, {"strike": strike, "right": right.astype(object)})
    return table


def _mirrored_book(table: pa.Table) -> pa.Table:
    values = {}
    for i in range(1, 11):
        for mine, other in (("bid", "ask"), ("ask", "bid")):
            values[f"{mine}_px_{i}"] = reflected(array_of(table, f"{other}_px_{i}"))
            values[f"{mine}_sz_{i}"] = array_of(table, f"{other}_sz_{i}")
    return _with(table, values)


def _with(table: pa.Table, values: Mapping[str, np.ndarray]) -> pa.Table:
    columns = [
        pa.array(values[f.name], f.type, from_pandas=True) if f.name in values else table[f.name]
        for f in table.schema
    ]
    return pa.table(columns, schema=table.schema)


def paired(table: pa.Table, other: pa.Table, instant: str) -> pa.Table:
    """The rows of `other` in the order of their mirror images in `table`, by instant and kind."""
    kinds = [OPPOSITE_KIND[k] for k in objects(table, "level_kind")]
    keys = zip(array_of(other, instant).tolist(), objects(other, "level_kind"), strict=True)
    place = {key: row for row, key in enumerate(keys)}
    wanted = zip(array_of(table, instant).tolist(), kinds, strict=True)
    return other.take(pa.array([place[key] for key in wanted]))


def law_fault(column: Column, table: pa.Table, image: pa.Table) -> str:
    """How a column breaks the mirror law on paired rows; empty if it does not.

    image[c] = s * table[partner of c], s = -1 for market-frame columns.
    """
    source = table.column(MIRROR_PARTNERS.get(column.name, column.name))
    found = image.column(column.name)
    if pa.types.is_string(found.type) or pa.types.is_boolean(found.type):
        return _fault(source.to_pylist(), found.to_pylist())
    sign = -1.0 if column.frame is Frame.MARKET else 1.0
    expected, values = sign * _numbers(source), _numbers(found)
    scale = np.nanmax(np.abs(expected), initial=1e-12)
    close = np.isclose(values, expected, rtol=1e-7, atol=1e-8 * scale, equal_nan=True)
    return "" if close.all() else _fault(expected[~close], values[~close])


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    return np.array([np.nan if v is None else float(v) for v in column.to_pylist()])


def _fault(expected: Sequence[object], found: Sequence[object]) -> str:
    wrong = [(e, f) for e, f in zip(expected, found, strict=True) if e != f]
    return f"{len(wrong)} rows (expected, found): {wrong[:4]}" if wrong else ""
