"""Price and volatility carried from session to session.

A cheap recursion over calendar days since a fixed epoch, so a session's plan does not depend on
which sessions are simulated; the plans are all that sessions share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from spymaster_lake.contracts.errors import ConfigError
from spymaster_lake.sessions.calendar import SessionCalendar
from spymaster_lake.simulator.model import MarketModel
from spymaster_lake.simulator.randomness import generator

EPOCH = date(2010, 1, 1)


@dataclass(frozen=True, slots=True)
class Carry:
    """Price and volatility carried from session to session."""

    open_ticks: int
    steps: int
    ups: int
    volatility: float


def simulated_days(
    calendar: SessionCalendar, *, start: date, sessions: int
) -> tuple[list[date], int]:
    """All trade dates since the epoch until well after the last session, and where `start` is.

    Raises:
        ConfigError: no session is asked for, or `start` lies before the epoch of the recursion.
    """
    if sessions < 1 or start < EPOCH:
        raise ConfigError(f"sessions is {sessions}, start is {start}; allowed: >= 1, >= {EPOCH}")
    days = calendar.trading_days(EPOCH, start + timedelta(days=2 * sessions + 30))
    return days, next(i for i, day in enumerate(days) if day >= start)


def carried_prices(days: Sequence[date], *, seed: int, model: MarketModel) -> list[Carry]:
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
        carried.append(Carry(level, steps, ups, float(np.exp(log_variance / 2))))
        level += 2 * ups - steps
    return carried
