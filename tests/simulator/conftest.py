"""One small simulation over Thanksgiving, an early close and the December roll, shared by all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from spymaster_lake.contracts.profile import InstrumentProfile
from spymaster_lake.sessions.calendar import SessionCalendar
from spymaster_lake.simulator import SimulationReport, simulate
from tests.simulator.vendor_reading import read

CONF = Path(__file__).parents[2] / "conf"
FIRST, SESSIONS = date(2025, 11, 26), 18


@dataclass(frozen=True)
class Simulated:
    futures: Path
    options: Path
    report: SimulationReport
    calendar: SessionCalendar
    profile: InstrumentProfile

    def records(
        self, day: date, schema: str, contract: str | None = None, *, options: bool = False
    ):
        """Records of one file; of one contract without malformed ones, if named."""
        symbols, records = read(self.options if options else self.futures, day, schema)
        if contract is None:
            return symbols, records
        clock = self.calendar.clock(day)
        ids = [i for i, symbol in symbols.items() if symbol == contract]
        good = np.isin(records["instrument_id"], ids)
        good &= records["ts_event"] < clock.end_ns
        good &= (records["flags"] & 32) == 0
        if schema == "trades":
            good &= (
                (records["size"] > 0)
                & (records["price"] > 0)
                & (records["price"] % 250_000_000 == 0)
            )
        else:
            good &= records["levels"]["bid_px"][:, 0] % 250_000_000 == 0
        return symbols, records[good]


@pytest.fixture(scope="session")
def profile() -> InstrumentProfile:
    """The profile of es."""
    return InstrumentProfile.from_yaml(CONF / "instruments" / "es.yaml")


@pytest.fixture(scope="session")
def calendar(profile) -> SessionCalendar:
    """The sessions of es."""
    return SessionCalendar(profile.calendar)


@pytest.fixture(scope="session")
def simulated(profile, calendar, tmp_path_factory) -> Simulated:
    """Eighteen tiny sessions from 2025-11-26 to 2025-12-22."""
    root = tmp_path_factory.mktemp("simulated")
    report = simulate(
        root / "futures", root / "options", profile, calendar,
        start=FIRST, sessions=SESSIONS, size="tiny", seed=3, processes=1,
    )  # fmt: skip
    return Simulated(root / "futures", root / "options", report, calendar, profile)
