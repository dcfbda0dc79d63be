"""Ask one index about every episode of a date range: a Spark job, one task a few dates (03 4).

The engine is the one that answers single queries, its rules included: an index answers only
sessions at or after its as-of date, and an episode it may not answer gets a status and no number.
Asking again replaces exactly these dates by equal rows.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import Any

from spymaster_lake.contracts.episodes import METADATA, VECTORS
from spymaster_lake.contracts.errors import ConfigError, MissingInputError
from spymaster_lake.contracts.index_manifest import IndexManifest
from spymaster_lake.contracts.retrieval_set import RETRIEVAL_SET, TRAINING_SETS
from spymaster_lake.contracts.retrieve_record import RetrieveRecord
from spymaster_lake.contracts.run_record import DatasetFingerprint, RunStatus
from spymaster_lake.contracts.table import TableContract
from spymaster_lake.inference.job_records import run_recorded
from spymaster_lake.inference.retrieve_task import OUTPUTS, RetrieveCall
from spymaster_lake.inference.session_outputs import publish_sessions, require_good
from spymaster_lake.lake.delta_tables import TableSnapshot, open_snapshot
from spymaster_lake.lake.index_store import read_manifest
from spymaster_lake.lake.session_map import SessionTask, TableInput, map_sessions
from spymaster_lake.orchestration.dates import DateRange, session_dates
from spymaster_lake.orchestration.facts import git_state, versions
from spymaster_lake.orchestration.fingerprints import dataset_fingerprint
from spymaster_lake.orchestration.records import RunStore, new_run_id, now, this_process
from spymaster_lake.orchestration.types import Environment
from spymaster_lake.sessions.calendar import SessionCalendar
from spymaster_lake.stages.sources import EPISODE_CONSTRUCTION

READ: tuple[TableContract, ...] = (METADATA, VECTORS)


@dataclass(frozen=True, slots=True)
class RetrieveRequest:
    """What `spymaster batch-retrieve` was asked; the index has the version of the episodes."""

    instrument: str
    index_version: str
    asked: DateRange
    run_id: str = ""


@dataclass(frozen=True)
class _Plan:
    request: RetrieveRequest
    dates: tuple[date, ...]
    root: str
    manifest: IndexManifest
    snapshots: dict[str, TableSnapshot]


def batch_retrieve(env: Environment, request: RetrieveRequest) -> RetrieveRecord:
    """Answer every episode of a range.

    Returns:
        The record of the run, as it was written.

    Raises:
        IndexArtifactError: there is no index, it is not what its manifest says, or it is of another
            instrument or version.
        MissingInputError: a date without published episodes.
        DataError: dates failed; nothing was published. The record then says FAILED.
    """
    plan = _plan(env, request)
    record = _new_record(env, plan)
    return run_recorded(env, record, lambda: _run(env, plan, record))


def _plan(env: Environment, request: RetrieveRequest) -> _Plan:
    if request.run_id and RunStore(env).exists(request.instrument, request.run_id):
        raise ConfigError(f"--run-id {request.run_id}: a run of that id exists")
    days = session_dates(env.profiles[request.instrument], request.asked)
    root = env.resolver.index_root(request.instrument, request.index_version)
    snapshots = {}
    for contract in READ:
        path = env.resolver.gold_table(
            request.instrument, EPISODE_CONSTRUCTION, request.index_version, contract.dataset
        )
        snapshot = snapshots[contract.dataset] = open_snapshot(path)
        if lacking := sorted(set(days) - set(snapshot.dates)):
            shown = ", ".join(day.isoformat() for day in lacking)
            raise MissingInputError(f"{path}: no episodes published for {shown}")
    manifest = read_manifest(
        env.filesystem,
        root,
        instrument=request.instrument,
        pipeline_version=request.index_version,
    )
    return _Plan(request, days, root, manifest, snapshots)


def _run(env: Environment, plan: _Plan, record: RetrieveRecord) -> dict[str, Any]:
    instrument = plan.request.instrument
    calendar = SessionCalendar(env.profiles[instrument].calendar)
    path = env.resolver.gold_table(
        instrument, TRAINING_SETS, record.pipeline_version, RETRIEVAL_SET.dataset
    )
    staging = env.resolver.staging_dir(instrument, record.run_id, "batch_retrieve")
    call = RetrieveCall(
        env.resolver.data_root,
        plan.root,
        plan.manifest.content_sha256,
        {day: calendar.clock(day).open_ns for day in plan.dates},
    )
    tasks = [
        SessionTask(
            day,
            {c.dataset: TableInput(c, plan.snapshots[c.dataset].on([day])) for c in READ},
            {},
            staging,
        )
        for day in plan.dates
    ]
    try:
        outcomes = map_sessions(env.spark, tasks, call, OUTPUTS)
        require_good(outcomes, deed="answered")
        output = publish_sessions(env, record, RETRIEVAL_SET, path, outcomes)
    finally:
        env.filesystem.remove_tree(staging)
    counts: Counter[str] = Counter()
    for outcome in outcomes:
        counts.update(outcome.metrics)
    return {"outputs": (output,), "status_counts": dict(sorted(counts.items()))}


def _fingerprints(env: Environment, plan: _Plan) -> tuple[DatasetFingerprint, ...]:
    return tuple(
        dataset_fingerprint(
            layer="gold",
            owner=EPISODE_CONSTRUCTION,
            dataset=contract.dataset,
            pipeline_version=plan.request.index_version,
            manifest_hash=plan.manifest.content_sha256,
            schema_version=f"v{contract.version}",
            dates=plan.dates,
            files=[(env.resolver.relative(f.path), f.size) for f in snapshot.on(plan.dates)],
            table_version=snapshot.version,
        )
        for contract in READ
        for snapshot in [plan.snapshots[contract.dataset]]
    )


def _new_record(env: Environment, plan: _Plan) -> RetrieveRecord:
    request, started = plan.request, now()
    return RetrieveRecord(
        run_id=request.run_id or f"retrieve-{new_run_id()}",
        status=RunStatus.RUNNING,
        instrument=request.instrument,
        pipeline_version=request.index_version,
        index_sha256=plan.manifest.content_sha256,
        asof_date=plan.manifest.asof_date,
        start=request.asked.start,
        end=request.asked.end,
        dates=plan.dates,
        git=git_state(env.settings.home),
        versions=versions(),
        process=this_process(),
        started_at=started,
        updated_at=started,
        inputs=_fingerprints(env, plan),
    )
