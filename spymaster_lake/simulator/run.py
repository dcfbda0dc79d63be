"""Simulate a range of sessions, several at a time; the result does not depend on how many.

The profile's product decides what kind of market it is, and in which vendor's files it is written.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

from spymaster_lake.contracts.errors import ConfigError, UnknownNameError
from spymaster_lake.contracts.profile import InstrumentProfile
from spymaster_lake.sessions.calendar import SessionCalendar
from spymaster_lake.simulator.contract import SessionTask
from spymaster_lake.simulator.equity_model import EquityTask
from spymaster_lake.simulator.equity_plans import equity_facts, equity_plans
from spymaster_lake.simulator.equity_session import write_equity_session
from spymaster_lake.simulator.market import market_model
from spymaster_lake.simulator.model import (
    SIZES,
    MarketModel,
    SessionReport,
    SimulationReport,
    SimulationSize,
)
from spymaster_lake.simulator.plans import market_facts, session_plans
from spymaster_lake.simulator.session import write_session

VENDORS: Mapping[str, str] = {"futures": "databento", "equities": "polygon"}
"""Vendor whose files are written, by the profile's product; its folder below `raw/`."""


def simulate(
    raw_dir: str | Path,
    raw_options_dir: str | Path,
    profile: InstrumentProfile,
    calendar: SessionCalendar,
    *,
    start: date,
    sessions: int,
    size: str = "light",
    seed: int = 0,
    strength: float = 0.0,
    processes: int = 2,
    with_faults: bool = True,
    model: MarketModel | None = None,
) -> SimulationReport:
    """Write vendor files of simulated sessions, one file of a kind per session.

    Futures, `{date}.{schema}.dbn.zst`: trades and mbp-10 of the two nearest contracts and of their
    calendar spread; of their options trades, statistics and definition of the chains expiring on the
    day and at the next session. Equities, `{trades,quotes}_v1/{date}.csv.gz`: prints and national
    bests of the share; if it has options, prints of those expiring on the day and in the week. A
    file is a function of (profile, calendar, date, size, seed, strength, with_faults, model) alone.

    Args:
        raw_dir: directory of the files of the profile's product; created.
        raw_options_dir: directory of the options files; created if there are any.
        profile: futures with options, or a share.
        calendar: its sessions; holidays are skipped, early closes shorten a session.
        start: first session at or after this date.
        sessions: number of sessions.
        size: a key of `SIZES`.
        seed: seed, >= 0.
        strength: 0 for a null market, in which the path after any print is independent of all that
            came before, given its price; at 1 order-flow pressure that lasts about twenty minutes
            predicts a drift over the next four of about one standard deviation.
        processes: sessions written at the same time.
        with_faults: add malformed and foreign records; the report counts them.
        model: constants of the price process; None: those of the profile.

    Returns:
        Records by file, prints and volume by contract, malformed records by reason.

    Raises:
        UnknownNameError: no such size.
        ConfigError: the product has no simulated market, the profile lacks a block that one needs,
            a number is out of range, or a folder is not local.
    """
    if size not in SIZES:
        raise UnknownNameError("simulation size", size, SIZES)
    if seed < 0 or processes < 1:
        raise ConfigError(f"seed is {seed}, processes is {processes}; allowed: >= 0 and >= 1")
    if any("://" in str(folder) for folder in (raw_dir, raw_options_dir)):
        raise ConfigError(f"{raw_dir}: the simulator writes to local folders only")
    if profile.product not in VENDORS:
        raise ConfigError(
            f"{profile.instrument}: product {profile.product!r} has no simulated market; allowed: "
            f"{', '.join(VENDORS)}"
        )
    started = time.perf_counter()
    make = _futures_tasks if profile.product == "futures" else _equity_tasks
    write: Callable[[Any], SessionReport] = (
        write_session if profile.product == "futures" else write_equity_session
    )
    tasks = make(
        profile,
        calendar,
        start=start,
        sessions=sessions,
        size=SIZES[size],
        seed=seed,
        strength=strength,
        with_faults=with_faults,
        model=model,
        folders=(Path(raw_dir), Path(raw_options_dir)),
    )
    workers = min(processes, len(tasks))
    if workers == 1:
        reports = [write(task) for task in tasks]
    else:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            reports = list(pool.map(write, tasks))
    return SimulationReport(tuple(reports), time.perf_counter() - started)


def _futures_tasks(
    profile: InstrumentProfile,
    calendar: SessionCalendar,
    *,
    start: date,
    sessions: int,
    size: SimulationSize,
    seed: int,
    strength: float,
    with_faults: bool,
    model: MarketModel | None,
    folders: tuple[Path, Path],
) -> Sequence[SessionTask]:
    facts = market_facts(profile)
    used = model or market_model(profile)
    plans = session_plans(profile, calendar, start=start, sessions=sessions, seed=seed, model=used)
    return [
        SessionTask(plan, facts, used, size, seed, strength, with_faults, *folders)
        for plan in plans
    ]


def _equity_tasks(
    profile: InstrumentProfile,
    calendar: SessionCalendar,
    *,
    start: date,
    sessions: int,
    size: SimulationSize,
    seed: int,
    strength: float,
    with_faults: bool,
    model: MarketModel | None,
    folders: tuple[Path, Path],
) -> Sequence[EquityTask]:
    facts = equity_facts(profile)
    used = model or market_model(profile)
    plans = equity_plans(profile, calendar, start=start, sessions=sessions, seed=seed, model=used)
    return [
        EquityTask(plan, facts, used, size, seed, strength, with_faults, *folders) for plan in plans
    ]
