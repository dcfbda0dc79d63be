"""The wide-book tasks as this package does them, from Bronze Parquet to compact arrays.

A task returns int64 columns by name, sorted by their leading columns, so that two engines can be
compared bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any

import numpy as np

from spymaster_lake.features.arrays import I64, NS
from spymaster_lake.features.bars import trade_bars
from spymaster_lake.features.book import BookStates, clip_states
from spymaster_lake.features.book_cells import book_cells
from spymaster_lake.features.book_flow import flow_cells, merge_flow_cells
from spymaster_lake.features.book_seconds import SecondsGrid
from spymaster_lake.features.ofi import merge_ofi_cells, ofi_cells
from spymaster_lake.lake.bronze_reader import BronzeReader, BronzeScan
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.paths import LakePathResolver
from spymaster_lake.sessions.calendar import SessionCalendar, SessionClock
from spymaster_lake.stages.feature_engineering.bronze_book import BookLayout, book_states
from spymaster_lake.stages.feature_engineering.bronze_trades import TRADE_COLUMNS, trades_arrays
from spymaster_lake.stages.spec import StageContext
from tests.bench.lakes import INSTRUMENT, profile

Rows = dict[str, I64]
BAR_NS = 10 * NS


@dataclass(frozen=True)
class Session:
    """The files of one session's front contract, and its bounds."""

    clock: SessionClock
    contract: str
    book: BronzeScan
    trades: BronzeScan
    context: StageContext

    @property
    def depth(self) -> int:
        """Price levels a side."""
        return self.context.profile.book_levels

    @property
    def book_span(self) -> tuple[int, int]:
        """First and end instant of the book rows that count, ns."""
        return self.clock.book_start_ns - NS, self.clock.events_end_ns


def session_of(root: str, day: date) -> Session:
    """The session; its front contract is the one with the most bytes in Bronze."""
    facts = profile()
    clock = SessionCalendar(facts.calendar).clock(day)
    reader = BronzeReader(LakePathResolver(root), LakeFileSystem.of(root), INSTRUMENT, "futures")
    span = {"start_ns": clock.record_start_ns, "end_ns": clock.end_ns}
    sizes: dict[str, int] = {}
    for file in reader.files("mbp10", **span):
        sizes[file.value] = sizes.get(file.value, 0) + file.size
    contract = max(sizes, key=lambda value: sizes[value])
    book, trades = (reader.scan(d, contract=contract, **span) for d in ("mbp10", "trades"))
    return Session(clock, contract, book, trades, StageContext({}, facts))


def _chunks(session: Session, depth: int) -> Iterator[BookStates]:
    start, end = session.book_span
    layout = replace(BookLayout.of(session.context.profile), depth=depth)
    for rows in session.book.chunks(layout.columns, start_ns=start, end_ns=end):
        yield book_states(rows, session.context.profile.tick_size, layout)


def _trades(session: Session) -> Any:
    clock = session.clock
    rows = session.trades.read(TRADE_COLUMNS, start_ns=clock.record_start_ns, end_ns=clock.end_ns)
    return trades_arrays(rows, session.context, "trades")


def last_states(session: Session) -> Rows:
    """The last ten-level state strictly before each whole second."""
    start, end = session.clock.book_start_ns, session.clock.events_end_ns
    grid = SecondsGrid(start_ns=start, end_ns=end, levels=session.depth)
    previous: BookStates | None = None
    for chunk in _chunks(session, session.depth):
        before, states = clip_states(chunk, previous, start_ns=start, end_ns=end)
        grid.add(states, previous=before)
        previous = chunk.last() if len(chunk) else previous
    found = grid.finish()
    rows: Rows = {"second_ns": found.second_ns, "state_ts_ns": found.state_ts_ns}
    for name in ("bid_ticks", "bid_size", "ask_ticks", "ask_size"):
        matrix = getattr(found, name)
        rows.update({f"{name}_{i + 1}": matrix[:, i] for i in range(session.depth)})
    return rows


def ofi(session: Session) -> Rows:
    """Best-level OFI per (second, mid)."""
    cells, previous = [], None
    for chunk in _chunks(session, 1):
        cells.append(ofi_cells(chunk, previous=previous))
        previous = chunk.last() if len(chunk) else previous
    return columns_of(merge_ofi_cells(cells))


def flow(session: Session) -> Rows:
    """Added, canceled and filled contracts per (second, side, price)."""
    trades = _trades(session)
    cells, previous = [], None
    for chunk in _chunks(session, session.depth):
        cells.append(flow_cells(chunk, previous=previous, trades=trades))
        previous = chunk.last() if len(chunk) else previous
    return columns_of(merge_flow_cells(cells))


def bars(session: Session) -> Rows:
    """Ten-second bars of the trades."""
    clock = session.clock
    return columns_of(
        trade_bars(
            _trades(session),
            width_ns=BAR_NS,
            start_ns=clock.record_start_ns,
            end_ns=clock.end_ns,
        )
    )


def one_pass(session: Session) -> Rows:
    """The three book tasks in the one pass that load_bronze makes; returns the OFI cells."""
    clock = session.clock
    _, _, cells = book_cells(
        _chunks(session, session.depth),
        _trades(session),
        start_ns=clock.book_start_ns,
        end_ns=clock.events_end_ns,
        levels=session.depth,
    )
    return columns_of(cells)


def columns_of(cells: Any) -> Rows:
    """The arrays of a dataclass."""
    return {f.name: np.asarray(getattr(cells, f.name)) for f in fields(cells)}


TASKS: dict[str, Callable[[Session], Rows]] = {
    "last_states": last_states,
    "ofi": ofi,
    "flow": flow,
    "bars": bars,
    "one_pass": one_pass,
}
