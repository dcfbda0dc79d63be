"""Prints of one symbol and day: which count for price and volume, and who was the aggressor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from spymaster_lake.contracts.bronze import PRICE_EXCLUSIONS
from spymaster_lake.contracts.errors import RawFileError
from spymaster_lake.contracts.profile import InstrumentProfile
from spymaster_lake.features.arrays import Bool
from spymaster_lake.features.lee_ready import SOURCES, Aggressors, Quotes, lee_ready, prevailing
from spymaster_lake.ingest.equity_quotes import times
from spymaster_lake.ingest.equity_rows import UNITS, Texts, TradeRows
from spymaster_lake.ingest.sale_conditions import Verdict
from spymaster_lake.sessions.calendar import SessionClock

_NONE = -1


@dataclass(frozen=True, slots=True)
class JudgedTrades:
    """The prints of a day with what follows from conditions and quotes.

    Attributes:
        rows: kept prints in total order.
        aggressors: inferred aggressors.
        exclusion: int8[n], position in PRICE_EXCLUSIONS, -1 where the print counts for price.
        volume: bool[n], counts for volume.
        regular: bool[n], in regular hours.
        unknown: rows by condition that no table holds.
    """

    rows: TradeRows
    aggressors: Aggressors
    exclusion: npt.NDArray[np.int8]
    volume: Bool
    regular: Bool
    unknown: dict[str, int]

    @property
    def price(self) -> Bool:
        """bool[n], counts for price."""
        counts: Bool = self.exclusion == _NONE
        return counts

    def facts(self) -> dict[str, Any]:
        """Counts for the run record."""
        excluded = np.bincount(self.exclusion + 1, minlength=len(PRICE_EXCLUSIONS) + 1)[1:]
        source = np.bincount(self.aggressors.source, minlength=len(SOURCES))
        return {
            "counts_for_price": int(self.price.sum()),
            "counts_for_volume": int(self.volume.sum()),
            "price_exclusions": _counts(PRICE_EXCLUSIONS, excluded),
            "aggressor_source": _counts(SOURCES, source),
            "unknown_conditions": self.unknown,
        }


def _counts(names: tuple[str, ...], values: npt.NDArray[np.int64]) -> dict[str, int]:
    return {name: int(n) for name, n in zip(names, values, strict=True) if n}


def judge_trades(
    rows: TradeRows,
    quotes: Quotes,
    clock: SessionClock,
    profile: InstrumentProfile,
    *,
    verdict: Callable[[str], Verdict],
    what: str,
) -> JudgedTrades:
    """Judge kept prints in total order.

    Args:
        rows: without rows that have a reason.
        quotes: national bests of the same day.
        clock: of the session; conditions of extended hours count for price outside regular ones.
        profile: tick and the largest distance of a regular print from the quote.
        verdict: the vendor's table of conditions.
        what: symbol and day, for messages.

    Raises:
        RawFileError: a condition field that cannot be read.
    """
    verdicts = _verdicts(rows.conditions, verdict, what)
    codes = rows.conditions.codes
    regular = (rows.ts_ns >= clock.open_ns) & (rows.ts_ns < clock.close_ns)
    inside = np.array([v.price for v in verdicts], np.bool_)[codes]
    outside = np.array([v.price_extended for v in verdicts], np.bool_)[codes]
    by_condition = np.where(regular, inside, outside)
    off_grid = rows.price % round(profile.tick_size * UNITS) != 0
    off_quote = _off_quote(rows, quotes, profile.book.max_trade_distance)
    exclusion = np.full(len(rows), _NONE, np.int8)
    reasons = (rows.suspicious, ~by_condition, rows.corrected, off_grid, off_quote)
    for number, excluded in reversed(list(enumerate(reasons))):
        exclusion[excluded] = number
    real = ~(rows.suspicious | rows.corrected)
    aggressors = lee_ready(
        rows.ts_ns,
        rows.price,
        quotes,
        reference=real & by_condition & ~off_quote,
        sided=real & np.array([v.aggressor for v in verdicts], np.bool_)[codes],
    )
    volume = real & np.array([v.volume for v in verdicts], np.bool_)[codes]
    unknown: Counter[str] = Counter()
    for code, n in zip(*np.unique(codes, return_counts=True), strict=True):
        unknown.update(dict.fromkeys(map(str, verdicts[int(code)].unknown), int(n)))
    return JudgedTrades(rows, aggressors, exclusion, volume, regular, dict(sorted(unknown.items())))


def _verdicts(conditions: Texts, verdict: Callable[[str], Verdict], what: str) -> list[Verdict]:
    try:
        return [verdict(text) for text in conditions.values]
    except ValueError as exc:
        raise RawFileError(f"{what} trades: a sale condition cannot be read: {exc}") from exc


def _off_quote(rows: TradeRows, quotes: Quotes, share: float) -> Bool:
    """Prints farther than `share` of their price outside the quote strictly before them.

    Where no uncrossed two-sided quote is known there is nothing to be far from.
    """
    if not len(quotes.ts_ns):
        return np.zeros(len(rows), np.bool_)
    row = prevailing(quotes, rows.ts_ns)
    at = np.maximum(row, 0)
    bid, ask = quotes.bid[at], quotes.ask[at]
    known = (row >= 0) & (bid > 0) & (ask > 0) & (bid <= ask)
    distance = np.maximum(bid - rows.price, rows.price - ask)
    off: Bool = known & (distance > share * rows.price)
    return off


def trade_problems(trades: JudgedTrades, profile: InstrumentProfile) -> list[str]:
    """What makes the prints doubtful against the quotes of the day."""
    rule = profile.book
    off = trades.exclusion == PRICE_EXCLUSIONS.index("OFF_QUOTE")
    regular = trades.regular & (trades.price | off)
    n, far = int(regular.sum()), int((regular & off).sum())
    if far <= rule.max_off_quote_share * n:
        return []
    prices = trades.rows.price[regular & off][:3] / UNITS
    problem = (
        f"{far} of {n} regular prints are more than {rule.max_trade_distance:.2%} of their price "
        f"outside the quote, such as {prices.tolist()}; the profile allows a share of "
        f"{rule.max_off_quote_share:g}: prints and quotes may be of different symbols or days"
    )
    return [problem]


def trade_columns(trades: JudgedTrades, start: int, stop: int) -> dict[str, pa.Array]:
    """Contract columns of a slice of the prints."""
    rows, at = trades.rows, slice(start, stop)
    excluded = trades.exclusion[at]
    return {
        **times(rows.ts_ns[at], rows.seq[at], rows.exchange_ns[at]),
        "price": pa.array(rows.price[at] / UNITS),
        "size": pa.array(rows.size[at].astype(np.int32)),
        "aggressor": pa.array(trades.aggressors.side[at]),
        "aggressor_source": _named(trades.aggressors.source[at], SOURCES),
        "exchange": Texts(rows.exchange.codes[at], rows.exchange.values).arrow(),
        "conditions": Texts(rows.conditions.codes[at], rows.conditions.values).arrow(),
        "suspicious": pa.array(rows.suspicious[at]),
        "counts_for_price": pa.array(excluded == _NONE),
        "counts_for_volume": pa.array(trades.volume[at]),
        "price_exclusion": _named(excluded, PRICE_EXCLUSIONS),
    }


def _named(codes: npt.NDArray[np.int8], names: tuple[str, ...]) -> pa.Array:
    indices = pa.array(np.maximum(codes, 0).astype(np.int32), mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array(names, pa.string())).dictionary_decode()
