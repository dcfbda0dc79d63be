"""Simulate a range of sessions, several at a time; the result does not depend on how many."""

from __future__ import annotations

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from pathlib import Path

from spymaster_lake.contracts.errors import ConfigError, UnknownNameError
from spymaster_lake.contracts.profile import InstrumentProfile
from spymaster_lake.sessions.calendar import SessionCalendar
from spymaster_lake.simulator.contract import SessionTask
from spymaster_lake.simulator.model import SIZES, MarketModel, SimulationReport
from spymaster_lake.simulator.plans import market_facts, session_plans
from spymaster_lake.simulator.session import write_session

DEFAULT_MODEL = MarketModel()


def simulate(
    raw_futures_dir: str | Path,
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
    model: MarketModel = DEFAULT_MODEL,
) -> SimulationReport:
    """Write vendor files of simulated sessions: `{date}.{schema}.dbn.zst`, one per session.

    Futures: trades and mbp-10 of the two nearest contracts and of their calendar spread. Options:
    trades, statistics and definition of the chains expiring on the day and at the next session. A
    file is a function of (profile, calendar, date, size, seed, strength, with_faults, model) alone.

    Args:
        raw_futures_dir: directory of the futures files; created.
        raw_options_dir: directory of the options files; created.
        profile: instrument with futures and options.
        calendar: its sessions; holidays are skipped, early closes shorten a session.
        start: first session at or after this date.
        sessions: number of sessions.
        size: a key of `SIZES`.
        seed: seed, >= 0.
        strength: 0 for a null market, in which the path after any print is independent of all that
            came before, given its price; at 1 order-flow pressure predicts a drift over the next
            four minutes of about half a standard deviation.
        processes: sessions written at the same time.
        with_faults: add malformed and foreign records; the report counts them.
        model: constants of the price process.

    Returns:
        Records by file, prints and volume by contract, malformed records by reason.

    Raises:
        UnknownNameError: no such size.
        ConfigError: the instrument has no futures or options, a number is out of range, or a folder
            is not local.
    """
    if size not in SIZES:
        raise UnknownNameError("simulation size", size, SIZES)
    if seed < 0 or processes < 1:
        raise ConfigError(f"seed is {seed}, processes is {processes}; allowed: >= 0 and >= 1")
    if any("://" in str(folder) for folder in (raw_futures_dir, raw_options_dir)):
        raise ConfigError(f"{raw_futures_dir}: the simulator writes to local folders only")
    started = time.perf_counter()
    facts = market_facts(profile)
    plans = session_plans(profile, calendar, start=start, sessions=sessions, seed=seed, model=model)
    tasks = [
        SessionTask(
            plan=plan,
            facts=facts,
            model=model,
            size=SIZES[size],
            seed=seed,
            strength=strength,
            with_faults=with_faults,
            futures_dir=Path(raw_futures_dir),
            options_dir=Path(raw_options_dir),
        )
        for plan in plans
    ]
    workers = min(processes, len(tasks))
    if workers == 1:
        reports = [write_session(task) for task in tasks]
    else:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            reports = list(pool.map(write_session, tasks))
    return SimulationReport(tuple(reports), time.perf_counter() - started)
