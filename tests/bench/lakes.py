"""The simulated lakes that are measured; made once and kept under build/."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from spymaster_lake.contracts.profile import InstrumentProfile
from spymaster_lake.contracts.settings import find_home
from spymaster_lake.ingest.job import IngestRequest, ingest
from spymaster_lake.lake.instruments import load_profiles
from spymaster_lake.lake.paths import LakePathResolver
from spymaster_lake.sessions.calendar import SessionCalendar
from spymaster_lake.simulator import simulate

HOME = find_home()
BUILD = HOME / "build"
INSTRUMENT, VERSION, SOURCE = "es", "4.5.0", "databento"
START = date(2025, 10, 6)
"""First session; far from a roll."""

SEED = 11
FULL_SESSIONS = 5


@dataclass(frozen=True, slots=True)
class BenchLake:
    """An ingested lake.

    Attributes:
        root: its data root.
        size: size of the sessions to run.
        days: sessions that can run, after the warm-up sessions.
    """

    root: Path
    size: str
    days: tuple[date, ...]

    @property
    def paths(self) -> LakePathResolver:
        """Paths of the lake."""
        return LakePathResolver(str(self.root))

    def raw(self, day: date, schema: str, product: str = "futures") -> Path:
        """One vendor file."""
        folder = Path(self.paths.raw_dir(INSTRUMENT, product, SOURCE))
        return folder / f"{day}.{schema}.dbn.zst"

    def clear(self) -> None:
        """Remove everything that pipelines made; raw files and Bronze stay."""
        for name in ("silver", "gold", "_meta"):
            shutil.rmtree(self.root / name, ignore_errors=True)


def profile() -> InstrumentProfile:
    """The measured instrument."""
    return load_profiles(HOME / "conf")[INSTRUMENT]


def bench_lake(size: str) -> BenchLake:
    """Light warm-up sessions and then `FULL_SESSIONS` sessions of `size`, raw and Bronze.

    The folder is made under a temporary name, so an interrupted attempt is not taken for a lake.
    """
    root, facts = BUILD / "bench-lake" / size, profile()
    calendar = SessionCalendar(facts.calendar)
    begin = calendar.sessions(START, date(START.year, 12, 31))
    warmup = begin[: facts.warmup_sessions]
    days = begin[len(warmup) : len(warmup) + FULL_SESSIONS]
    if not root.is_dir():
        making = root.with_name(f"{size}.making")
        shutil.rmtree(making, ignore_errors=True)
        _simulate(making, warmup[0], len(warmup), "light", facts, calendar)
        _simulate(making, days[0], len(days), size, facts, calendar)
        for product in ("futures", "options"):
            ingest(None, IngestRequest(str(making), INSTRUMENT, product), {INSTRUMENT: facts})
        making.rename(root)
    return BenchLake(root, size, tuple(days))


def _simulate(
    root: Path,
    start: date,
    sessions: int,
    size: str,
    facts: InstrumentProfile,
    calendar: SessionCalendar,
) -> None:
    paths = LakePathResolver(str(root))
    simulate(
        paths.raw_dir(INSTRUMENT, "futures", SOURCE),
        paths.raw_dir(INSTRUMENT, "options", SOURCE),
        facts,
        calendar,
        start=start,
        sessions=sessions,
        size=size,
        seed=SEED,
    )
