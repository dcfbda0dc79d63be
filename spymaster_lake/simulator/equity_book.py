"""The national best bid and offer of a share: one visible level a side, moving with its price.

The price path is thinned to as many steps as the quotes have room for; each kept step moves the
quote so that the path's price is its bid or its offer. Regular prints are at that price, so they are
the null walk itself. In between, one side's size and exchange change.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spymaster_lake.simulator.equity_model import EquityTask
from spymaster_lake.simulator.equity_shape import regular_hours
from spymaster_lake.simulator.model import MINUTE, SECOND
from spymaster_lake.simulator.path import StepPath, thinned
from spymaster_lake.simulator.shape import F64, I64, Bool, SessionShape, random_times
from spymaster_lake.simulator.tape import quote_states

_MOVES_SHARE = 0.5
_SPREAD_OF_PRICE = 8e-5
_WIDER_OUTSIDE = 6.0
_WIDEST = 40
_REGULAR_QUOTES = 0.94
_LOTS, _LOTS_SPREAD, _LOTS_ON_FLOW = 1.2, 0.7, 0.35
_AFTER_PRINT, _TAKEN = 0.3, 0.4
_REACTION = (20_000, 200_000)
_ROUND_LOT = 100
LIT = (12, 11, 19, 8, 10, 15)
"""The vendor's numbers of some exchanges that show quotes."""

LIT_SHARES = (0.34, 0.2, 0.2, 0.12, 0.1, 0.04)


@dataclass(frozen=True, slots=True)
class QuoteStates:
    """The quote's prices.

    Attributes:
        time: int64[q], ns since the session start, ascending, may repeat.
        bid, ask: int64[q], ticks, from that instant on.
        side: int64[q], +1 where the path's price is the offer, -1 where it is the bid.
    """

    time: I64
    bid: I64
    ask: I64
    side: I64

    @property
    def touch(self) -> I64:
        """int64[q], the path's price, ticks."""
        return np.where(self.side > 0, self.ask, self.bid)

    def before(self, time: I64) -> I64:
        """State in force strictly before each instant; the first one where there is none."""
        return np.maximum(np.searchsorted(self.time, time, "left") - 1, 0)


@dataclass(frozen=True, slots=True)
class QuoteTable:
    """Quote records: prices of the state and shares shown.

    Attributes:
        time: int64[n], ascending.
        bid, ask: int64[n], ticks.
        bid_size, ask_size: int64[n], shares.
        bid_exchange, ask_exchange: int64[n], the vendor's numbers.
    """

    time: I64
    bid: I64
    ask: I64
    bid_size: I64
    ask_size: I64
    bid_exchange: I64
    ask_exchange: I64


def thin_path(task: EquityTask, path: StepPath) -> StepPath:
    """The path at as many steps as the quotes have room for."""
    room = task.size.book_updates * _MOVES_SHARE
    return thinned(path, task.rng("thin"), room / max(len(path.time), 1))


def quoted(
    task: EquityTask, path: StepPath, shape: SessionShape, redraw: I64, flow: F64
) -> QuoteStates:
    """The quote's prices at every step of `path` and at every instant of `redraw`."""
    rng = task.rng("quote states")
    time, step, side = quote_states(rng, path, redraw, flow)
    price = np.rint(path.price[step] * task.plan.basis).astype(np.int64)
    regular = regular_hours(shape)[np.minimum(time // MINUTE, shape.minutes - 1)]
    mean = _SPREAD_OF_PRICE * price * np.where(regular, 1.0, _WIDER_OUTSIDE)
    spread = np.minimum(1 + rng.poisson(np.maximum(mean, 0.0)), _WIDEST)
    bid = np.where(side > 0, price - spread, price)
    return QuoteStates(time, bid, bid + spread, side)


def quote_table(
    task: EquityTask, states: QuoteStates, prints: I64, shape: SessionShape, flow: F64
) -> QuoteTable:
    """All quote records: the states, and changes of one side's size until there are enough.

    Args:
        task: the session.
        states: the quote's prices.
        prints: int64[k], times of prints; some take part of what the quote shows.
        shape: activity per minute.
        flow: float64[seconds], order-flow pressure; it shows in the sizes.
    """
    rng = task.rng("quotes")
    hit = prints[rng.random(len(prints)) < _AFTER_PRINT]
    hit = np.sort(hit + rng.integers(*_REACTION, len(hit)))
    rest = max(task.size.book_updates - len(states.time) - len(hit), 0)
    weights = np.where(regular_hours(shape), shape.volume, 0.0)
    thin = np.where(regular_hours(shape), 0.0, shape.variance)
    weights = weights / weights.sum() * _REGULAR_QUOTES
    weights += thin / thin.sum() * (1.0 - _REGULAR_QUOTES)
    other = random_times(rng, rest, weights)
    other = other[other > states.time[0]]
    hit = hit[hit > states.time[0]]
    time = np.concatenate([states.time, hit, other])
    kind = np.repeat([0, 1, 2], [len(states.time), len(hit), len(other)])
    order = np.argsort(time, kind="stable")
    time, kind = time[order], kind[order]
    state = np.cumsum(kind == 0) - 1
    other_side = np.where(rng.random(len(time)) < 0.5, 1, -1)
    changed = np.where(kind == 1, states.side[state], other_side)
    sides = {}
    for name, sign in (("bid", -1), ("ask", 1)):
        is_new = (kind == 0) | (changed == sign)
        sides[name] = _side(rng, is_new, kind == 1, -sign * flow[time // SECOND])
    return QuoteTable(
        time, states.bid[state], states.ask[state],
        sides["bid"][0], sides["ask"][0], sides["bid"][1], sides["ask"][1],
    )  # fmt: skip


def _side(rng: np.random.Generator, is_new: Bool, is_taken: Bool, flow: F64) -> tuple[I64, I64]:
    """Shares and exchange of one side after each record; they last until drawn anew."""
    n = len(is_new)
    lots = np.exp(rng.normal(_LOTS, _LOTS_SPREAD, n) + _LOTS_ON_FLOW * flow)
    lots = np.ceil(np.where(is_taken, _TAKEN * lots, lots)).astype(np.int64)
    exchange = rng.choice(LIT, n, p=LIT_SHARES)
    source = np.maximum.accumulate(np.where(is_new, np.arange(n), 0))
    return lots[source] * _ROUND_LOT, exchange[source]
