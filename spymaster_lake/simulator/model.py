"""What one simulated session is made of: sizes, market constants, and the plan of a session."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

SECOND = 1_000_000_000
MINUTE = 60 * SECOND


@dataclass(frozen=True, slots=True)
class SimulationSize:
    """How much is simulated per session.

    Attributes:
        name: "tiny", "light" or "full".
        trades: prints of all outright contracts, before clusters.
        book_updates: book records of all outright contracts.
        option_trades: prints of options on futures; 0: none. Options of shares print as often as
            the shares.
        clusters: instants at which several prints share one time.
        print_mu: mean of the log of a print's size in contracts.
        change_mean: mean absolute size change of one book update, contracts.
        side_redraw: chance that a print redraws its aggressor side from the order-flow pressure.
        book_outside: share of the book updates outside the book window.
    """

    name: str
    trades: int
    book_updates: int
    option_trades: int
    clusters: int
    print_mu: float
    change_mean: float
    side_redraw: float
    book_outside: float


SIZES: dict[str, SimulationSize] = {
    "tiny": SimulationSize("tiny", 2_500, 4_000, 120, 40, 1.2, 8.0, 0.5, 0.0),
    "light": SimulationSize("light", 10_000, 40_000, 1_500, 300, 1.2, 8.0, 0.5, 0.0),
    "full": SimulationSize("full", 600_000, 5_000_000, 5_000, 4_000, 0.3, 3.0, 0.03, 0.1),
}
"""The sizes by name; "tiny" is meant for tests."""


@dataclass(frozen=True, slots=True)
class MarketModel:
    """Constants of the price process; prices in ticks, variance in ticks squared.

    Attributes:
        mean_ticks: level to which the continuous price reverts.
        mean_quarter: (year, month) of the contract whose price equals the continuous price, if any.
        quarter_basis_ticks: price of a quarterly contract above the one before it.
        reversion: share of the distance to the mean expected to be undone in a session.
        session_variance: unit price steps in an average session, that is its variance.
        volatility_memory, volatility_noise: autoregression of the log of the session's variance.
        gap_ticks: standard deviation of the jump between two sessions.
        pressure_gain: at strength 1, log odds of an up step per unit of order-flow pressure.
        pressure_seconds: memory of the order-flow pressure in a null market.
        planted_seconds: the same at any other strength: flow lasts long enough to be seen before a
            test of a level and to push the price after it.
    """

    mean_ticks: int
    session_variance: float
    gap_ticks: float
    reversion: float
    pressure_gain: float
    mean_quarter: tuple[int, int] | None = None
    quarter_basis_ticks: int = 0
    volatility_memory: float = 0.9
    volatility_noise: float = 0.12
    pressure_seconds: int = 240
    planted_seconds: int = 1_200


@dataclass(frozen=True, slots=True)
class MarketFacts:
    """Facts of the instrument that the workers need, from its profile.

    Attributes:
        root: futures root.
        dataset: the vendor's name of the feed.
        exchange: where it trades.
        tick_fixed: one tick in the vendor's fixed-point prices (1e-9 of a point).
        tick: one tick in points.
        multiplier: USD per point.
        strike_step: distance of neighbouring strikes, points.
        option_tick: price step of the options, points.
        option_volatility: their volatility at the money in an average session, per root year.
    """

    root: str
    dataset: str
    exchange: str
    tick_fixed: int
    tick: float
    multiplier: float
    strike_step: float
    option_tick: float
    option_volatility: float


@dataclass(frozen=True, slots=True)
class SessionTimes:
    """Bounds of one session, int64 ns UTC.

    Attributes:
        day: session date.
        previous_end: end of the session before.
        start: first instant.
        premarket: start of the pre-market.
        open: regular open.
        close: regular or early close, also the expiry of the day's options.
        stop: end of trading (`end`, or a quarter of an hour after an early close).
        end: session end.
    """

    day: date
    previous_end: int
    start: int
    premarket: int
    open: int
    close: int
    stop: int
    end: int


@dataclass(frozen=True, slots=True)
class ContractPlan:
    """One outright contract in one session.

    Attributes:
        code: root, month letter and digit of the year.
        instrument_id: vendor id.
        expiry: its last trade date.
        offset: price above the continuous price, ticks.
        trade_share: share of the session's prints.
        book_share: share of the session's book updates.
        is_dense: whether nearly every minute has a print.
        stop: end of its trading, ns.
    """

    code: str
    instrument_id: int
    expiry: date
    offset: int
    trade_share: float
    book_share: float
    is_dense: bool
    stop: int


@dataclass(frozen=True, slots=True)
class ChainPlan:
    """All options of one expiry listed in one session.

    Attributes:
        root: option root with month and year.
        expiration: expiry instant, ns.
        underlying: index of the futures contract in the session plan.
        first_id: vendor id of its first option; ids are reused on other dates.
        trade_share: share of the session's option prints.
    """

    root: str
    expiration: int
    underlying: int
    first_id: int
    trade_share: float


@dataclass(frozen=True, slots=True)
class SessionPlan:
    """Everything a worker needs to write one session, whatever the other sessions are.

    Attributes:
        times: bounds of the session.
        open_ticks: continuous price at the start.
        steps: number of unit price steps.
        ups: how many of them go up.
        volatility: square root of the session's variance relative to the average.
        contracts: the two nearest outright contracts, nearest expiry first; `leader` indexes them.
        leader: the contract with the dense tape and the full book.
        chains: the option chains.
        rate: risk-free rate.
        quiet_minutes: minutes without a print that the dense contract may have.
    """

    times: SessionTimes
    open_ticks: int
    steps: int
    ups: int
    volatility: float
    contracts: tuple[ContractPlan, ...]
    leader: int
    chains: tuple[ChainPlan, ...]
    rate: float
    quiet_minutes: int

    @property
    def close_ticks(self) -> int:
        """Continuous price at the end."""
        return self.open_ticks + 2 * self.ups - self.steps


@dataclass(frozen=True, slots=True)
class SessionReport:
    """What was written for one session.

    Attributes:
        day: session date.
        files: records by file path.
        trades: prints by contract code.
        volume: contracts traded by contract code.
        book: book records by contract code.
        faults: malformed or foreign records by "schema/reason".
    """

    day: date
    files: dict[str, int]
    trades: dict[str, int]
    volume: dict[str, int]
    book: dict[str, int]
    faults: dict[str, int]


@dataclass(frozen=True, slots=True)
class SimulationReport:
    """What a simulation wrote, in date order; `seconds` is its elapsed time."""

    sessions: tuple[SessionReport, ...]
    seconds: float = field(compare=False, default=0.0)

    @property
    def records(self) -> int:
        """Records in all files."""
        return sum(sum(s.files.values()) for s in self.sessions)
