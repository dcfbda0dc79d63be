"""Quote records of one symbol and day to national bests, and whether they can be used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from spymaster_lake.contracts.errors import RawFileError
from spymaster_lake.contracts.profile import InstrumentProfile
from spymaster_lake.features.arrays import I64, NS, Bool
from spymaster_lake.features.lee_ready import Quotes
from spymaster_lake.features.national_best import (
    BestQuotes,
    QuoteRows,
    best_over_exchanges,
    detect_kind,
    quote_faults,
    tape_best,
)
from spymaster_lake.ingest.equity_rows import UNITS, QuoteRecords, Texts
from spymaster_lake.sessions.calendar import SessionClock

_MOST = 0.5


@dataclass(frozen=True, slots=True)
class QuoteBook:
    """The quotes of a day.

    Attributes:
        records: kept records in total order.
        best: national best after each of them.
        is_last: bool[n], last record of its time.
        kind: how the records were read: "national" or "exchange".
        hidden: stub quotes, outside the plausible prices, that count as absent.
    """

    records: QuoteRecords
    best: BestQuotes
    is_last: Bool
    kind: str
    hidden: int

    def prevailing(self) -> Quotes:
        """One state per time, for rules that look up the quote before a print."""
        at = self.is_last
        return Quotes(self.records.ts_ns[at], self.best.bid[at], self.best.ask[at])


def quote_book(records: QuoteRecords, profile: InstrumentProfile, what: str) -> QuoteBook:
    """National bests of kept records in total order.

    Args:
        records: without rows that have a reason.
        profile: price bounds and how to read the rows.
        what: symbol and day, for messages.

    Raises:
        RawFileError: most prices are outside the plausible bounds.
    """
    stub_bid = _implausible(records.bid, profile)
    stub_ask = _implausible(records.ask, profile)
    require_plausible(
        np.concatenate([records.bid, records.ask]), profile, f"{what} quotes", most=_MOST
    )
    bid_size = np.where((records.bid > 0) & ~stub_bid & records.firm, records.bid_size, 0)
    ask_size = np.where((records.ask > 0) & ~stub_ask & records.firm, records.ask_size, 0)
    nothing = (records.bid == 0) & (records.ask == 0)
    about = ~records.suspicious
    rows = QuoteRows(
        ts_ns=records.ts_ns,
        bid=records.bid,
        bid_size=bid_size,
        ask=records.ask,
        ask_size=ask_size,
        says_bid=about & ((records.bid > 0) | nothing | records.whole),
        says_ask=about & ((records.ask > 0) | nothing | records.whole),
        exchange=records.exchange.codes,
        bid_exchange=records.bid_exchange.codes,
        ask_exchange=records.ask_exchange.codes,
    )
    kind: str = "national" if records.whole else profile.book.quote_rows
    if kind == "auto":
        kind = detect_kind(_as_written(rows, records))
    age = profile.book.exchange_quote_max_age_seconds
    best = (
        tape_best(rows)
        if kind == "national"
        else best_over_exchanges(rows, max_age_ns=None if age is None else round(age * NS))
    )
    time = records.ts_ns
    is_last = np.ones(len(time), np.bool_)
    is_last[:-1] = time[1:] != time[:-1]
    return QuoteBook(records, best, is_last, kind, int(stub_bid.sum() + stub_ask.sum()))


def _as_written(rows: QuoteRows, records: QuoteRecords) -> QuoteRows:
    """The rows with suspicious ones counted in: the form of a file does not depend on the flag."""
    return QuoteRows(
        **{
            **{name: getattr(rows, name) for name in QuoteRows.__slots__},
            "says_bid": records.bid > 0,
            "says_ask": records.ask > 0,
        }
    )


def _implausible(price: I64, profile: InstrumentProfile) -> Bool:
    quality = profile.quality
    low, high = quality.price_min * UNITS, quality.price_max * UNITS
    return (price > 0) & ((price < low) | (price > high))


def require_plausible(price: I64, profile: InstrumentProfile, what: str, *, most: float) -> Bool:
    """Which positive prices are outside the profile's bounds.

    Args:
        price: int64[n] units, 0 where absent.
        profile: bounds.
        what: for messages.
        most: largest share that may be outside.

    Raises:
        RawFileError: more are; says whether the vendor's factor of 10,000 explains it.
    """
    outside, there = _implausible(price, profile), price > 0
    if outside.sum() > most * max(int(there.sum()), 1):
        quality, middle = profile.quality, float(np.median(price[there])) / UNITS
        factors = {
            "times 10,000: the vendor's decimals were not undone": 1e4,
            "divided by 10,000: decimals were undone twice": 1e-4,
        }
        hints = [
            t for t, f in factors.items() if quality.price_min <= middle / f <= quality.price_max
        ]
        hint = f"; they look {hints[0]}" if hints else ""
        raise RawFileError(
            f"{what}: {int(outside.sum())} of {int(there.sum())} prices are outside the profile's "
            f"[{quality.price_min:g}, {quality.price_max:g}], their median is {middle:g}{hint}"
        )
    return outside


def quote_problems(
    book: QuoteBook, clock: SessionClock, profile: InstrumentProfile
) -> tuple[list[str], dict[str, Any]]:
    """What makes the quotes doubtful in regular hours, and the longest bad runs in seconds."""
    quotes, rule = book.prevailing(), profile.book
    faults = quote_faults(
        quotes.ts_ns, quotes.bid, quotes.ask, start_ns=clock.open_ns, end_ns=clock.close_ns
    )
    crossed, one_sided = faults.crossed_ns / NS, faults.one_sided_ns / NS
    facts = {"crossed_seconds": crossed, "one_sided_seconds": one_sided}
    found = []
    for name, seconds, start_ns, bound in (
        ("crossed", crossed, faults.crossed_at_ns, rule.max_crossed_seconds),
        ("one-sided or absent", one_sided, faults.one_sided_at_ns, rule.max_one_sided_seconds),
    ):
        if seconds > bound:
            minute = (start_ns - clock.open_ns) / NS / 60
            found.append(
                f"quotes are {name} for {seconds:.1f} s from minute {minute:.1f} of regular hours; "
                f"the profile allows {bound:g} s (rows read as {book.kind!r}; the profile's "
                f"book.quote_rows can say otherwise)"
            )
    return found, facts


def quote_columns(book: QuoteBook, start: int, stop: int) -> dict[str, pa.Array]:
    """Contract columns of a slice of the records."""
    records, best, at = book.records, book.best, slice(start, stop)
    whose = Texts(records.exchange.codes[at], records.exchange.values)
    own = {
        f"exchange_{side}_{unit}": _shown(
            values[at], (getattr(records, side)[at] > 0) & (not records.whole), price=unit == "px"
        )
        for side in ("bid", "ask")
        for unit, values in (
            ("px", getattr(records, side)),
            ("sz", getattr(records, f"{side}_size")),
        )
    }
    return {
        **times(records.ts_ns[at], records.seq[at], records.exchange_ns[at]),
        "bid_px": _shown(best.bid[at], best.bid_size[at] > 0, price=True),
        "bid_sz": pa.array(best.bid_size[at].astype(np.int32)),
        "bid_exchange": _code(best.bid_exchange[at], records.bid_exchange.values),
        "ask_px": _shown(best.ask[at], best.ask_size[at] > 0, price=True),
        "ask_sz": pa.array(best.ask_size[at].astype(np.int32)),
        "ask_exchange": _code(best.ask_exchange[at], records.ask_exchange.values),
        "exchange": _code(whose.codes, whose.values),
        **own,
        "conditions": Texts(records.conditions.codes[at], records.conditions.values).arrow(),
        "suspicious": pa.array(records.suspicious[at]),
        "is_last": pa.array(book.is_last[at]),
    }


def times(ts_ns: I64, seq: I64, exchange_ns: I64) -> dict[str, pa.Array]:
    """The time columns that prints and quotes share."""
    return {
        "ts_event_ns": pa.array(ts_ns),
        "ts_recv_ns": pa.array(ts_ns),
        "seq": pa.array(seq),
        "ts_exchange_ns": pa.array(exchange_ns, mask=exchange_ns == 0),
    }


def _shown(values: I64, there: Bool, *, price: bool) -> pa.Array:
    converted = values / UNITS if price else values.astype(np.int32)
    return pa.array(converted, mask=~there)


def _code(codes: I64, values: list[str]) -> pa.Array:
    """Exchange codes as text, null where there is none (code -1, or the empty text)."""
    empty = np.array([not value for value in values], np.bool_)
    none = (codes < 0) | empty[np.maximum(codes, 0)]
    indices = pa.array(np.maximum(codes, 0).astype(np.int32), mask=none)
    return pa.DictionaryArray.from_arrays(
        indices, pa.array(values, pa.string())
    ).dictionary_decode()
