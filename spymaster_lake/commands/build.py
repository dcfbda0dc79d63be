"""`spymaster build`: raw files to episodes and indices, with a summary of what is not there and why."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from spymaster_lake.commands import common
from spymaster_lake.commands.common import (
    DateOption,
    EndOption,
    InstrumentOption,
    JsonOption,
    RootOption,
    StartOption,
    VersionOption,
)
from spymaster_lake.orchestration.build_report import BuildReport, by_reason
from spymaster_lake.orchestration.dates import date_range
from spymaster_lake.orchestration.display import (
    console,
    print_json,
    run_progress,
    show_run,
    show_table,
)


def build_command(
    instrument: InstrumentOption,
    pipeline_version: VersionOption,
    day: DateOption = None,
    start: StartOption = None,
    end: EndOption = None,
    indices: Annotated[
        bool | None,
        typer.Option(
            "--indices/--no-indices", help="Build indices; if not given, where history allows it."
        ),
    ] = None,
    ingest: Annotated[
        bool, typer.Option("--ingest/--no-ingest", help="Read raw files, or take Bronze as it is.")
    ] = True,
    on_bad_file: Annotated[
        Literal["fail", "skip"],
        typer.Option("--on-bad-file", help="Go on without refused files, or publish nothing."),
    ] = "skip",
    foreign_symbols: Annotated[
        Literal["refuse", "skip"],
        typer.Option("--foreign-symbols", help="Rows of other tickers in whole-market files."),
    ] = "refuse",
    on_bad_date: Annotated[
        Literal["fail", "skip"],
        typer.Option("--on-bad-date", help="Go on without dates that a gate refuses, or fail."),
    ] = "skip",
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Also dates that are there and current.")
    ] = False,
    data_root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Raw files of an instrument to episodes: every date that can be run, if none are named."""
    from spymaster_lake.orchestration.build import BuildRequest, build

    none = day is None and start is None and end is None
    request = BuildRequest(
        instrument,
        pipeline_version,
        asked=None if none else date_range(day, start, end),
        with_ingest=ingest,
        on_bad_file=on_bad_file,
        foreign_symbols=foreign_symbols,
        on_bad_date=on_bad_date,
        indices="auto" if indices is None else "yes" if indices else "no",
        only_stale=not rebuild,
    )
    env = common.make_environment(data_root, quiet=True)
    with run_progress(enabled=common.has_terminal()) as progress:
        report = build(
            env,
            common.load_registry(),
            request,
            observer=progress,
            announce=lambda name: typer.echo(f"  {name} ...", err=True),
        )
    if as_json:
        print_json(report.to_json())
    else:
        _show(instrument, report)


def _show(instrument: str, report: BuildReport) -> None:
    rows = [
        (
            i.product,
            i.source,
            f["files"] or None,
            f["rows_in"] or None,
            f["rows_out"] or None,
            ", ".join(f"{reason} {n}" for reason, n in f["quarantined"].items()),
            i.note,
        )
        for i in report.ingested
        for f in (i.to_json(),)
    ]
    if rows:
        columns = ("product", "source", "files", "read", "rows", "quarantined", "")
        show_table(f"{instrument}: raw files", columns, rows)
    for found in report.ingested:
        for warning in found.summary.warnings if found.summary else ():
            console().print(f"[yellow]warning[/] {warning}", highlight=False)
        for file in found.summary.ignored if found.summary else ():
            console().print(f"[yellow]ignored[/] {file}: no name of a data file", highlight=False)
    for record in report.runs:
        show_run(record)
    if report.left_out:
        show_table(
            f"{instrument}: not built", ("session", "dates", "why"), by_reason(report.left_out)
        )
    dates = report.dates
    shown = f"{dates[0]}" if len(dates) == 1 else f"{dates[0]}..{dates[-1]}"
    console().print(f"Built: {len(dates)} session(s), {shown}; indices: {report.indices}")
