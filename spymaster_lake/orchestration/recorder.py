"""Keeps run.json true while a run goes on: one writer, every change written at once."""

from __future__ import annotations

import shlex
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from spymaster_lake.contracts.run_record import (
    DatasetFingerprint,
    ErrorRecord,
    NullGroup,
    RunRecord,
    RunStatus,
    StageRecord,
)
from spymaster_lake.orchestration.facts import definition_hash, git_state, versions
from spymaster_lake.orchestration.prepare import PreparedRun
from spymaster_lake.orchestration.records import RunStore, now, this_process
from spymaster_lake.orchestration.types import Environment

Observer = Callable[[RunRecord], None]


class RunRecorder:
    """The record of one run in this process; safe to use from several threads.

    Args:
        env: the environment.
        record: the record at the start; written by `start`.
        observer: told of every change, such as a progress display.
    """

    def __init__(
        self, env: Environment, record: RunRecord, observer: Observer | None = None
    ) -> None:
        self._store, self._observer = RunStore(env), observer
        self._lock = threading.Lock()
        self._record, self._began = record, time.perf_counter()

    @property
    def record(self) -> RunRecord:
        """The record as it is now."""
        return self._record

    def start(self) -> None:
        """Write the record for the first time."""
        self._write({})

    def stage(self, record: StageRecord) -> None:
        """Put the record of one stage in its place."""
        with self._lock:
            stages = [record if s.name == record.name else s for s in self._record.stages]
            if record.name not in {s.name for s in stages}:
                stages.append(record)
            self._write(_sums(tuple(stages)))

    def finish(
        self,
        status: RunStatus,
        *,
        error: ErrorRecord | None = None,
        resume: str | None = None,
        nulls: tuple[NullGroup, ...] = (),
    ) -> None:
        """Write the final state."""
        with self._lock:
            self._write(
                {
                    "status": status,
                    "error": error,
                    "resume": resume,
                    "nulls": nulls,
                    "ended_at": now(),
                    "seconds": round(time.perf_counter() - self._began, 3),
                }
            )

    def _write(self, changes: Mapping[str, Any]) -> None:
        self._record = self._record.model_copy(update={**changes, "updated_at": now()})
        self._store.write_run(self._record)
        if self._observer is not None:
            self._observer(self._record)


def new_record(env: Environment, prepared: PreparedRun, run_id: str) -> RunRecord:
    """The record of a run that is about to start; stages are PENDING."""
    request = prepared.request
    started = now()
    return RunRecord(
        run_id=run_id,
        kind="pipeline" if request.stage is None else "stage",
        status=RunStatus.RUNNING,
        instrument=request.instrument,
        pipeline_id=request.pipeline_id,
        pipeline_version=request.pipeline_version,
        start=request.asked.start,
        end=request.asked.end,
        dates=prepared.dates,
        on_bad_date=request.on_bad_date,
        overrides=dict(request.overrides),
        submitter=request.submitter or env.settings.submitter,
        git=git_state(env.settings.home),
        config_hash=prepared.config_hash,
        manifest_hash=prepared.manifest_hash,
        versions=versions(),
        process=this_process(),
        started_at=started,
        updated_at=started,
        stages=tuple(pending(env, prepared, run_id, name) for name in prepared.selected),
    )


def pending(env: Environment, prepared: PreparedRun, run_id: str, name: str) -> StageRecord:
    """The record of a stage that has not started."""
    bound = prepared.bound[name]
    return StageRecord(
        run_id=run_id,
        name=name,
        stage_id=bound.stage_id,
        status=RunStatus.PENDING,
        instrument=bound.instrument,
        pipeline_id=bound.pipeline_id,
        pipeline_version=bound.pipeline_version,
        params=dict(bound.params),
        definition_hash=definition_hash(bound, env.profiles[bound.instrument]),
    )


def error_record(exc: BaseException, *, stage: str | None) -> ErrorRecord:
    """Type, message and traceback of an error."""
    text = "".join(traceback.format_exception(exc))
    return ErrorRecord(stage=stage, type=type(exc).__name__, message=str(exc), traceback=text)


def resume_command(env: Environment, prepared: PreparedRun, run_id: str) -> str:
    """The command that goes on with a run after a failure."""
    request = prepared.request
    asked = request.asked
    words = ["spymaster", "run", "pipeline" if request.stage is None else "stage"]
    words += ["--instrument", request.instrument, "--pipeline-id", request.pipeline_id]
    words += ["--pipeline-version", request.pipeline_version]
    words += (
        ["--start", str(asked.start), "--end", str(asked.end)]
        if asked.by_range
        else ["--date", str(asked.start)]
    )
    if request.stage is not None:
        words += ["--stage-id", request.stage]
    words += ["--run-id", run_id, "--data-root", env.settings.data_root]
    for option, value in (("--from", request.since), ("--until", request.until)):
        words += [option, value] if value else []
    for key, value in request.overrides.items():
        words += ["--set", f"{key}={value}"]
    words += ["--on-bad-date", "skip"] if request.on_bad_date == "skip" else []
    words += ["--only-stale"] if request.only_stale else []
    words += ["--submitter", request.submitter] if request.submitter else []
    return shlex.join([*words, *(["--resume"] if request.stage is None else [])])


def _sums(stages: tuple[StageRecord, ...]) -> dict[str, Any]:
    """What run.json repeats of its stages: rows, outputs, skipped dates, inputs from outside."""
    rows: dict[str, int] = {}
    skipped: dict[date, str] = {}
    own = {(o.layer, o.dataset) for s in stages for o in s.outputs}
    outside: dict[tuple[str, str], DatasetFingerprint] = {}
    for stage in stages:
        rows.update(stage.rows)
        for day, reason in stage.skipped.items():
            skipped.setdefault(day, f"{stage.name}: {reason}")
        for print_ in stage.inputs:
            inside = (print_.layer, print_.dataset) in own and print_.owner == stage.pipeline_id
            if not inside:
                outside.setdefault(
                    (f"{print_.layer} {print_.owner} {print_.dataset}", print_.sha256), print_
                )
    return {
        "stages": stages,
        "rows": rows,
        "skipped": skipped,
        "outputs": tuple(o for s in stages for o in s.outputs),
        "inputs": tuple(outside[key] for key in sorted(outside)),
    }
