"""Which dates are sessions, and where each session's windows lie in UTC nanoseconds (08 A23).

A record belongs to the first session date whose `session_end` lies after it, so that trading on a
holiday joins the next session. All clock times come from the profile, daylight saving from the
time zone database, holidays and early closes from pandas_market_calendars plus the profile's
override lists.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

from spymaster_lake.contracts.errors import SessionError
from spymaster_lake.contracts.profile import CalendarProfile

NS = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=ZoneInfo("UTC"))


@dataclass(frozen=True, slots=True)
class SessionClock:
    """The bounds of one session, int64 ns UTC; every interval is half-open [start, end).

    Attributes:
        day: the session date.
        start_ns: first instant of the session (previous session's end for record assignment lies
            earlier; 17:00 to 18:00 belongs to nobody).
        end_ns: session end (17:00 local).
        record_start_ns: records in [record_start_ns, end_ns) are this session's: from the end of
            the previous session on where sessions start the evening before (holiday trading
            included), else from `start_ns` on, since the tape closes its session after the end.
        premarket_start_ns, open_ns, opening_range_end_ns, events_end_ns, book_start_ns: as named.
        trades_needed_until_ns: trades are needed up to here, or to the early close.
        close_ns: regular or early close.
        is_early_close: whether the session closes early.
    """

    day: date
    start_ns: int
    end_ns: int
    record_start_ns: int
    premarket_start_ns: int
    open_ns: int
    opening_range_end_ns: int
    events_end_ns: int
    book_start_ns: int
    trades_needed_until_ns: int
    close_ns: int
    is_early_close: bool


def local_ns(day: date, clock: time, zone: ZoneInfo) -> int:
    """UTC nanoseconds of a local clock time on `day`."""
    delta = datetime.combine(day, clock, tzinfo=zone) - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * NS


@lru_cache(maxsize=8)
def _schedule(name: str, start: date, end: date) -> dict[date, time | None]:
    """Session dates of a public calendar and their early close in its own local time."""
    # here, because it costs half a second and most workers never look at a calendar
    import pandas_market_calendars as mcal

    calendar = mcal.get_calendar(name)
    frame = calendar.schedule(start_date=start, end_date=end)
    early = set(calendar.early_closes(schedule=frame).index) if len(frame) else set()
    zone = calendar.tz
    return {
        stamp.date(): row.tz_convert(zone).time() if stamp in early else None
        for stamp, row in frame["market_close"].items()
    }


class SessionCalendar:
    """Sessions of one instrument."""

    def __init__(self, profile: CalendarProfile) -> None:
        self.profile = profile
        self.zone = ZoneInfo(profile.timezone)

    def sessions(self, start: date, end: date) -> list[date]:
        """Session dates in [start, end], both included; excluded sessions are left out."""
        return [d for d in self.trading_days(start, end) if d not in self._excluded]

    def trading_days(self, start: date, end: date) -> list[date]:
        """All trade dates in [start, end], excluded ones too."""
        public = _schedule(
            self.profile.calendar, date(start.year - 1, 1, 1), date(end.year + 1, 12, 31)
        )
        days = (set(public) - set(self.profile.extra_closed)) | set(self.profile.extra_sessions)
        return sorted(d for d in days if start <= d <= end)

    def require(self, day: date) -> date:
        """`day` if it is a session that may be run.

        Raises:
            SessionError: if it is a weekend, a holiday, or excluded; names the neighbours.
        """
        if day in self._excluded:
            raise SessionError(f"{day} is listed in the profile's excluded_sessions")
        around = self.trading_days(day - timedelta(days=10), day + timedelta(days=10))
        if day not in around:
            before = max((d for d in around if d < day), default=None)
            after = min((d for d in around if d > day), default=None)
            raise SessionError(
                f"{day} ({day:%A}) is no session of calendar {self.profile.calendar}; "
                f"the nearest are {before} and {after}"
            )
        return day

    def previous(self, day: date, count: int) -> list[date]:
        """The `count` sessions before `day`, oldest first; excluded sessions are skipped."""
        span = timedelta(days=count * 2 + 20)
        return self.sessions(day - span, day - timedelta(days=1))[-count:] if count else []

    def session_of(self, ts_ns: int) -> date:
        """The session date a record at `ts_ns` belongs to (08 A23)."""
        around = (_EPOCH + timedelta(seconds=ts_ns // NS)).astimezone(self.zone).date()
        days = self.trading_days(around - timedelta(days=1), around + timedelta(days=15))
        ends = [local_ns(d, self.profile.session_end, self.zone) for d in days]
        index = bisect_left(ends, ts_ns + 1)
        return days[index]

    def clock(self, day: date) -> SessionClock:
        """The bounds of session `day`."""
        at, p = self._at(day), self.profile
        before = self.trading_days(day - timedelta(days=15), day - timedelta(days=1))[-1]
        eve = day - timedelta(days=1) if p.starts_evening_before else day
        start_ns = local_ns(eve, p.session_start, self.zone)
        end_before_ns = local_ns(before, p.session_end, self.zone)
        early = self._early_close(day)
        close = at(early or p.regular_close)
        return SessionClock(
            day=day,
            start_ns=start_ns,
            end_ns=at(p.session_end),
            record_start_ns=end_before_ns if p.starts_evening_before else start_ns,
            premarket_start_ns=at(p.premarket_start),
            open_ns=at(p.open),
            opening_range_end_ns=at(p.opening_range_end),
            events_end_ns=at(p.events_end),
            book_start_ns=at(p.book_start),
            trades_needed_until_ns=min(at(p.trades_needed_until), close),
            close_ns=close,
            is_early_close=early is not None,
        )

    def _at(self, day: date) -> Callable[[time], int]:
        return lambda clock: local_ns(day, clock, self.zone)

    def _early_close(self, day: date) -> time | None:
        if day in self.profile.extra_early_closes:
            return self.profile.extra_early_closes[day]
        return _schedule(
            self.profile.calendar, date(day.year - 1, 1, 1), date(day.year + 1, 12, 31)
        ).get(day)

    @cached_property
    def _excluded(self) -> frozenset[date]:
        return frozenset(self.profile.excluded_sessions)
