"""The command that scores session dates with a registered model."""

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
    VersionOption,
)
from spymaster_lake.commands.models import AliasOption, ModelOption, ModelVersionOption
from spymaster_lake.contracts.score_record import ScoreRecord
from spymaster_lake.orchestration.dates import date_range
from spymaster_lake.orchestration.display import print_json, show_table


def score_command(
    instrument: InstrumentOption,
    model_id: ModelOption,
    pipeline_version: VersionOption,
    model_version: ModelVersionOption = None,
    alias: AliasOption = None,
    day: DateOption = None,
    start: StartOption = None,
    end: EndOption = None,
    run_id: Annotated[str, typer.Option("--run-id", help="Made of the time if not given.")] = "",
    data_root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score the events of session dates; predictions go to Gold."""
    from spymaster_lake.inference.score import ScoreRequest, score

    env = common.make_environment(data_root)
    request = ScoreRequest(
        instrument,
        model_id,
        pipeline_version,
        date_range(day, start, end),
        model_version=model_version,
        alias=alias,
        run_id=run_id,
    )
    record = score(env, request)
    if as_json:
        print_json(record.model_dump(mode="json"))
    else:
        _show(record)


def _show(record: ScoreRecord) -> None:
    output = record.outputs[0]
    rows = [
        ("run", record.run_id),
        ("model", f"{record.model_id} {record.model_version}"),
        ("registry revision", str(record.registry_revision)),
        ("sessions", f"{len(record.dates)}: {record.dates[0]} to {record.dates[-1]}"),
        ("of them trained on", str(len(record.in_sample))),
        ("rows", str(output.rows)),
        ("values outside the training range", str(sum(record.oob.values()))),
        ("table", f"{output.path} version {output.delta_version}"),
        ("seconds", str(record.seconds)),
    ]
    show_table("score", ("", ""), rows)
