"""A small project with three stages, two of them of one id, and an execution without Spark."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from spymaster_lake.contracts.run_record import OutputRecord, RunStatus
from spymaster_lake.contracts.settings import load_settings
from spymaster_lake.contracts.work_bars import BARS_1MIN, BARS_10S
from spymaster_lake.contracts.work_market import SESSIONS
from spymaster_lake.orchestration.dates import date_range
from spymaster_lake.orchestration.environment import build_environment
from spymaster_lake.orchestration.prepare import RunRequest
from spymaster_lake.orchestration.registry import StageFactory, StageRegistry
from spymaster_lake.orchestration.types import BoundStage, Environment, StageOutcome, StageRequest
from spymaster_lake.stages.spec import (
    SessionInputs,
    SessionResult,
    SessionStage,
    Source,
    Stage,
    StageContext,
)

REPOSITORY = Path(__file__).resolve().parents[2]
MONDAY, TUESDAY, WEDNESDAY = date(2025, 12, 15), date(2025, 12, 16), date(2025, 12, 17)
PIPELINE = ("es", "feature_engineering", "4.5.0")


def nothing(inputs: SessionInputs, context: StageContext) -> SessionResult:
    """A stage function that is never called; the fake execution writes instead."""
    return SessionResult({})


def _bars(params: Mapping[str, Any]) -> Stage:
    contract = {"1min": BARS_1MIN, "10s": BARS_10S}[params["interval"]]
    source = Source("sessions", "silver", "work/sessions", pipeline_id="feature_engineering")
    return SessionStage("build_bars", (source,), (contract,), nothing, {"interval": "1min"})


LOAD = SessionStage(
    "load",
    (Source("trades", "bronze", "trades", product="futures"),),
    (SESSIONS,),
    nothing,
    {"limit": 10},
)
BARS = StageFactory("build_bars", _bars, {"interval": "1min"})


def registry() -> StageRegistry:
    """The two stage ids of the small project."""
    made = StageRegistry()
    made.register(LOAD)
    made.register(BARS)
    return made


def manifest() -> dict[str, Any]:
    """Load -> bars_1min, bars_10s."""
    own = {"layer": "silver", "pipeline_id": PIPELINE[1], "pipeline_version": PIPELINE[2]}
    return {
        "schema_version": 1,
        "instrument": PIPELINE[0],
        "pipeline_id": PIPELINE[1],
        "pipeline_version": PIPELINE[2],
        "inputs": [{"layer": "bronze", "product": "futures", "dataset": "trades"}],
        "outputs": [{**own, "dataset": f"work/{n}"} for n in ("sessions", "bars_1min", "bars_10s")],
        "stages": [
            {"stage_id": "load"},
            {
                "stage_id": "build_bars",
                "name": "bars_1min",
                "params": {"interval": "1min"},
                "depends_on": ["load"],
            },
            {
                "stage_id": "build_bars",
                "name": "bars_10s",
                "params": {"interval": "10s"},
                "depends_on": ["load"],
            },
        ],
    }


def write_manifest(
    home: Path, content: dict[str, Any] | str, *, version: str = PIPELINE[2]
) -> Path:
    """Put a manifest into the small project."""
    path = home / "manifests" / PIPELINE[0] / PIPELINE[1] / f"version={version}" / "manifest.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def make_environment(home: Path) -> Environment:
    """An environment over `home` with the es profile, the small manifest and an empty lake."""
    (home / "conf" / "instruments").mkdir(parents=True)
    shutil.copy(REPOSITORY / "conf" / "instruments" / "es.yaml", home / "conf" / "instruments")
    write_manifest(home, manifest())
    return build_environment(load_settings(home=home, data_root=str(home / "lake")))


def add_bronze(env: Environment, *days: date, size: int = 1) -> None:
    """A futures trades file at 15:00 UTC of each day; the content does not matter here."""
    for day in days:
        folder = env.resolver.bronze_partition("es", "futures", "trades", "ESZ5", day, 15)
        env.filesystem.write_bytes(f"{folder}/part-0.parquet", b"x" * size)


def request(**changes: Any) -> RunRequest:
    """A request for Monday and Tuesday."""
    start, end = changes.pop("start", MONDAY), changes.pop("end", TUESDAY)
    return RunRequest(*PIPELINE, asked=date_range(None, start, end), **changes)


@dataclass
class FakeExecution:
    """Publishes one tiny Delta table an output, without Spark; can be told to fail or to skip.

    Attributes:
        fails: stage names that end in an error.
        bad: dates that a stage leaves out under `on_bad_date="skip"`.
        calls: (stage, dates) in order of the calls.
        during: called inside each stage.
    """

    fails: dict[str, Exception] = field(default_factory=dict)
    bad: dict[str, dict[date, str]] = field(default_factory=dict)
    calls: list[tuple[str, tuple[date, ...]]] = field(default_factory=list)
    during: Callable[[str], None] = lambda name: None

    def __call__(self, env: Environment, bound: BoundStage, request: StageRequest) -> StageOutcome:
        """Do as `execute_stage` does, with rows that mean nothing."""
        self.calls.append((bound.name, request.dates))
        self.during(bound.name)
        if bound.name in self.fails:
            raise self.fails[bound.name]
        skipped = {d: r for d, r in self.bad.get(bound.name, {}).items() if d in request.dates}
        dates = tuple(d for d in request.dates if d not in skipped)
        assert isinstance(bound.stage, SessionStage)
        outputs = tuple(_publish(env, bound, c.dataset, dates) for c in bound.stage.outputs)
        return StageOutcome(
            bound.name,
            RunStatus.SUCCEEDED,
            dates,
            skipped,
            {o.dataset: o.rows for o in outputs},
            outputs,
            warnings=("thin book",),
        )


def _publish(
    env: Environment, bound: BoundStage, dataset: str, dates: tuple[date, ...]
) -> OutputRecord:
    import deltalake

    path = env.resolver.silver_table(
        bound.instrument, bound.pipeline_id, bound.pipeline_version, dataset
    )
    rows = pa.table({"date": pa.array(list(dates), pa.date32()), "x": pa.array(range(len(dates)))})
    exists = deltalake.DeltaTable.is_deltatable(path)
    listed = ", ".join(f"'{d}'" for d in dates)
    deltalake.write_deltalake(
        path,
        rows,
        partition_by=["date"],
        mode="overwrite",
        predicate=f"date in ({listed})" if exists else None,
    )
    version = deltalake.DeltaTable(path).version()
    return OutputRecord(
        layer="silver",
        dataset=dataset,
        path=env.resolver.relative(path),
        delta_version=version,
        rows=len(dates),
    )


def read_rows(path: str) -> pa.Table:
    """Rows of a Parquet file."""
    return pq.read_table(path)
