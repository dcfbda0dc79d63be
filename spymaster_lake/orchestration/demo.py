"""The demo: simulated raw files to indices, through the same entry points as real data."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Any, TypeVar

import pyarrow as pa

from spymaster_lake.contracts.catalogue import contract_of
from spymaster_lake.contracts.errors import UnknownNameError
from spymaster_lake.contracts.profile import InstrumentProfile
from spymaster_lake.contracts.run_record import RunRecord
from spymaster_lake.ingest.job import IngestRequest, ingest
from spymaster_lake.lake.delta_tables import open_snapshot
from spymaster_lake.lake.parquet_files import read_partition_files
from spymaster_lake.orchestration.dates import DateRange
from spymaster_lake.orchestration.driver import run
from spymaster_lake.orchestration.facts import ingest_provenance
from spymaster_lake.orchestration.prepare import RunRequest
from spymaster_lake.orchestration.recorder import Observer
from spymaster_lake.orchestration.registry import StageRegistry
from spymaster_lake.orchestration.types import Environment
from spymaster_lake.sessions.calendar import SessionCalendar
from spymaster_lake.simulator import VENDORS, SimulationReport, simulate

T = TypeVar("T")
PIPELINES = ("feature_engineering", "episode_construction", "index_building")


@dataclass(frozen=True, slots=True)
class DemoRequest:
    """What the demo makes.

    Attributes:
        instrument: an instrument with a simulated market.
        pipeline_version: version of its core pipelines.
        start: first session at or after this date.
        sessions: number of simulated sessions; the first few are warm-up.
        size: size of a session.
        seed: seed of the market.
        strength: planted effect, 0 for none.
        min_partition_size: lowered for the indices, because 60 sessions are few (08 B8).
    """

    instrument: str
    pipeline_version: str
    start: date
    sessions: int
    size: str = "light"
    seed: int = 0
    strength: float = 0.0
    min_partition_size: int = 30


@dataclass
class DemoReport:
    """What the demo made, and how long each step took."""

    dates: tuple[date, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    runs: list[RunRecord] = field(default_factory=list)


def run_demo(
    env: Environment,
    registry: StageRegistry,
    request: DemoRequest,
    *,
    observer: Observer | None = None,
    step: Callable[[str], None] = lambda _: None,
) -> DemoReport:
    """Simulate, ingest, and run the three core pipelines over every runnable date.

    Args:
        env: environment of the demo lake.
        registry: the stages.
        request: what to make.
        observer: told of every change of a run record.
        step: told the name of each step as it begins.
    """
    report, profile = DemoReport(), env.profiles[request.instrument]
    calendar = SessionCalendar(profile.calendar)

    def timed(name: str, work: Callable[[], T]) -> T:
        step(name)
        began = time.perf_counter()
        result = work()
        report.seconds[name] = round(time.perf_counter() - began, 1)
        return result

    simulated = timed("simulate", partial(_simulate, env, profile, calendar, request))
    days = [s.day for s in simulated.sessions]
    report.dates = tuple(days[profile.warmup_sessions :])
    timed("spark", lambda: env.spark)
    for product in (profile.product, *(["options"] if profile.options else [])):
        timed(f"ingest {product}", partial(_ingest, env, profile, product))
    every = DateRange(report.dates[0], report.dates[-1], by_range=True)
    last = DateRange(report.dates[-1], report.dates[-1], by_range=False)
    for pipeline in PIPELINES:
        # as of the last session, so that its episodes can ask the index (08 B5, B6)
        asked = last if pipeline == "index_building" else every
        work = partial(
            run, env, registry, _run_request(request, pipeline, asked), observer=observer
        )
        report.runs.append(timed(pipeline, work))
    report.facts = _facts(env, request, simulated)
    return report


def _simulate(
    env: Environment, profile: InstrumentProfile, calendar: SessionCalendar, request: DemoRequest
) -> SimulationReport:
    return simulate(
        *_raw_folders(env, profile),
        profile,
        calendar,
        start=request.start,
        sessions=request.sessions,
        size=request.size,
        seed=request.seed,
        strength=request.strength,
    )


def _raw_folders(env: Environment, profile: InstrumentProfile) -> tuple[str, str]:
    """Where the simulated vendor's files of the product and of its options go."""
    vendor = _vendor(profile)
    folders = [
        env.resolver.raw_dir(profile.instrument, p, vendor) for p in (profile.product, "options")
    ]
    return folders[0], folders[1]


def _vendor(profile: InstrumentProfile) -> str:
    if profile.product not in VENDORS:
        raise UnknownNameError("product with a simulated market", profile.product, VENDORS)
    return VENDORS[profile.product]


def _ingest(env: Environment, profile: InstrumentProfile, product: str) -> None:
    request = IngestRequest(
        data_root=env.resolver.data_root,
        instrument=profile.instrument,
        product=product,
        source=_vendor(profile),
    )
    provenance = ingest_provenance(env, profile.instrument)
    ingest(env.spark, request, dict(env.profiles), provenance=provenance)


def _run_request(request: DemoRequest, pipeline: str, asked: DateRange) -> RunRequest:
    overrides = (
        {"build_indices.min_partition_size": request.min_partition_size}
        if pipeline == "index_building"
        else {}
    )
    return RunRequest(
        request.instrument, pipeline, request.pipeline_version, asked=asked, overrides=overrides
    )


def _facts(env: Environment, request: DemoRequest, simulated: SimulationReport) -> dict[str, Any]:
    resolver, instrument, version = env.resolver, request.instrument, request.pipeline_version
    fe, ec = PIPELINES[0], PIPELINES[1]
    signals = resolver.silver_table(instrument, fe, version, "signals")
    sessions = _read(
        resolver.silver_table(instrument, fe, version, "work/sessions"),
        "n_trades",
        "n_book_updates",
    )
    kinds = _read(signals, "level_kind")
    states = resolver.silver_table(instrument, ec, version, "state_table")
    episodes = resolver.gold_table(instrument, ec, version, "episodes/metadata")
    manifest = env.filesystem.read_json(f"{resolver.index_root(instrument, version)}/manifest.json")
    return {
        "sessions simulated": len(simulated.sessions),
        "sessions in Silver": sessions.num_rows,
        "front trades": sum(sessions.column("n_trades").to_pylist()),
        "front book states": sum(sessions.column("n_book_updates").to_pylist()),
        "events": dict(sorted(Counter(kinds.column("level_kind").to_pylist()).items())),
        "state rows": _read(states, "ts_ns").num_rows,
        "episodes": _read(episodes, "event_id").num_rows,
        "partitions": _partitions(manifest),
    }


def _read(path: str, *columns: str) -> pa.Table:
    """Columns of a whole table, one file after the other."""
    dataset = path.partition("/version=")[2].partition("/")[2]
    return read_partition_files(contract_of(dataset), open_snapshot(path).files, columns)


def _partitions(manifest: Mapping[str, Any]) -> dict[str, int]:
    found = manifest["partitions"]
    items = found.items() if isinstance(found, Mapping) else ((p["key"], p) for p in found)
    return {str(key): int(value["n"]) for key, value in items}
