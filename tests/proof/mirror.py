"""The market upside down: prices reflected around a point, sides, rights and directions exchanged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from spymaster_lake.contracts.features import MIRROR_PARTNERS
from spymaster_lake.contracts.occ import parse_occ
from spymaster_lake.contracts.table import Column, Frame
from spymaster_lake.stages.tables import array_of, objects
from tests.proof.bronze_in_memory import Bronze, Key
from tests.proof.futures_apart import WholeSession
from tests.proof.markets import Setup

_OCC_WIDTH = 21

OPPOSITE_KIND: dict[str, str] = {
    "PM_HIGH": "PM_LOW",
    "PM_LOW": "PM_HIGH",
    "OR_HIGH": "OR_LOW",
    "OR_LOW": "OR_HIGH",
    "SMA_90": "SMA_90",
    "EMA_20": "EMA_20",
}
OPPOSITE_DIRECTION: dict[str | None, str | None] = {"UP": "DOWN", "DOWN": "UP", None: None}


@dataclass(frozen=True)
class Mirror:
    """A reflection of prices.

    Attributes:
        tick: price step, points.
        twice_centre_ticks: twice the centre: an odd number, so that prices stay on the grid and
            none is its own image (08 A35).
    """

    tick: float
    twice_centre_ticks: int

    @classmethod
    def of(cls, setup: Setup, session: WholeSession) -> Mirror:
        """The mirror of a session."""
        ticks, tick = setup.mirror_ticks, setup.market.profile.tick_size
        if ticks is None:
            (price,) = session.tables["work/sessions"].column("reference_price").to_pylist()
            ticks = 2 * round(price / tick) + 1
        return cls(tick, ticks)

    def prices(self, prices: np.ndarray) -> np.ndarray:
        """Prices in points on the other side of the centre."""
        return self.twice_centre_ticks * self.tick - prices

    def bronze(self, bronze: Bronze) -> Bronze:
        """The same ticks upside down: bids are asks, buyers are sellers, calls are puts.

        Option prints keep premium and aggressor: who bought a call buys the put.
        """
        return bronze.changed(self._change)

    def _change(self, key: Key, table: pa.Table) -> pa.Table:
        product, dataset = key
        if product == "options":
            if dataset == "definitions":
                return self._definitions(table)
            return _with(table, {"option_symbol": self._symbols(table)})
        if dataset == "trades":
            price, side = array_of(table, "price"), array_of(table, "aggressor")
            return _with(table, {"price": self.prices(price), "aggressor": -side})
        return self._book(table)

    def _definitions(self, table: pa.Table) -> pa.Table:
        right = np.where(objects(table, "right") == "C", "P", "C").astype(object)
        return _with(table, {"strike": self.prices(array_of(table, "strike")), "right": right})

    def _symbols(self, table: pa.Table) -> np.ndarray:
        """OCC symbols say strike and right themselves; other symbols stand for their definition."""
        symbols = objects(table, "option_symbol")
        names = {s: self._symbol(s) for s in set(symbols.tolist())}
        return np.array([names[s] for s in symbols], dtype=object)

    def _symbol(self, symbol: str) -> str:
        if len(symbol) != _OCC_WIDTH:
            return symbol
        terms = parse_occ(symbol)
        strike = round(self.twice_centre_ticks * self.tick - terms.strike, 3)
        return replace(terms, right="P" if terms.right == "C" else "C", strike=strike).text

    def _book(self, table: pa.Table) -> pa.Table:
        values = {}
        for name in table.column_names:
            if name.startswith("bid_") or "_bid_" in name:
                other = name.replace("bid", "ask")
                values |= {name: table.column(other), other: table.column(name)}
        for name in values:
            if name.endswith("_px") or "_px_" in name:
                values[name] = self.prices(array_of(pa.table({name: values[name]}), name))
        return _with(table, values)


def _with(table: pa.Table, values: Mapping[str, Any]) -> pa.Table:
    """The table with other values in some columns: arrays of NumPy, NaN is null, or of Arrow."""

    def column(field: pa.Field) -> Any:
        value = values.get(field.name, table[field.name])
        if isinstance(value, np.ndarray):
            return pa.array(value, field.type, from_pandas=True)
        return value

    return pa.table([column(f) for f in table.schema], schema=table.schema)


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
