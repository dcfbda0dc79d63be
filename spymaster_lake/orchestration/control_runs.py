"""Runs every enabled row of a control table, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from spymaster_lake.contracts.control import ControlRow
from spymaster_lake.contracts.errors import LakeError
from spymaster_lake.contracts.run_record import RunRecord
from spymaster_lake.orchestration.dates import date_range
from spymaster_lake.orchestration.logs import get_logger
from spymaster_lake.orchestration.prepare import RunRequest, prepare
from spymaster_lake.orchestration.registry import StageRegistry
from spymaster_lake.orchestration.types import Environment, OnBadDate


@dataclass(frozen=True)
class ControlResult:
    """What became of one row: its run, or its error, or neither if it is disabled."""

    row: ControlRow
    record: RunRecord | None = None
    error: LakeError | None = None

    @property
    def status(self) -> str:
        """SUCCEEDED, FAILED or DISABLED."""
        if not self.row.enabled:
            return "DISABLED"
        return "FAILED" if self.record is None else self.record.status.value


def request_of(
    row: ControlRow, *, on_bad_date: OnBadDate = "fail", only_stale: bool = False
) -> RunRequest:
    """The run a row asks for."""
    return RunRequest(
        row.instrument,
        row.pipeline_id,
        row.pipeline_version,
        asked=date_range(None, row.start, row.end),
        on_bad_date=on_bad_date,
        only_stale=only_stale,
    )


def run_control(
    env: Environment,
    registry: StageRegistry,
    requests: Sequence[tuple[ControlRow, RunRequest]],
    run: Callable[[RunRequest], RunRecord],
    *,
    keep_going: bool = False,
) -> list[ControlResult]:
    """Run the enabled rows in order, after every one of them has been checked.

    Args:
        env: the environment.
        registry: the stages.
        requests: rows with the runs they ask for.
        run: runs one request.
        keep_going: go on with the next row after a failure.

    Returns:
        One result a row; rows after a failure are left out unless `keep_going`.

    Raises:
        LakeError: an enabled row cannot run (unknown pipeline, no session …); nothing was started.
    """
    for row, request in requests:
        if row.enabled:
            prepare(env, registry, request)
    results = []
    for row, request in requests:
        if not row.enabled:
            results.append(ControlResult(row))
            continue
        try:
            results.append(ControlResult(row, run(request)))
        except LakeError as exc:
            get_logger(instrument=row.instrument, pipeline=row.pipeline_id).error(
                "row failed", error=str(exc)
            )
            results.append(ControlResult(row, error=exc))
            if not keep_going:
                break
    return results
