"""The local driver: a pipeline in dependency order, independent stages side by side.

All stages share one Spark application. A failure stops the run after the stages that are under way;
run.json then names the stage, the error and the command that resumes.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import date
from typing import Protocol

from spymaster_lake.contracts.errors import ConfigError, StageFailedError
from spymaster_lake.contracts.run_record import RunRecord, RunStatus, StageRecord
from spymaster_lake.orchestration.logs import get_logger
from spymaster_lake.orchestration.prepare import PreparedRun, RunRequest, prepare
from spymaster_lake.orchestration.recorder import (
    Observer,
    RunRecorder,
    error_record,
    new_record,
    resume_command,
)
from spymaster_lake.orchestration.records import COMPLETE, RunStore, effective_status, new_run_id
from spymaster_lake.orchestration.registry import StageRegistry
from spymaster_lake.orchestration.runner import StageResult, StageRunner
from spymaster_lake.orchestration.submit import SubmittedStageRunner
from spymaster_lake.orchestration.types import Environment, ExecuteStage


class Runner(Protocol):
    """Runs one stage of a run: in this process, or in one of its own."""

    def run(
        self,
        name: str,
        dates: tuple[date, ...],
        *,
        skipped: Mapping[date, str],
        done: Mapping[date, StageRecord] | None,
    ) -> StageResult:
        """See `StageRunner.run`."""


def run(
    env: Environment,
    registry: StageRegistry,
    request: RunRequest,
    *,
    execute: ExecuteStage | None = None,
    observer: Observer | None = None,
    runner: Runner | None = None,
) -> RunRecord:
    """Run a pipeline, or the one stage of `request.stage`.

    Args:
        env: the environment.
        registry: the stages.
        request: what to run.
        execute: does the work of a stage; the lake's own by default.
        observer: told of every change of the run record.
        runner: runs stages; chosen by the submitter by default.

    Returns:
        The final run record.

    Raises:
        StageFailedError: a stage failed; names it, its error and the command to resume.
        LakeError: the request is wrong; nothing was written.
    """
    prepared = prepare(env, registry, request)
    run_id = _run_id(env, prepared)
    store = RunStore(env)
    store.write_manifest(
        request.instrument, run_id, prepared.manifest_text,
        pipeline=(request.pipeline_id, request.pipeline_version),
    )
    recorder = RunRecorder(env, _first_record(env, prepared, run_id), observer)
    recorder.start()
    if runner is None:
        submitted = (request.submitter or env.settings.submitter) == "spark-submit"
        runner = (
            SubmittedStageRunner(env, prepared, run_id) if submitted
            else StageRunner(env, prepared, run_id, execute or default_execute())
        )
    try:
        failed = _Schedule(env, prepared, recorder, runner).work()
    except BaseException as exc:
        recorder.finish(
            RunStatus.FAILED, error=error_record(exc, stage=None),
            resume=resume_command(env, prepared, run_id),
        )
        raise
    if failed is not None:
        _fail(env, prepared, recorder, failed)
    recorder.finish(RunStatus.SUCCEEDED)
    return recorder.record


def run_within(
    env: Environment,
    registry: StageRegistry,
    request: RunRequest,
    *,
    execute: ExecuteStage | None = None,
    reuse: str = "none",
) -> StageRecord:
    """Run one stage on behalf of a run that another process records; writes stage.json only.

    Args:
        env: the environment.
        registry: the stages.
        request: with `stage`, `run_id` and `dates`.
        execute: does the work; the lake's own by default.
        reuse: which records may prove a date current: "none", those of this "run", or "all".

    Raises:
        StageFailedError: the stage failed.
    """
    if request.stage is None or request.run_id is None:
        raise ConfigError("--within-run needs --stage-id and --run-id")
    prepared = prepare(env, registry, request)
    name = prepared.selected[0]
    runner = StageRunner(env, prepared, request.run_id, execute or default_execute())
    done = _done(env, prepared, request.run_id, name, reuse=reuse)
    result = runner.run(name, prepared.dates, skipped={}, done=done)
    if result.error is not None:
        raise StageFailedError(f"Stage {name!r} failed: {result.error}") from result.error
    return result.record


def default_execute() -> ExecuteStage:
    """The lake's own execution of a stage, imported when it is needed."""
    from spymaster_lake.orchestration.execute import execute_stage  # noqa: PLC0415 - planning needs no Spark

    return execute_stage


class _Schedule:
    """Submits stages as soon as all they depend on are done."""

    def __init__(
        self, env: Environment, prepared: PreparedRun, recorder: RunRecorder, runner: Runner
    ) -> None:
        self._env, self._prepared = env, prepared
        self._recorder, self._runner = recorder, runner
        self._done = set(prepared.graph.order) - set(prepared.selected)
        self._started: set[str] = set()
        self._skipped: dict[str, dict[date, str]] = {}

    def work(self) -> StageResult | None:
        """Run all; the first failure, if there was one, after what was under way has ended."""
        failed: StageResult | None = None
        running: dict[Future[StageResult], str] = {}
        with ThreadPoolExecutor(max_workers=self._env.settings.parallel_stages) as pool:
            while True:
                if failed is None:
                    for name in self._prepared.graph.ready(done=self._done, started=self._started):
                        self._started.add(name)
                        running[pool.submit(self._one, name)] = name
                if not running:
                    return failed
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    name = running.pop(future)
                    result = future.result()
                    self._recorder.stage(result.record)
                    self._skipped[name] = dict(result.record.skipped)
                    if result.error is None:
                        self._done.add(name)
                    elif failed is None:
                        failed = result

    def _one(self, name: str) -> StageResult:
        skipped: dict[date, str] = {}
        for ancestor in self._prepared.graph.order:
            if ancestor in self._prepared.graph.ancestors(name):
                for day, reason in self._skipped.get(ancestor, {}).items():
                    skipped.setdefault(day, f"left out by {ancestor}: {reason}" if "left out by" not in reason else reason)
        dates = tuple(day for day in self._prepared.dates if day not in skipped)
        run_id = self._recorder.record.run_id
        request = self._prepared.request
        reuse = "run" if request.resume else "all" if request.only_stale else "none"
        done = _done(self._env, self._prepared, run_id, name, reuse=reuse)
        self._recorder.stage(
            next(s for s in self._recorder.record.stages if s.name == name).model_copy(
                update={"status": RunStatus.RUNNING, "dates": dates, "skipped": skipped}
            )
        )
        return self._runner.run(name, dates, skipped=skipped, done=done)


def _done(
    env: Environment, prepared: PreparedRun, run_id: str, name: str, *, reuse: str
) -> dict[date, StageRecord] | None:
    """Records that may prove dates of a stage current; None if every date is to be run."""
    request, store = prepared.request, RunStore(env)
    if reuse == "run":
        record = store.read_stage(request.instrument, run_id, name)
        if record is None or record.status not in COMPLETE:
            return {}
        return dict.fromkeys(record.date_inputs, record)
    if reuse == "all":
        latest = store.latest_by_date(
            request.instrument, request.pipeline_id, request.pipeline_version
        )
        return latest.get(name, {})
    return None


def _run_id(env: Environment, prepared: PreparedRun) -> str:
    request = prepared.request
    if request.run_id is None:
        if request.resume:
            raise ConfigError("--resume needs the --run-id of the run to go on with")
        return new_run_id()
    store = RunStore(env)
    if not store.exists(request.instrument, request.run_id):
        if request.resume:
            store.read_run(request.instrument, request.run_id)
        return request.run_id
    old = store.read_run(request.instrument, request.run_id)
    mine = (request.pipeline_id, request.pipeline_version, request.asked.start, request.asked.end)
    if mine != (old.pipeline_id, old.pipeline_version, old.start, old.end):
        raise ConfigError(
            f"Run {request.run_id} is {old.pipeline_id} {old.pipeline_version} {old.start}..{old.end}; "
            "another pipeline or range needs a run id of its own"
        )
    if request.stage is None and not request.resume:
        raise ConfigError(f"Run {request.run_id} exists; add --resume to go on with it")
    if request.resume and effective_status(old) is RunStatus.RUNNING:
        raise ConfigError(
            f"Run {request.run_id} is still running on {old.process.host} (pid {old.process.pid})"
        )
    return request.run_id


def _first_record(env: Environment, prepared: PreparedRun, run_id: str) -> RunRecord:
    """A new record; a stage that joins a run of single stages keeps the others' entries."""
    record, store = new_record(env, prepared, run_id), RunStore(env)
    request = prepared.request
    if request.stage is None or not store.exists(request.instrument, run_id):
        return record
    old = store.read_run(request.instrument, run_id)
    others = tuple(s for s in old.stages if s.name not in prepared.selected)
    return record.model_copy(
        update={"kind": old.kind, "started_at": old.started_at, "stages": (*others, *record.stages)}
    )


def _fail(
    env: Environment, prepared: PreparedRun, recorder: RunRecorder, failed: StageResult
) -> None:
    run_id, name, error = recorder.record.run_id, failed.record.name, failed.error
    resume = resume_command(env, prepared, run_id)
    recorder.finish(RunStatus.FAILED, error=failed.record.error, resume=resume)
    get_logger(run_id=run_id, stage=name).error("run failed")
    raise StageFailedError(
        f"Run {run_id}: stage {name!r} failed: {type(error).__name__}: {error}\nResume: {resume}"
    ) from error
