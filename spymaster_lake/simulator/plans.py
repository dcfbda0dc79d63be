"""From a start date to session plans: the carried price, the contracts of the roll, the chains.

The carried price is a cheap recursion over calendar days since a fixed epoch, so a session's plan
does not depend on which sessions are simulated; the plans are all that sessions share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from spymaster_lake.contracts.errors import ConfigError
from spymaster_lake.contracts.profile import FuturesProfile, InstrumentProfile
from spymaster_lake.features.expiry import contract_code, expiries_from, roll_date
from spymaster_lake.sessions.calendar import SessionCalendar
from spymaster_lake.simulator.model import (
    MINUTE,
    ChainPlan,
    ContractPlan,
    MarketFacts,
    MarketModel,
    SessionPlan,
    SessionTimes,
)
from spymaster_lake.simulator.randomness import generator

EPOCH = date(2010, 1, 1)
_SHARE_OF_NEXT = {
    -5: 0.03,
    -4: 0.05,
    -3: 0.10,
    -2: 0.20,
    -1: 0.35,
    0: 0.70,
    1: 0.80,
    2: 0.90,
    3: 0.95,
}
"""Volume share of the next contract by business days from the roll date."""
_BEFORE_ROLL, _AFTER_ROLL = 0.02, 0.97
_DENSE_FROM, _THIN_BOOK, _ROLL_BOOK = -5, 0.06, 0.35
_MIDDLE = 0.5
_AFTER_EARLY_CLOSE = 15 * MINUTE
_FUTURES_IDS, _OPTION_IDS, _CHAIN_IDS = 4_900, 700_000, 5_000
_WEEKDAY_LETTERS = "ABCD"
_FRIDAY = 4
_CHAIN_SHARES = (0.85, 0.15)
_QUIET_MINUTES = 2


@dataclass(frozen=True, slots=True)
class _Carry:
    """Price and volatility carried from session to session."""

    open_ticks: int
    steps: int
    ups: int
    volatility: float


def market_facts(profile: InstrumentProfile) -> MarketFacts:
    """Facts for the workers.

    Raises:
        ConfigError: the instrument has no futures or no options block.
    """
    if profile.futures is None or profile.options is None:
        raise ConfigError(
            f"{profile.instrument}: the simulator needs the profile blocks 'futures' and 'options'"
        )
    return MarketFacts(
        root=profile.futures.root,
        tick_fixed=round(profile.tick_size * 1e9),
        tick=profile.tick_size,
        multiplier=profile.options.multiplier,
        strike_step=profile.options.strike_step,
    )


def session_plans(
    profile: InstrumentProfile,
    calendar: SessionCalendar,
    *,
    start: date,
    sessions: int,
    seed: int,
    model: MarketModel,
) -> list[SessionPlan]:
    """Plans of the first `sessions` sessions at or after `start`, oldest first.

    Raises:
        ConfigError: no session is asked for, or `start` lies before the epoch of the recursion.
    """
    if sessions < 1 or start < EPOCH:
        raise ConfigError(f"sessions is {sessions}, start is {start}; allowed: >= 1, >= {EPOCH}")
    rule = profile.futures
    assert rule is not None, "market_facts has checked it"
    days = calendar.trading_days(EPOCH, start + timedelta(days=2 * sessions + 30))
    first = next(i for i, day in enumerate(days) if day >= start)
    carried = _carried(days[: first + sessions], seed=seed, model=model)
    times = {day: _times(calendar, day) for day in days[first : first + sessions + 1]}
    plans = []
    for place in range(first, first + sessions):
        day, following = days[place], days[place + 1]
        contracts, leader = _contracts(times[day], days[place - 1], rule=rule, model=model)
        carry = carried[place]
        plans.append(
            SessionPlan(
                times=times[day],
                open_ticks=carry.open_ticks,
                steps=carry.steps,
                ups=carry.ups,
                volatility=carry.volatility,
                contracts=contracts,
                leader=leader,
                chains=_chains(times[day], times[following], contracts),
                rate=profile.rate_on(day),
                quiet_minutes=min(_QUIET_MINUTES, profile.quality.max_missing_minutes),
            )
        )
    return plans


def _carried(days: Sequence[date], *, seed: int, model: MarketModel) -> list[_Carry]:
    """The recursion over all sessions since the epoch."""
    last = (days[-1] - EPOCH).days
    draws = generator(seed, None, "days").standard_normal((last + 1, 3))
    level, log_variance, carried = model.mean_ticks, 0.0, []
    for day in days:
        gap, move, noise = draws[(day - EPOCH).days]
        log_variance = model.volatility_memory * log_variance + model.volatility_noise * noise
        steps = round(model.session_variance * float(np.exp(log_variance)))
        level += round(model.gap_ticks * gap)
        pull = model.reversion * (model.mean_ticks - level)
        ups = round((steps + move * np.sqrt(steps) + pull) / 2)
        ups = min(max(ups, 0), steps)
        carried.append(_Carry(level, steps, ups, float(np.exp(log_variance / 2))))
        level += 2 * ups - steps
    return carried


def _times(calendar: SessionCalendar, day: date) -> SessionTimes:
    clock = calendar.clock(day)
    stop = (
        min(clock.close_ns + _AFTER_EARLY_CLOSE, clock.end_ns)
        if clock.is_early_close
        else clock.end_ns
    )
    return SessionTimes(
        day=day,
        previous_end=clock.record_start_ns,
        start=clock.start_ns,
        premarket=clock.premarket_start_ns,
        open=clock.open_ns,
        close=clock.close_ns,
        stop=stop,
        end=clock.end_ns,
    )


def share_of_next(day: date, *, roll: date) -> float:
    """Share of the volume that trades in the next contract, 1."""
    distance = int(np.busday_count(roll, day))
    if distance < min(_SHARE_OF_NEXT):
        return _BEFORE_ROLL
    return _SHARE_OF_NEXT.get(distance, _AFTER_ROLL)


def _contracts(
    times: SessionTimes, before: date, *, rule: FuturesProfile, model: MarketModel
) -> tuple[tuple[ContractPlan, ...], int]:
    """The two nearest contracts; the leader is the one that led the session before."""
    expiries = expiries_from(times.day, months=rule.expiry_months, count=2)
    roll = roll_date(expiries[0], rule=rule)
    share = share_of_next(times.day, roll=roll)
    leader = int(share_of_next(before, roll=roll) > _MIDDLE)
    is_rolling = int(np.busday_count(roll, times.day)) >= _DENSE_FROM
    follower_book = _ROLL_BOOK if is_rolling and _THIN_BOOK < share < 1 - _THIN_BOOK else _THIN_BOOK
    plans = []
    for place, expiry in enumerate(expiries):
        quarter = (expiry.year - model.mean_quarter[0]) * 4 + (
            expiry.month - model.mean_quarter[1]
        ) // 3
        is_last_day = expiry == times.day
        plans.append(
            ContractPlan(
                code=contract_code(expiry, rule=rule),
                instrument_id=_FUTURES_IDS + expiry.year * 12 + expiry.month,
                expiry=expiry,
                offset=quarter * model.quarter_basis_ticks,
                trade_share=share if place else 1.0 - share,
                book_share=1.0 - follower_book if place == leader else follower_book,
                is_dense=place == leader or is_rolling,
                stop=times.open if is_last_day else times.stop,
            )
        )
    return tuple(plans), leader


def _chains(
    times: SessionTimes, following: SessionTimes, contracts: Sequence[ContractPlan]
) -> tuple[ChainPlan, ...]:
    """Options expiring today and at the next session; each on the first future that outlives it."""
    chains = []
    for place, expiring in enumerate((times, following)):
        underlying = 0 if contracts[0].expiry > expiring.day else 1
        chains.append(
            ChainPlan(
                root=option_root(expiring.day),
                expiration=expiring.close,
                underlying=underlying,
                first_id=_OPTION_IDS + place * _CHAIN_IDS,
                trade_share=_CHAIN_SHARES[place],
            )
        )
    return tuple(chains)


def option_root(day: date) -> str:
    """Root, month and year of the weekly option expiring on `day`, such as E3AZ5 or EW3Z5."""
    week = (day.day - 1) // 7 + 1
    series = (
        f"EW{week}" if day.weekday() == _FRIDAY else f"E{week}{_WEEKDAY_LETTERS[day.weekday()]}"
    )
    return f"{series}{'FGHJKMNQUVXZ'[day.month - 1]}{day.year % 10}"
