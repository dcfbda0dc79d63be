"""Commands around raw files and tables: ingest, simulate, maintain."""

from __future__ import annotations

from dataclasses import asdict, is_dataclass
from datetime import date
from typing import Annotated, Any, Literal

import typer

from spymaster_lake.commands import common
from spymaster_lake.commands.common import (
    InstrumentOption,
    JsonOption,
    RootOption,
    parse_date,
)
from spymaster_lake.orchestration.display import print_json, show_table
from spymaster_lake.sessions.calendar import SessionCalendar

SOURCE = "databento"


def ingest_command(
    instrument: InstrumentOption,
    product: Annotated[
        str | None, typer.Option("--product", help="Not needed if the instrument has only one.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--source", help="Folder below raw/{instrument}/{product}; the only one if not given."
        ),
    ] = None,
    files: Annotated[
        list[str] | None, typer.Option("--file", help="Only this file; repeatable.")
    ] = None,
    run_id: Annotated[str, typer.Option("--run-id", help="Made of the time if not given.")] = "",
    on_bad_file: Annotated[
        Literal["fail", "skip"],
        typer.Option("--on-bad-file", help="Publish nothing, or leave it out."),
    ] = "fail",
    foreign_symbols: Annotated[
        Literal["refuse", "skip"],
        typer.Option("--foreign-symbols", help="Rows of other tickers in whole-market files."),
    ] = "refuse",
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Corrected files take the place of earlier ones."),
    ] = False,
    spark: Annotated[
        bool, typer.Option("--spark/--no-spark", help="Decode in Spark workers.")
    ] = True,
    data_root: RootOption = None,
) -> None:
    """Raw vendor files to Bronze."""
    from spymaster_lake.ingest.job import IngestRequest, ingest
    from spymaster_lake.ingest.sources import only_product, only_source
    from spymaster_lake.ingest.summary import describe
    from spymaster_lake.orchestration.facts import ingest_provenance

    env = common.make_environment(data_root)
    product = product or only_product(env.profiles[instrument])
    place = {"instrument": instrument, "product": product}
    request = IngestRequest(
        data_root=env.resolver.data_root,
        instrument=instrument,
        product=product,
        source=source or only_source(env.resolver, env.filesystem, **place),
        files=tuple(files or ()),
        run_id=run_id,
        on_bad_file=on_bad_file,
        foreign_symbols=foreign_symbols,
        replace=replace,
    )
    summary = ingest(
        env.spark if spark else None,
        request,
        dict(env.profiles),
        provenance=ingest_provenance(env, instrument),
    )
    facts = {"run_id": summary.run_id, **describe(summary)}
    print_json(
        {**facts, "files": [{k: v for k, v in f.items() if k != "parts"} for f in facts["files"]]}
    )


def simulate_command(
    instrument: InstrumentOption,
    start: Annotated[
        date,
        typer.Option(
            "--start", parser=parse_date, metavar="DATE", help="First session at or after."
        ),
    ],
    sessions: Annotated[int, typer.Option("--sessions", min=1, help="Number of sessions.")],
    size: Annotated[str, typer.Option("--size", help="Size of a session: light, full …")] = "light",
    seed: Annotated[int, typer.Option("--seed", min=0)] = 0,
    strength: Annotated[float, typer.Option("--strength", help="0: a null market.")] = 0.0,
    processes: Annotated[int, typer.Option("--processes", min=1)] = 2,
    with_faults: Annotated[
        bool, typer.Option("--faults/--no-faults", help="Add malformed records.")
    ] = True,
    data_root: RootOption = None,
) -> None:
    """Write vendor files of simulated sessions into raw/."""
    from spymaster_lake.simulator import VENDORS, simulate

    env = common.make_environment(data_root)
    profile = env.profiles[instrument]
    vendor = VENDORS.get(profile.product, SOURCE)
    report = simulate(
        env.resolver.raw_dir(instrument, profile.product, vendor),
        env.resolver.raw_dir(instrument, "options", vendor),
        profile,
        SessionCalendar(profile.calendar),
        start=start,
        sessions=sessions,
        size=size,
        seed=seed,
        strength=strength,
        processes=processes,
        with_faults=with_faults,
    )
    print_json(_plain(report))


def maintain_command(
    instrument: InstrumentOption,
    retention_hours: Annotated[
        float, typer.Option("--retention-hours", help="At least 168.")
    ] = 168.0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only report fragmented dates.")
    ] = False,
    data_root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compact dates with several files; remove files that left the tables long ago."""
    from spymaster_lake.orchestration.maintenance import maintain

    env = common.make_environment(data_root)
    done = maintain(env, instrument, retention_hours=retention_hours, dry_run=dry_run)
    lines = [t.to_json() for t in done]
    if as_json or not lines:
        print_json(lines)
    else:
        show_table("maintenance", tuple(lines[0]), [tuple(line.values()) for line in lines])


def _plain(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
