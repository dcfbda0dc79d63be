"""Which dates a hand-off holds: the same in every table, and every session of the calendar."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date

from spymaster_lake.contracts.run_record import RunRecord
from spymaster_lake.orchestration.records import RunStore
from spymaster_lake.orchestration.types import Environment
from spymaster_lake.sessions.calendar import SessionCalendar
from spymaster_lake.training.errors import HandOffError


def require_same_dates(
    dates: Mapping[str, Collection[date]], *, start: date, end: date
) -> tuple[date, ...]:
    """The dates that all tables hold.

    Args:
        dates: dates within the range by path of the table.
        start: first date of the range, for the message.
        end: last date.

    Raises:
        HandOffError: there is none, or two tables differ.
    """
    (path, first), *others = dates.items()
    if not first:
        raise HandOffError(f"{path}: no session date in {start}..{end}")
    for other, held in others:
        if differ := sorted(set(first) ^ set(held)):
            raise HandOffError(
                f"{path} and {other} hold different dates in {start}..{end}: "
                f"{len(differ)} differ, first {differ[0]}"
            )
    return tuple(sorted(first))


def require_sessions(
    env: Environment, run: RunRecord, held: Collection[date], *, start: date, end: date
) -> None:
    """Every session of the calendar is there, but for those that a run recorded as skipped.

    Raises:
        HandOffError: naming how many are missing, and the range that is there.
    """
    calendar = SessionCalendar(env.profiles[run.instrument].calendar)
    missing = set(calendar.sessions(start, end)) - set(held)
    if not missing:
        return
    pipeline = (run.pipeline_id, run.pipeline_version)
    skipped = {
        day
        for record in RunStore(env).runs(run.instrument)
        if (record.pipeline_id, record.pipeline_version) == pipeline
        for day in record.skipped
    }
    if left := sorted(missing - skipped):
        raise HandOffError(
            f"{len(left)} sessions of {start}..{end} are not in the tables of run {run.run_id} "
            f"(first {left[0]}, last {left[-1]}); run them, or choose --train-start and --train-end "
            f"within {min(held)}..{max(held)}"
        )
