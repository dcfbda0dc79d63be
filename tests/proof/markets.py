"""The markets of the proofs: how each is simulated, and what each cannot show.

Another instrument is one more row of `SETUPS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from spymaster_lake.simulator.model import SimulationSize
from tests.markets import ES, TSLA, Market
from tests.proof.jumps import Liveliness

Place = tuple[str, str]
"""(dataset, column); an entry of the vector by its name in `comparison.ENTRIES`."""


@dataclass(frozen=True)
class Setup:
    """A simulated market that proofs run on.

    Attributes:
        market: the instrument.
        size: records a session: as "light", with more clusters of prints, so that sweeps occur.
        variance: of the sessions, times the usual: price comes nearer to the level within the
            entry bar.
        liveliness: what is put on top of the whole sessions.
        mirror_ticks: twice the centre of the mirror; None: twice the session's reference price and
            one more, so that widths that follow the price are those of the mirrored session too.
        never_known: columns that may be without a single value to compare, each with the reason.
        degenerate: columns that a simulated month cannot show, each with the reason.
    """

    market: Market
    size: SimulationSize
    variance: float
    liveliness: Liveliness
    mirror_ticks: int | None = None
    never_known: Mapping[Place, str] = field(default_factory=dict)
    degenerate: Mapping[Place, str] = field(default_factory=dict)


_FEW_PRINTS = (
    "needs prints within half a point of the level before two events of one attempt cluster; a "
    "light session has about twenty prints a minute"
)
_BAR_BEFORE = (
    "its window is the bar before the entry bar, which by definition has no print in the zone"
)
_ONE_LEVEL = (
    "a book of one level a side shows the level only while price is at it; twice at the instants "
    "that this column compares is rare"
)

SETUPS: dict[str, Setup] = {
    s.market.instrument: s
    for s in (
        Setup(
            ES,
            SimulationSize("proof", 10_000, 40_000, 1_500, 1_200, 1.2, 8.0, 0.5, 0.0),
            variance=2.0,
            liveliness=Liveliness(seeds=(0, 1), reach_ticks=56),
            mirror_ticks=2 * 27_200 + 1,
            never_known={
                ("episodes/vectors", "vector_raw[72] tape_imbalance_lag2"): _BAR_BEFORE,
                ("episodes/vectors", "vector_raw[91] wall_ratio_log_lag3"): (
                    "its state lies in that bar too: price is 5 points away, the book shows 2.5"
                ),
            },
            degenerate={
                ("signals", "tape_imbalance_trend"): _FEW_PRINTS,
                ("state_table", "tape_imbalance_trend"): _FEW_PRINTS,
            },
        ),
        Setup(
            TSLA,
            SimulationSize("proof", 16_000, 40_000, 1_500, 1_200, 1.2, 8.0, 0.5, 0.0),
            variance=2.0,
            liveliness=Liveliness(seeds=(10, 13), reach_ticks=150, bursts=300),
            never_known={
                ("episodes/vectors", "vector_raw[72] tape_imbalance_lag2"): _BAR_BEFORE,
                ("episodes/vectors", "vector_raw[90] wall_ratio_log_lag4"): _ONE_LEVEL,
                ("episodes/vectors", "vector_raw[91] wall_ratio_log_lag3"): _ONE_LEVEL,
            },
            degenerate={
                ("signals", name): _ONE_LEVEL
                for name in (
                    "barrier_delta_2min",
                    *(f"barrier_pct_change_{minutes}min" for minutes in (1, 2, 3, 5)),
                )
            },
        ),
    )
}
"""Setups by instrument."""
