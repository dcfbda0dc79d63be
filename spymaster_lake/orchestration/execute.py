"""Do the work of one stage: plan what each date reads, run, check, publish (00 section 4).

A session stage is one Spark job with one task a session date. Everything of every date is computed,
checked and staged before anything is published, so a failed stage leaves every table as it was.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa

from spymaster_lake.contracts.catalogue import contract_of
from spymaster_lake.contracts.errors import DataError, MissingInputError
from spymaster_lake.contracts.run_record import OutputRecord, RunStatus
from spymaster_lake.contracts.schemas import contract_hash
from spymaster_lake.contracts.table import TableContract
from spymaster_lake.lake.bronze_reader import BronzeFile, BronzeReader, BronzeScan
from spymaster_lake.lake.delta_publish import StagedPart, publish_dates, require_schema
from spymaster_lake.lake.delta_tables import TableSnapshot, open_snapshot, table_exists
from spymaster_lake.lake.schema_files import publish_schema
from spymaster_lake.lake.session_map import (
    SessionOutcome,
    SessionTask,
    TableInput,
    map_sessions,
)
from spymaster_lake.orchestration.fingerprints import canonical_json
from spymaster_lake.orchestration.types import (
    BoundStage,
    Environment,
    StageOutcome,
    StageRequest,
)
from spymaster_lake.sessions.calendar import NS, SessionClock
from spymaster_lake.stages.lookback import first_source_ns
from spymaster_lake.stages.spec import (
    CorpusStage,
    History,
    SessionInputs,
    SessionResult,
    SessionStage,
    Source,
    StageContext,
)

_HOUR_NS = 3600 * NS


def execute_stage(env: Environment, bound: BoundStage, request: StageRequest) -> StageOutcome:
    """Run one stage for the dates of `request` and publish its outputs.

    Raises:
        MissingInputError: an input table does not exist.
        DataError: dates failed; one error lists all of them. Nothing was published.
    """
    if isinstance(bound.stage, CorpusStage):
        return _execute_corpus(env, bound, bound.stage, request)
    return _execute_sessions(env, bound, bound.stage, request)


@dataclass(frozen=True)
class SessionCall:
    """The pure stage function with all it may know; picklable."""

    stage: SessionStage
    context: StageContext
    clocks: Mapping[date, SessionClock]
    history: Mapping[date, tuple[date, ...]]

    def __call__(self, task: SessionTask, tables: Mapping[str, pa.Table]) -> SessionResult:
        """Run one session date."""
        inputs = SessionInputs(
            self.clocks[task.day], tables, task.scans, self.history.get(task.day, ())
        )
        return self.stage.run(inputs, self.context)


def _execute_sessions(
    env: Environment, bound: BoundStage, stage: SessionStage, request: StageRequest
) -> StageOutcome:
    began = time.perf_counter()
    plan = _Plan(env, bound, stage, request)
    staging = env.resolver.staging_dir(bound.instrument, request.run_id, bound.name)
    call = SessionCall(
        stage, bound.context(env),
        {day: plan.calendar.clock(day) for day in request.dates}, plan.history,
    )  # fmt: skip
    try:
        tasks = [plan.task(day, staging) for day in request.dates]
        outcomes = map_sessions(env.spark, tasks, call, stage.outputs)
        good, skipped = _verdicts(bound, request, outcomes)
        outputs = _publish(env, bound, stage, request, good) if good else ()
    finally:
        if env.filesystem.exists(staging):
            env.filesystem.remove_tree(staging)
    return StageOutcome(
        name=bound.name,
        status=RunStatus.SUCCEEDED,
        dates=tuple(o.day for o in good),
        skipped=skipped,
        rows={o.dataset: o.rows for o in outputs},
        outputs=outputs,
        metrics=_metrics(good),
        warnings=tuple(w for o in good for w in o.warnings),
        seconds=round(time.perf_counter() - began, 3),
    )


class _Plan:
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


def _verdicts(
    bound: BoundStage, request: StageRequest, outcomes: Sequence[SessionOutcome]
) -> tuple[list[SessionOutcome], dict[date, str]]:
    """Good dates, and the reasons of those left out; all bad dates in one error (08 A34)."""
    bad = {o.day: f"{o.error_type}: {o.error}" for o in outcomes if o.error_type}
    good = [o for o in outcomes if not o.error_type]
    if bad and (request.on_bad_date == "fail" or not good):
        listing = "\n  ".join(f"{day}: {reason}" for day, reason in sorted(bad.items()))
        raise DataError(
            f"Stage {bound.name!r}: {len(bad)} of {len(outcomes)} date(s) failed; nothing was "
            f"published\n  {listing}"
        )
    return good, bad


def _publish(
    env: Environment,
    bound: BoundStage,
    stage: SessionStage,
    request: StageRequest,
    good: Sequence[SessionOutcome],
) -> tuple[OutputRecord, ...]:
    days, outputs = [o.day for o in good], []
    paths = {c.dataset: _output_path(env, bound, stage, c.dataset) for c in stage.outputs}
    for contract in stage.outputs:  # all, before anything is published
        if table_exists(paths[contract.dataset]):
            require_schema(contract, paths[contract.dataset])
        publish_schema(env.filesystem, env.resolver, contract)
    for contract in stage.outputs:
        layer, path = stage.layer_of(contract.dataset), paths[contract.dataset]
        staged = [(o.day, s) for o in good for s in o.staged if s.dataset == contract.dataset]
        version = publish_dates(
            env.filesystem,
            path=path,
            contract=contract,
            staged=[StagedPart(day, s.path, s.rows, s.size) for day, s in staged if s.rows],
            days=days,
            properties=table_properties(contract),
            commit={
                "run_id": request.run_id,
                "stage": bound.name,
                "inputs": canonical_json(request.fingerprints),
            },
        )
        rows = sum(s.rows for _, s in staged)
        outputs.append(
            OutputRecord(
                layer=layer,
                dataset=contract.dataset,
                path=env.resolver.relative(path),
                delta_version=version,
                rows=rows,
            )
        )
    return tuple(outputs)


def table_properties(contract: TableContract) -> dict[str, str]:
    """Properties of a new table: contract hash and version, and what the contract adds (08 C)."""
    return {
        "spymaster.contractHash": contract_hash(contract),
        "spymaster.schemaVersion": str(contract.version),
        **{f"spymaster.{name}": value for name, value in contract.properties.items()},
    }


def _output_path(env: Environment, bound: BoundStage, stage: SessionStage, dataset: str) -> str:
    layer = stage.layer_of(dataset)
    make = env.resolver.silver_table if layer == "silver" else env.resolver.gold_table
    return make(bound.instrument, bound.pipeline_id, bound.pipeline_version, dataset)


def _metrics(good: Sequence[SessionOutcome]) -> dict[str, Any]:
    return {o.day.isoformat(): {**o.metrics, "seconds": round(o.seconds, 3)} for o in good}


def _execute_corpus(
    env: Environment, bound: BoundStage, stage: CorpusStage, request: StageRequest
) -> StageOutcome:
    from spymaster_lake.lake.index_store import publish_index  # faiss only where it is needed

    began = time.perf_counter()
    tables, versions = {}, {}
    for source in stage.sources:
        path = table_path(env, bound, source)
        snapshot = open_snapshot(path)
        days = [
            d
            for d in snapshot.dates
            if d < request.as_of and (request.corpus_start is None or d >= request.corpus_start)
        ]
        tables[source.alias] = TableInput(
            contract_of(source.dataset), snapshot.on(days), source.columns
        ).read()
        versions[source.dataset] = snapshot.version
    artifact = stage.run(tables, bound.context(env), request.as_of)
    root = env.resolver.index_root(bound.instrument, bound.pipeline_version)
    rows = publish_index(
        env.filesystem, root, artifact, source_versions=versions, run_id=request.run_id
    )
    output = OutputRecord(
        layer="gold", dataset=stage.artifact, path=env.resolver.relative(root), rows=rows
    )
    return StageOutcome(
        name=bound.name,
        status=RunStatus.SUCCEEDED,
        dates=request.dates,
        rows={stage.artifact: rows},
        outputs=(output,),
        metrics=dict(artifact.metrics),
        warnings=tuple(artifact.warnings),
        seconds=round(time.perf_counter() - began, 3),
    )
