"""`spymaster run pipeline`, `run stage`, `plan`, `control`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from spymaster_lake.commands import common
from spymaster_lake.commands.common import (
    DateOption,
    EndOption,
    InstrumentOption,
    JsonOption,
    PipelineOption,
    RootOption,
    SetOption,
    StartOption,
    VersionOption,
)
from spymaster_lake.contracts.control import load_control
from spymaster_lake.contracts.errors import StageFailedError
from spymaster_lake.contracts.run_record import RunRecord
from spymaster_lake.orchestration import driver, planning
from spymaster_lake.orchestration.control_runs import request_of, run_control
from spymaster_lake.orchestration.dates import date_range
from spymaster_lake.orchestration.display import (
    print_json,
    run_progress,
    show_plan,
    show_run,
    show_table,
)
from spymaster_lake.orchestration.prepare import RunRequest

app = typer.Typer(help="Run a pipeline, or one stage alone.", no_args_is_help=True)

RunIdOption = Annotated[str | None, typer.Option("--run-id", help="Made of the time if not given.")]
BadDateOption = Annotated[
    Literal["fail", "skip"],
    typer.Option("--on-bad-date", help="Fail all dates, or go on without bad ones."),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Print what would run and why; write nothing.")
]
SubmitterOption = Annotated[
    Literal["local", "spark-submit"] | None,
    typer.Option("--submitter", help="All stages in this process, or each as one spark-submit."),
]
StaleOption = Annotated[
    bool,
    typer.Option("--only-stale", help="Run only dates that are missing or made from other inputs."),
]


@app.command("pipeline")
def pipeline_command(
    instrument: InstrumentOption,
    pipeline_id: PipelineOption,
    pipeline_version: VersionOption,
    day: DateOption = None,
    start: StartOption = None,
    end: EndOption = None,
    run_id: RunIdOption = None,
    data_root: RootOption = None,
    overrides: SetOption = None,
    on_bad_date: BadDateOption = "fail",
    submitter: SubmitterOption = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run --run-id.")] = False,
    only_stale: StaleOption = False,
    since: Annotated[
        str | None, typer.Option("--from", help="This stage and all after it.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", help="This stage and all before it.")
    ] = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run all stages of a pipeline in dependency order."""
    request = RunRequest(
        instrument,
        pipeline_id,
        pipeline_version,
        asked=date_range(day, start, end),
        run_id=run_id,
        overrides=common.parse_set(overrides or []),
        on_bad_date=on_bad_date,
        submitter=submitter,
        resume=resume,
        only_stale=only_stale,
        since=since,
        until=until,
    )
    _run_or_plan(request, data_root, dry_run=dry_run, as_json=as_json)


@app.command("stage")
def stage_command(
    instrument: InstrumentOption,
    pipeline_id: PipelineOption,
    pipeline_version: VersionOption,
    stage_id: Annotated[str, typer.Option("--stage-id", help="Name, or an id that one stage has.")],
    day: DateOption = None,
    start: StartOption = None,
    end: EndOption = None,
    run_id: RunIdOption = None,
    data_root: RootOption = None,
    overrides: SetOption = None,
    on_bad_date: BadDateOption = "fail",
    only_stale: StaleOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    within_run: Annotated[bool, typer.Option("--within-run", hidden=True)] = False,
    dates: Annotated[str, typer.Option("--dates", hidden=True)] = "",
    reuse: Annotated[Literal["none", "run", "all"], typer.Option("--reuse", hidden=True)] = "none",
) -> None:
    """Run one stage alone, from what is in the lake."""
    request = RunRequest(
        instrument,
        pipeline_id,
        pipeline_version,
        asked=date_range(day, start, end),
        stage=stage_id,
        run_id=run_id,
        overrides=common.parse_set(overrides or []),
        on_bad_date=on_bad_date,
        submitter="local",
        only_stale=only_stale,
        within_run=within_run,
        dates=common.parse_dates(dates),
    )
    if within_run:
        driver.run_within(
            common.make_environment(data_root), common.load_registry(), request, reuse=reuse
        )
        return
    _run_or_plan(request, data_root, dry_run=dry_run, as_json=as_json)


def plan_command(
    instrument: InstrumentOption,
    pipeline_id: PipelineOption,
    pipeline_version: VersionOption,
    day: DateOption = None,
    start: StartOption = None,
    end: EndOption = None,
    data_root: RootOption = None,
    overrides: SetOption = None,
    only_stale: StaleOption = False,
    as_json: JsonOption = False,
) -> None:
    """Print stages, dates and inputs with reasons; write nothing."""
    request = RunRequest(
        instrument,
        pipeline_id,
        pipeline_version,
        asked=date_range(day, start, end),
        overrides=common.parse_set(overrides or []),
        only_stale=only_stale,
    )
    _run_or_plan(request, data_root, dry_run=True, as_json=as_json)


def control_command(
    table: Annotated[
        Path | None, typer.Option("--table", help="YAML, JSON or CSV; conf/control.yaml.")
    ] = None,
    data_root: RootOption = None,
    on_bad_date: BadDateOption = "fail",
    only_stale: StaleOption = False,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Go on after a failed row.")
    ] = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run every enabled row of a control table."""
    env, registry = common.make_environment(data_root), common.load_registry()
    rows = load_control(table or env.settings.conf_dir / "control.yaml")
    pairs = [(r, request_of(r, on_bad_date=on_bad_date, only_stale=only_stale)) for r in rows]
    if dry_run:
        plans = {str(r): planning.plan(env, registry, q) for r, q in pairs if r.enabled}
        if as_json:
            print_json({name: [p.to_json() for p in stages] for name, stages in plans.items()})
        for stages in () if as_json else plans.values():
            show_plan(stages)
        return
    results = run_control(
        env,
        registry,
        pairs,
        lambda request: driver.run(env, registry, request),
        keep_going=keep_going,
    )
    lines = [
        (str(r.row), r.status, r.record.run_id if r.record else None, r.error) for r in results
    ]
    if as_json:
        print_json(
            [dict(zip(("row", "status", "run_id", "error"), line, strict=True)) for line in lines]
        )
    else:
        show_table("control table", ("row", "status", "run", "error"), lines)
    failed = next((r.error for r in results if r.error is not None), None)
    if failed is not None:
        raise typer.Exit(failed.exit_code)


def _run_or_plan(
    request: RunRequest, data_root: str | None, *, dry_run: bool, as_json: bool
) -> None:
    watched = common.has_terminal() and not dry_run
    env, registry = common.make_environment(data_root, quiet=watched), common.load_registry()
    if dry_run:
        planned = planning.plan(env, registry, request)
        if as_json:
            print_json([stage.to_json() for stage in planned])
        else:
            show_plan(planned)
        return
    last: list[RunRecord] = []
    with run_progress(enabled=watched) as progress:

        def observe(record: RunRecord) -> None:
            last[:] = [record]
            if progress is not None:
                progress(record)

        failure: StageFailedError | None = None
        try:
            driver.run(env, registry, request, observer=observe)
        except StageFailedError as exc:
            failure = exc
    _show(last[0], as_json=as_json)
    if failure is not None:
        raise failure


def _show(record: RunRecord, *, as_json: bool) -> None:
    if as_json:
        print_json(record.model_dump(mode="json"))
    else:
        show_run(record)
