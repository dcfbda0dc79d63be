"""A simulated lake of 35 sessions, and the tables that the pipelines make of it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from spymaster_lake.simulator.market import market_model
from spymaster_lake.stages.spec import History
from tests.markets import simulate_market
from tests.proof.harness import Pipeline, Tables, core_pipeline
from tests.proof.markets import Setup

START, SESSIONS = date(2025, 11, 5), 35
"""Three warm-up sessions, then 32 that can be run; the last twelve have calibrated columns."""

ROLL_DAY = date(2025, 12, 15)
"""Where contracts roll, the next is the front contract for the first time."""
HALF_DAY = date(2025, 12, 24)
"""Early close at 13:00 ET."""


def build_lake(root: Path, setup: Setup) -> None:
    """Simulate and ingest all sessions below `root`."""
    model = market_model(setup.market.profile)
    simulate_market(
        root,
        setup.market,
        start=START,
        sessions=SESSIONS,
        size=setup.size,
        seed=3,
        model=replace(model, session_variance=setup.variance * model.session_variance),
    )


@dataclass(frozen=True)
class SimulatedLake:
    """The lake, the pipeline, and all tables of every session that can be run.

    Attributes:
        setup: the market.
        root: the lake.
        pipeline: the core pipeline.
        sessions: tables by session date, oldest first.
    """

    setup: Setup
    root: Path
    pipeline: Pipeline
    sessions: dict[date, Tables]

    def before(self, day: date) -> dict[date, Tables]:
        """The sessions before `day`."""
        return {d: t for d, t in self.sessions.items() if d < day}


def run_all(root: Path, setup: Setup, workers: Executor) -> SimulatedLake:
    """Run every session but the first three; calibration reads the earlier ones."""
    pipeline = core_pipeline(setup.market)
    days = pipeline.calendar.sessions(START, HALF_DAY)
    assert len(days) == SESSIONS
    runnable = days[pipeline.profile.warmup_sessions :]
    local, rest = pipeline.parts()
    sessions = dict(
        zip(runnable, workers.map(_run_local, *_each(runnable, root, local)), strict=True)
    )
    small = {d: {name: t[name] for name in _calibrated_from(rest)} for d, t in sessions.items()}
    jobs = [(day, sessions[day], {d: t for d, t in small.items() if d < day}) for day in runnable]
    whole = workers.map(_run_rest, *_each(jobs, rest))
    return SimulatedLake(setup, root, pipeline, dict(zip(runnable, whole, strict=True)))


def _each(items: Sequence[Any], *same: Any) -> tuple[Any, ...]:
    """Arguments for `map`: one item each, and the same others for all."""
    return (items, *([value] * len(items) for value in same))


def _calibrated_from(rest: Pipeline) -> set[str]:
    sources = [s for b in rest.stages for s in b.stage.sources]
    return {s.dataset for s in sources if s.history is History.PRESENT}


def _run_local(day: date, root: Path, local: Pipeline) -> Tables:
    return local.run(day, local.scans(root, day), checked=True)


def _run_rest(job: tuple[date, Tables, dict[date, Tables]], rest: Pipeline) -> Tables:
    day, tables, history = job
    return rest.run(day, {}, history=history, checked=True, done=tables)
