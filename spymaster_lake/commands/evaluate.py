"""The command that measures retrieval against base rates."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from spymaster_lake.commands import common
from spymaster_lake.commands.common import (
    InstrumentOption,
    JsonOption,
    RootOption,
    SetOption,
    VersionOption,
)
from spymaster_lake.contracts.evaluation_record import EvaluationRecord
from spymaster_lake.contracts.evaluation_settings import REFIT_SESSIONS, WARMUP_SESSIONS
from spymaster_lake.orchestration.display import print_json, show_table


def evaluate_command(
    instrument: InstrumentOption,
    pipeline_version: VersionOption,
    warmup_sessions: Annotated[
        int, typer.Option("--warmup-sessions", help="Sessions before the first evaluated one.")
    ] = WARMUP_SESSIONS,
    refit_sessions: Annotated[
        int, typer.Option("--refit-sessions", help="Sessions that one index answers.")
    ] = REFIT_SESSIONS,
    min_partition_size: Annotated[
        int | None,
        typer.Option("--min-partition-size", help="Of the indices; the manifest's if not given."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of intervals and controls.")] = 0,
    tracking_uri: Annotated[
        str | None,
        typer.Option(
            "--tracking-uri", help="sqlite or http(s); the lake's own store if not given."
        ),
    ] = None,
    run_id: Annotated[str, typer.Option("--run-id", help="Made of the time if not given.")] = "",
    overrides: SetOption = None,
    data_root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Walk forward through the retrieval engine and measure it against base rates."""
    from spymaster_lake.inference.evaluate_retrieval import evaluate_retrieval
    from spymaster_lake.inference.evaluation_plan import EvaluationRequest

    env = common.make_environment(data_root, quiet=True)
    given = {
        "warmup_sessions": warmup_sessions,
        "refit_sessions": refit_sessions,
        "seed": seed,
        "min_partition_size": min_partition_size,
    }
    request = EvaluationRequest(
        instrument,
        pipeline_version,
        {name: value for name, value in given.items() if value is not None},
        overrides=common.parse_set(overrides or []),
        tracking_uri=tracking_uri,
        run_id=run_id,
    )
    registry = common.load_registry()
    record = evaluate_retrieval(env, registry, request, progress=_said)
    if as_json:
        print_json(record.model_dump(mode="json"))
    else:
        _show(record, env.resolver.absolute(record.report or ""))


def _said(variant: str, _answered: int, total: int) -> None:
    """One line of progress that overwrites itself, on a terminal only."""
    if common.has_terminal():
        sys.stderr.write(f"\r\x1b[K{variant}: {total} episodes")
        sys.stderr.flush()


def _show(record: EvaluationRecord, page: str) -> None:
    if common.has_terminal():
        sys.stderr.write("\r\x1b[K")
    rows = []
    for horizon, found in record.headline.items():
        skills = (_interval(found[n]) for n in ("brier_skill", "fair_brier_skill"))
        rows.append(
            (
                horizon,
                found["brier"]["n"],
                f"{100 * found['coverage']['value']:.1f} %",
                f"{found['brier']['value']:.4f}",
                f"{found['brier_base']['value']:.4f}",
                *skills,
                found["verdict"],
            )
        )
    show_table(
        f"Retrieval of {record.instrument} {record.pipeline_version}: "
        f"{len(record.dates)} sessions, {record.dates[0]} to {record.dates[-1]}",
        ["horizon", "rows", "covered", "Brier", "base rate", "Brier skill", "fair Brier skill",
         "against base rates"],
        rows,
    )  # fmt: skip
    sys.stdout.write(f"Page: {page}\nMLflow: {record.tracking['experiment']}\n")


def _interval(cell: dict[str, float | None]) -> str:
    value, low, high = (cell[k] for k in ("value", "ci_low", "ci_high"))
    if value is None:
        return "unknown"
    if low is None or high is None:
        return f"{100 * value:+.1f} %"
    return f"{100 * value:+.1f} % [{100 * low:+.1f}, {100 * high:+.1f}]"
