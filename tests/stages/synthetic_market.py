"""A small random market: prints, a ten-level book that follows them, and options on the future.

Everything is made of plain arrays, so tests can cut the future off or replace it by noise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from spymaster_lake.contracts.profile import InstrumentProfile
from spymaster_lake.features import black76
from spymaster_lake.features.arrays import F64, I8, I64, NS, Bool, Trades
from spymaster_lake.features.book import BookStates
from spymaster_lake.sessions.calendar import SessionCalendar, SessionClock

TICK = 0.25
CONTRACT = "ESZ5"
LEVELS = 10
SECONDS_PER_YEAR = 365 * 86_400
SIGMA = 0.18
N_JUMPS = 30


@dataclass(frozen=True)
class OptionMarket:
    """Option prints and open interest; contract i is strike[i], right "C" where is_call[i]."""

    strike: F64
    is_call: Bool
    open_interest: I64
    published_ns: int
    listed_ns: int
    expiry_ns: int
    ts_ns: I64
    contract: I64
    price: F64
    size: I64
    side: I8

    def symbol(self, i: int) -> str:
        """Raw symbol of a contract."""
        return f"E3AZ5 {'C' if self.is_call[i] else 'P'}{int(self.strike[i])}"


@dataclass(frozen=True)
class SyntheticMarket:
    """One session of the future, its warm-up sessions, and its options."""

    clock: SessionClock
    trades: Trades
    book: BookStates
    options: OptionMarket
    warmup: dict[date, Trades]


def make_market(
    profile: InstrumentProfile, day: date, *, seed: int = 7, n_fast: int = 24_000, sd: float = 0.22
) -> SyntheticMarket:
    """A market of about `n_fast` prints between 08:20 and 12:46 ET and few elsewhere.

    Args:
        profile: instrument whose session it is.
        day: session date.
        seed: of the generator.
        n_fast: prints in the busy part.
        sd: standard deviation of the price per print of the busy part, points.
    """
    calendar = SessionCalendar(profile.calendar)
    clock, rng = calendar.clock(day), np.random.default_rng(seed)
    trades = _prints(rng, clock, n_fast=n_fast, sd=sd)
    warmup = {d: _thin(rng, calendar.clock(d)) for d in calendar.previous(day, 3)}
    book = _book(rng, trades, clock)
    return SyntheticMarket(clock, trades, book, _options(rng, trades, clock), warmup)


def truncated(market: SyntheticMarket, t_ns: int) -> SyntheticMarket:
    """The same past; nothing happens at t or later."""
    options = market.options
    kept = options.ts_ns < t_ns
    return replace(
        market,
        trades=_rows(market.trades, market.trades.ts_ns < t_ns),
        book=market.book.rows(0, int(np.searchsorted(market.book.ts_ns, t_ns, side="left"))),
        options=replace(
            options,
            **{
                n: getattr(options, n)[kept] for n in ("ts_ns", "contract", "price", "size", "side")
            },
        ),
    )


def scrambled(market: SyntheticMarket, t_ns: int, *, seed: int = 1) -> SyntheticMarket:
    """The same past; from t on another market."""
    past, rng = truncated(market, t_ns), np.random.default_rng(seed)
    future = _rows(market.trades, market.trades.ts_ns >= t_ns)
    noise = replace(
        future,
        ticks=(future.ticks + rng.integers(-60, 61, len(future))).astype(np.int32),
        size=rng.integers(1, 99, len(future)),
        side=(-future.side).astype(np.int8),
    )
    trades = Trades(
        *(np.concatenate((getattr(past.trades, n), getattr(noise, n))) for n in Trades.__slots__)
    )
    return replace(past, trades=trades, book=_book(rng, trades, market.clock, past=past.book))


def _rows(trades: Trades, kept: Bool) -> Trades:
    return Trades(*(getattr(trades, name)[kept] for name in Trades.__slots__))


def _prints(rng: np.random.Generator, clock: SessionClock, *, n_fast: int, sd: float) -> Trades:
    """Bursts of equal times, both aggressors and some unknown ones, mean-reverting around 6000.

    A few jumps carry price through a zone within a minute, so that an event's direction may differ
    from that of the state row at its anchor.
    """
    slow_1 = np.arange(clock.start_ns, clock.book_start_ns - 360 * NS, 20 * NS)
    fast_start, fast_end = clock.book_start_ns - 360 * NS, clock.trades_needed_until_ns
    fast = np.sort(rng.integers(fast_start // 1000, fast_end // 1000, n_fast)) * 1000
    fast = np.sort(np.where(rng.random(n_fast) < 0.2, np.roll(fast, 1), fast))
    slow_2 = np.arange(clock.trades_needed_until_ns, clock.close_ns, 20 * NS)
    ts = np.concatenate((slow_1, fast, slow_2)).astype(np.int64)
    steps = rng.normal(0.0, sd, len(ts))
    busy = np.flatnonzero((ts >= clock.open_ns) & (ts < clock.events_end_ns))
    steps[rng.choice(busy, N_JUMPS, replace=False)] += rng.choice([-11.0, 11.0], N_JUMPS)
    price = np.empty(len(ts))
    level = 0.0
    for i, step in enumerate(steps):
        level += step - 0.0008 * level
        price[i] = level
    return Trades(
        ts_ns=ts,
        ticks=np.round((6000.0 + price) / TICK).astype(np.int32),
        size=rng.integers(1, 20, len(ts)).astype(np.int64),
        side=rng.choice(np.array([-1, 0, 1], np.int8), len(ts), p=[0.48, 0.04, 0.48]),
    )


def _thin(rng: np.random.Generator, clock: SessionClock) -> Trades:
    """A warm-up session: one print every 30 s."""
    ts = np.arange(clock.start_ns, clock.end_ns, 30 * NS, dtype=np.int64)
    price = 6000.0 + np.cumsum(rng.normal(0.0, 0.25, len(ts)))
    return Trades(
        ts_ns=ts,
        ticks=np.round(price / TICK).astype(np.int32),
        size=np.ones(len(ts), np.int64),
        side=np.zeros(len(ts), np.int8),
    )


def _book(
    rng: np.random.Generator,
    trades: Trades,
    clock: SessionClock,
    *,
    past: BookStates | None = None,
) -> BookStates:
    """One state at each distinct print time of the book window, sizes changing a few at a time."""
    start, end = clock.book_start_ns - 5 * NS, clock.events_end_ns + 60 * NS
    inside = np.flatnonzero((trades.ts_ns >= start) & (trades.ts_ns < end))
    ts, last = np.unique(trades.ts_ns[inside][::-1], return_index=True)
    ticks = trades.ticks[inside][::-1][last]
    if past is not None and len(past):
        fresh = ts > past.ts_ns[-1]
        ts, ticks = ts[fresh], ticks[fresh]
    n = len(ts)
    steps = np.arange(LEVELS, dtype=np.int32)
    centre = ticks + np.where(rng.random(n) < 0.5, 0, 1).astype(np.int32)
    size = rng.integers(20, 80, (n, 2, LEVELS)).astype(np.int32)
    kept = rng.random((n, 2, LEVELS)) < 0.8
    for i in range(1, n):
        size[i] = np.where(kept[i], size[i - 1], size[i])
    states = BookStates(
        ts_ns=ts,
        bid_ticks=(centre[:, None] - 1 - steps).astype(np.int32),
        bid_size=size[:, 0],
        ask_ticks=(centre[:, None] + steps).astype(np.int32),
        ask_size=size[:, 1],
    )
    if past is None or not len(past):
        return states
    names = ("ts_ns", "bid_ticks", "bid_size", "ask_ticks", "ask_size")
    return BookStates(*(np.concatenate((getattr(past, k), getattr(states, k))) for k in names))


def _options(rng: np.random.Generator, trades: Trades, clock: SessionClock) -> OptionMarket:
    """Strikes of 5 points around 6000 with prints at fair prices, all expiring today at the close."""
    strikes = np.arange(5950.0, 6051.0, 5.0)
    strike, is_call = np.tile(strikes, 2), np.repeat([True, False], len(strikes))
    ts = np.sort(rng.integers(clock.open_ns - 3000 * NS, clock.events_end_ns, 900)) // 1000 * 1000
    contract = rng.integers(0, len(strike), len(ts))
    at = np.searchsorted(trades.ts_ns, ts, side="left") - 1
    premium = black76.price(
        forward=trades.ticks[at] * TICK,
        strike=strike[contract],
        sigma=SIGMA,
        t_years=(clock.close_ns - ts) / NS / SECONDS_PER_YEAR,
        is_call=is_call[contract],
        rate=0.045,
    )
    return OptionMarket(
        strike=strike,
        is_call=is_call,
        open_interest=rng.integers(50, 5000, len(strike)).astype(np.int64),
        published_ns=clock.open_ns - 7200 * NS,
        listed_ns=clock.start_ns,
        expiry_ns=clock.close_ns,
        ts_ns=ts,
        contract=contract,
        price=premium,
        size=rng.integers(1, 30, len(ts)).astype(np.int64),
        side=rng.choice(np.array([-1, 1], np.int8), len(ts)),
    )
