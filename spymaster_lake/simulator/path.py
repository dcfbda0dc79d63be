"""The price path: unit steps on the tick grid whose signs are exchangeable, hence a null market.

Given how many steps a session has and how many go up, every order of the signs is equally likely
at strength 0. Together with a random number of ups this is the driftless walk with independent
steps, so the path after any instant is independent of everything before it given the price, and it
still ends where the next session starts. With strength > 0 an order-flow pressure that the tape and
the book show as well makes its sign more likely.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from spymaster_lake.simulator.model import SECOND, MarketModel
from spymaster_lake.simulator.shape import F64, I64, SessionShape, random_times

_CLUSTER_SLOT = 8
_CLUSTER_MAX = 4
_APART = 80_000


class Walk(Protocol):
    """What a path needs to know of its session."""

    @property
    def open_ticks(self) -> int:
        """Price at the start."""

    @property
    def steps(self) -> int:
        """Number of unit price steps."""

    @property
    def ups(self) -> int:
        """How many of them go up."""


@dataclass(frozen=True, slots=True)
class StepPath:
    """A piecewise constant price.

    Attributes:
        time: int64[n], ns since the session start, ascending, may repeat.
        price: int64[n], price from that instant on, ticks.
        sign: int64[n], direction of the step, +1 or -1.
        cluster: int64[k], indices of the steps that print a trade each.
    """

    time: I64
    price: I64
    sign: I64
    cluster: I64


def pressure(rng: np.random.Generator, seconds: int, memory: int) -> F64:
    """Order-flow pressure per second, float64[seconds], standard normal, triangular memory."""
    total = np.concatenate([[0.0], np.cumsum(rng.standard_normal(seconds + memory - 1))])
    return np.asarray((total[memory:] - total[:-memory]) / np.sqrt(memory), np.float64)


def step_path(
    rng: np.random.Generator,
    plan: Walk,
    *,
    shape: SessionShape,
    flow: F64,
    model: MarketModel,
    strength: float,
    clusters: int,
) -> StepPath:
    """The continuous price of one session.

    Args:
        rng: source of randomness.
        plan: number of steps and of ups, opening price.
        shape: variance per minute.
        flow: float64[seconds], order-flow pressure.
        model: constants.
        strength: 0 for a null market.
        clusters: instants at which two to four successive steps coincide and print a trade each;
            chosen without a look at the signs, so that they do not disturb the null.
    """
    time = random_times(rng, plan.steps, shape.variance)
    luck = rng.logistic(size=plan.steps) + strength * model.pressure_gain * flow[time // SECOND]
    sign = np.full(plan.steps, -1, np.int64)
    if plan.ups:
        sign[np.argpartition(luck, plan.steps - plan.ups)[plan.steps - plan.ups :]] = 1
    if plan.ups == 0:
        sign[:] = -1
    start, member = _clusters(rng, plan.steps, clusters)
    time = _together(time, sign, start, member)
    return StepPath(time, plan.open_ticks + np.cumsum(sign), sign, np.flatnonzero(member))


def _clusters(rng: np.random.Generator, steps: int, count: int) -> tuple[I64, I64]:
    """First step of each cluster, and for each step its place in its cluster from 1, else 0."""
    slots = steps // _CLUSTER_SLOT - 1
    chosen = rng.choice(slots, min(count, slots), replace=False)
    first = np.sort(chosen) * _CLUSTER_SLOT + rng.integers(0, _CLUSTER_MAX, len(chosen))
    length = rng.integers(2, _CLUSTER_MAX + 1, len(chosen))
    member = np.zeros(steps, np.int64)
    for place in range(_CLUSTER_MAX):
        member[first[length > place] + place] = place + 1
    return first, member


def _together(time: I64, sign: I64, first: I64, member: I64) -> I64:
    """Clusters of one direction share a time; in mixed ones the steps follow within microseconds."""
    time = time.copy()
    is_mixed = np.zeros(len(first), np.bool_)
    for place in range(1, _CLUSTER_MAX):
        at = first + place
        inside = member[at] == place + 1
        is_mixed |= inside & (sign[at] != sign[first])
    for place in range(1, _CLUSTER_MAX):
        at = first + place
        inside = member[at] == place + 1
        apart = np.where(is_mixed[inside], place * _APART, 0)
        time[at[inside]] = time[first[inside]] + apart
    return np.asarray(np.maximum.accumulate(time), np.int64)


def thinned(path: StepPath, rng: np.random.Generator, share: float) -> StepPath:
    """The path seen at a random share of its steps, chosen without a look at their signs."""
    if share >= 1.0:
        return path
    keep = rng.random(len(path.time)) < share
    keep[0] = True
    keep[path.cluster] = True
    place = np.cumsum(keep) - 1
    price = path.price[keep]
    change = np.sign(np.diff(price, prepend=price[0]))
    sign = np.where(change == 0, path.sign[keep], change)
    return StepPath(path.time[keep], price, sign, place[path.cluster])
