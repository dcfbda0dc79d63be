"""Small random books for tests, and the arrays that kernels take."""

from __future__ import annotations

import random

import numpy as np

from spymaster_lake.features.arrays import NO_TICK, NS, Queries, Trades
from spymaster_lake.features.book import BookStates
from tests.features.book_oracle import Print, Row

START = 1_700_000_000 * NS
"""A whole second from which sample sessions count."""


def contiguous(side: int, best: int, size: int = 50, levels: int = 10) -> dict[int, int]:
    """A full side: `levels` neighbouring ticks of equal size."""
    return {best + side * step: size for step in range(levels)}


def to_states(rows: list[Row], *, levels: int = 10) -> BookStates:
    """Rows as book arrays, best first."""
    shape = (len(rows), levels)
    bid_ticks, ask_ticks = (np.full(shape, NO_TICK, np.int32) for _ in range(2))
    bid_size, ask_size = (np.zeros(shape, np.int32) for _ in range(2))
    for i, row in enumerate(rows):
        for j, tick in enumerate(sorted(row.bids, reverse=True)):
            bid_ticks[i, j], bid_size[i, j] = tick, row.bids[tick]
        for j, tick in enumerate(sorted(row.asks)):
            ask_ticks[i, j], ask_size[i, j] = tick, row.asks[tick]
    ts_ns = np.array([row.ts for row in rows], np.int64)
    return BookStates(ts_ns, bid_ticks, bid_size, ask_ticks, ask_size)


def complete(rows: list[Row]) -> np.ndarray:
    """The flag that a row closes its event."""
    return np.array([row.complete for row in rows], bool)


def to_trades(prints: list[Print]) -> Trades:
    """Prints as arrays."""
    return Trades(
        np.array([trade.ts for trade in prints], np.int64),
        np.array([trade.tick for trade in prints], np.int32),
        np.array([trade.size for trade in prints], np.int64),
        np.array([trade.side for trade in prints], np.int8),
    )


def queries(*asked: tuple[int, float, int]) -> Queries:
    """Questions (t, level, sigma)."""
    t_ns, level, sigma = zip(*asked, strict=True)
    return Queries(np.array(t_ns, np.int64), np.array(level, float), np.array(sigma, np.int8))


def random_session(
    seed: int, *, n: int, levels: int, centre: int = 24_000
) -> tuple[list[Row], list[Print]]:
    """A book with gaps, thin sides, unfinished events, equal times and pauses; and prints."""
    rng = random.Random(seed)
    rows, prints, ts, mid = [], [], START, centre
    bids, asks = ({mid - 1 - i: 20 for i in range(14)}, {mid + 1 + i: 20 for i in range(14)})
    for _ in range(n):
        pause = rng.choices([0, 10**8, 15 * 10**8, 7 * NS, 65 * NS], [10, 40, 40, 4, 0.3])[0]
        step = rng.randrange(pause + 1) if pause else 0
        step = step // NS * NS if rng.random() < 0.1 else step
        mid += rng.choice([-1, 0, 0, 0, 1])
        _change(rng, bids, mid, -1)
        _change(rng, asks, mid, 1)
        for _ in range(rng.choice([0, 0, 1, 3])):
            side = rng.choice([-1, 1, 1, -1, 0])
            tick = mid + rng.choice([-2, -1, 1, 2])
            at = ts + rng.choice([0, rng.randrange(step + 1), step])
            prints.append(Print(at, tick, rng.randrange(1, 30), side))
        ts += step
        visible = levels if rng.random() < 0.93 else rng.randrange(levels)
        best_bids = dict(sorted(bids.items(), reverse=True)[:visible])
        best_asks = dict(sorted(asks.items())[:visible])
        rows.append(Row(ts, best_bids, best_asks, complete=rng.random() < 0.85))
    return rows, sorted(prints, key=lambda trade: trade.ts)


def _change(rng: random.Random, book: dict[int, int], mid: int, side: int) -> None:
    """Add, resize or remove a few prices; nothing rests on the wrong side of the middle."""
    for tick in [tick for tick in book if (tick - mid) * side <= 0]:
        del book[tick]
    for _ in range(rng.randrange(4)):
        tick = mid + side * rng.randrange(1, 16)
        if rng.random() < 0.35:
            book.pop(tick, None)
        else:
            book[tick] = rng.randrange(1, 60)
