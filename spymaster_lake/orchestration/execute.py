"""Do the work of one stage: plan what each date reads, run, check, publish (00 section 4).

A session stage is one Spark job with one task a session date. Everything of every date is computed,
checked and staged before anything is published, so a failed stage leaves every table as it was.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.contracts.run_record import RunStatus
from spymaster_lake.lake.session_map import SessionOutcome, SessionTask, map_sessions
from spymaster_lake.orchestration.execute_corpus import execute_corpus
from spymaster_lake.orchestration.publish_outputs import publish_outputs
from spymaster_lake.orchestration.session_plan import SessionPlan
from spymaster_lake.orchestration.types import (
    BoundStage,
    Environment,
    StageOutcome,
    StageRequest,
)
from spymaster_lake.sessions.calendar import SessionClock
from spymaster_lake.stages.spec import (
    CorpusStage,
    SessionInputs,
    SessionResult,
    SessionStage,
    StageContext,
)


def execute_stage(env: Environment, bound: BoundStage, request: StageRequest) -> StageOutcome:
    """Run one stage for the dates of `request` and publish its outputs.

    Raises:
        MissingInputError: an input table does not exist.
        DataError: dates failed; one error lists all of them. Nothing was published.
    """
    if isinstance(bound.stage, CorpusStage):
        return execute_corpus(env, bound, bound.stage, request)
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
    plan = SessionPlan(env, bound, stage, request)
    staging = env.resolver.staging_dir(bound.instrument, request.run_id, bound.name)
    call = SessionCall(
        stage, bound.context(env),
        {day: plan.calendar.clock(day) for day in request.dates}, plan.history,
    )  # fmt: skip
    try:
        tasks = [plan.task(day, staging) for day in request.dates]
        outcomes = map_sessions(env.spark, tasks, call, stage.outputs)
        good, skipped = _verdicts(bound, request, outcomes)
        outputs = publish_outputs(env, bound, stage, request, good) if good else ()
    finally:
        if env.filesystem.exists(staging):
            env.filesystem.remove_tree(staging)
    return StageOutcome(
        name=bound.name,
        status=RunStatus.SUCCEEDED,
        dates=tuple(o.day for o in good),
        skipped=skipped,
        rows={o.dataset: o.rows for o in outputs},
        null_counts=_null_counts(good),
        outputs=outputs,
        metrics=_metrics(good),
        warnings=tuple(w for o in good for w in o.warnings),
        seconds=round(time.perf_counter() - began, 3),
    )


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


def _null_counts(good: Sequence[SessionOutcome]) -> dict[str, dict[str, int]]:
    """Null rows by dataset and column over all dates."""
    counts: dict[str, Counter[str]] = {}
    for staged in (table for outcome in good for table in outcome.staged):
        counts.setdefault(staged.dataset, Counter()).update(staged.nulls)
    return {dataset: dict(found) for dataset, found in counts.items() if found}


def _metrics(good: Sequence[SessionOutcome]) -> dict[str, Any]:
    return {o.day.isoformat(): {**o.metrics, "seconds": round(o.seconds, 3)} for o in good}
