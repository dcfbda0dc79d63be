"""The tape of one contract: its quote, one tick wide, and prints that hit the quote.

A print's price is the path's price, so the prints are the null walk itself. The quote lies on one
side of it: a buy prints at the ask, a sell at the bid. Which side is set by the last price step or
by a redraw that follows the order-flow pressure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from spymaster_lake.simulator.model import MINUTE, SECOND, ContractPlan, SessionPlan, SimulationSize
from spymaster_lake.simulator.path import StepPath
from spymaster_lake.simulator.shape import F64, I64, SessionShape, times_in_minutes

LEAD_NS = 2_000
TWIN_SHARE = 0.08
_NO_AGGRESSOR_SHARE = 0.004
_PRESSURE_ON_SIDE = 1.2
_BIG_PRINT = 1.3


@dataclass(frozen=True, slots=True)
class Tape:
    """Quotes and prints of one contract.

    Attributes:
        quote_time: int64[q], ns since the session start, ascending, may repeat.
        bid: int64[q], best bid from that instant on, ticks; the best ask is one tick higher.
        time: int64[n], print times, ascending.
        quote: int64[n], index of the quote that each print hits.
        price: int64[n], ticks.
        size: int64[n], contracts.
        side: int64[n], aggressor: +1 buy, -1 sell, 0 none.
    """

    quote_time: I64
    bid: I64
    time: I64
    quote: I64
    price: I64
    size: I64
    side: I64


def print_counts(
    rng: np.random.Generator,
    plan: SessionPlan,
    contract: ContractPlan,
    *,
    shape: SessionShape,
    n: int,
) -> npt.NDArray[np.int64]:
    """Prints per minute, int64[m]; a dense contract prints in nearly every minute.

    Two and more from the open to the close; before that, from the pre-market on, at most
    `quiet_minutes` minutes have none; at night about one two-minute bar in a hundred has none.
    """
    open_minutes = -(-(contract.stop - plan.times.start) // MINUTE)
    weights = shape.volume * (np.arange(shape.minutes) < open_minutes)
    counts = rng.multinomial(n, weights / weights.sum())
    if not contract.is_dense:
        return np.asarray(counts, np.int64)
    minute = np.arange(shape.minutes)
    day = (minute >= shape.premarket) & (minute < shape.close)
    floor = np.where(
        day, 1 + (minute >= shape.open), (minute % 2 == 0) & (rng.random(shape.minutes) < 0.99)
    ).astype(np.int64)
    quiet = shape.premarket + rng.choice(150, plan.quiet_minutes, replace=False)
    floor[quiet] = 0
    return np.where(minute < open_minutes, np.maximum(counts, floor), 0)


def contract_tape(
    rng: np.random.Generator,
    path: StepPath,
    counts: npt.NDArray[np.int64],
    *,
    offset: int,
    flow: F64,
    size: SimulationSize,
    stop: int,
) -> Tape:
    """Quotes and prints of one contract.

    Args:
        rng: source of randomness.
        path: price steps the contract follows.
        counts: int64[m], prints per minute; the cluster prints of the path come on top.
        offset: its price above the path, ticks.
        flow: float64[seconds], order-flow pressure.
        size: what sets the size of prints and how often sides are redrawn.
        stop: end of its trading, ns since the session start.
    """
    time = print_times(rng, counts)
    twin = np.flatnonzero(rng.random(len(time)) < TWIN_SHARE)
    half = time // (MINUTE // 2)
    twin = twin[(twin > 0) & (half[twin] == half[twin - 1])]
    time[twin] = time[twin - 1]
    time = time[time < stop]
    redraw = np.unique(time[rng.random(len(time)) < size.side_redraw])
    quote_time, step, side = quote_states(rng, path, redraw - LEAD_NS, flow)
    bid = offset + path.price[step] - (side > 0)
    where = np.maximum(np.searchsorted(quote_time, time, "right") - 1, 0)
    at_step = np.zeros(len(path.time), np.int64)
    is_step = np.flatnonzero(np.diff(step, prepend=-1) > 0)
    at_step[step[is_step]] = is_step
    cluster = path.cluster[path.time[path.cluster] < stop]
    all_time = np.concatenate([time, path.time[cluster]])
    quote = np.concatenate([where, at_step[cluster]])
    contracts = np.concatenate(
        [
            rng.lognormal(size.print_mu, 1.0, len(time)),
            rng.lognormal(size.print_mu + _BIG_PRINT, 0.8, len(cluster)),
        ]
    )
    none = np.concatenate(
        [rng.random(len(time)) < _NO_AGGRESSOR_SHARE, np.zeros(len(cluster), np.bool_)]
    )
    order = np.lexsort((quote, all_time))
    tape = Tape(quote_time, bid, all_time[order], quote[order], quote, quote, quote)
    hit = side[tape.quote]
    return replace(
        tape,
        price=bid[tape.quote] + (hit > 0),
        size=np.minimum(np.ceil(contracts[order]), 2_000.0).astype(np.int64),
        side=np.where(none[order], 0, hit),
    )


def print_times(rng: np.random.Generator, counts: npt.NDArray[np.int64]) -> I64:
    """Sorted print times; a minute with two prints or more has one in each half of it."""
    minute = np.flatnonzero(counts >= 2)
    halves = np.stack([minute * 2, minute * 2 + 1], axis=1).ravel() * (MINUTE // 2)
    rest = counts.copy()
    rest[minute] -= 2
    spread = halves + rng.integers(1, MINUTE // 2, len(halves))
    return np.sort(np.concatenate([spread, times_in_minutes(rng, rest)]))


def quote_states(
    rng: np.random.Generator, path: StepPath, redraw: I64, flow: F64
) -> tuple[I64, I64, I64]:
    """Time, price step and side of every quote; a step sets the side to its sign."""
    redraw = np.maximum(redraw, path.time[0])
    buy = rng.random(len(redraw)) < 1.0 / (
        1.0 + np.exp(-_PRESSURE_ON_SIDE * flow[redraw // SECOND])
    )
    time = np.concatenate([path.time, redraw])
    order = np.argsort(time, kind="stable")
    side = np.concatenate([path.sign, np.where(buy, 1, -1)])[order]
    is_step = order < len(path.time)
    step = np.cumsum(is_step) - 1
    return time[order], np.maximum(step, 0), side
