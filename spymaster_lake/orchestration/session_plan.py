"""Which files each date of a session stage reads, and where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from spymaster_lake.contracts.catalogue import contract_of
from spymaster_lake.contracts.errors import MissingInputError
from spymaster_lake.lake.bronze_reader import BronzeFile, BronzeReader, BronzeScan
from spymaster_lake.lake.delta_tables import TableSnapshot, open_snapshot, table_exists
from spymaster_lake.lake.session_map import SessionTask, TableInput
from spymaster_lake.orchestration.types import BoundStage, Environment, StageRequest
from spymaster_lake.sessions.calendar import NS
from spymaster_lake.stages.lookback import first_source_ns
from spymaster_lake.stages.spec import History, SessionStage, Source

_HOUR_NS = 3600 * NS


class SessionPlan:
    """What each date of a session stage reads."""

    def __init__(
        self, env: Environment, bound: BoundStage, stage: SessionStage, request: StageRequest
    ) -> None:
        self._env, self._bound, self._stage = env, bound, stage
        context = bound.context(env)
        self.calendar, self._profile = context.calendar, context.profile
        self._snapshots = {s.alias: self._snapshot(s) for s in stage.sources if s.layer != "bronze"}
        self._bronze = {
            s.alias: self._bronze_files(s, request.dates)
            for s in stage.sources
            if s.layer == "bronze"
        }
        self.history = self._history(request.dates)

    def task(self, day: date, staging: str) -> SessionTask:
        """The task of one session date."""
        tables, scans = {}, {}
        for source in self._stage.sources:
            if source.layer == "bronze":
                scans[source.alias] = self._scan(source, day)
            else:
                tables[source.alias] = self._table(source, day)
        return SessionTask(day, tables, scans, staging)

    def _snapshot(self, source: Source) -> TableSnapshot | None:
        path = table_path(self._env, self._bound, source)
        if table_exists(path):
            return open_snapshot(path)
        if self._bound.is_required(source):
            raise MissingInputError(
                f"Stage {self._bound.name!r} reads {source.layer} {source.dataset}, which does not "
                f"exist: no Delta table at {path}; run the stage that writes it first"
            )
        return None

    def _table(self, source: Source, day: date) -> TableInput:
        snapshot = self._snapshots[source.alias]
        contract = contract_of(source.dataset)
        if snapshot is None:
            return TableInput(contract, (), source.columns)
        days = [day]
        if source.history is History.PRESENT:
            days = [*self.history[day], day]
        return TableInput(contract, snapshot.on(days), source.columns)

    def _history(self, dates: Sequence[date]) -> dict[date, tuple[date, ...]]:
        present: set[date] | None = None
        for source in self._stage.sources:
            snapshot = self._snapshots.get(source.alias)
            if source.history is History.PRESENT and snapshot is not None:
                days = set(snapshot.dates)
                present = days if present is None else present & days
        if present is None:
            return {}
        ordered, count = sorted(present), self._profile.calibration_sessions
        return {day: tuple([d for d in ordered if d < day][-count:]) for day in dates}

    def _bronze_files(self, source: Source, dates: Sequence[date]) -> tuple[BronzeFile, ...]:
        reader = BronzeReader(
            self._env.resolver, self._env.filesystem, self._bound.instrument, source.product
        )
        start, end = self._span(source, min(dates))[0], self.calendar.clock(max(dates)).end_ns
        return tuple(reader.files(source.dataset, start_ns=start, end_ns=end))

    def _span(self, source: Source, day: date) -> tuple[int, int]:
        start = first_source_ns(source.history, day, self._profile, self.calendar)
        return start, self.calendar.clock(day).end_ns

    def _scan(self, source: Source, day: date) -> BronzeScan:
        start, end = self._span(source, day)
        files = tuple(
            f
            for f in self._bronze[source.alias]
            if f.hour_ns < end and f.hour_ns + _HOUR_NS > start
        )
        return BronzeScan(source.product, source.dataset, files)


def table_path(env: Environment, bound: BoundStage, source: Source) -> str:
    """Location of a Silver or Gold input."""
    make = env.resolver.silver_table if source.layer == "silver" else env.resolver.gold_table
    return make(bound.instrument, source.pipeline_id, bound.version_of(source), source.dataset)
