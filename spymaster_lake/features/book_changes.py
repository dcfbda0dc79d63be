"""Which prices of a book side changed size between consecutive states, and by how much.

A price counts only if it is visible in both states; a visible price without an order has size 0
(02 N-1, N-7a). Rows whose k prices stand still are compared level by level; only rows whose prices
moved are matched price against price.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.features.arrays import ASK, I32, I64, NO_TICK, UNBOUNDED, Bool
from spymaster_lake.features.book import Sizes

_Integer = TypeVar("_Integer", bound=np.signedinteger[Any])

_BLOCK = 1 << 15
"""Pairs compared at a time; keeps a block's columns in the processor's cache."""

_MOVED_BLOCK = 1 << 12
"""Moved pairs matched at a time, k x k prices each."""


@dataclass(frozen=True, slots=True)
class SizeChanges:
    """Non-zero changes of size, in no particular order.

    Attributes:
        state: int64[c], index of the later state of the pair.
        ticks: int32[c], price.
        change: int64[c], size after minus size before, never 0.
    """

    state: I64
    ticks: I32
    change: I64


def size_changes(ticks: I32, size: Sizes, *, side: np.int8) -> SizeChanges:
    """Changes of one side over all pairs of consecutive states.

    Args:
        ticks: int32[n, k], best first, NO_TICK where absent.
        size: int[n, k], 0 where absent.
        side: ASK or BID.
    """
    found: list[tuple[I64, I32, I64]] = []
    for start in range(0, len(ticks) - 1, _BLOCK):
        block = slice(start, start + _BLOCK + 1)
        _block_changes(ticks[block], size[block], side, start + 1, found)
    if not found:
        return SizeChanges(np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.int64))
    state, price, change = (np.concatenate(column) for column in zip(*found, strict=True))
    return SizeChanges(state, price, change)


def _block_changes(
    ticks: I32,
    size: Sizes,
    side: np.int8,
    first_state: int,
    found: list[tuple[I64, I32, I64]],
) -> None:
    moved = np.zeros(len(ticks) - 1, bool)
    for level in range(ticks.shape[1]):
        prices = ticks[:, level]
        moved |= prices[1:] != prices[:-1]
    still = ~moved
    for level in range(ticks.shape[1]):
        sizes = size[:, level]
        rows = np.flatnonzero((sizes[1:] != sizes[:-1]) & still)
        change = sizes[rows + 1].astype(np.int64) - sizes[rows]
        found.append((rows + first_state, ticks[rows, level], change))
    moved_rows = np.flatnonzero(moved)
    for start in range(0, len(moved_rows), _MOVED_BLOCK):
        rows = moved_rows[start : start + _MOVED_BLOCK]
        before = _levels_first(ticks, rows), _levels_first(size, rows)
        after = _levels_first(ticks, rows + 1), _levels_first(size, rows + 1)
        _moved_changes(before, after, side, rows + first_state, found)


def _levels_first(matrix: NDArray[_Integer], rows: I64) -> NDArray[_Integer]:
    """The chosen rows as a [k, rows] matrix, so that each level is contiguous."""
    out = np.empty((matrix.shape[1], len(rows)), matrix.dtype)
    for level in range(matrix.shape[1]):
        np.take(matrix[:, level], rows, out=out[level])
    return out


def _moved_changes(
    before: tuple[I32, Sizes],
    after: tuple[I32, Sizes],
    side: np.int8,
    state: I64,
    found: list[tuple[I64, I32, I64]],
) -> None:
    """Match the k prices before with the k prices after; unmatched ones had or have size 0."""
    (old_ticks, old_size), (new_ticks, new_size) = before, after
    base = np.zeros_like(old_size)
    kept = np.empty(old_ticks.shape, bool)
    for level in range(len(old_ticks)):
        same = new_ticks == old_ticks[level]
        np.copyto(base, old_size[level], where=same)
        np.logical_or.reduce(same, axis=0, out=kept[level])
    change = new_size.astype(np.int64) - base
    gone = np.where(kept, 0, -old_size.astype(np.int64))
    for price, difference in ((new_ticks, change), (old_ticks, gone)):
        counts = (difference != 0) & _commonly_visible(price, old_ticks[-1], new_ticks[-1], side)
        at, row = np.nonzero(counts)
        found.append((state[row], price[at, row], difference[at, row]))


def _commonly_visible(ticks: I32, old_last: I32, new_last: I32, side: np.int8) -> Bool:
    """Which prices lie inside the bounds of both states; a missing k-th level bounds nothing."""
    if side == ASK:
        bounds = [np.where(last == NO_TICK, UNBOUNDED, last) for last in (old_last, new_last)]
        return np.asarray(ticks <= np.minimum(*bounds))
    bounds = [np.where(last == NO_TICK, -UNBOUNDED, last) for last in (old_last, new_last)]
    return np.asarray(ticks >= np.maximum(*bounds))
