"""Which tasks the files of an equity source make: one a symbol and day, one an option file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Protocol
from zoneinfo import ZoneInfo

from spymaster_lake.contracts.errors import LakeError, RawFileError, SymbolError
from spymaster_lake.ingest import lean, polygon
from spymaster_lake.ingest.equity_day import EquityDayTask, EquityFile
from spymaster_lake.ingest.equity_staging import TaskPlace
from spymaster_lake.ingest.polygon_options import PolygonOptionsTask
from spymaster_lake.ingest.raw_file import FileOutcome
from spymaster_lake.lake.instruments import SymbolKind

READERS: Mapping[str, tuple[str, ...]] = {
    "lean": ("equities",),
    "polygon": ("equities", "options"),
}
"""Products by source directory whose format is not Databento's."""

EQUITY_SOURCES = frozenset(READERS)


class Task(Protocol):
    """The work of one Spark task."""

    def run(self) -> list[FileOutcome]:
        """What became of its files."""


def plan_equity_tasks(
    files: Sequence[str], *, source: str, place: TaskPlace
) -> tuple[list[Task], list[FileOutcome]]:
    """Tasks in the order of symbols and days, and refusals of files that fit nowhere.

    Args:
        files: paths in any order.
        source: "lean" or "polygon".
        place: lake, instrument, product and run.
    """
    refused: list[FileOutcome] = []
    days: dict[tuple[str, date], list[EquityFile]] = {}
    tasks: list[Task] = []
    for path in sorted(files):
        try:
            symbol, file = _identified(path, source, place)
        except LakeError as exc:
            refused.append(FileOutcome(path, error_type=type(exc).__name__, error=str(exc)))
            continue
        if place.product == "options" and isinstance(file, polygon.PolygonFile):
            tasks.append(PolygonOptionsTask(file, place, len(tasks)))
        else:
            days.setdefault((symbol, file.day), []).append(file)
    for (symbol, day), members in sorted(days.items()):
        tasks.append(_day_task(symbol, day, members, len(tasks), place))
    return tasks, refused


def _identified(path: str, source: str, place: TaskPlace) -> tuple[str, EquityFile]:
    """Ticker and description of a file that belongs to the instrument and product."""
    profile = place.resolver.profile(place.instrument)
    if source == "lean":
        found = lean.identify(path)
        resolved = place.resolver.require(found.symbol, place.instrument)
        if resolved.kind is not SymbolKind.EQUITY:
            raise SymbolError(f"{path}: {found.symbol!r} is no share ({resolved.kind})")
        return found.symbol, found
    file = polygon.identify(path, ZoneInfo(profile.calendar.timezone))
    is_options = file.layout == "option trades"
    if is_options != (place.product == "options"):
        raise RawFileError(f"{file.name}: holds {file.layout}; it may not enter {place.product}")
    if not is_options and not profile.equity_symbol:
        raise RawFileError(f"{file.name}: instrument {place.instrument!r} is no share")
    return profile.equity_symbol or "", file


def _day_task(
    symbol: str, day: date, members: Sequence[EquityFile], number: int, place: TaskPlace
) -> EquityDayTask:
    return EquityDayTask(
        symbol=symbol,
        day=day,
        trades=tuple(f for f in members if _is_trades(f)),
        quotes=tuple(f for f in members if not _is_trades(f)),
        place=place,
        number=number,
    )


def _is_trades(file: EquityFile) -> bool:
    if isinstance(file, lean.LeanFile):
        return file.kind == "trades"
    return file.layout == "stock trades"
