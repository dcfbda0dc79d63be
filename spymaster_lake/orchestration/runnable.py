"""Which sessions of an instrument can be run from what lies in Bronze, and why the others cannot."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

from spymaster_lake.contracts.manifest import DatasetRef, Manifest
from spymaster_lake.lake.bronze_reader import BronzeReader
from spymaster_lake.orchestration.dates import DateRange
from spymaster_lake.orchestration.types import Environment
from spymaster_lake.sessions.calendar import NS, SessionCalendar, SessionClock
from spymaster_lake.stages.sources import MARKET_TRADES, market_name

_HOUR_NS = 3600 * NS


@dataclass(frozen=True, slots=True)
class SessionVerdict:
    """A session, and why it cannot be run; empty if it can, as far as the files tell."""

    day: date
    reason: str = ""


def overlaps(hours: Sequence[int], start_ns: int, end_ns: int) -> bool:
    """Whether one of some hours overlaps [start_ns, end_ns).

    A session is judged from its own start on: the hour in which the tape closes the session before
    lies between the two and belongs to neither.

    Args:
        hours: ns UTC, starts of hours that hold rows, sorted.
        start_ns: ns UTC.
        end_ns: ns UTC, not included.
    """
    at = bisect_right(hours, start_ns - _HOUR_NS)
    return at < len(hours) and hours[at] < end_ns


def judge_sessions(
    env: Environment, manifest: Manifest, asked: DateRange | None = None
) -> tuple[SessionVerdict, ...]:
    """Sessions by what Bronze holds of the required inputs of a manifest.

    The gates of `load_bronze` have the last word; this looks at files only.

    Args:
        env: the environment.
        manifest: reads Bronze.
        asked: dates; from the first to the last session with any required input when None.

    Returns:
        One verdict a session, in order; none if Bronze holds nothing and no dates were asked for.
    """
    profile = env.profiles[manifest.instrument]
    calendar = SessionCalendar(profile.calendar)
    required = [r for r in manifest.inputs if r.layer == "bronze" and r.required]
    hours = {_name(ref): _hours(env, manifest.instrument, ref) for ref in required}
    trades = market_name(MARKET_TRADES, profile.product)
    found = sorted({hour for some in hours.values() for hour in some})
    if asked is None and not found:
        return ()
    first = asked.start if asked else calendar.session_of(found[0])
    last = asked.end if asked else calendar.session_of(found[-1])
    days = calendar.trading_days(first, last)
    clocks = {d: calendar.clock(d) for d in days}
    if asked is None:  # the tape's close of the last session lies in the hour after it
        days = [d for d in days if d != last or overlaps(found, *_span(clocks[d]))]
    reason = partial(_reason, calendar, hours, hours.get(trades, []), profile.warmup_sessions)
    return tuple(SessionVerdict(day, reason(clocks[day])) for day in days)


def _reason(
    calendar: SessionCalendar,
    hours: Mapping[str, Sequence[int]],
    trades: Sequence[int],
    warmup: int,
    clock: SessionClock,
) -> str:
    if not calendar.sessions(clock.day, clock.day):
        return "excluded by the profile"
    lacks = [name for name, some in hours.items() if not overlaps(some, *_span(clock))]
    if lacks:
        return f"Bronze holds no {' and no '.join(lacks)}"
    before = [calendar.clock(d) for d in calendar.previous(clock.day, warmup)]
    absent = [c.day for c in before if not overlaps(trades, c.open_ns, c.close_ns)]
    if absent:
        return (
            f"needs the {warmup} sessions before it as warm-up, and Bronze holds no trades on "
            f"{', '.join(map(str, absent))}"
        )
    return ""


def _span(clock: SessionClock) -> tuple[int, int]:
    return clock.start_ns, clock.end_ns


def _name(ref: DatasetRef) -> str:
    return f"{ref.product} {ref.dataset}"


def _hours(env: Environment, instrument: str, ref: DatasetRef) -> list[int]:
    reader = BronzeReader(env.resolver, env.filesystem, instrument, ref.product or "")
    if ref.dataset not in reader.datasets():
        return []
    return sorted({file.hour_ns for file in reader.files(ref.dataset)})
