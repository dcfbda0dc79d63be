"""The book of one session as collapsed states, from Bronze, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.features.arrays import I32, I64, NO_TICK, NS, Bool
from spymaster_lake.features.book import BookStates, state_rows
from spymaster_lake.stages.feature_engineering.bronze_checks import (
    IDENTITY,
    may_repeat,
    require_distinct,
)
from spymaster_lake.stages.feature_engineering.session_gates import BookCounts
from spymaster_lake.stages.sources import MARKET_BOOK, market_name
from spymaster_lake.stages.spec import BronzeScan, SessionInputs, StageContext
from spymaster_lake.stages.tables import array_of
from spymaster_lake.stages.work_arrays import to_ticks


def book_columns(depth: int) -> tuple[str, ...]:
    """Columns of Bronze mbp10 that `book_states` reads."""
    levels = [
        f"{s}_{f}_{i}" for s in ("bid", "ask") for f in ("px", "sz") for i in range(1, depth + 1)
    ]
    return ("ts_event_ns", "src_row", "is_snapshot", "is_last", *levels)


def book_chunks(
    inputs: SessionInputs, context: StageContext, contract: str, counts: BookCounts
) -> Iterator[BookStates]:
    """Collapsed states of the book window, piece by piece; counts crossed ones on the way."""
    clock, depth, scan = inputs.clock, context.profile.book_levels, inputs.scan(MARKET_BOOK)
    chunks = scan.chunks(
        book_columns(depth),
        start_ns=clock.book_start_ns - NS,
        end_ns=clock.events_end_ns,
        contract=contract,
    )
    for rows in chunks:
        if may_repeat(rows):
            _require_distinct_book(scan, rows, contract, context.profile.product)
        states = book_states(rows, context.profile.tick_size, depth)
        counts.add(states, clock)
        yield states
    if not counts.states:
        raise DataError(
            f"{inputs.day}: Bronze holds no book updates of {contract} in the book window"
        )


def _require_distinct_book(scan: BronzeScan, rows: pa.Table, contract: str, product: str) -> None:
    """Read the file names too, which is slow, and refuse rows that are there twice."""
    times = array_of(rows, "ts_event_ns")
    start_ns, end_ns = int(times.min()), int(times.max()) + 1
    again = scan.read(IDENTITY, start_ns=start_ns, end_ns=end_ns, contract=contract)
    require_distinct(again, f"{market_name(MARKET_BOOK, product)} {contract}")


def book_states(rows: pa.Table, tick: float, depth: int) -> BookStates:
    """Bronze mbp10 rows as collapsed states; snapshot rows never enter (08 A13).

    Rows are chosen by their time and flags first, so that only states are converted.
    """
    ts_ns = array_of(rows, "ts_event_ns")
    kept = state_rows(ts_ns, _flag(rows, "is_last") & ~_flag(rows, "is_snapshot"))
    return BookStates(
        ts_ns=ts_ns[kept],
        bid_ticks=_price_matrix(rows, "bid", kept, tick, depth),
        bid_size=_size_matrix(rows, "bid", kept, depth),
        ask_ticks=_price_matrix(rows, "ask", kept, tick, depth),
        ask_size=_size_matrix(rows, "ask", kept, depth),
    )


def _flag(rows: pa.Table, name: str) -> Bool:
    return np.asarray(rows.column(name).to_numpy(), dtype=np.bool_)


def _price_matrix(rows: pa.Table, side: str, kept: I64, tick: float, depth: int) -> I32:
    out = np.empty((len(kept), depth), np.int32, order="F")
    for i in range(depth):
        name = f"{side}_px_{i + 1}"
        column, what = rows.column(name), f"mbp10.{name}"
        if column.null_count:
            values = array_of(rows, name)[kept]
            known = np.isfinite(values)
            out[:, i] = NO_TICK
            out[known, i] = to_ticks(values[known], tick, what)
        else:
            out[:, i] = to_ticks(column.to_numpy()[kept], tick, what)
    return out


def _size_matrix(rows: pa.Table, side: str, kept: I64, depth: int) -> I32:
    out = np.empty((len(kept), depth), np.int32, order="F")
    for i in range(depth):
        sizes = rows.column(f"{side}_sz_{i + 1}").to_numpy()
        np.take(sizes, kept, out=out[:, i], mode="clip")  # unbuffered; positions are inside
    if out.size and out.min() < 0:
        raise DataError(f"mbp10: {int((out < 0).sum())} {side} sizes below 0, such as {out.min()}")
    return out
