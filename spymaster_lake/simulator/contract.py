"""One contract of a session: its path, its tape and its book, from the session's task."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from spymaster_lake.simulator.book import BookSource
from spymaster_lake.simulator.model import (
    MINUTE,
    MarketFacts,
    MarketModel,
    SessionPlan,
    SimulationSize,
)
from spymaster_lake.simulator.path import StepPath, pressure, step_path, thinned
from spymaster_lake.simulator.queues import queue_changes
from spymaster_lake.simulator.randomness import generator
from spymaster_lake.simulator.rows import book_rows
from spymaster_lake.simulator.shape import F64, SessionShape, session_shape
from spymaster_lake.simulator.tape import Tape, contract_tape, print_counts

_QUOTE_ROWS_SHARE = 0.3
_QUOTES_PER_STEP = 0.55
_THIN_DEPTH = 0.25


@dataclass(frozen=True, slots=True)
class SessionTask:
    """What a worker is asked to do.

    Attributes:
        plan: the session.
        facts: facts of the instrument.
        model: constants of the price process.
        size: how much.
        seed: seed of the simulation.
        strength: strength of the planted effect, 0 for a null market.
        with_faults: whether malformed and foreign records are added.
        futures_dir, options_dir: where the files go.
    """

    plan: SessionPlan
    facts: MarketFacts
    model: MarketModel
    size: SimulationSize
    seed: int
    strength: float
    with_faults: bool
    futures_dir: Path
    options_dir: Path

    def rng(self, purpose: str) -> np.random.Generator:
        """Random numbers of this session for one purpose."""
        return generator(self.seed, self.plan.times.day, purpose)


@dataclass(frozen=True, slots=True)
class Market:
    """What all files of a session share.

    Attributes:
        shape: activity by minute.
        flow: float64[seconds], order-flow pressure.
        path: the continuous price.
    """

    shape: SessionShape
    flow: F64
    path: StepPath


def session_market(task: SessionTask) -> Market:
    """Activity, order-flow pressure and price of one session."""
    shape = session_shape(task.plan.times, task.rng("shape"))
    memory = task.model.planted_seconds if task.strength else task.model.pressure_seconds
    flow = pressure(task.rng("pressure"), shape.minutes * 60 + 1, memory)
    path = step_path(
        task.rng("path"),
        task.plan,
        shape=shape,
        flow=flow,
        model=task.model,
        strength=task.strength,
        clusters=task.size.clusters,
    )
    return Market(shape, flow, path)


def contract_path(task: SessionTask, market: Market, place: int) -> StepPath:
    """The path as one contract shows it: in full, or at as many steps as its book has room for."""
    contract, shape = task.plan.contracts[place], market.shape
    inside = float(shape.variance[shape.in_book_window].sum() / shape.variance.sum())
    expected = (
        len(market.path.time) * _QUOTES_PER_STEP * (1.0 if task.size.book_outside else inside)
    )
    room = task.size.book_updates * contract.book_share * _QUOTE_ROWS_SHARE
    path = market.path
    if place != task.plan.leader:
        path = replace(path, cluster=path.cluster[:0])
    return thinned(path, task.rng(f"thin {contract.code}"), room / expected)


def tape_of(task: SessionTask, market: Market, place: int) -> Tape:
    """Quotes and prints of the contract at `place` of the plan."""
    contract = task.plan.contracts[place]
    path = contract_path(task, market, place)
    rng = task.rng(f"tape {contract.code}")
    n = round(task.size.trades * contract.trade_share)
    return contract_tape(
        rng,
        path,
        print_counts(rng, task.plan, contract, shape=market.shape, n=n),
        offset=contract.offset,
        flow=market.flow,
        size=task.size,
        stop=contract.stop - task.plan.times.start,
    )


def book_of(task: SessionTask, market: Market, place: int, tape: Tape) -> BookSource:
    """The book of the contract at `place` of the plan: about as many rows as its share."""
    contract = task.plan.contracts[place]
    rng = task.rng(f"book {contract.code}")
    window = market.shape.in_book_window
    weights = np.where(window, market.shape.volume, 0.0)
    weights = window / window.sum() + weights / weights.sum()
    outside = market.shape.volume * ~window
    share = task.size.book_outside
    weights = weights / weights.sum() * (1.0 - share) + outside / outside.sum() * share
    minute = np.arange(market.shape.minutes)
    last_minute = (contract.stop - task.plan.times.start) // MINUTE
    depth = 1.0 if place == task.plan.leader else _THIN_DEPTH
    rows = book_rows(
        rng,
        tape,
        minutes=np.where(minute < last_minute, weights, 0.0),
        n=round(task.size.book_updates * contract.book_share),
        flow=market.flow,
        size=task.size,
        depth=depth,
    )
    queues = queue_changes(rng, rows, depth=depth)
    start = task.plan.times.start
    return BookSource(rows, queues, contract.instrument_id, task.facts.tick_fixed, start)
