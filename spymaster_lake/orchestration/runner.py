"""Runs one stage: inputs checked and fingerprinted first, stage.json written at every change."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from spymaster_lake.contracts.errors import MissingInputError, SessionError
from spymaster_lake.contracts.run_record import RunStatus, StageRecord
from spymaster_lake.orchestration.inputs import InputState, Inventory, input_state
from spymaster_lake.orchestration.logs import get_logger
from spymaster_lake.orchestration.prepare import PreparedRun
from spymaster_lake.orchestration.recorder import error_record, pending
from spymaster_lake.orchestration.records import RunStore, now, this_process
from spymaster_lake.orchestration.staleness import judge, needed_dates
from spymaster_lake.orchestration.types import (
    BoundStage,
    Environment,
    ExecuteStage,
    StageOutcome,
    StageRequest,
)
from spymaster_lake.stages.spec import CorpusStage


@dataclass(frozen=True)
class StageResult:
    """The final record of a stage and, if it failed, the error."""

    record: StageRecord
    error: BaseException | None = None


class StageRunner:
    """Runs stages in this process.

    Args:
        env: the environment.
        prepared: the run they belong to.
        run_id: its id.
        execute: what does the work; the tests pass their own.
    """

    def __init__(
        self, env: Environment, prepared: PreparedRun, run_id: str, execute: ExecuteStage
    ) -> None:
        self._env, self._prepared, self._run_id, self._execute = env, prepared, run_id, execute
        self._store = RunStore(env)

    def run(
        self,
        name: str,
        dates: tuple[date, ...],
        *,
        skipped: Mapping[date, str],
        done: Mapping[date, StageRecord] | None,
    ) -> StageResult:
        """Run one stage for some dates.

        Args:
            name: the stage.
            dates: session dates.
            skipped: dates that an earlier stage of the run left out, with the reason.
            done: records that published dates already; dates they prove current are not run
                again. None runs every date.
        """
        bound = self._prepared.bound[name]
        request = self._prepared.stage_request(name, self._run_id, dates)
        record = pending(self._env, self._prepared, self._run_id, name).model_copy(
            update={
                "status": RunStatus.RUNNING,
                "dates": dates,
                "skipped": dict(skipped),
                "started_at": now(),
                "process": this_process(),
            }
        )
        log = get_logger(run_id=self._run_id, stage=name)
        began = time.perf_counter()
        self._store.write_stage(record)
        try:
            record = self._run(bound, request, record, done)
        except BaseException as exc:
            failed = _ended(
                record, RunStatus.FAILED, began, {"error": error_record(exc, stage=name)}
            )
            self._store.write_stage(failed)
            if not isinstance(exc, Exception):
                raise
            log.error("stage failed", error=str(exc))  # noqa: TRY400 - the record holds the traceback
            return StageResult(failed, exc)
        if record.ended_at is None:
            record = _ended(record, record.status, began, {})
        self._store.write_stage(record)
        log.info(
            "stage done",
            status=record.status.value,
            dates=len(record.dates),
            rows=record.rows,
            seconds=record.seconds,
        )
        return StageResult(record)

    def _run(
        self,
        bound: BoundStage,
        request: StageRequest,
        record: StageRecord,
        done: Mapping[date, StageRecord] | None,
    ) -> StageRecord:
        if not request.dates:
            raise SessionError(f"Stage {bound.name!r}: earlier stages left out every date")
        inventory = Inventory(self._env)
        inputs = self._inputs(bound, request, request.dates, inventory)
        request, skipped = self._without_missing(bound, request, inputs)
        wanted = request.dates
        if done is not None:
            current = set(inputs.by_date) - set(
                needed_dates(judge(self._env, bound, inputs, done=done, inventory=inventory))
            )
            if current.issuperset(wanted) or current == {request.as_of}:
                return _reused(record, inputs, skipped, done)
            wanted = tuple(day for day in request.dates if day not in current)
            request = replace(request, dates=wanted)
        if wanted != record.dates:
            inputs = self._inputs(bound, request, wanted, inventory)
        record = record.model_copy(
            update={
                "dates": request.dates,
                "skipped": {**record.skipped, **skipped},
                "inputs": inputs.fingerprints,
                "date_inputs": inputs.by_date,
            }
        )
        self._store.write_stage(record)
        get_logger(run_id=self._run_id, stage=bound.name).info(
            "stage started", dates=len(request.dates)
        )
        prints = {f"{p.layer} {p.owner} {p.dataset}": p.sha256 for p in inputs.fingerprints}
        outcome = self._execute(self._env, bound, replace(request, fingerprints=prints))
        return _merged(record, outcome, corpus=isinstance(bound.stage, CorpusStage))

    def _inputs(
        self,
        bound: BoundStage,
        request: StageRequest,
        dates: tuple[date, ...],
        inventory: Inventory,
    ) -> InputState:
        corpus = isinstance(bound.stage, CorpusStage)
        return input_state(
            self._env,
            bound,
            (request.as_of,) if corpus else dates,
            corpus_start=request.corpus_start if corpus else None,
            inventory=inventory,
        )

    def _without_missing(
        self, bound: BoundStage, request: StageRequest, inputs: InputState
    ) -> tuple[StageRequest, dict[date, str]]:
        """Refuse, or leave out, dates whose required inputs are absent; all are named together."""
        reasons = {day: f"missing {', '.join(lacks)}" for day, lacks in inputs.missing.items()}
        left = tuple(day for day in request.dates if day not in reasons)
        corpus = isinstance(bound.stage, CorpusStage)
        if reasons and (corpus or request.on_bad_date == "fail" or not left):
            listing = "\n  ".join(f"{day}: {reason}" for day, reason in sorted(reasons.items()))
            raise MissingInputError(
                f"Stage {bound.name!r}: required inputs are absent for {len(reasons)} date(s)\n  {listing}"
            )
        return (replace(request, dates=left), reasons) if reasons else (request, {})


def _merged(record: StageRecord, outcome: StageOutcome, *, corpus: bool) -> StageRecord:
    left_out = () if corpus else tuple(d for d in record.date_inputs if d not in outcome.dates)
    return record.model_copy(
        update={
            "status": outcome.status,
            "dates": outcome.dates,
            "date_inputs": {d: i for d, i in record.date_inputs.items() if d not in left_out},
            "skipped": {**record.skipped, **outcome.skipped},
            "rows": dict(outcome.rows),
            "null_counts": {name: dict(counts) for name, counts in outcome.null_counts.items()},
            "outputs": outcome.outputs,
            "inputs": outcome.inputs or record.inputs,
            "metrics": dict(outcome.metrics),
            "warnings": outcome.warnings,
        }
    )


def _reused(
    record: StageRecord,
    inputs: InputState,
    skipped: Mapping[date, str],
    done: Mapping[date, StageRecord],
) -> StageRecord:
    """The record of a stage that had nothing to do: the same run's own, else a new one, REUSED."""
    newest = done[max(day for day in inputs.by_date if day in done)]
    if newest.run_id == record.run_id:
        return newest
    dates = tuple(d for d in record.dates if d not in skipped)
    return record.model_copy(
        update={
            "status": RunStatus.REUSED,
            "inputs": inputs.fingerprints,
            "date_inputs": inputs.by_date,
            "dates": dates,
            "skipped": {**record.skipped, **skipped},
            "outputs": newest.outputs,
            "null_counts": newest.null_counts if newest.dates == dates else {},
        }
    )


def _ended(
    record: StageRecord, status: RunStatus, began: float, changes: Mapping[str, object]
) -> StageRecord:
    seconds = round(time.perf_counter() - began, 3)
    return record.model_copy(
        update={"status": status, "ended_at": now(), "seconds": seconds, **changes}
    )
