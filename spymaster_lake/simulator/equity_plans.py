"""From a start date to the plans of a share's sessions: carried price, thin pre-market, expiries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from spymaster_lake.contracts.errors import ConfigError
from spymaster_lake.contracts.profile import InstrumentProfile
from spymaster_lake.sessions.calendar import NS, SessionCalendar
from spymaster_lake.sessions.price_basis import SplitTable
from spymaster_lake.simulator.carry import carried_prices, simulated_days
from spymaster_lake.simulator.equity_model import EquityFacts, EquityPlan, Expiry, OptionFacts
from spymaster_lake.simulator.market import own_volatility, simulated_market
from spymaster_lake.simulator.model import MINUTE, MarketModel, SessionTimes
from spymaster_lake.simulator.plans import session_times

_FRIDAY = 4
_EXPIRY_SHARES = (0.7, 0.3)
_QUIET_MINUTES = 2
_PREMARKET_MINUTES = (2, 46)
"""Minutes with a print in the pre-market of a single stock, fewest and most of real days."""


def equity_facts(profile: InstrumentProfile) -> EquityFacts:
    """Facts for the workers.

    Raises:
        ConfigError: the profile names no ticker.
    """
    if not profile.equity_symbol:
        raise ConfigError(f"{profile.instrument}: the simulator needs the profile's equity_symbol")
    market, options = simulated_market(profile), profile.options
    return EquityFacts(
        symbol=profile.equity_symbol,
        tick=profile.tick_size,
        far=profile.book.max_trade_distance,
        price_max=profile.quality.price_max,
        close_grace_ns=round(profile.book.tape_close_grace_seconds * NS),
        options=None
        if options is None
        else OptionFacts(
            root=options.underlying,
            strike_step=options.strike_step,
            tick=market.option_tick or profile.tick_size,
            volatility=market.option_volatility or own_volatility(market),
        ),
    )


def equity_plans(
    profile: InstrumentProfile,
    calendar: SessionCalendar,
    *,
    start: date,
    sessions: int,
    seed: int,
    model: MarketModel,
) -> list[EquityPlan]:
    """Plans of the first `sessions` sessions at or after `start`, oldest first.

    Raises:
        ConfigError: no session is asked for, `start` lies before the epoch of the recursion, or the
            profile says nothing about the vendor's quote sizes on a day.
    """
    days, first = simulated_days(calendar, start=start, sessions=sessions)
    carried = carried_prices(days[: first + sessions], seed=seed, model=model)
    splits = SplitTable.of(profile)
    newest = max([days[-1], *(step.ex_date for step in splits.steps)])
    plans = []
    for place in range(first, first + sessions):
        day, carry = days[place], carried[place]
        times = session_times(calendar, day)
        plans.append(
            EquityPlan(
                times=times,
                open_ticks=carry.open_ticks,
                steps=carry.steps,
                ups=carry.ups,
                volatility=carry.volatility,
                basis=splits.factor(newest, day),
                lot=_lot(profile, day),
                expiries=_expiries(profile, calendar, days[place:]),
                rate=profile.rate_on(day),
                premarket_minutes=premarket_minutes(profile, times),
                quiet_minutes=_quiet_minutes(profile),
            )
        )
    return plans


def _quiet_minutes(profile: InstrumentProfile) -> int:
    quality = profile.quality
    allowed = quality.max_missing_regular_minutes
    return min(
        _QUIET_MINUTES, quality.max_missing_minutes, _QUIET_MINUTES if allowed is None else allowed
    )


def premarket_minutes(profile: InstrumentProfile, times: SessionTimes) -> tuple[int, int]:
    """Fewest and most minutes of the pre-market with a print: thin, yet as the profile demands."""
    quality, length = profile.quality, (times.open - times.premarket) // MINUTE
    demanded = length + _quiet_minutes(profile) - quality.max_missing_minutes
    fewest = min(max(_PREMARKET_MINUTES[0], quality.min_premarket_minutes, demanded), length)
    return fewest, min(max(_PREMARKET_MINUTES[1], fewest), length)


def _lot(profile: InstrumentProfile, day: date) -> int:
    steps = [step for step in profile.book.quote_lots if step.valid_from <= day]
    if not steps:
        raise ConfigError(f"{profile.instrument}: book.quote_lots say nothing about {day}")
    return max(steps, key=lambda step: step.valid_from).shares


def _expiries(
    profile: InstrumentProfile, calendar: SessionCalendar, days: Sequence[date]
) -> tuple[Expiry, ...]:
    """Options expiring on the day (days[0]), and at the last session of its or the next week."""
    if profile.options is None:
        return ()
    today = days[0]
    friday = today + timedelta(days=(_FRIDAY - today.weekday()) % 7)
    weekly = max(day for day in days if day <= friday)
    if weekly == today:
        weekly = max(day for day in days if day <= friday + timedelta(days=7))
    return tuple(
        Expiry(
            day=day,
            expiration=session_times(calendar, day).close,
            trade_share=share,
            dividends=sum(step.amount for step in profile.dividends_after(today, day)),
        )
        for day, share in zip((today, weekly), _EXPIRY_SHARES, strict=True)
    )
