"""The instruments that laws and proofs run for: a future with options, a share with options.

Another instrument is one more row of `MARKETS`; nothing that is tested changes with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest import mock

from spymaster_lake.contracts.profile import InstrumentProfile
from spymaster_lake.ingest.job import IngestRequest, ingest
from spymaster_lake.lake.instruments import load_profiles
from spymaster_lake.lake.paths import LakePathResolver
from spymaster_lake.sessions.calendar import SessionCalendar
from spymaster_lake.simulator import VENDORS, simulate
from spymaster_lake.simulator.model import SIZES, SimulationSize
from tests.option_feed import make_option_feed_whole

REPOSITORY = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Market:
    """An instrument and the version of its manifests.

    Attributes:
        instrument: its name.
        version: of all its manifests.
        front: Bronze partition value of its own prints and book in late November 2025.
        next: the one from the December roll on; the same where nothing rolls.
        enrich: adds to Bronze below a root what the simulated vendor of its options does not sell.
    """

    instrument: str
    version: str
    front: str
    next: str
    enrich: Callable[[Path, str], None] | None = None

    @cached_property
    def profile(self) -> InstrumentProfile:
        """The profile of the repository."""
        return load_profiles(REPOSITORY / "conf")[self.instrument]

    @property
    def products(self) -> tuple[str, str]:
        """Its own product, and that of its options."""
        return self.profile.product, "options"

    @property
    def vendor(self) -> str:
        """Whose files the simulator writes."""
        return VENDORS[self.profile.product]

    @property
    def datasets(self) -> tuple[str, str]:
        """Bronze datasets of its own prints and book."""
        return "trades", self.profile.book.source


MARKETS: dict[str, Market] = {
    m.instrument: m
    for m in (
        Market("es", "4.5.0", front="ESZ5", next="ESH6"),
        Market("tsla", "1.0.0", front="TSLA", next="TSLA", enrich=make_option_feed_whole),
    )
}
"""Markets by instrument."""

ES, TSLA = MARKETS["es"], MARKETS["tsla"]


def simulate_market(
    root: Path,
    market: Market,
    *,
    start: date,
    sessions: int,
    size: str | SimulationSize,
    seed: int,
    enriched: bool = True,
    **options: Any,
) -> None:
    """Simulate sessions of a market below `root`, ingest and enrich them.

    Args:
        root: data root.
        market: what is simulated.
        start: first session at or after this date.
        sessions: number of sessions.
        size: name of a size, or one of the test's own.
        seed: of the simulation.
        enriched: whether Bronze gets what the vendor does not sell; it has no raw file then.
        options: of `simulate`.
    """
    own, paths = market.profile, LakePathResolver(str(root))
    sizes: Mapping[str, SimulationSize] = {}
    if isinstance(size, SimulationSize):
        size, sizes = size.name, {size.name: size}
    with mock.patch.dict(SIZES, sizes):
        simulate(
            *(paths.raw_dir(market.instrument, p, market.vendor) for p in market.products),
            own,
            SessionCalendar(own.calendar),
            start=start,
            sessions=sessions,
            size=size,
            seed=seed,
            **options,
        )
    profiles = load_profiles(REPOSITORY / "conf")
    for product in market.products:
        ingest(None, IngestRequest(str(root), market.instrument, product, market.vendor), profiles)
    if enriched and market.enrich is not None:
        market.enrich(root, market.instrument)
