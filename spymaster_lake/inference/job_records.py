"""The `run.json` of an inference job: written at its start, and at its end whatever happens."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from spymaster_lake.contracts.run_record import JobRecord, RunStatus
from spymaster_lake.orchestration.recorder import error_record
from spymaster_lake.orchestration.records import now
from spymaster_lake.orchestration.types import Environment

R = TypeVar("R", bound=JobRecord)


def run_recorded(env: Environment, record: R, work: Callable[[], Mapping[str, Any]]) -> R:
    """Do the work of a job between the two writes of its record.

    Args:
        env: the deployment.
        record: of the start, RUNNING.
        work: returns the fields of the record that the job has filled.

    Returns:
        The record as it stands in the lake: SUCCEEDED, with its end and its seconds.

    Raises:
        BaseException: what `work` raised; the record then says FAILED and names it.
    """
    _write(env, record)
    began = time.perf_counter()
    try:
        facts = work()
    except BaseException as exc:
        error = error_record(exc, stage=record.kind)
        _finish(env, record, began, {"status": RunStatus.FAILED, "error": error})
        raise
    return _finish(env, record, began, {"status": RunStatus.SUCCEEDED, **facts})


def _finish(env: Environment, record: R, began: float, facts: Mapping[str, Any]) -> R:
    ended, seconds = now(), round(time.perf_counter() - began, 3)
    times = {"updated_at": ended, "ended_at": ended, "seconds": seconds}
    done = record.model_copy(update={**facts, **times})
    _write(env, done)
    return done


def _write(env: Environment, record: JobRecord) -> None:
    path = env.resolver.run_json(record.instrument, record.run_id)
    env.filesystem.write_json(path, record.model_dump(mode="json"))
