"""Commands that only look: manifests, stages, runs, status, coverage."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from spymaster_lake.commands import common
from spymaster_lake.commands.common import (
    DateOption,
    EndOption,
    InstrumentOption,
    JsonOption,
    PipelineOption,
    RootOption,
    StartOption,
    VersionOption,
)
from spymaster_lake.contracts.errors import LakeError
from spymaster_lake.contracts.manifest_checks import raise_all
from spymaster_lake.contracts.run_record import RunRecord
from spymaster_lake.orchestration import coverage as coverage_of
from spymaster_lake.orchestration import planning
from spymaster_lake.orchestration.dates import date_range
from spymaster_lake.orchestration.display import (
    print_json,
    show_coverage,
    show_run,
    show_table,
)
from spymaster_lake.orchestration.manifests import ManifestStore, bind_stages
from spymaster_lake.orchestration.prepare import RunRequest
from spymaster_lake.orchestration.records import RunStore, effective_status

manifests = typer.Typer(help="The manifests of the repository.", no_args_is_help=True)
stages = typer.Typer(help="The stage registry.", no_args_is_help=True)
runs = typer.Typer(help="Recorded runs.", no_args_is_help=True)

OnlyInstrument = Annotated[str | None, typer.Option("--instrument", help="Only this one.")]


@manifests.command("list")
def manifests_list(instrument: OnlyInstrument = None, as_json: JsonOption = False) -> None:
    """List pipelines and versions."""
    store = ManifestStore(common.make_environment().settings.manifests_dir)
    rows = [
        (f.instrument, f.pipeline_id, f.pipeline_version, f.source)
        for f in store
        if instrument in {None, f.instrument}
    ]
    columns = ("instrument", "pipeline_id", "pipeline_version", "file")
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        show_table("manifests", columns, rows)


@manifests.command("validate")
def manifests_validate(instrument: OnlyInstrument = None, as_json: JsonOption = False) -> None:
    """Check every manifest against the stages; all violations are reported together."""
    env, registry = common.make_environment(), common.load_registry()
    store = ManifestStore(env.settings.manifests_dir)
    wanted = [env.profiles[instrument].instrument] if instrument else list(store.instruments)
    raise_all(problem for name in wanted for problem in store.problems(name, registry))
    rows = []
    for file in store:
        if file.instrument in wanted:
            manifest = store.load(
                file.instrument, file.pipeline_id, file.pipeline_version, registry
            )
            try:
                bind_stages(manifest, registry)
                note = "valid; its stages fit"
            except LakeError as exc:
                note = f"valid; not runnable yet: {exc}"
            rows.append((file.source, len(manifest.stages), note))
    columns = ("file", "stages", "result")
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        show_table("manifests", columns, rows)


@stages.command("list")
def stages_list() -> None:
    """List every registered stage and override."""
    show_table("stages", ("key",), [(str(key),) for key in common.load_registry()])


@stages.command("explain")
def stages_explain(
    stage_id: Annotated[str, typer.Argument(help="Stage id.")],
    instrument: InstrumentOption,
    pipeline_id: PipelineOption,
    pipeline_version: VersionOption,
) -> None:
    """Show which registration of a stage wins, and which others were looked at."""
    found = common.load_registry().explain(
        stage_id, instrument=instrument, pipeline_id=pipeline_id, pipeline_version=pipeline_version
    )
    rows = [
        (str(c.key), "yes" if c.registered else "no", "wins" if c.wins else "", c.provider)
        for c in found
    ]
    show_table(f"stage {stage_id}", ("key", "registered", "", "provider"), rows)


@runs.command("list")
def runs_list(
    instrument: InstrumentOption, data_root: RootOption = None, as_json: JsonOption = False
) -> None:
    """List runs, newest first; a run whose process is gone shows as KILLED."""
    env = common.make_environment(data_root)
    env.profiles[instrument]
    rows = [_summary(raw) for raw in RunStore(env).raw_runs(instrument)]
    rows.sort(key=lambda row: row[-2] or "", reverse=True)
    columns = ("run_id", "kind", "status", "pipeline", "range", "started", "seconds")
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        show_table("runs", columns, rows)


@runs.command("show")
def runs_show(
    run_id: Annotated[str, typer.Argument(help="Run id.")],
    instrument: InstrumentOption,
    data_root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one run: stages, rows, seconds, skipped dates, error, resume command."""
    store = RunStore(common.make_environment(data_root))
    raw = next((r for r in store.raw_runs(instrument) if r.get("run_id") == run_id), None)
    if raw is not None and raw.get("kind") not in {"pipeline", "stage"}:
        print_json(raw)
        return
    record = store.read_run(instrument, run_id)
    status = effective_status(record)
    if as_json:
        print_json(record.model_copy(update={"status": status}).model_dump(mode="json"))
    else:
        show_run(record, status=status)


def status_command(
    instrument: InstrumentOption,
    pipeline_id: PipelineOption,
    pipeline_version: VersionOption,
    day: DateOption = None,
    start: StartOption = None,
    end: EndOption = None,
    data_root: RootOption = None,
    stale: Annotated[bool, typer.Option("--stale", help="Leave out what is current.")] = False,
) -> None:
    """JSON: for each stage and date whether it is current, stale or missing, and why."""
    env = common.make_environment(data_root)
    request = RunRequest(
        instrument,
        pipeline_id,
        pipeline_version,
        asked=date_range(day, start, end),
        only_stale=True,
    )
    planned = planning.plan(env, common.load_registry(), request)
    lines = [
        {
            "stage": stage.name,
            "date": v.day.isoformat(),
            "state": v.state,
            "reasons": list(v.reasons),
            "lacks": list(v.lacks),
        }
        for stage in planned
        for v in stage.verdicts
        if not (stale and v.state == "current")
    ]
    states = [v.state for stage in planned for v in stage.verdicts]
    counts = {state: states.count(state) for state in ("current", "stale", "missing")}
    print_json({"instrument": instrument, "pipeline_id": pipeline_id, "pipeline_version": pipeline_version,
                "counts": counts, "stages": lines})  # fmt: skip


def coverage_command(
    instrument: InstrumentOption,
    start: StartOption = None,
    end: EndOption = None,
    data_root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Which sessions each dataset holds, and which are missing."""
    found = coverage_of.coverage(
        common.make_environment(data_root), instrument, start=start, end=end
    )
    if as_json:
        print_json([c.to_json() for c in found])
    else:
        show_coverage(found)


def _summary(raw: dict[str, Any]) -> tuple[str | None, ...]:
    kind = raw.get("kind", "")
    if kind not in {"pipeline", "stage"}:
        started = raw.get("started_at")
        return (
            raw.get("run_id"),
            kind,
            raw.get("status"),
            raw.get("product"),
            None,
            started,
            _text(raw.get("seconds")),
        )
    record = RunRecord.parse(raw, source=str(raw.get("run_id")))
    return (
        record.run_id,
        kind,
        effective_status(record).value,
        f"{record.pipeline_id} {record.pipeline_version}",
        f"{record.start}..{record.end}",
        record.started_at,
        _text(record.seconds),
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
