"""Rows of equity tick files in one vendor-neutral form, between reading and judging.

Prices are integers in millionths of a point, so that midpoints and grids are exact; what a file
leaves blank is 0 in integer arrays with a reason in `reasons`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal, Self, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from spymaster_lake.features.arrays import I64, Bool
from spymaster_lake.ingest.quarantine import Reason, Reasons, flag

UNITS = 1_000_000
"""Integer price units per point."""

Kind = Literal["trades", "quotes"]

_INT32_MAX = np.iinfo(np.int32).max


@dataclass(frozen=True, slots=True)
class Texts:
    """A column of few distinct texts.

    Attributes:
        codes: int64[n], position in `values`.
        values: the distinct texts.
    """

    codes: I64
    values: list[str]

    @classmethod
    def of(cls, column: pa.ChunkedArray | pa.Array) -> Self:
        """From a string or dictionary column; null becomes the empty text."""
        whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        encoded = whole if pa.types.is_dictionary(whole.type) else pc.dictionary_encode(whole)
        values = [*encoded.dictionary.to_pylist(), ""]
        codes = encoded.indices.fill_null(len(values) - 1).to_numpy().astype(np.int64)
        return cls(codes, [value or "" for value in values])

    def arrow(self) -> pa.Array:
        """The column as Arrow strings."""
        indices = pa.array(self.codes.astype(np.int32))
        return pa.DictionaryArray.from_arrays(
            indices, pa.array(self.values, pa.string())
        ).dictionary_decode()


@dataclass(slots=True)
class TradeRows:
    """Prints of one symbol and day.

    Attributes:
        row: int64[n] ordinal in the file.
        ts_ns, seq: int64[n] order.
        exchange_ns: int64[n] time at the exchange, 0 where not given.
        price: int64[n] units.
        size: int64[n] shares.
        exchange, conditions: texts.
        suspicious: bool[n].
        corrected: bool[n], records that cancel or correct a print and are none themselves.
        reasons: uint8[n], why a row is not in Bronze.
    """

    row: I64
    ts_ns: I64
    seq: I64
    exchange_ns: I64
    price: I64
    size: I64
    exchange: Texts
    conditions: Texts
    suspicious: Bool
    corrected: Bool
    reasons: Reasons

    def __len__(self) -> int:
        return len(self.row)


@dataclass(slots=True)
class QuoteRecords:
    """Quote records of one symbol and day.

    Attributes:
        row, ts_ns, seq, exchange_ns: as in `TradeRows`.
        bid, ask: int64[n] units, 0 where the record shows none.
        bid_size, ask_size: int64[n] shares.
        exchange: whose quote it is; empty in records of the whole national best.
        bid_exchange, ask_exchange: whose bid and offer; empty where the record shows none.
        conditions: texts.
        suspicious: bool[n].
        firm: bool[n]; a record that is not firm withdraws its side.
        whole: the records are national bests of both sides.
        reasons: uint8[n].
    """

    row: I64
    ts_ns: I64
    seq: I64
    exchange_ns: I64
    bid: I64
    bid_size: I64
    ask: I64
    ask_size: I64
    exchange: Texts
    bid_exchange: Texts
    ask_exchange: Texts
    conditions: Texts
    suspicious: Bool
    firm: Bool
    whole: bool
    reasons: Reasons

    def __len__(self) -> int:
        return len(self.row)

    @property
    def price(self) -> I64:
        """The bid, or the offer if the record shows no bid; for the quarantine."""
        return np.where(self.bid > 0, self.bid, self.ask)

    @property
    def size(self) -> I64:
        """Shares at `price`."""
        return np.where(self.bid > 0, self.bid_size, self.ask_size)


R = TypeVar("R", TradeRows, QuoteRecords)


def select(rows: R, at: npt.NDArray[np.int64]) -> R:
    """The rows at some positions, in that order."""

    def of(value: Any) -> Any:
        if isinstance(value, Texts):
            return Texts(value.codes[at], value.values)
        return value[at] if isinstance(value, np.ndarray) else value

    return type(rows)(**{f.name: of(getattr(rows, f.name)) for f in fields(rows)})


def in_order(rows: R) -> R:
    """The rows by (time, sequence, row); as they are where already in order."""
    later = (rows.ts_ns[1:] > rows.ts_ns[:-1]) | (
        (rows.ts_ns[1:] == rows.ts_ns[:-1]) & (rows.seq[1:] >= rows.seq[:-1])
    )
    if later.all() and (np.diff(rows.row) > 0).all():
        return rows
    return select(rows, np.lexsort((rows.row, rows.seq, rows.ts_ns)))


def whole_numbers(values: npt.NDArray[np.float64]) -> tuple[I64, Bool]:
    """Non-negative whole numbers of an int32 and where the values are such, else 0."""
    with np.errstate(invalid="ignore"):
        good = (values >= 0) & (values <= _INT32_MAX) & (values == np.floor(values))
    return np.where(good, values, 0).astype(np.int64), good


def whole_shares(values: npt.NDArray[np.float64]) -> tuple[I64, Bool]:
    """Whole shares of prints that may be of fractions, and where the values are such, else 0.

    A fraction is cut off, and less than one share is one: so the tape itself counts where it
    carries whole shares only.
    """
    with np.errstate(invalid="ignore"):
        fraction = (values > 0) & (values <= _INT32_MAX)
        whole = np.where(fraction, np.maximum(np.floor(values), 1.0), values)
    return whole_numbers(whole)


def units(values: npt.NDArray[np.float64], scale: float) -> tuple[I64, Bool]:
    """Prices in units and where they are numbers of sensible size, else 0.

    Args:
        values: float64[n] as in the file.
        scale: units of one of the file's.
    """
    with np.errstate(invalid="ignore"):
        good = np.abs(values) < 1e9 * UNITS / scale
    return np.rint(np.where(good, values, 0) * scale).astype(np.int64), good


def check_trades(rows: TradeRows, price_known: Bool, size_known: Bool) -> None:
    """Flag prints that cannot be: no price, a price not above zero, a size below one."""
    flag(rows.reasons, ~price_known, Reason.UNDEFINED_PRICE)
    flag(rows.reasons, rows.price <= 0, Reason.NON_POSITIVE_PRICE)
    flag(rows.reasons, ~size_known | (rows.size < 1), Reason.BAD_SIZE)


def check_quotes(rows: QuoteRecords, sizes_known: Bool) -> None:
    """Flag quote records that cannot be: a negative price, an undefined size."""
    flag(rows.reasons, (rows.bid < 0) | (rows.ask < 0), Reason.NEGATIVE_PRICE)
    flag(rows.reasons, ~sizes_known, Reason.BAD_SIZE)
