"""Prints of a share: at or inside the quote, in lots and odd lots, with sale conditions.

Most prints are regular and at the quote the path's price is on. Others are odd lots, prints that
improve on the quote by part of a tick, and prints of special conditions, whose price says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spymaster_lake.simulator.equity_book import LIT, LIT_SHARES, QuoteStates
from spymaster_lake.simulator.equity_model import EquityTask
from spymaster_lake.simulator.equity_shape import regular_counts, regular_hours
from spymaster_lake.simulator.model import MINUTE, SECOND
from spymaster_lake.simulator.shape import F64, I64, SessionShape, times_in_minutes
from spymaster_lake.simulator.tape import LEAD_NS, TWIN_SHARE, print_times

REGULAR, ODD_LOT, SUB_TICK, SPECIAL, AUCTION, OFFICIAL = range(6)
"""Kinds of print; regular ones and auctions alone make prices."""

_SHARES = (0.72, 0.20, 0.06, 0.02)
_INSIDE, _ODD_INSIDE = 0.06, 0.4
_OFF_EXCHANGE_SHARE = 0.2
OFF_EXCHANGE = 4
"""The vendor's number of the facility that reports trades made off the exchanges."""

_SUB_TICKS = 100
_LOT_DRAW, _MOST_LOTS = 0.35, 400
_ROUND_LOT = 100
_SPECIAL_LOTS = 20
_AUCTION_SHARE = 0.03
_AUCTION_DELAY, _OFFICIAL_DELAY = 700_000_000, 50_000_000
_EXTENDED = "12"
_CONDITIONS = {
    REGULAR: ("", "14,41", "41", "14"),
    ODD_LOT: ("37", "14,37,41", "37,41"),
    SUB_TICK: ("", "41"),
    SPECIAL: ("53,41", "52", "2", "10", "22", "7", "29", "30", "32", "21"),
}
"""The vendor's sale conditions by kind of print, most frequent first."""


@dataclass(frozen=True, slots=True)
class Prints:
    """Prints in time order.

    Attributes:
        time: int64[n], ns since the session start.
        kind: int64[n], one of the kinds above.
        price: float64[n], ticks; whole ones make prices.
        size: int64[n], shares.
        exchange: int64[n], the vendor's numbers.
        conditions: object[n], texts.
    """

    time: I64
    kind: I64
    price: F64
    size: I64
    exchange: I64
    conditions: np.ndarray[tuple[int], np.dtype[np.object_]]


def print_schedule(task: EquityTask, shape: SessionShape) -> tuple[I64, I64, I64]:
    """Times and kinds of the prints, int64[n] each, and when the aggressor's side is drawn anew."""
    rng = task.rng("prints")
    n = task.size.trades
    counts = regular_counts(rng, task.plan, shape, round(n * _SHARES[REGULAR]))
    regular = print_times(rng, counts)
    twin = np.flatnonzero(rng.random(len(regular)) < TWIN_SHARE)
    half = regular // (MINUTE // 2)
    twin = twin[(twin > 0) & (half[twin] == half[twin - 1])]
    regular[twin] = regular[twin - 1]
    others = []
    for share in _SHARES[1:]:
        drawn = rng.multinomial(round(n * share), counts / counts.sum())
        others.append(times_in_minutes(rng, drawn))
    time = np.concatenate([regular, *others])
    kind = np.repeat(np.arange(len(_SHARES)), [len(regular), *map(len, others)])
    order = np.argsort(time, kind="stable")
    time, kind = time[order], kind[order]
    redraw = np.unique(time[rng.random(len(time)) < task.size.side_redraw]) - LEAD_NS
    return time, kind, redraw


def prints(
    task: EquityTask, time: I64, kind: I64, states: QuoteStates, shape: SessionShape
) -> Prints:
    """Prices, sizes, exchanges and conditions of scheduled prints, and the day's auctions."""
    rng = task.rng("print values")
    at = states.before(time)
    bid, ask, side = states.bid[at], states.ask[at], states.side[at]
    touch, spread = states.touch[at], ask - bid
    n = len(time)
    inside = rng.random(n)
    middle = (spread % 2 == 0) & (inside < _INSIDE)
    better = np.where(inside < _ODD_INSIDE, rng.integers(0, spread + 1), 0)
    price = np.select(
        [kind == REGULAR, kind == ODD_LOT, kind == SUB_TICK],
        [
            np.where(middle, touch - side * (spread // 2), touch),
            touch - side * better,
            touch - side * rng.integers(1, _SUB_TICKS, n) / _SUB_TICKS,
        ],
        np.rint(touch * (1.0 + 0.25 * task.facts.far * rng.standard_normal(n))),
    )
    lots = np.minimum(rng.geometric(_LOT_DRAW, n), _MOST_LOTS) * np.where(
        kind == SPECIAL, _SPECIAL_LOTS, 1
    )
    size = np.where(kind == ODD_LOT, rng.integers(1, _ROUND_LOT, n), lots * _ROUND_LOT)
    exchange = rng.choice(LIT, n, p=LIT_SHARES)
    is_off = (rng.random(n) < _OFF_EXCHANGE_SHARE) | (kind == SUB_TICK) | (kind == SPECIAL) | middle
    regular = regular_hours(shape)[np.minimum(time // MINUTE, shape.minutes - 1)]
    scheduled = Prints(
        time, kind, np.asarray(price, np.float64), size,
        np.where(is_off, OFF_EXCHANGE, exchange), _conditions(rng, kind, regular),
    )  # fmt: skip
    return _merged(scheduled, _auctions(task, states, int(size.sum())))


def _conditions(
    rng: np.random.Generator, kind: I64, regular: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    """Condition texts; outside regular hours each has the mark of extended hours as well."""
    texts = np.empty(len(kind), object)
    for name, known in _CONDITIONS.items():
        here = kind == name
        falling = 0.5 ** np.arange(len(known))
        texts[here] = rng.choice(np.array(known, object), here.sum(), p=falling / falling.sum())
    extended = ~regular
    texts[extended] = [f"{_EXTENDED},{t}" if t else _EXTENDED for t in texts[extended]]
    return texts


def _auctions(task: EquityTask, states: QuoteStates, shares: int) -> Prints:
    """Opening and closing print of the listing exchange, each repeated as its official price."""
    rng = task.rng("auctions")
    times = task.plan.times
    instants = np.array([times.open, times.close], np.int64) - times.start
    instants += rng.integers(SECOND // 100, _AUCTION_DELAY, 2)
    time = np.sort(np.concatenate([instants, instants + _OFFICIAL_DELAY]))
    price = states.touch[states.before(np.repeat(instants, 2))].astype(np.float64)
    lots = max(round(shares * _AUCTION_SHARE / _ROUND_LOT), 1)
    return Prints(
        time,
        np.array([AUCTION, OFFICIAL, AUCTION, OFFICIAL]),
        price,
        np.full(4, lots * _ROUND_LOT),
        np.full(4, LIT[0]),
        np.array(["17,41", "16", "19,41", "15"], object),
    )


def _merged(first: Prints, second: Prints) -> Prints:
    names = Prints.__slots__
    whole = [np.concatenate([getattr(first, n), getattr(second, n)]) for n in names]
    order = np.argsort(whole[0], kind="stable")
    return Prints(*(values[order] for values in whole))
