"""How far back the raw rows of a session date reach: warm-up, roll look-back, definitions."""

from __future__ import annotations

from datetime import date

from spymaster_lake.contracts.profile import InstrumentProfile
from spymaster_lake.features.front_month import roll_lookback
from spymaster_lake.sessions.calendar import NS, SessionCalendar, SessionClock
from spymaster_lake.stages.spec import History

_ROLL_SESSIONS = 20
"""More sessions than any roll window holds."""

REFERENCE_DAYS = 10
"""Definitions are looked for this long before a session: the exchange sends the full list weekly."""


def reference_start_ns(clock: SessionClock) -> int:
    """First event time, ns UTC, of definitions that a session reads."""
    return clock.record_start_ns - REFERENCE_DAYS * 86_400 * NS


def first_source_ns(
    history: History, day: date, profile: InstrumentProfile, calendar: SessionCalendar
) -> int:
    """First instant, ns UTC, of what a session date reads of a Bronze source."""
    if history is History.REFERENCE:
        return reference_start_ns(calendar.clock(day))
    first = day
    if history is History.BRONZE:
        first = first_bronze_session(day, profile, calendar)
    return calendar.clock(first).record_start_ns


def first_bronze_session(day: date, profile: InstrumentProfile, calendar: SessionCalendar) -> date:
    """The earliest session whose raw ticks `day` needs (01 1.5, 08 A15)."""
    days = [day, *calendar.previous(day, profile.warmup_sessions)]
    if profile.futures is not None:
        before = calendar.previous(day, _ROLL_SESSIONS)
        days += roll_lookback(day, before, rule=profile.futures)
    return min(days)
