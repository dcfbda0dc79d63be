"""Score session dates with a registered model: a Spark job, one task a few dates (04 section 2.3).

The version is resolved and verified once, on the driver, before anything starts. Predictions go to
the Delta table of that model version, one transaction for all dates; scoring again replaces exactly
these dates by equal rows.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from spymaster_lake.contracts.episodes import SEQUENCES
from spymaster_lake.contracts.errors import ConfigError, MissingInputError
from spymaster_lake.contracts.feature_set import FeatureSet, check_feature_set
from spymaster_lake.contracts.predictions import PREDICTIONS
from spymaster_lake.contracts.run_record import DatasetFingerprint, OutputRecord, RunStatus
from spymaster_lake.contracts.score_record import ScoreRecord
from spymaster_lake.contracts.signals import SIGNALS
from spymaster_lake.features.sequence_matrix import SEQUENCE_COLUMNS
from spymaster_lake.inference.job_records import run_recorded
from spymaster_lake.inference.score_task import OUTPUTS, ScoreCall
from spymaster_lake.inference.session_outputs import publish_sessions, require_good
from spymaster_lake.lake.delta_tables import TableSnapshot, open_snapshot
from spymaster_lake.lake.session_map import SessionOutcome, SessionTask, TableInput, map_sessions
from spymaster_lake.orchestration.dates import DateRange, session_dates
from spymaster_lake.orchestration.facts import git_state, versions
from spymaster_lake.orchestration.fingerprints import dataset_fingerprint
from spymaster_lake.orchestration.logs import get_logger
from spymaster_lake.orchestration.records import RunStore, new_run_id, now, this_process
from spymaster_lake.orchestration.types import Environment
from spymaster_lake.serving.frame_checks import session_windows
from spymaster_lake.serving.model_bundle import ModelFiles, unpack, verify
from spymaster_lake.sessions.calendar import SessionCalendar

FEATURE_PIPELINE, EPISODE_PIPELINE = "feature_engineering", "episode_construction"


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """What `spymaster score` was asked; exactly one of `model_version` and `alias`."""

    instrument: str
    model_id: str
    pipeline_version: str
    asked: DateRange
    model_version: str | None = None
    alias: str | None = None
    run_id: str = ""


@dataclass(frozen=True)
class _Plan:
    request: ScoreRequest
    model: ModelFiles
    features: FeatureSet
    snapshot: TableSnapshot
    sequences: TableSnapshot | None
    dates: tuple[date, ...]

    @property
    def in_sample(self) -> tuple[date, ...]:
        span = self.model.bundle.train_sessions
        return tuple(d for d in self.dates if span.first <= d <= span.last)


def score(env: Environment, request: ScoreRequest) -> ScoreRecord:
    """Score every session of a range.

    Returns:
        The record of the run, as it was written.

    Raises:
        LakeError: a subclass of `load` or `predict`; a date without features; bad rows. Nothing was
            published. Once the run has a record, the record says FAILED.
    """
    plan = _plan(env, request)
    record = _new_record(env, plan)
    return run_recorded(env, record, lambda: _run(env, plan, record))


def deployed_feature_set(conf_dir: Path, feature_set_id: str) -> FeatureSet:
    """The feature set as this deployment has it; a bundle must have been trained on the same.

    Raises:
        MissingInputError: this deployment has no such set.
        ConfigError: it breaks its schema or the contract of its table.
    """
    path = conf_dir / "feature_sets" / f"{feature_set_id}.json"
    if not path.is_file():
        raise MissingInputError(
            f"{path.name}: not in conf/feature_sets; the model was trained on it"
        )
    found = FeatureSet.parse(json.loads(path.read_text(encoding="utf-8")), source=path.name)
    check_feature_set(found)
    return found


def _plan(env: Environment, request: ScoreRequest) -> _Plan:
    days = session_dates(env.profiles[request.instrument], request.asked)
    if request.run_id and RunStore(env).exists(request.instrument, request.run_id):
        raise ConfigError(f"--run-id {request.run_id}: a run of that id exists")
    model = verify(
        env.filesystem,
        env.resolver,
        instrument=request.instrument,
        model_id=request.model_id,
        pipeline_version=request.pipeline_version,
        model_version=request.model_version,
        alias=request.alias,
    )
    unpack(model)  # a head that does not unpickle stops here, not in a worker
    features = deployed_feature_set(env.settings.conf_dir, model.bundle.feature_set_id)
    path = env.resolver.silver_table(
        request.instrument, FEATURE_PIPELINE, request.pipeline_version, features.dataset
    )
    snapshot, sequences = _open(path, days), None
    if any(column.kind == "seq" for column in model.bundle.columns):
        path = env.resolver.gold_table(
            request.instrument, EPISODE_PIPELINE, request.pipeline_version, SEQUENCES.dataset
        )
        sequences = _open(path, days)
    return _Plan(request, model, features, snapshot, sequences, days)


def _open(path: str, days: Sequence[date]) -> TableSnapshot:
    snapshot = open_snapshot(path)
    if lacking := [d.isoformat() for d in days if d not in set(snapshot.dates)]:
        raise MissingInputError(f"{path}: no rows published for {', '.join(lacking)}")
    return snapshot


def _run(env: Environment, plan: _Plan, record: ScoreRecord) -> dict[str, Any]:
    bundle = plan.model.bundle
    calendar = SessionCalendar(env.profiles[bundle.instrument].calendar)
    staging = env.resolver.staging_dir(bundle.instrument, record.run_id, "score")
    columns = tuple(n for n in SIGNALS.names if n in {*bundle.names, *bundle.passthrough})
    broadcast = env.spark.sparkContext.broadcast(plan.model)
    call = ScoreCall(broadcast, plan.features, session_windows(calendar, plan.dates))
    tasks = [SessionTask(day, _inputs(plan, day, columns), {}, staging) for day in plan.dates]
    try:
        outcomes = map_sessions(env.spark, tasks, call, OUTPUTS)
        require_good(outcomes, deed="scored")
        output = _publish(env, plan, record, outcomes)
    finally:
        broadcast.destroy()
        env.filesystem.remove_tree(staging)
    oob: Counter[str] = Counter()
    rows = Counter({PREDICTIONS.dataset: output.rows})
    for outcome in outcomes:
        if "oob" in outcome.metrics:  # a date without events has none
            oob.update(outcome.metrics["oob"])
        if left_out := outcome.metrics.get("no_sequence"):
            rows["no_sequence"] += left_out
    return {"outputs": (output,), "rows": dict(rows), "oob": dict(sorted(oob.items()))}


def _inputs(plan: _Plan, day: date, columns: tuple[str, ...]) -> dict[str, TableInput]:
    inputs = {"signals": TableInput(SIGNALS, plan.snapshot.on([day]), columns)}
    if plan.sequences is not None:
        names = ("event_id", *SEQUENCE_COLUMNS)
        inputs[SEQUENCES.dataset] = TableInput(SEQUENCES, plan.sequences.on([day]), names)
    return inputs


def _publish(
    env: Environment, plan: _Plan, record: ScoreRecord, outcomes: Sequence[SessionOutcome]
) -> OutputRecord:
    bundle = plan.model.bundle
    path = env.resolver.predictions_table(
        bundle.instrument, bundle.pipeline_version, bundle.model_id, bundle.model_version
    )
    properties = {"spymaster.bundleSha256": plan.model.stored.bundle_sha256}
    return publish_sessions(env, record, PREDICTIONS, path, outcomes, properties=properties)


def _fingerprints(env: Environment, plan: _Plan) -> tuple[DatasetFingerprint, ...]:
    read = [("silver", FEATURE_PIPELINE, SIGNALS, plan.snapshot)]
    if plan.sequences is not None:
        read.append(("gold", EPISODE_PIPELINE, SEQUENCES, plan.sequences))
    return tuple(
        dataset_fingerprint(
            layer=layer,
            owner=owner,
            dataset=contract.dataset,
            pipeline_version=plan.request.pipeline_version,
            manifest_hash=plan.model.stored.bundle_sha256,
            schema_version=f"v{contract.version}",
            dates=plan.dates,
            files=[(env.resolver.relative(f.path), f.size) for f in snapshot.on(plan.dates)],
            table_version=snapshot.version,
        )
        for layer, owner, contract, snapshot in read
    )


def _new_record(env: Environment, plan: _Plan) -> ScoreRecord:
    request, bundle, started = plan.request, plan.model.bundle, now()
    log = get_logger(model_version=bundle.model_version)
    log.info(
        "model resolved",
        registry_revision=plan.model.registry_revision,
        bundle_sha256=plan.model.stored.bundle_sha256,
    )
    if plan.in_sample:
        log.warning("dates the model was trained on", dates=len(plan.in_sample))
    return ScoreRecord(
        run_id=request.run_id or f"score-{new_run_id()}",
        status=RunStatus.RUNNING,
        instrument=bundle.instrument,
        model_id=bundle.model_id,
        alias=request.alias,
        model_version=bundle.model_version,
        registry_revision=plan.model.registry_revision,
        bundle_sha256=plan.model.stored.bundle_sha256,
        pipeline_id=FEATURE_PIPELINE,
        pipeline_version=bundle.pipeline_version,
        start=request.asked.start,
        end=request.asked.end,
        dates=plan.dates,
        in_sample=plan.in_sample,
        git=git_state(env.settings.home),
        versions=versions(),
        process=this_process(),
        started_at=started,
        updated_at=started,
        inputs=_fingerprints(env, plan),
    )
