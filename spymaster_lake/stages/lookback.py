"""How far back the raw ticks of a session date reach: warm-up sessions and the roll look-back."""

from __future__ import annotations

from datetime import date

from spymaster_lake.contracts.profile import InstrumentProfile
from spymaster_lake.features.front_month import roll_lookback
from spymaster_lake.sessions.calendar import SessionCalendar

_ROLL_SESSIONS = 20
"""More sessions than any roll window holds."""


def first_bronze_session(day: date, profile: InstrumentProfile, calendar: SessionCalendar) -> date:
    """The earliest session whose raw ticks `day` needs (01 1.5, 08 A15)."""
    days = [day, *calendar.previous(day, profile.warmup_sessions)]
    if profile.futures is not None:
        before = calendar.previous(day, _ROLL_SESSIONS)
        days += roll_lookback(day, before, rule=profile.futures)
    return min(days)
