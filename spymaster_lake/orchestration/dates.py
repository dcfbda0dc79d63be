"""From what was asked (`--date`, `--start/--end`) to session dates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from spymaster_lake.contracts.errors import ConfigError, SessionError
from spymaster_lake.contracts.profile import InstrumentProfile
from spymaster_lake.sessions.calendar import SessionCalendar


@dataclass(frozen=True, slots=True)
class DateRange:
    """What was asked: one date, or a range with both ends included."""

    start: date
    end: date
    by_range: bool

    def __str__(self) -> str:
        return f"{self.start}..{self.end}" if self.by_range else f"{self.start}"


def date_range(day: date | None, start: date | None, end: date | None) -> DateRange:
    """One date or a range.

    Raises:
        ConfigError: neither, both, half a range, or an end before the start.
    """
    if day is not None:
        if start is not None or end is not None:
            raise ConfigError("Give --date, or --start with --end, not both")
        return DateRange(day, day, by_range=False)
    if start is None or end is None:
        raise ConfigError("Dates are missing: give --date, or both --start and --end")
    if end < start:
        raise ConfigError(f"--end {end} lies before --start {start}")
    return DateRange(start, end, by_range=True)


def session_dates(profile: InstrumentProfile, asked: DateRange) -> tuple[date, ...]:
    """The session dates in a range, excluded ones left out.

    Raises:
        SessionError: a single date that is no session or is excluded; a range without sessions.
    """
    calendar = SessionCalendar(profile.calendar)
    if not asked.by_range:
        return (calendar.require(asked.start),)
    days = tuple(calendar.sessions(asked.start, asked.end))
    if not days:
        raise SessionError(
            f"No session of {profile.instrument} ({profile.calendar.calendar}) lies in {asked}"
        )
    return days
