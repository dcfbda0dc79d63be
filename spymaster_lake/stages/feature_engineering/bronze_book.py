"""The book of one session as collapsed states, from Bronze, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.contracts.profile import InstrumentProfile
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


@dataclass(frozen=True)
class BookLayout:
    """Where a Bronze dataset keeps the book.

    Attributes:
        source: name of the dataset, for messages.
        level: pattern of a level's column, of side ("bid"), field ("px", "sz") and number.
        depth: levels a side.
        snapshots: whether rows may be snapshots (08 A13).
    """

    source: str
    level: str
    depth: int
    snapshots: bool

    @classmethod
    def of(cls, profile: InstrumentProfile) -> BookLayout:
        """The layout of the instrument's book source."""
        level, snapshots = _SOURCES[profile.book.source]
        return cls(profile.book.source, level, profile.book_levels, snapshots)

    def column(self, side: str, field: str, number: int) -> str:
        """Name of one column."""
        return self.level.format(side=side, field=field, number=number)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that `book_states` reads."""
        levels = [
            self.column(side, field, i)
            for side in ("bid", "ask")
            for field in ("px", "sz")
            for i in range(1, self.depth + 1)
        ]
        flags = ("is_snapshot", "is_last") if self.snapshots else ("is_last",)
        return ("ts_event_ns", "src_row", *flags, *levels)


_SOURCES = {"mbp10": ("{side}_{field}_{number}", True), "quotes": ("{side}_{field}", False)}


def book_chunks(
    inputs: SessionInputs, context: StageContext, contract: str, counts: BookCounts
) -> Iterator[BookStates]:
    """Collapsed states of the book window, piece by piece; counts crossed ones on the way."""
    clock, scan = inputs.clock, inputs.scan(MARKET_BOOK)
    layout = BookLayout.of(context.profile)
    chunks = scan.chunks(
        layout.columns,
        start_ns=clock.book_start_ns - NS,
        end_ns=clock.events_end_ns,
        contract=contract,
    )
    for rows in chunks:
        if may_repeat(rows):
            _require_distinct_book(scan, rows, contract, context.profile.product)
        states = book_states(rows, context.profile.tick_size, layout)
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


def book_states(rows: pa.Table, tick: float, layout: BookLayout) -> BookStates:
    """Bronze book rows as collapsed states; snapshot rows never enter (08 A13).

    Rows are chosen by their time and flags first, so that only states are converted.
    """
    ts_ns = array_of(rows, "ts_event_ns")
    complete = _flag(rows, "is_last")
    if layout.snapshots:
        complete &= ~_flag(rows, "is_snapshot")
    kept = state_rows(ts_ns, complete)
    return BookStates(
        ts_ns=ts_ns[kept],
        bid_ticks=_price_matrix(rows, "bid", kept, tick, layout),
        bid_size=_size_matrix(rows, "bid", kept, layout),
        ask_ticks=_price_matrix(rows, "ask", kept, tick, layout),
        ask_size=_size_matrix(rows, "ask", kept, layout),
    )


def _flag(rows: pa.Table, name: str) -> Bool:
    return np.asarray(rows.column(name).to_numpy(), dtype=np.bool_)


def _price_matrix(rows: pa.Table, side: str, kept: I64, tick: float, layout: BookLayout) -> I32:
    out = np.empty((len(kept), layout.depth), np.int32, order="F")
    for i in range(layout.depth):
        name = layout.column(side, "px", i + 1)
        column, what = rows.column(name), f"{layout.source}.{name}"
        if column.null_count:
            values = array_of(rows, name)[kept]
            known = np.isfinite(values)
            out[:, i] = NO_TICK
            out[known, i] = to_ticks(values[known], tick, what)
        else:
            out[:, i] = to_ticks(column.to_numpy()[kept], tick, what)
    return out


def _size_matrix(rows: pa.Table, side: str, kept: I64, layout: BookLayout) -> I32:
    out = np.empty((len(kept), layout.depth), np.int32, order="F")
    for i in range(layout.depth):
        sizes = rows.column(layout.column(side, "sz", i + 1)).to_numpy()
        np.take(sizes, kept, out=out[:, i], mode="clip")  # unbuffered; positions are inside
    if out.size and out.min() < 0:
        raise DataError(
            f"{layout.source}: {int((out < 0).sum())} {side} sizes below 0, such as {out.min()}"
        )
    return out
