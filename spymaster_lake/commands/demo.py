"""`spymaster demo`: a whole lake from simulated raw files, with a summary at the end."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer

from spymaster_lake.commands import common
from spymaster_lake.commands.common import (
    InstrumentOption,
    JsonOption,
    RootOption,
    VersionOption,
    parse_date,
)
from spymaster_lake.orchestration.display import console, print_json, run_progress, show_table


def demo_command(
    instrument: InstrumentOption,
    pipeline_version: VersionOption,
    start: Annotated[
        date, typer.Option("--start", parser=parse_date, metavar="DATE", help="First session.")
    ],
    sessions: Annotated[int, typer.Option("--sessions", min=4, help="Warm-up included.")] = 60,
    size: Annotated[str, typer.Option("--size", help="tiny, light or full.")] = "light",
    seed: Annotated[int, typer.Option("--seed", min=0)] = 0,
    strength: Annotated[float, typer.Option("--strength", help="0: a null market.")] = 0.0,
    min_partition_size: Annotated[int, typer.Option("--min-partition-size", min=1)] = 30,
    data_root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Simulate sessions, ingest them, run the three core pipelines, and show what stands."""
    from spymaster_lake.orchestration.demo import DemoRequest, run_demo

    env = common.make_environment(data_root, quiet=True)
    request = DemoRequest(
        instrument, pipeline_version, start, sessions, size, seed, strength, min_partition_size
    )
    with run_progress(enabled=common.has_terminal()) as progress:
        report = run_demo(
            env,
            common.load_registry(),
            request,
            observer=progress,
            announce=lambda name: typer.echo(f"  {name} ...", err=True),
        )
    if as_json:
        print_json({"seconds": report.seconds, **report.facts})
        return
    partitions = report.facts.pop("partitions")
    rows = [(name, value) for name, value in report.facts.items() if name != "events"]
    rows += [(f"events {kind}", n) for kind, n in report.facts["events"].items()]
    show_table(f"{instrument}: the lake at {env.resolver.data_root}", ("what", "count"), rows)
    show_table("index partitions", ("partition", "episodes"), sorted(partitions.items()))
    show_table("seconds", ("step", "seconds"), list(report.seconds.items()))
    console().print(
        f"Runnable dates: {report.dates[0]} to {report.dates[-1]}; indices: {report.indices}"
    )
