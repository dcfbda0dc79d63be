"""Resting size at every (side, price): a queue that adds, cancels and fills move.

Between the changes of one queue its size is constant. Every `_BLOCK` changes it is drawn a part of
the way back to its normal size, spread over the additions and cancellations of the block, so that a
fill always takes exactly its size. What is taken beyond the visible size was hidden. The only loop
is over blocks, for all queues at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spymaster_lake.simulator.rows import CHANGE, LEVELS, BookRows
from spymaster_lake.simulator.shape import I64, Bool

MARGIN = 2 * LEVELS
_FLOOR = 2
_HOLE_EVERY = 7
_NORMAL_SHAPE, _NORMAL_MEAN, _NORMAL_LEAST = 4.0, 90.0, 25.0
_BLOCK = 16
_RETURN = 0.4


@dataclass(frozen=True, slots=True)
class QueueChanges:
    """What each row does to the visible sizes.

    Attributes:
        lowest: tick of column 0.
        initial: int64[2, w], visible sizes of bids (row 0) and asks (row 1) before the first row.
        row: int64[k], rows that change a size, ascending.
        book: int64[k], 0 bids, 1 asks.
        column: int64[k], tick minus `lowest`.
        delta: int64[k], change of the visible size.
    """

    lowest: int
    initial: I64
    row: I64
    book: I64
    column: I64
    delta: I64


def queue_changes(rng: np.random.Generator, rows: BookRows, *, depth: float) -> QueueChanges:
    """Visible size changes of all rows.

    Args:
        rng: source of the normal sizes.
        rows: the book rows of one contract, in order.
        depth: size of the queues relative to the leading contract.
    """
    lowest = int(rows.bid.min()) - MARGIN
    width = int(rows.bid.max()) + MARGIN + 2 - lowest
    drawn = rng.gamma(_NORMAL_SHAPE, _NORMAL_MEAN / _NORMAL_SHAPE, 2 * width)
    normal = np.ceil(depth * np.maximum(drawn, _NORMAL_LEAST)).astype(np.int64)
    row = np.flatnonzero(rows.change)
    queue = np.where(rows.side[row] > 0, 0, width) + rows.tick[row] - lowest
    order = np.argsort(queue.astype(np.uint16), kind="stable")
    is_change = rows.kind[row][order] == CHANGE
    size = _sizes(queue[order], rows.change[row][order], is_change, normal)
    hole = (np.arange(2 * width) * 2_654_435_761 >> 8) % _HOLE_EVERY == 0
    visible = np.where((size <= 0) & hole[queue[order]], 0, np.maximum(size, 0) + _FLOOR)
    delta = np.empty(len(row), np.int64)
    delta[order] = visible - _previous(queue[order], visible, normal + _FLOOR)
    return QueueChanges(
        lowest=lowest,
        initial=(normal + _FLOOR).reshape(2, width),
        row=row,
        book=queue // width,
        column=queue % width,
        delta=delta,
    )


def _sizes(queue: I64, change: I64, is_change: Bool, normal: I64) -> I64:
    """Queue sizes after each change, negative where more was taken; `queue` is sorted."""
    first = np.flatnonzero(np.diff(queue, prepend=-1))
    length = np.diff(np.append(first, len(queue)))
    place = np.arange(len(queue)) - np.repeat(first, length)
    start = np.flatnonzero(place % _BLOCK == 0)
    per_block = np.diff(np.append(start, len(queue)))
    slots = np.add.reduceat(is_change.astype(np.int64), start)
    before, back = _blocks(
        np.add.reduceat(change, start),
        slots,
        blocks=-(-length // _BLOCK),
        normal=normal[queue[first]],
    )
    inside = _running(change, start, per_block)
    share = _running(is_change.astype(np.int64), start, per_block)
    returned = np.repeat(back, per_block) * share // np.repeat(np.maximum(slots, 1), per_block)
    return np.asarray(np.repeat(before, per_block) + inside + returned, np.int64)


def _running(values: I64, start: I64, per_block: I64) -> I64:
    """Cumulative sum within each block."""
    total = np.cumsum(values)
    return np.asarray(total - np.repeat(total[start] - values[start], per_block), np.int64)


def _blocks(total: I64, slots: I64, *, blocks: I64, normal: I64) -> tuple[I64, I64]:
    """Size before each block and the return within it.

    Args:
        total: int64[b], sum of the changes of each block, blocks of one queue in a row.
        slots: int64[b], changes over which a return can be spread; none, no return.
        blocks: int64[g], number of blocks of each queue.
        normal: int64[g], size at the start and in the long run.
    """
    offset = np.cumsum(blocks) - blocks
    longest_first = np.argsort(-blocks, kind="stable")
    offset, count, normal = offset[longest_first], blocks[longest_first], normal[longest_first]
    size = normal.copy()
    before, back = np.empty(len(total), np.int64), np.zeros(len(total), np.int64)
    for place in range(int(count[0])):
        alive = int(np.searchsorted(-count, -place, "left"))
        at = offset[:alive] + place
        before[at] = size[:alive]
        pull = np.rint(_RETURN * (normal[:alive] - size[:alive])).astype(np.int64)
        back[at] = np.where(slots[at] > 0, pull, 0)
        size[:alive] += total[at] + back[at]
    return before, back


def _previous(queue: I64, size: I64, start: I64) -> I64:
    """Size before each change: the one after the preceding change of the same queue."""
    previous = np.empty_like(size)
    previous[1:] = size[:-1]
    is_first = np.diff(queue, prepend=-1) != 0
    previous[is_first] = start[queue[is_first]]
    return previous
