"""Ten-level book records of one contract, in chunks of bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spymaster_lake.simulator import dbn
from spymaster_lake.simulator.dbn import Records
from spymaster_lake.simulator.queues import QueueChanges
from spymaster_lake.simulator.rows import CHANGE, FILL, LEVELS, PRINT, QUOTE, BookRows
from spymaster_lake.simulator.shape import I64

_CHUNK = 1 << 16
_WIDE = LEVELS + 6
_PER_ORDER = 3
_DOUBTFUL_EVERY = 4_999


@dataclass(frozen=True, slots=True)
class BookSource:
    """What the records of one contract are made from.

    Attributes:
        rows: its book rows.
        queues: the visible size changes.
        instrument_id: its vendor id.
        tick_fixed: one tick in fixed-point prices.
        start: session start, ns UTC.
    """

    rows: BookRows
    queues: QueueChanges
    instrument_id: int
    tick_fixed: int
    start: int

    def __len__(self) -> int:
        """Number of rows, snapshots left out."""
        return len(self.rows.time)

    def snapshot(self, *, event: int, receive: int, is_last: bool) -> Records:
        """One snapshot record with the initial sizes, long after its event time."""
        records = dbn.blank("mbp-10", 1)
        bid = self.rows.bid[:1]
        for book, name in enumerate(("bid", "ask")):
            ticks, sizes = _ladder(
                self.queues.initial[book : book + 1], self.queues.lowest, bid, book
            )
            _fill_levels(records, name, ticks, sizes, self.tick_fixed)
        records["instrument_id"] = self.instrument_id
        records["ts_event"], records["ts_recv"] = event, receive
        records["price"] = bid * self.tick_fixed
        records["size"] = records["levels"]["bid_sz"][:, 0]
        records["action"], records["side"] = b"A", b"B"
        records["flags"] = dbn.SNAPSHOT | (dbn.LAST if is_last else 0)
        return records

    def chunks(self) -> Iterator[Records]:
        """All rows as records, in order; times and sequences are set."""
        current = self.queues.initial.copy()
        for first in range(0, len(self), _CHUNK):
            last = min(first + _CHUNK, len(self))
            records = dbn.blank("mbp-10", last - first)
            self._describe(records, first, last)
            for book, name in enumerate(("bid", "ask")):
                ticks, sizes = self._levels(current, book, first, last)
                _fill_levels(records, name, ticks, sizes, self.tick_fixed)
            is_quote = self.rows.kind[first:last] == QUOTE
            touch = np.where(
                records["side"] == b"B",
                records["levels"]["bid_sz"][:, 0],
                records["levels"]["ask_sz"][:, 0],
            )
            records["size"] = np.where(is_quote, touch, records["size"])
            yield records

    def _describe(self, records: Records, first: int, last: int) -> None:
        rows = self.rows
        part = slice(first, last)
        time, kind = rows.time[part], rows.kind[part]
        dbn.stamp(records, time, self.start)
        records["instrument_id"] = self.instrument_id
        records["price"] = rows.tick[part] * self.tick_fixed
        change = rows.change[part]
        records["size"] = np.where(kind == CHANGE, np.abs(change), rows.size[part])
        records["action"] = np.select(
            [kind == PRINT, kind == FILL, (kind == CHANGE) & (change < 0)], [b"T", b"C", b"C"], b"A"
        )
        side = rows.side[part]
        records["side"] = np.where(side > 0, b"B", np.where(side < 0, b"A", b"N"))
        records["depth"] = rows.level[part]
        following = rows.time[first + 1 : last + 1]
        is_last = np.ones(last - first, np.bool_)
        is_last[: len(following)] = following != time[: len(following)]
        is_doubtful = records["sequence"] % _DOUBTFUL_EVERY == 0
        records["flags"] = np.where(is_last, dbn.LAST, 0) | np.where(
            is_doubtful, dbn.BAD_RECEIVE_TIME, 0
        )

    def _levels(self, current: I64, book: int, first: int, last: int) -> tuple[I64, I64]:
        """Ticks and sizes of ten levels after each row, int64[n, 10]; `current` moves on."""
        queues, bid = self.queues, self.rows.bid[first:last]
        low = int(bid.min()) - _WIDE - queues.lowest
        high = int(bid.max()) + 2 + _WIDE - queues.lowest
        part = slice(*np.searchsorted(queues.row, (first, last)))
        mine = queues.book[part] == book
        row, column = queues.row[part][mine] - first, queues.column[part][mine] - low
        sizes = np.zeros((last - first, high - low), np.int32)
        sizes[0] = current[book, low:high]
        sizes[row, column] += queues.delta[part][mine].astype(np.int32)
        np.add.accumulate(sizes, axis=0, dtype=np.int32, out=sizes)
        current[book, low:high] = sizes[-1]
        return _ladder(sizes, queues.lowest + low, bid, book)


def _ladder(sizes: npt.NDArray[np.integer], lowest: int, bid: I64, book: int) -> tuple[I64, I64]:
    """The ten nearest non-empty levels; empty ticks in between are skipped."""
    best, step = (bid, -1) if book == 0 else (bid + 1, 1)
    column = (best - lowest)[:, None] + step * np.arange(LEVELS)
    row = np.arange(len(bid))[:, None]
    size = sizes[row, column].astype(np.int64)
    size[:, 0] = np.maximum(size[:, 0], 1)
    tick = best[:, None] + step * np.arange(LEVELS)
    gap = np.flatnonzero((size == 0).any(axis=1))
    if len(gap):
        column = (best[gap] - lowest)[:, None] + step * np.arange(_WIDE)
        wide = sizes[gap[:, None], column].astype(np.int64)
        wide[:, 0] = size[gap, 0]
        order = np.argsort(wide == 0, axis=1, kind="stable")[:, :LEVELS]
        size[gap] = np.take_along_axis(wide, order, axis=1)
        tick[gap] = best[gap][:, None] + step * order
    return tick, size


def _fill_levels(records: Records, name: str, ticks: I64, sizes: I64, tick_fixed: int) -> None:
    levels = records["levels"]
    levels[f"{name}_px"] = np.where(sizes > 0, ticks * tick_fixed, dbn.UNDEFINED_PRICE)
    levels[f"{name}_sz"] = sizes
    levels[f"{name}_ct"] = -(-sizes // _PER_ORDER)
