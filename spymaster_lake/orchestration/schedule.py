"""Which stage runs when: submits stages as soon as all they depend on are done."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import date
from typing import Protocol

from spymaster_lake.contracts.run_record import RunStatus, StageRecord
from spymaster_lake.orchestration.prepare import PreparedRun
from spymaster_lake.orchestration.recorder import RunRecorder
from spymaster_lake.orchestration.records import COMPLETE, RunStore
from spymaster_lake.orchestration.runner import StageResult
from spymaster_lake.orchestration.types import Environment

_LEFT_OUT = "left out by"


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


class Schedule:
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
            try:
                while True:
                    if failed is None:
                        self._submit(pool, running)
                    if not running:
                        return failed
                    finished, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in finished:
                        failed = self._take(running.pop(future), future.result()) or failed
            except BaseException:
                cancel_jobs(self._env)
                raise

    def _submit(self, pool: ThreadPoolExecutor, running: dict[Future[StageResult], str]) -> None:
        for name in self._prepared.graph.ready(done=self._done, started=self._started):
            self._started.add(name)
            running[pool.submit(self._one, name)] = name

    def _take(self, name: str, result: StageResult) -> StageResult | None:
        """Record what a stage did; the result if it failed."""
        self._recorder.stage(result.record)
        self._skipped[name] = dict(result.record.skipped)
        if result.error is not None:
            return result
        self._done.add(name)
        return None

    def _one(self, name: str) -> StageResult:
        skipped = self._left_out_before(name)
        dates = tuple(day for day in self._prepared.dates if day not in skipped)
        request, record = self._prepared.request, self._recorder.record
        reuse = "run" if request.resume else "all" if request.only_stale else "none"
        done = done_records(self._env, self._prepared, record.run_id, name, reuse=reuse)
        waiting = next(s for s in record.stages if s.name == name)
        self._recorder.stage(
            waiting.model_copy(
                update={"status": RunStatus.RUNNING, "dates": dates, "skipped": skipped}
            )
        )
        return self._runner.run(name, dates, skipped=skipped, done=done)

    def _left_out_before(self, name: str) -> dict[date, str]:
        """Dates that a stage which `name` depends on left out, with its reason (08 A34)."""
        graph, found = self._prepared.graph, dict[date, str]()
        for ancestor in graph.order:
            if ancestor in graph.ancestors(name):
                for day, reason in self._skipped.get(ancestor, {}).items():
                    found.setdefault(
                        day, reason if _LEFT_OUT in reason else f"{_LEFT_OUT} {ancestor}: {reason}"
                    )
        return found


def cancel_jobs(env: Environment) -> None:
    """End the Spark jobs that are under way, so that an interrupted run ends soon."""
    if getattr(env.spark_factory, "started", False):
        env.spark.sparkContext.cancelAllJobs()


def done_records(
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
