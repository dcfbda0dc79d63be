"""The demo: simulated raw files to indices, through the same entry points as real data."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from spymaster_lake.contracts.errors import UnknownNameError
from spymaster_lake.contracts.profile import InstrumentProfile
from spymaster_lake.contracts.run_record import RunRecord
from spymaster_lake.orchestration.build import BuildRequest, build
from spymaster_lake.orchestration.build_facts import lake_facts
from spymaster_lake.orchestration.dates import DateRange
from spymaster_lake.orchestration.recorder import Observer
from spymaster_lake.orchestration.registry import StageRegistry
from spymaster_lake.orchestration.types import Environment
from spymaster_lake.sessions.calendar import SessionCalendar
from spymaster_lake.simulator import VENDORS, SimulationReport, simulate


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
    """What the demo made, what became of the indices, and how long each step took."""

    dates: tuple[date, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    runs: list[RunRecord] = field(default_factory=list)
    indices: str = ""


def run_demo(
    env: Environment,
    registry: StageRegistry,
    request: DemoRequest,
    *,
    observer: Observer | None = None,
    announce: Callable[[str], None] = lambda _: None,
) -> DemoReport:
    """Simulate, then build the lake from the simulated files as from any others.

    Args:
        env: environment of the demo lake.
        registry: the stages.
        request: what to make.
        observer: told of every change of a run record.
        announce: told the name of each step as it begins.
    """
    report, profile = DemoReport(), env.profiles[request.instrument]
    calendar = SessionCalendar(profile.calendar)
    announce("simulate")
    began = time.perf_counter()
    simulated = _simulate(env, profile, calendar, request)
    report.seconds["simulate"] = round(time.perf_counter() - began, 1)
    days = [s.day for s in simulated.sessions][profile.warmup_sessions :]
    built = build(
        env,
        registry,
        BuildRequest(
            request.instrument,
            request.pipeline_version,
            asked=DateRange(days[0], days[-1], by_range=True),
            on_bad_file="fail",
            on_bad_date="fail",
            only_stale=False,
            # as of the last session, so that its episodes can ask the index (08 B5, B6)
            index_as_of=days[-1],
            index_overrides={"build_indices.min_partition_size": request.min_partition_size},
        ),
        observer=observer,
        announce=announce,
    )
    report.dates, report.runs, report.indices = built.dates, built.runs, built.indices
    report.seconds |= built.seconds
    report.facts = {
        "sessions simulated": len(simulated.sessions),
        **lake_facts(env, request.instrument, request.pipeline_version),
    }
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
