"""The session that the files of a day belong to, and which of their rows lie outside it."""

from __future__ import annotations

from datetime import date

from spymaster_lake.contracts.errors import RawFileError
from spymaster_lake.contracts.profile import InstrumentProfile
from spymaster_lake.features.arrays import NS
from spymaster_lake.ingest.equity_rows import QuoteRecords, TradeRows
from spymaster_lake.ingest.quarantine import Reason, flag
from spymaster_lake.sessions.calendar import SessionCalendar, SessionClock


def session_clock(profile: InstrumentProfile, day: date) -> SessionClock:
    """The clock of a day that the calendar has.

    Raises:
        RawFileError: it is a weekend or a holiday.
    """
    calendar = SessionCalendar(profile.calendar)
    if not calendar.trading_days(day, day):
        raise RawFileError(
            f"{day} ({day:%A}) is no session of calendar {profile.calendar.calendar}"
        )
    return calendar.clock(day)


def midnight_ns(clock: SessionClock, profile: InstrumentProfile) -> int:
    """Instant that milliseconds since midnight count from, ns UTC.

    Taken from the session's start, so that on a day when clocks change the session is right.
    """
    start = profile.calendar.session_start
    return clock.start_ns - (start.hour * 3600 + start.minute * 60 + start.second) * NS


def flag_outside(rows: TradeRows | QuoteRecords, clock: SessionClock, grace_seconds: float) -> None:
    """Flag rows outside the session; the tape may close a moment after it."""
    end = clock.end_ns + round(grace_seconds * NS)
    sane = rows.reasons != Reason.OUT_OF_BOUNDS_TIME
    flag(
        rows.reasons,
        sane & ((rows.ts_ns < clock.start_ns) | (rows.ts_ns >= end)),
        Reason.OUTSIDE_SESSION,
    )
