"""The order of book records of one contract: quote moves, prints with their fills, size changes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spymaster_lake.simulator.model import MINUTE, SECOND, SimulationSize
from spymaster_lake.simulator.shape import F64, I64, random_times
from spymaster_lake.simulator.tape import Tape

QUOTE, PRINT, FILL, CHANGE = 0, 1, 2, 3
"""Kinds of book records: the quote moves; a print; its fill; orders are added or canceled."""

LEVELS = 10
_PAIRED_SHARE = 0.05
_TOUCH_WEIGHT = 0.72
_PRESSURE_ON_BOOK = 0.06
_MOST_ADDS = 0.65
_TIE_BITS = 8
_PLACE_BITS = 3


@dataclass(frozen=True, slots=True)
class BookRows:
    """Book records in total order, all int64[n].

    Attributes:
        time: ns since the session start; rows of one event share it.
        kind: QUOTE, PRINT, FILL or CHANGE.
        bid: best bid after the row, ticks; the best ask is one tick higher.
        side: book side the row is about, +1 bid, -1 ask; the aggressor for prints.
        tick: price the row is about, ticks.
        change: intended size change there (0 for quote moves and prints).
        size: size of the print for PRINT and FILL, else 0.
        level: distance of `tick` from the best price of its side, ticks.
    """

    time: I64
    kind: I64
    bid: I64
    side: I64
    tick: I64
    change: I64
    size: I64
    level: I64


def book_rows(
    rng: np.random.Generator,
    tape: Tape,
    *,
    minutes: F64,
    n: int,
    flow: F64,
    size: SimulationSize,
    depth: float,
) -> BookRows:
    """All rows of one contract in the minutes with a positive weight.

    Args:
        rng: source of randomness.
        tape: quotes and prints.
        minutes: float64[m], weight per minute of the size changes.
        n: number of rows wanted; quote moves and prints come first, changes fill up.
        flow: float64[seconds], order-flow pressure; buyers add bids and sellers add asks.
        size: scale of the changes.
        depth: size of the queues relative to the leading contract.
    """
    is_open = minutes > 0
    quote = np.flatnonzero(np.diff(tape.bid, prepend=tape.bid[0] - 1) != 0)
    quote = quote[_within(tape.quote_time[quote], is_open)]
    prints = np.flatnonzero(_within(tape.time, is_open))
    filled = prints[tape.side[prints] != 0]
    count = max(n - len(quote) - len(prints) - len(filled), n // 5)
    time = random_times(rng, count, minutes)
    paired = np.flatnonzero(rng.random(count - 1) < _PAIRED_SHARE)
    time[paired] = time[paired + 1]
    at = np.maximum(np.searchsorted(tape.quote_time, time, "right") - 1, 0)
    rank = _rank_in_group(tape.time, tape.quote)
    pieces_time = [tape.quote_time[quote], tape.time[prints], tape.time[filled], time]
    pieces_quote = [quote, tape.quote[prints], tape.quote[filled], at]
    tie = [
        np.zeros(len(quote), np.int64),
        1 + 2 * rank[prints],
        2 + 2 * rank[filled],
        np.full(count, (1 << _TIE_BITS) - 1),
    ]
    all_time, all_quote = np.concatenate(pieces_time), np.concatenate(pieces_quote)
    order = np.argsort(_order_key(tape, all_time, all_quote, np.concatenate(tie)), kind="stable")
    kinds = [
        np.full(len(p), k) for p, k in zip(pieces_time, (QUOTE, PRINT, FILL, CHANGE), strict=True)
    ]
    moved_up = tape.bid[quote] >= np.concatenate([tape.bid[:1], tape.bid])[quote]
    side, level, change = _changes(
        rng, time, flow=flow, size=size, depth=depth, drain=_drain(tape, filled, time)
    )
    sides = [np.where(moved_up, 1, -1), tape.side[prints], -tape.side[filled], side]
    levels = [np.zeros(len(p), np.int64) for p in pieces_time[:3]] + [level]
    ticks = [
        np.where(moved_up, tape.bid[quote], tape.bid[quote] + 1),
        tape.price[prints],
        tape.price[filled],
        np.where(side > 0, tape.bid[at] - level, tape.bid[at] + 1 + level),
    ]
    zeros = [np.zeros(len(quote), np.int64), np.zeros(len(prints), np.int64)]
    sizes = [zeros[0], tape.size[prints], tape.size[filled], np.zeros(count, np.int64)]
    return BookRows(
        time=all_time[order],
        kind=np.concatenate(kinds)[order],
        bid=tape.bid[all_quote][order],
        side=np.concatenate(sides)[order],
        tick=np.concatenate(ticks)[order],
        change=np.concatenate([*zeros, -tape.size[filled], change])[order],
        size=np.concatenate(sizes)[order],
        level=np.concatenate(levels)[order],
    )


def _within(time: I64, is_open: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    minute = time // MINUTE
    return is_open[np.minimum(minute, len(is_open) - 1)] & (minute < len(is_open))


def _rank_in_group(time: I64, quote: I64) -> I64:
    """Place of each print among those of equal time and quote, from 0."""
    is_first = np.ones(len(time), np.bool_)
    is_first[1:] = (np.diff(time) != 0) | (np.diff(quote) != 0)
    place = np.arange(len(time))
    return np.asarray(place - np.maximum.accumulate(np.where(is_first, place, 0)), np.int64)


def _order_key(tape: Tape, time: I64, quote: I64, tie: I64) -> I64:
    """Sort key: time, then the quote in force, then quote move, print, fill, change."""
    place = np.maximum(quote - np.searchsorted(tape.quote_time, time, "left") + 1, 0)
    place = np.minimum(place, (1 << _PLACE_BITS) - 1)
    tie = np.minimum(tie, (1 << _TIE_BITS) - 1)
    return np.asarray((((time << _PLACE_BITS) | place) << _TIE_BITS) | tie, np.int64)


def _drain(tape: Tape, filled: I64, time: I64) -> F64:
    """Contracts that fills take from the touch per size change there, by minute, float64[m].

    Both sides together: a side's fills follow the price steps, which no change may foretell.
    """
    last = int(max(tape.time[-1], time[-1])) // MINUTE + 1
    taken = np.bincount(tape.time[filled] // MINUTE, tape.size[filled], last)
    changes = np.bincount(time // MINUTE, minlength=last) * _level_weights()[0]
    return np.asarray(taken / np.maximum(changes, 1.0), np.float64)


def _level_weights() -> F64:
    weights = _TOUCH_WEIGHT ** np.arange(LEVELS)
    return np.asarray(weights / weights.sum(), np.float64)


def _changes(
    rng: np.random.Generator,
    time: I64,
    *,
    flow: F64,
    size: SimulationSize,
    depth: float,
    drain: F64,
) -> tuple[I64, I64, I64]:
    """Side, level and size change of every row of kind CHANGE.

    At the touch more is added than canceled, to replace what fills take. Never zero.
    """
    n = len(time)
    side = np.where(rng.random(n) < 0.5, 1, -1)
    level = np.searchsorted(np.cumsum(_level_weights()), rng.random(n)).clip(0, LEVELS - 1)
    mean = max(size.change_mean * depth, 1.0)
    amount = rng.geometric(1.0 / mean, n)
    refill = np.where(level == 0, drain[time // MINUTE], 0.0)
    add = np.minimum(0.5 + refill / (2.0 * mean), _MOST_ADDS)
    more = np.maximum(refill - (2.0 * _MOST_ADDS - 1.0) * mean, 0.0) / _MOST_ADDS
    add = np.clip(add + _PRESSURE_ON_BOOK * side * flow[time // SECOND], 0.02, 0.98)
    added = amount + np.floor(more + rng.random(n)).astype(np.int64)
    return side, level, np.where(rng.random(n) < add, added, -amount).astype(np.int64)
