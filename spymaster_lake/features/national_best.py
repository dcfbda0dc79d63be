"""The national best bid and offer after every quote record.

Two kinds of files exist, and reading one as the other gives nonsense:

* `national`: each row states the best bid or offer **of the tape** and whose it is. The newest row
  of a side is the best of that side; what another exchange showed before no longer counts. (Carried
  over exchanges instead, such a file is crossed nearly all the time: a best bid that is hit is
  replaced by the next best of another exchange, and the first one never says that it left.)
* `exchange`: each row states **that exchange's own** bid or offer. The best is the highest bid and
  the lowest offer over all exchanges; its size is the sum over the exchanges at that price, its
  exchange the one that shows most there (the first code on a tie). A quote counts until the exchange
  replaces or withdraws it, or until it is older than `max_age_ns` if that is given.

`detect_kind` tells them apart by form, not by price: a file of tape records comes in pairs, bid row
then offer row of one time, and some pairs name two exchanges, which one exchange's quote cannot.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spymaster_lake.features.arrays import I64, Bool

NO_EXCHANGE = -1
_PAIRED = 0.98
_FAR = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class QuoteRows:
    """Quote records in total order.

    Attributes:
        ts_ns: int64[n] time.
        bid, ask: int64[n] prices in integer units, 0 where the row shows none.
        bid_size, ask_size: int64[n] shares, 0 where the row shows none.
        says_bid, says_ask: bool[n], whether the row is about that side at all; a row that is and
            shows none withdraws it.
        exchange: int64[n], code of the exchange, from 0.
        bid_exchange, ask_exchange: int64[n]; the same as `exchange` in rows of one exchange.
    """

    ts_ns: I64
    bid: I64
    bid_size: I64
    ask: I64
    ask_size: I64
    says_bid: Bool
    says_ask: Bool
    exchange: I64
    bid_exchange: I64
    ask_exchange: I64

    def __len__(self) -> int:
        return len(self.ts_ns)


@dataclass(frozen=True, slots=True)
class BestQuotes:
    """State after each row: price and size 0 and exchange -1 where a side is absent.

    Attributes:
        bid, bid_size, bid_exchange, ask, ask_size, ask_exchange: int64[n].
    """

    bid: I64
    bid_size: I64
    bid_exchange: I64
    ask: I64
    ask_size: I64
    ask_exchange: I64


def detect_kind(rows: QuoteRows) -> str:
    """Either "national", if the rows are tape records in pairs, or "exchange"."""
    one_side = rows.says_bid ^ rows.says_ask
    pair = (
        one_side[:-1] & one_side[1:] & rows.says_bid[:-1] & rows.says_ask[1:]
        & (rows.ts_ns[:-1] == rows.ts_ns[1:])
    )  # fmt: skip
    two = pair & (rows.exchange[:-1] != rows.exchange[1:])
    return "national" if two.any() and 2 * pair.sum() >= _PAIRED * len(rows) else "exchange"


def tape_best(rows: QuoteRows) -> BestQuotes:
    """Best quotes of rows that state the tape's best: the newest row of each side."""
    at_bid, bid_known = _newest(rows.says_bid)
    at_ask, ask_known = _newest(rows.says_ask)
    bid_there = bid_known & (rows.bid_size[at_bid] > 0)
    ask_there = ask_known & (rows.ask_size[at_ask] > 0)
    return BestQuotes(
        bid=np.where(bid_there, rows.bid[at_bid], 0),
        bid_size=np.where(bid_there, rows.bid_size[at_bid], 0),
        bid_exchange=np.where(bid_there, rows.bid_exchange[at_bid], NO_EXCHANGE),
        ask=np.where(ask_there, rows.ask[at_ask], 0),
        ask_size=np.where(ask_there, rows.ask_size[at_ask], 0),
        ask_exchange=np.where(ask_there, rows.ask_exchange[at_ask], NO_EXCHANGE),
    )


def best_over_exchanges(rows: QuoteRows, *, max_age_ns: int | None = None) -> BestQuotes:
    """Best quotes of rows that state one exchange's own quote each.

    Args:
        rows: quote records.
        max_age_ns: an exchange's quote of a side no longer counts when it is older; None: never.
    """
    bid = _best_side(rows, rows.says_bid, -rows.bid, rows.bid_size, max_age_ns)
    ask = _best_side(rows, rows.says_ask, rows.ask, rows.ask_size, max_age_ns)
    return BestQuotes(-bid[0], bid[1], bid[2], ask[0], ask[1], ask[2])


def _best_side(
    rows: QuoteRows, says: Bool, price: I64, size: I64, max_age_ns: int | None
) -> tuple[I64, I64, I64]:
    """Lowest price over exchanges with its total size and exchange; offers, or negated bids."""
    n = len(rows)
    best = np.full(n, _FAR)
    held = [(e, *_held(rows, says & (rows.exchange == e), price, size, max_age_ns))
            for e in np.unique(rows.exchange[says]).tolist()]  # fmt: skip
    for _, own, _shares in held:
        np.minimum(best, own, out=best)
    total, most = np.zeros(n, np.int64), np.zeros(n, np.int64)
    whose = np.full(n, NO_EXCHANGE)
    for exchange, own, shares in held:
        there = np.where((own == best) & (own != _FAR), shares, 0)
        total += there
        larger = there > most
        whose[larger], most[larger] = exchange, there[larger]
    return np.where(best == _FAR, 0, best), total, whose


def _held(
    rows: QuoteRows, says: Bool, price: I64, size: I64, max_age_ns: int | None
) -> tuple[I64, I64]:
    """One exchange's own price and size after each row; the price is _FAR where it has none."""
    at, known = _newest(says)
    there = known & (size[at] > 0)
    if max_age_ns is not None:
        there &= rows.ts_ns - rows.ts_ns[at] <= max_age_ns
    return np.where(there, price[at], _FAR), np.where(there, size[at], 0)


def _newest(says: Bool) -> tuple[I64, Bool]:
    """Newest row at or before each row for which `says` holds (0 if none), and whether it exists."""
    at = np.maximum.accumulate(np.where(says, np.arange(len(says)), -1))
    return np.maximum(at, 0), at >= 0


@dataclass(frozen=True, slots=True)
class QuoteFaults:
    """Longest runs of unusable quotes in a span.

    Attributes:
        crossed_ns: longest run with bid above ask.
        one_sided_ns: longest run without bid or without ask, the time before the first row included.
        crossed_at_ns, one_sided_at_ns: where they begin; meaningless if there is no run.
    """

    crossed_ns: int
    crossed_at_ns: int
    one_sided_ns: int
    one_sided_at_ns: int


def quote_faults(ts_ns: I64, bid: I64, ask: I64, *, start_ns: int, end_ns: int) -> QuoteFaults:
    """How long quotes of [start, end) were crossed or one-sided; a state lasts until the next.

    Args:
        ts_ns: int64[q], strictly increasing times of states.
        bid: int64[q], 0 where absent.
        ask: int64[q], likewise.
        start_ns: start of the span, such as regular hours.
        end_ns: its end.
    """
    edges = np.concatenate([[start_ns], np.clip(ts_ns, start_ns, end_ns), [end_ns]])
    one = np.concatenate([[True], (bid == 0) | (ask == 0)])
    crossed = np.concatenate([[False], (bid > ask) & (bid > 0) & (ask > 0)])
    return QuoteFaults(*_longest(edges, crossed), *_longest(edges, one))


def _longest(edges: I64, bad: Bool) -> tuple[int, int]:
    """Length and start of the longest run of bad intervals [edges[i], edges[i + 1])."""
    turns = np.diff(np.concatenate([[False], bad, [False]]).astype(np.int8))
    starts, ends = edges[np.flatnonzero(turns == 1)], edges[np.flatnonzero(turns == -1)]
    if not len(starts):
        return 0, 0
    at = int(np.argmax(ends - starts))
    return int(ends[at] - starts[at]), int(starts[at])
