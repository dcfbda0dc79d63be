"""What one simulated session of a share is made of: facts of the instrument, plan of the session."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from spymaster_lake.simulator.model import MarketModel, SessionTimes, SimulationSize
from spymaster_lake.simulator.randomness import generator


@dataclass(frozen=True, slots=True)
class OptionFacts:
    """Facts of the options on the share, from the profile.

    Attributes:
        root: root of their OCC symbols.
        strike_step: distance of neighbouring strikes, points.
        tick: price step, points.
        volatility: at the money in an average session, per root year.
    """

    root: str
    strike_step: float
    tick: float
    volatility: float


@dataclass(frozen=True, slots=True)
class EquityFacts:
    """Facts of the share that the workers need, from its profile.

    Attributes:
        symbol: ticker.
        tick: price step, points.
        far: a print farther from the quote than this share of its price is doubtful.
        price_max: largest plausible price, points.
        close_grace_ns: for so long after its end the tape may still report.
        options: None if it has no options.
    """

    symbol: str
    tick: float
    far: float
    price_max: float
    close_grace_ns: int
    options: OptionFacts | None


@dataclass(frozen=True, slots=True)
class Expiry:
    """One expiry of options listed in a session.

    Attributes:
        day: last day on which they can be exercised.
        expiration: instant of their expiry, ns.
        trade_share: share of the session's option prints.
        dividends: cash paid on the share until then, points.
    """

    day: date
    expiration: int
    trade_share: float
    dividends: float


@dataclass(frozen=True, slots=True)
class EquityPlan:
    """Everything a worker needs to write one session, whatever the other sessions are.

    Attributes:
        times: bounds of the session.
        open_ticks: price at the start in ticks, on the basis of the newest split.
        steps, ups, volatility: as in `SessionPlan`.
        basis: what a price is multiplied by to stand on the session's own basis.
        lot: shares in one unit of the vendor's quote sizes.
        expiries: of the options, nearest first.
        rate: risk-free rate.
        premarket_minutes: minutes of the pre-market with a regular print, least and most.
        quiet_minutes: minutes of regular hours without one.
    """

    times: SessionTimes
    open_ticks: int
    steps: int
    ups: int
    volatility: float
    basis: float
    lot: int
    expiries: tuple[Expiry, ...]
    rate: float
    premarket_minutes: tuple[int, int]
    quiet_minutes: int


@dataclass(frozen=True, slots=True)
class EquityTask:
    """What a worker is asked to do; see `SessionTask`."""

    plan: EquityPlan
    facts: EquityFacts
    model: MarketModel
    size: SimulationSize
    seed: int
    strength: float
    with_faults: bool
    equities_dir: Path
    options_dir: Path

    def rng(self, purpose: str) -> np.random.Generator:
        """Random numbers of this session for one purpose."""
        return generator(self.seed, self.plan.times.day, purpose)
