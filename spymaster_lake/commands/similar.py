"""The command that asks what happened after the most similar approaches."""

from __future__ import annotations

from datetime import date, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spymaster_lake.commands import common
from spymaster_lake.commands.common import DateOption, InstrumentOption, JsonOption, RootOption

if TYPE_CHECKING:
    from spymaster_lake.inference.find_episode import Wanted

INVALID = 2
"""Exit code of an INVALID_QUERY; every other status is an answer and exits with 0."""


def parse_time(text: str | time) -> time:
    """A clock time from the command line."""
    if isinstance(text, time):
        return text
    try:
        return time.fromisoformat(text)
    except ValueError as exc:
        raise typer.BadParameter(f"{text!r} is no time; allowed: HH:MM or HH:MM:SS") from exc


def similar_command(
    instrument: InstrumentOption,
    index_version: Annotated[str, typer.Option("--index-version", help="Version of the index.")],
    event_id: Annotated[str | None, typer.Option("--event-id", help="The event asked.")] = None,
    day: DateOption = None,
    clock: Annotated[
        time | None,
        typer.Option("--time", parser=parse_time, metavar="HH:MM[:SS]", help="Exchange time."),
    ] = None,
    level_kind: Annotated[str | None, typer.Option("--level-kind", help="Such as PM_HIGH.")] = None,
    direction: Annotated[str | None, typer.Option("--direction", help="UP or DOWN.")] = None,
    filters: Annotated[
        list[str] | None,
        typer.Option("--filter", help="On neighbours: column=value or column=low..high."),
    ] = None,
    k: Annotated[int, typer.Option("--k", min=0, help="Neighbours to show.")] = 8,
    pipeline_version: Annotated[
        str | None, typer.Option("--pipeline-version", help="Of the episodes; else the index's.")
    ] = None,
    attribution: Annotated[
        bool, typer.Option("--attribution/--no-attribution", help="Explain the answer.")
    ] = True,
    plot: Annotated[Path | None, typer.Option("--plot", help="Draw to this PNG file.")] = None,
    data_root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """What happened the last times a level was approached like this, and how sure are we?"""
    from spymaster_lake.inference.filter_text import parse_filters
    from spymaster_lake.inference.similar import SimilarRequest, similar
    from spymaster_lake.inference.similar_table import show_similar
    from spymaster_lake.orchestration.display import print_json

    env = common.make_environment(data_root)
    if plot is not None:
        _check_picture(plot)
    wanted = _wanted(event_id, day, clock, level_kind, direction)
    found = similar(
        env,
        SimilarRequest(
            instrument,
            index_version,
            wanted,
            pipeline_version,
            parse_filters(filters or []),
            attribution,
        ),
    )
    if as_json:
        print_json(found.result.model_dump(mode="json"))
    else:
        show_similar(found, shown=k)
    if plot is not None:
        from spymaster_lake.inference.similar_plot import draw_similar

        draw_similar(found, plot)
        typer.echo(f"picture: {plot}", err=True)
    if found.result.status == "INVALID_QUERY":
        raise typer.Exit(INVALID)


def _wanted(
    event_id: str | None,
    day: date | None,
    clock: time | None,
    level_kind: str | None,
    direction: str | None,
) -> Wanted:
    from spymaster_lake.inference.find_episode import Wanted

    return Wanted(event_id, day, clock, level_kind, direction)


def _check_picture(plot: Path) -> None:
    if plot.suffix.lower() != ".png":
        raise typer.BadParameter(f"--plot {plot}: must end in .png")
    if not plot.absolute().parent.is_dir():
        raise typer.BadParameter(f"--plot {plot}: {plot.parent} is no directory")
