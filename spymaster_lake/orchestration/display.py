"""How runs, plans and reports look on a terminal; every one of them exists as JSON too."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from spymaster_lake.contracts.run_record import NullGroup, RunRecord, RunStatus
from spymaster_lake.orchestration.coverage import DatasetCoverage
from spymaster_lake.orchestration.planning import PlannedStage
from spymaster_lake.orchestration.records import COMPLETE

_SHOWN = 4
_COLOURS = {
    RunStatus.SUCCEEDED: "green",
    RunStatus.REUSED: "cyan",
    RunStatus.FAILED: "red",
    RunStatus.KILLED: "red",
    RunStatus.RUNNING: "yellow",
}


def print_json(value: Any) -> None:
    """JSON to standard output, for other programs."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")


def console() -> Console:
    """Standard output; wide when it is no terminal, so that no column is cut."""
    return Console(width=None if sys.stdout.isatty() else 200)


def coloured(status: RunStatus) -> str:
    """A status with its colour."""
    return f"[{_COLOURS.get(status, 'white')}]{status.value}[/]"


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """One table."""
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(
            column, justify="right" if column in {"rows", "seconds", "dates"} else "left"
        )
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    console().print(table)


def show_run(record: RunRecord, *, status: RunStatus | None = None) -> None:
    """The summary of a run."""
    rows = [
        (
            s.name,
            coloured(s.status),
            len(s.dates),
            sum(s.rows.values()) if s.rows else None,
            s.seconds,
            len(s.skipped) or None,
            len(s.warnings) or None,
        )
        for s in record.stages
    ]
    title = (
        f"run {record.run_id}  {record.instrument} {record.pipeline_id} {record.pipeline_version}  "
        f"{record.start}..{record.end}  {coloured(status or record.status)}  {record.seconds or ''}"
    )
    show_table(title, ("stage", "status", "dates", "rows", "seconds", "skipped", "warnings"), rows)
    show_nulls(record.nulls)
    for day, reason in sorted(record.skipped.items()):
        console().print(f"[yellow]skipped[/] {day}: {reason}", highlight=False)
    if record.error is not None:
        console().print(f"[red]{record.error.type}[/]: {record.error.message}", highlight=False)
    if record.resume:
        console().print(f"Resume: {record.resume}", highlight=False, soft_wrap=True)


def show_nulls(groups: Sequence[NullGroup]) -> None:
    """Columns that are null in most rows of a run, and why; nothing if there are none."""
    if not groups:
        return
    rows = [
        (
            g.dataset,
            _names(g.columns),
            f"{g.fewest}/{g.rows}" if g.fewest == g.most else f"{g.fewest}-{g.most}/{g.rows}",
            g.reason,
        )
        for g in groups
    ]
    show_table("null in most rows", ("dataset", "columns", "null rows", "why"), rows)


def _names(columns: Sequence[str]) -> str:
    shown = ", ".join(columns[:_SHOWN])
    return shown if len(columns) <= _SHOWN else f"{shown} and {len(columns) - _SHOWN} more"


def show_plan(planned: Sequence[PlannedStage]) -> None:
    """What a run would do: one line for each stage and date, with the reason."""
    rows = []
    for stage in planned:
        for verdict in stage.verdicts:
            action = "run" if verdict.day in stage.runs else "keep"
            lacks = f"LACKS {', '.join(verdict.lacks)}" if verdict.lacks else ""
            reason = "; ".join(filter(None, (*verdict.reasons, lacks)))
            rows.append((stage.name, verdict.day, action, verdict.state, reason))
    show_table("plan (nothing was written)", ("stage", "date", "action", "state", "why"), rows)
    total = sum(len(stage.runs) for stage in planned)
    console().print(f"{total} of {len(rows)} stage dates would run")


def show_coverage(found: Sequence[DatasetCoverage]) -> None:
    """Sessions by dataset, and the gaps."""
    rows = [
        (
            c.dataset,
            f"{len(c.present)}/{c.expected}",
            c.present[0] if c.present else None,
            c.present[-1] if c.present else None,
            ", ".join(f"{a}" if a == b else f"{a}..{b}" for a, b in c.gaps),
        )
        for c in found
    ]
    show_table("coverage", ("dataset", "sessions", "first", "last", "missing"), rows)


@contextmanager
def run_progress(*, enabled: bool) -> Iterator[Callable[[RunRecord], None] | None]:
    """A progress bar over the stages of a run, on standard error; None where there is no terminal."""
    if not enabled:
        yield None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("starting", total=None)

        def observe(record: RunRecord) -> None:
            running = [s.name for s in record.stages if s.status is RunStatus.RUNNING]
            finished = sum(1 for s in record.stages if s.status in COMPLETE)
            progress.update(
                task,
                total=len(record.stages),
                completed=finished,
                description=", ".join(running) or record.status.value.lower(),
            )

        yield observe
