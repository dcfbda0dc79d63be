"""Small markets for kernel tests: literal rows, a random session, its mirror and its future."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.features.arrays import NS, Bars, Queries, Trades

Table = TypeVar("Table", Trades, Queries)

T0 = 1_765_893_600 * NS
"""2025-12-16 14:00:00 UTC, a whole minute."""

TICK = 0.25
BUY, SELL, UNKNOWN = 1, -1, 0

BAR_FIELDS = (
    "start_ns",
    "end_ns",
    "close_ts_ns",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "n_trades",
    "buy_volume",
    "sell_volume",
)


def prints(rows: Iterable[tuple[float, float, int, int]]) -> Trades:
    """Trades from rows of (seconds after T0, price in points, size, side)."""
    table = list(rows)
    return Trades(
        ts_ns=np.array([T0 + round(s * NS) for s, _, _, _ in table], np.int64),
        ticks=np.array([round(price / TICK) for _, price, _, _ in table], np.int32),
        size=np.array([size for _, _, size, _ in table], np.int64),
        side=np.array([side for _, _, _, side in table], np.int8),
    )


def queries(rows: Iterable[tuple[float, float | None, int]]) -> Queries:
    """Queries from rows of (seconds after T0, level or None, sigma)."""
    table = list(rows)
    return Queries(
        t_ns=np.array([T0 + round(s * NS) for s, _, _ in table], np.int64),
        level=np.array([np.nan if x is None else x for _, x, _ in table], np.float64),
        sigma=np.array([sigma for _, _, sigma in table], np.int8),
    )


def closes(rows: Iterable[tuple[float, float, float]], *, width_s: int) -> Bars:
    """Bars known by their close only: rows of (bar end s, close time s, close in points)."""
    table = list(rows)
    end = np.array([T0 + round(s * NS) for s, _, _ in table], np.int64)
    close = np.array([round(price / TICK) for _, _, price in table], np.int32)
    zeros = np.zeros(len(table), np.int64)
    return Bars(
        start_ns=end - width_s * NS,
        end_ns=end,
        close_ts_ns=np.array([T0 + round(s * NS) for _, s, _ in table], np.int64),
        open=close,
        high=close,
        low=close,
        close=close,
        volume=zeros,
        n_trades=zeros,
        buy_volume=zeros,
        sell_volume=zeros,
    )


def bars_of(trades: Trades, *, width_s: int) -> Bars:
    """Closes of trade bars, trade by trade, straight from 01 section 2.1."""
    last: dict[int, tuple[int, int]] = {}
    for ts, tick in zip(trades.ts_ns.tolist(), trades.ticks.tolist(), strict=True):
        last[ts // (width_s * NS)] = (ts, tick)
    rows = [
        (((start + 1) * width_s * NS - T0) / NS, (ts - T0) / NS, tick * TICK)
        for start, (ts, tick) in sorted(last.items())
    ]
    bars = closes(rows, width_s=width_s)
    exact = np.array([ts for _, (ts, _) in sorted(last.items())], np.int64)
    return replace(bars, close_ts_ns=exact)


def random_session(seed: int, *, n: int = 4000, seconds: int = 1800) -> Trades:
    """A random walk on the grid around 6000 with bursts of equal times; times in [T0, T0 + s)."""
    rng = np.random.default_rng(seed)
    ts = np.sort(rng.integers(0, seconds * 1000, n)) * (NS // 1000)
    ts = np.where(rng.random(n) < 0.3, np.roll(ts, 1), ts)
    return Trades(
        ts_ns=T0 + np.sort(ts),
        ticks=(24_000 + np.cumsum(rng.integers(-1, 2, n))).astype(np.int32),
        size=rng.integers(1, 50, n).astype(np.int64),
        side=rng.choice(np.array([-1, 0, 1], np.int8), n, p=[0.45, 0.1, 0.45]),
    )


def random_queries(seed: int, m: int, *, first_s: int = 0, last_s: int = 1800) -> Queries:
    """Queries on whole seconds; levels on half ticks near 6000, some inactive."""
    rng = np.random.default_rng(seed)
    inactive = rng.random(m) < 0.1
    level = 6000.0 + rng.integers(-40, 40, m) * TICK + TICK / 2
    return Queries(
        t_ns=T0 + rng.integers(first_s, last_s, m) * NS,
        level=np.where(inactive, np.nan, level),
        sigma=np.where(inactive, 0, rng.choice([-1, 1], m)).astype(np.int8),
    )


def reflect(trades: Trades, *, centre: float) -> Trades:
    """Prices reflected around `centre` (on a half tick), aggressor sides swapped."""
    twice = round(2 * centre / TICK)
    return replace(trades, ticks=(twice - trades.ticks).astype(np.int32), side=-trades.side)


def reflect_queries(asked: Queries, *, centre: float) -> Queries:
    """Levels reflected around `centre`, directions flipped."""
    return replace(asked, level=2 * centre - asked.level, sigma=-asked.sigma)


def truncated(trades: Trades, t_ns: int) -> Trades:
    """Only what happened strictly before t."""
    return rows_of(trades, trades.ts_ns < t_ns)


def scrambled(trades: Trades, t_ns: int, seed: int = 0) -> Trades:
    """The same past, and noise at t and after."""
    rng = np.random.default_rng(seed)
    future = trades.ts_ns >= t_ns
    noise = rng.integers(20_000, 28_000, len(trades)).astype(np.int32)
    return replace(
        trades,
        ticks=np.where(future, noise, trades.ticks).astype(np.int32),
        size=np.where(future, 9_999, trades.size),
        side=np.where(future, 1, trades.side).astype(np.int8),
    )


def rows_of(table: Table, rows: slice | NDArray[np.bool_]) -> Table:
    """The chosen rows of a frozen dataclass of equally long arrays."""
    names = type(table).__slots__
    return type(table)(**{name: getattr(table, name)[rows] for name in names})


def assert_same_bits(found: dict[str, NDArray[Any]], expected: dict[str, NDArray[Any]]) -> None:
    """Equal names, dtypes, nulls and bits."""
    assert list(found) == list(expected)
    for name, values in expected.items():
        assert found[name].dtype == values.dtype, name
        if values.dtype == np.object_:
            assert found[name].tolist() == values.tolist(), name
        else:
            assert found[name].tobytes() == values.tobytes(), name
