"""The local driver: a pipeline in dependency order, independent stages side by side.

All stages share one Spark application. A failure stops the run after the stages that are under way;
run.json then names the stage, the error and the command that resumes.
"""

from __future__ import annotations

from spymaster_lake.contracts.errors import ConfigError, StageFailedError
from spymaster_lake.contracts.run_record import RunRecord, RunStatus, StageRecord
from spymaster_lake.orchestration.logs import get_logger
from spymaster_lake.orchestration.null_summary import null_groups
from spymaster_lake.orchestration.prepare import PreparedRun, RunRequest, prepare
from spymaster_lake.orchestration.recorder import (
    Observer,
    RunRecorder,
    error_record,
    new_record,
    resume_command,
)
from spymaster_lake.orchestration.records import RunStore, effective_status, new_run_id
from spymaster_lake.orchestration.registry import StageRegistry
from spymaster_lake.orchestration.runner import StageResult, StageRunner
from spymaster_lake.orchestration.schedule import Runner, Schedule, done_records
from spymaster_lake.orchestration.submit import SubmittedStageRunner
from spymaster_lake.orchestration.types import Environment, ExecuteStage


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
        request.instrument,
        run_id,
        prepared.manifest_text,
        pipeline=(request.pipeline_id, request.pipeline_version),
    )
    recorder = RunRecorder(env, _first_record(env, prepared, run_id), observer)
    recorder.start()
    if runner is None:
        submitted = (request.submitter or env.settings.submitter) == "spark-submit"
        runner = (
            SubmittedStageRunner(env, prepared, run_id)
            if submitted
            else StageRunner(env, prepared, run_id, execute or default_execute())
        )
    try:
        failed = Schedule(env, prepared, recorder, runner).work()
    except BaseException as exc:
        recorder.finish(
            RunStatus.FAILED,
            error=error_record(exc, stage=None),
            resume=resume_command(env, prepared, run_id),
        )
        raise
    finally:
        env.filesystem.remove_empty_dir(env.resolver.staging_dir(request.instrument, run_id))
    if failed is not None:
        _fail(env, prepared, recorder, failed)
    nulls = null_groups(env, prepared, recorder.record)
    recorder.finish(RunStatus.SUCCEEDED, nulls=nulls)
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
    done = done_records(env, prepared, request.run_id, name, reuse=reuse)
    result = runner.run(name, prepared.dates, skipped={}, done=done)
    if result.error is not None:
        raise StageFailedError(f"Stage {name!r} failed: {result.error}") from result.error
    return result.record


def default_execute() -> ExecuteStage:
    """The lake's own execution of a stage, imported when it is needed."""
    from spymaster_lake.orchestration.execute import execute_stage

    return execute_stage


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
