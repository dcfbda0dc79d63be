"""Session dates and their bounds: daylight saving, holidays, half days, exclusions (08 A15, A23)."""

from __future__ import annotations

from dataclasses import fields
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from spymaster_lake.contracts.errors import SessionError
from spymaster_lake.lake.instruments import load_profiles
from spymaster_lake.sessions.calendar import NS, SessionCalendar

PROFILE = load_profiles(Path(__file__).parents[2] / "conf")["es"].calendar
CALENDAR = SessionCalendar(PROFILE)
ZONE = ZoneInfo("America/New_York")


def ns(text: str) -> int:
    """An ISO time in UTC, ns."""
    return round(datetime.fromisoformat(f"{text}+00:00").timestamp()) * NS


@pytest.mark.parametrize(
    ("day", "record_start", "start", "opens", "ends"),
    [
        # ordinary Tuesdays in winter and summer
        ("2025-12-16", "2025-12-15T22:00", "2025-12-15T23:00", "2025-12-16T14:30", "2025-12-16T22:00"),
        ("2025-07-15", "2025-07-14T21:00", "2025-07-14T22:00", "2025-07-15T13:30", "2025-07-15T21:00"),
        # the Mondays after the clocks changed: Friday ended in the other offset
        ("2025-11-03", "2025-10-31T21:00", "2025-11-02T23:00", "2025-11-03T14:30", "2025-11-03T22:00"),
        ("2026-03-09", "2026-03-06T22:00", "2026-03-08T22:00", "2026-03-09T13:30", "2026-03-09T21:00"),
    ],
)  # fmt: skip
def test_clock__follows_daylight_saving(
    day: str, record_start: str, start: str, opens: str, ends: str
) -> None:
    """09:30 New York is 14:30 UTC in winter and 13:30 in summer."""
    clock = CALENDAR.clock(date.fromisoformat(day))
    found = (clock.record_start_ns, clock.start_ns, clock.open_ns, clock.end_ns)
    assert found == tuple(ns(t) for t in (record_start, start, opens, ends))


@pytest.mark.parametrize("day", ["2025-11-28", "2025-12-24", "2025-07-03"])
def test_clock__half_day(day: str) -> None:
    """The close is 13:00; events and labels end before it as on any other day."""
    clock = CALENDAR.clock(date.fromisoformat(day))
    local = datetime.fromtimestamp(clock.close_ns // NS, ZONE)
    needed = datetime.fromtimestamp(clock.trades_needed_until_ns // NS, ZONE)
    assert clock.is_early_close
    assert (local.hour, local.minute, needed.hour, needed.minute) == (13, 0, 12, 46)


def test_clock__trades_are_needed_until_an_earlier_close() -> None:
    """min(12:46, early close)."""
    early = {date(2025, 12, 16): datetime(2025, 12, 16, 12, 40).time()}
    calendar = SessionCalendar(PROFILE.model_copy(update={"extra_early_closes": early}))
    clock = calendar.clock(date(2025, 12, 16))
    assert clock.trades_needed_until_ns == clock.close_ns == ns("2025-12-16T17:40")


@pytest.mark.parametrize(
    ("time", "day"),
    [
        ("2025-11-26T21:59:59", "2025-11-26"),
        ("2025-11-26T22:00", "2025-11-28"),  # 17:00 on the eve of Thanksgiving
        ("2025-11-27T15:00", "2025-11-28"),  # Thanksgiving itself
        ("2025-11-28T21:59:59", "2025-11-28"),
        ("2025-11-28T22:00", "2025-12-01"),
        ("2025-11-30T23:00", "2025-12-01"),  # Sunday evening
        ("2025-07-04T15:00", "2025-07-07"),
    ],
)
def test_session_of__holiday_trading_joins_the_next_session(time: str, day: str) -> None:
    """A record belongs to the first session whose 17:00 lies after it."""
    assert CALENDAR.session_of(ns(time)) == date.fromisoformat(day)


def test_records__of_consecutive_sessions_leave_no_gap() -> None:
    """Each session's records begin where those of the one before end, through both clock changes."""
    days = CALENDAR.sessions(date(2025, 10, 1), date(2026, 4, 1))
    clocks = [CALENDAR.clock(d) for d in days]
    assert all(b.record_start_ns == a.end_ns for a, b in pairwise(clocks))
    ordered = [f.name for f in fields(clocks[0]) if f.name.endswith("_ns")]
    assert all(c.record_start_ns < c.start_ns < c.premarket_start_ns < c.open_ns for c in clocks)
    assert all(getattr(c, name) <= c.end_ns for c in clocks for name in ordered)


def test_excluded__sessions_are_skipped_and_their_records_join_nobody() -> None:
    """An excluded date is no warm-up and no session; the next one does not take its records."""
    gone = date(2025, 12, 15)
    calendar = SessionCalendar(PROFILE.model_copy(update={"excluded_sessions": (gone,)}))
    assert gone not in calendar.previous(date(2025, 12, 17), 3)
    assert len(calendar.previous(date(2025, 12, 17), 3)) == 3
    with pytest.raises(SessionError, match="excluded_sessions"):
        calendar.require(gone)
    assert calendar.clock(date(2025, 12, 16)).record_start_ns == CALENDAR.clock(gone).end_ns


def test_require__names_the_neighbours_of_a_holiday() -> None:
    """A holiday is refused with the sessions around it."""
    with pytest.raises(SessionError, match=r"2025-11-27 \(Thursday\).*2025-11-26 and 2025-11-28"):
        CALENDAR.require(date(2025, 11, 27))
    assert CALENDAR.require(date(2025, 11, 27) + timedelta(days=1)) == date(2025, 11, 28)
