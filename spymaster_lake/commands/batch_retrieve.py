"""The command that asks an index about every episode of session dates."""

from __future__ import annotations

from typing import Annotated

import typer

from spymaster_lake.commands import common
from spymaster_lake.commands.common import (
    DateOption,
    EndOption,
    InstrumentOption,
    JsonOption,
    RootOption,
    StartOption,
)
from spymaster_lake.contracts.retrieve_record import RetrieveRecord
from spymaster_lake.orchestration.dates import date_range
from spymaster_lake.orchestration.display import print_json, show_table


def batch_retrieve_command(
    instrument: InstrumentOption,
    index_version: Annotated[
        str, typer.Option("--index-version", help="Version of index and episodes, such as 4.5.0.")
    ],
    day: DateOption = None,
    start: StartOption = None,
    end: EndOption = None,
    run_id: Annotated[str, typer.Option("--run-id", help="Made of the time if not given.")] = "",
    data_root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer every episode of session dates from one index; answers go to Gold."""
    from spymaster_lake.inference.batch_retrieve import RetrieveRequest, batch_retrieve

    env = common.make_environment(data_root)
    request = RetrieveRequest(instrument, index_version, date_range(day, start, end), run_id)
    record = batch_retrieve(env, request)
    if as_json:
        print_json(record.model_dump(mode="json"))
    else:
        _show(record)


def _show(record: RetrieveRecord) -> None:
    output = record.outputs[0]
    rows = [
        ("run", record.run_id),
        ("index", f"{record.index_sha256[:12]}, as of {record.asof_date}"),
        ("sessions", f"{len(record.dates)}: {record.dates[0]} to {record.dates[-1]}"),
        *((name, str(count)) for name, count in record.status_counts.items()),
        ("rows", str(output.rows)),
        ("table", f"{output.path} version {output.delta_version}"),
        ("seconds", str(record.seconds)),
    ]
    show_table("batch retrieve", ("", ""), rows)
