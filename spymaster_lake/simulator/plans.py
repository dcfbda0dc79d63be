"""From a start date to session plans: the contracts of the roll, the chains; all sessions share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np

from spymaster_lake.contracts.errors import ConfigError
from spymaster_lake.contracts.profile import FuturesProfile, InstrumentProfile
from spymaster_lake.features.expiry import contract_code, expiries_from, roll_date
from spymaster_lake.sessions.calendar import SessionCalendar
from spymaster_lake.simulator.carry import carried_prices, simulated_days
from spymaster_lake.simulator.market import own_volatility
from spymaster_lake.simulator.model import (
    MINUTE,
    ChainPlan,
    ContractPlan,
    MarketFacts,
    MarketModel,
    SessionPlan,
    SessionTimes,
)

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
_CHAIN_SHARES = (0.85, 0.15)
_QUIET_MINUTES = 2


def market_facts(profile: InstrumentProfile) -> MarketFacts:
    """Facts for the workers.

    Raises:
        ConfigError: the instrument has no futures or no options block.
    """
    futures, options, market = profile.futures, profile.options, profile.simulation
    if futures is None or options is None or market is None:
        raise ConfigError(
            f"{profile.instrument}: the simulator needs the profile blocks 'futures' and 'options' "
            "(and 'simulation')"
        )
    return MarketFacts(
        root=futures.root,
        dataset=market.vendor_dataset,
        exchange=profile.exchange,
        tick_fixed=round(profile.tick_size * 1e9),
        tick=profile.tick_size,
        multiplier=options.multiplier,
        strike_step=options.strike_step,
        option_tick=market.option_tick or profile.tick_size,
        option_volatility=market.option_volatility or own_volatility(market),
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
    rule, market = profile.futures, profile.simulation
    assert rule is not None, "market_facts has checked it"
    assert market is not None, "market_facts has checked it"
    days, first = simulated_days(calendar, start=start, sessions=sessions)
    carried = carried_prices(days[: first + sessions], seed=seed, model=model)
    times = {day: session_times(calendar, day) for day in days[first : first + sessions + 1]}
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
                chains=_chains(times[day], times[following], contracts, roots=market.option_roots),
                rate=profile.rate_on(day),
                quiet_minutes=min(_QUIET_MINUTES, profile.quality.max_missing_minutes),
            )
        )
    return plans


def session_times(calendar: SessionCalendar, day: date) -> SessionTimes:
    """Bounds of the session `day`."""
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
        year, month = model.mean_quarter or (expiry.year, expiry.month)
        quarter = (expiry.year - year) * 4 + (expiry.month - month) // 3
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
    times: SessionTimes,
    following: SessionTimes,
    contracts: Sequence[ContractPlan],
    *,
    roots: Mapping[int, str],
) -> tuple[ChainPlan, ...]:
    """Options expiring today and at the next session; each on the first future that outlives it."""
    chains = []
    for place, expiring in enumerate((times, following)):
        underlying = 0 if contracts[0].expiry > expiring.day else 1
        chains.append(
            ChainPlan(
                root=option_root(expiring.day, roots=roots),
                expiration=expiring.close,
                underlying=underlying,
                first_id=_OPTION_IDS + place * _CHAIN_IDS,
                trade_share=_CHAIN_SHARES[place],
            )
        )
    return tuple(chains)


def option_root(day: date, *, roots: Mapping[int, str]) -> str:
    """Root, month letter and digit of the year of the option expiring on `day`.

    Raises:
        ConfigError: the profile's `simulation.option_roots` lack the weekday.
    """
    if day.isoweekday() not in roots:
        raise ConfigError(
            f"simulation.option_roots has no root for weekday {day.isoweekday()} ({day}); it has "
            f"{sorted(roots)}"
        )
    series = roots[day.isoweekday()].format(week=(day.day - 1) // 7 + 1)
    return f"{series}{'FGHJKMNQUVXZ'[day.month - 1]}{day.year % 10}"
