"""One simulated session: a clock, random walks of prints, and the way from prints to events."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import date

import numpy as np

from spymaster_lake.features.arrays import F64, NS, Bars, Trades
from spymaster_lake.features.averages import ema, sma
from spymaster_lake.features.bars import aggregate_bars, trade_bars
from spymaster_lake.features.levels import LevelClock, Levels, session_levels
from spymaster_lake.features.true_range import atr
from spymaster_lake.features.zones import ZoneEntries, detect_zone_entries

TICK = 0.25
DAY = date(2025, 6, 5)
MIDNIGHT_NS = 1_749_096_000 * NS
"""2025-06-05 00:00 in New York (04:00 UTC)."""


def at(hour: int, minute: int = 0, second: float = 0.0) -> int:
    """Nanoseconds UTC of a New York clock time on the day."""
    return MIDNIGHT_NS + (hour * 3600 + minute * 60) * NS + round(second * NS)


OPEN_NS, EVENTS_END_NS = at(9, 30), at(12, 30)
CLOCK = LevelClock(
    session_start_ns=at(-6),
    premarket_start_ns=at(4),
    open_ns=OPEN_NS,
    opening_range_end_ns=at(9, 45),
    session_end_ns=at(17),
)


def until(trades: Trades, t_ns: int) -> Trades:
    """The prints strictly before t."""
    n = int(np.searchsorted(trades.ts_ns, t_ns, side="left"))
    return Trades(*(getattr(trades, f.name)[:n] for f in fields(Trades)))


def without(trades: Trades, start_ns: int, end_ns: int) -> Trades:
    """The prints outside [start, end)."""
    keep = (trades.ts_ns < start_ns) | (trades.ts_ns >= end_ns)
    return Trades(*(getattr(trades, f.name)[keep] for f in fields(Trades)))


def mirrored(trades: Trades, *, twice_axis: int) -> Trades:
    """The market upside down: ticks become twice_axis - ticks, buyers become sellers."""
    return replace(
        trades,
        ticks=(twice_axis - trades.ticks).astype(np.int32),
        side=(-trades.side).astype(np.int8),
    )


def second_walk(
    rng: np.random.Generator, *, start_ns: int, end_ns: int, sd: float = 0.25
) -> Trades:
    """One print a second, driftless Gaussian steps of `sd` points rounded to ticks (01 2.7)."""
    n = (end_ns - start_ns) // NS
    price = 6000.0 + np.cumsum(rng.normal(0.0, sd, size=n))
    return Trades(
        ts_ns=start_ns + NS * np.arange(n, dtype=np.int64),
        ticks=np.round(price / TICK).astype(np.int32),
        size=np.ones(n, dtype=np.int64),
        side=np.zeros(n, dtype=np.int8),
    )


def rough_walk(
    rng: np.random.Generator,
    *,
    start_ns: int,
    end_ns: int,
    mean_gap_s: float = 4.0,
    sd: float = 2.0,
) -> Trades:
    """Irregular prints with ties in time, long silences and jumps of several ticks."""
    gaps = rng.exponential(mean_gap_s, size=int((end_ns - start_ns) / NS / mean_gap_s * 1.2))
    gaps[rng.random(len(gaps)) < 0.1] = 0.0
    gaps[rng.random(len(gaps)) < 0.003] += 70.0
    ts = start_ns + (np.cumsum(gaps) * 1e3).astype(np.int64) * 1_000_000
    ts = ts[ts < end_ns]
    n = len(ts)
    return Trades(
        ts_ns=ts,
        ticks=(24_000 + np.cumsum(np.round(rng.normal(0.0, sd, size=n)))).astype(np.int32),
        size=rng.integers(1, 20, size=n, dtype=np.int64),
        side=rng.integers(-1, 2, size=n).astype(np.int8),
    )


@dataclass(frozen=True)
class Session:
    """Everything between the prints and the events of one session."""

    trades: Trades
    bars_1min: Bars
    bars_2min: Bars
    atr: F64
    levels: Levels
    events: ZoneEntries


def session_of(trades: Trades, *, known_at: int | None = None, sma_window: int = 90) -> Session:
    """Bars, ATR, levels and events; with `known_at`, of the bars that ended by then only."""
    start, end = at(-6), at(17) if known_at is None else known_at
    fine = trade_bars(trades, width_ns=10 * NS, start_ns=start, end_ns=end)
    one, two = aggregate_bars(fine, width_ns=60 * NS), aggregate_bars(fine, width_ns=120 * NS)
    one, two = _ended(one, end), _ended(two, end)
    levels = session_levels(
        bars_1min=one,
        bars_2min=two,
        sma_90=sma(two.close, tick=TICK, window=sma_window),
        ema_20=ema(two.close, tick=TICK),
        clock=CLOCK,
        tick=TICK,
    )
    atr_14 = atr(one, tick=TICK)
    events = detect_zone_entries(
        day=DAY,
        bars_1min=one,
        atr=atr_14,
        levels=levels,
        trades=trades,
        open_ns=OPEN_NS,
        events_end_ns=EVENTS_END_NS,
        tick=TICK,
        half_width=5.0,
        atr_fraction=0.1,
    )
    return Session(trades, one, two, atr_14, levels, events)


def _ended(bars: Bars, t_ns: int) -> Bars:
    keep = bars.end_ns <= t_ns
    return Bars(*(getattr(bars, f.name)[keep] for f in fields(Bars)))
