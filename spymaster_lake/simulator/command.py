"""The command line of the simulation job, apart from the door in `jobs/`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import date

from spymaster_lake.contracts.settings import Settings
from spymaster_lake.lake.instruments import InstrumentResolver, load_profiles
from spymaster_lake.lake.paths import LakePathResolver
from spymaster_lake.sessions.calendar import SessionCalendar
from spymaster_lake.simulator.model import SIZES, SimulationReport
from spymaster_lake.simulator.run import simulate

SOURCE = "databento"


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The arguments of `jobs/simulate.py`; instrument, start and number of sessions are required."""
    parser = argparse.ArgumentParser(
        prog="simulate", description="Vendor files of simulated sessions."
    )
    parser.add_argument("--instrument", required=True, help="such as es")
    parser.add_argument(
        "--start", required=True, type=date.fromisoformat, help="first session at or after"
    )
    parser.add_argument("--sessions", required=True, type=int, help="number of sessions")
    parser.add_argument("--size", choices=tuple(SIZES), default="light", help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="(%(default)s)")
    parser.add_argument(
        "--strength", type=float, default=0.0, help="0: a null market (%(default)s)"
    )
    parser.add_argument("--processes", type=int, default=2, help="sessions at a time (%(default)s)")
    parser.add_argument("--no-faults", action="store_true", help="no malformed records")
    parser.add_argument("--data-root", help="root of the lake: a local folder")
    return parser.parse_args(argv)


def run_simulation(arguments: argparse.Namespace, settings: Settings) -> SimulationReport:
    """Write the sessions that the arguments ask for below `raw/` of the lake."""
    profiles = load_profiles(settings.conf_dir)
    profile = InstrumentResolver(profiles).profile(arguments.instrument)
    paths = LakePathResolver(settings.data_root)
    return simulate(
        paths.raw_dir(profile.instrument, "futures", SOURCE),
        paths.raw_dir(profile.instrument, "options", SOURCE),
        profile,
        SessionCalendar(profile.calendar),
        start=arguments.start,
        sessions=arguments.sessions,
        size=arguments.size,
        seed=arguments.seed,
        strength=arguments.strength,
        processes=arguments.processes,
        with_faults=not arguments.no_faults,
    )


def describe(report: SimulationReport) -> str:
    """One line for the terminal."""
    first, last = report.sessions[0].day, report.sessions[-1].day
    count = len(report.sessions)
    return (
        f"{count} sessions, {first} to {last}: {report.records:,} records in {report.seconds:.1f} s"
    )
