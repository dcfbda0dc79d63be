"""Who was the aggressor of a print where the vendor does not say: Lee and Ready's rule.

1. Quote rule: a print above the midpoint of the prevailing quote is a buy, below it a sell. The
   prevailing quote is the last one **strictly before** the print, without a delay: tapes of today
   are in order, and a quote of the print's own instant may be its consequence.
2. Tick test, where the quote does not decide (print at the midpoint; no quote, one-sided, locked or
   crossed quote): above the last different price is a buy, below it a sell.

A print that neither decides is unknown. Prices are integers, so that the midpoint is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spymaster_lake.features.arrays import I8, I64, Bool

SOURCES: tuple[str, ...] = ("unknown", "quote", "tick")
"""Names of the source codes."""

_UNKNOWN, _QUOTE, _TICK = range(3)


@dataclass(frozen=True, slots=True)
class Quotes:
    """Best bid and offer, one state per distinct time.

    Attributes:
        ts_ns: int64[q], strictly increasing.
        bid, ask: int64[q], integer price units, 0 where the side is absent.
    """

    ts_ns: I64
    bid: I64
    ask: I64


@dataclass(frozen=True, slots=True)
class Aggressors:
    """The rule's answer.

    Attributes:
        side: int8[n], +1 buy, -1 sell, 0 unknown.
        source: int8[n], position in `SOURCES`.
    """

    side: I8
    source: I8


def prevailing(quotes: Quotes, ts_ns: I64) -> I64:
    """Row of the last quote strictly before each instant, int64[n]; -1 where there is none."""
    return np.searchsorted(quotes.ts_ns, ts_ns, side="left") - 1


def lee_ready(
    ts_ns: I64, price: I64, quotes: Quotes, *, reference: Bool, sided: Bool
) -> Aggressors:
    """Aggressors of the prints of one session.

    Args:
        ts_ns: int64[n] times of all prints in total order.
        price: int64[n], in the units of `quotes`, positive.
        quotes: prevailing quotes.
        reference: bool[n], prints whose price the tick test may compare with (regular ones).
        sided: bool[n], prints that can have an aggressor; auctions and averages have none.
    """
    row = prevailing(quotes, ts_ns)
    side = np.zeros(len(ts_ns), np.int8)
    if len(quotes.ts_ns):
        at = np.maximum(row, 0)
        bid, ask = quotes.bid[at], quotes.ask[at]
        two_sided = (row >= 0) & (bid > 0) & (ask > 0) & (bid < ask)
        side = np.where(two_sided, np.sign(2 * price - bid - ask), 0).astype(np.int8)
    by_quote = side != 0
    side = np.where(by_quote, side, tick_test(price, reference))
    side = np.where(sided, side, 0).astype(np.int8)
    source = np.where(side == 0, _UNKNOWN, np.where(by_quote, _QUOTE, _TICK)).astype(np.int8)
    return Aggressors(side, source)


def tick_test(price: I64, reference: Bool) -> I8:
    """Sign of each price against the last different price of an earlier reference print, int8[n].

    Args:
        price: int64[n] in total order.
        reference: bool[n], prints that may be compared with.

    Returns:
        +1 above, -1 below, 0 where no earlier reference price differs.
    """
    rows = np.flatnonzero(reference)
    if not len(rows):
        return np.zeros(len(price), np.int8)
    chain = price[rows]
    step = np.zeros(len(chain), np.int8)
    step[1:] = np.sign(np.diff(chain))
    moved = np.maximum.accumulate(np.where(step != 0, np.arange(len(chain)), 0))
    last_move = step[moved]
    before = np.cumsum(reference) - reference - 1
    at = np.maximum(before, 0)
    against = np.sign(price - chain[at])
    answer = np.where(against != 0, against, last_move[at])
    return np.where(before >= 0, answer, 0).astype(np.int8)
