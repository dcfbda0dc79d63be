"""The gates of a session: what stops it, and what only warns (08 A4, A16).

Gates may fail a session; they never change a value.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

import numpy as np

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.contracts.profile import LEVEL_KINDS, InstrumentProfile, QualityProfile
from spymaster_lake.features.arrays import F64, NO_TICK, NS, Trades, points
from spymaster_lake.features.book import BookStates
from spymaster_lake.sessions.calendar import SessionClock

_MINUTE_NS = 60 * NS


@dataclass(slots=True)
class BookCounts:
    """What a pass over the book counts.

    Attributes:
        states: collapsed states in the book window.
        regular: those in regular hours.
        crossed: those of them with best bid > best ask; a locked book is legal (01 1.7).
    """

    states: int = 0
    regular: int = 0
    crossed: int = 0

    def add(self, states: BookStates, clock: SessionClock) -> None:
        """Count one chunk."""
        regular = (states.ts_ns >= clock.open_ns) & (states.ts_ns < clock.close_ns)
        bid, ask = states.bid_ticks[:, 0], states.ask_ticks[:, 0]
        crossed = regular & (bid > ask) & (bid != NO_TICK) & (ask != NO_TICK)
        self.states += len(states)
        self.regular += int(regular.sum())
        self.crossed += int(crossed.sum())


def missing_minutes(clock: SessionClock, trades: Trades) -> int:
    """Minutes without a trade in [pre-market start, min(trades needed until, early close))."""
    start, end = clock.premarket_start_ns, clock.trades_needed_until_ns
    return (end - start) // _MINUTE_NS - _traded_minutes(trades, start, end)


def _traded_minutes(trades: Trades, start_ns: int, end_ns: int) -> int:
    inside = trades.ts_ns[(trades.ts_ns >= start_ns) & (trades.ts_ns < end_ns)]
    return len(np.unique(inside // _MINUTE_NS))


def _require_minutes(clock: SessionClock, quality: QualityProfile, trades: Trades) -> None:
    """The bar gate: of the whole window, of the pre-market, of the regular part of the window."""
    day, missing = clock.day, missing_minutes(clock, trades)
    if missing > quality.max_missing_minutes:
        raise DataError(
            f"{day}: {missing} minutes without a trade between pre-market start and the end of the "
            f"label window; the profile allows {quality.max_missing_minutes}"
        )
    early = _traded_minutes(trades, clock.premarket_start_ns, clock.open_ns)
    if early < quality.min_premarket_minutes:
        raise DataError(
            f"{day}: {early} minutes with a trade before the open; the profile needs "
            f"{quality.min_premarket_minutes}"
        )
    if quality.max_missing_regular_minutes is None:
        return
    end = clock.trades_needed_until_ns
    minutes = (end - clock.open_ns) // _MINUTE_NS
    absent = minutes - _traded_minutes(trades, clock.open_ns, end)
    if absent > quality.max_missing_regular_minutes:
        raise DataError(
            f"{day}: {absent} minutes without a trade between the open and the end of the label "
            f"window; the profile allows {quality.max_missing_regular_minutes}"
        )


def gate_session(
    clock: SessionClock, profile: InstrumentProfile, trades: Trades, book: BookCounts
) -> tuple[str, ...]:
    """Warnings of a session that may go on.

    Raises:
        DataError: too many minutes without a trade, or too many crossed book states.
    """
    quality, day = profile.quality, clock.day
    _require_minutes(clock, quality, trades)
    if book.crossed > quality.max_crossed_share * max(book.regular, 1):
        raise DataError(
            f"{day}: {book.crossed} of {book.regular} book states in regular hours are crossed; "
            f"the profile allows a share of {quality.max_crossed_share}"
        )
    return tuple(_warnings(profile, trades, book, clock))


def require_all_kinds(clock: SessionClock, kinds: Collection[str]) -> None:
    """Every level kind has a value in the session.

    Raises:
        DataError: a kind has none; names them all.
    """
    missing = [kind for kind in LEVEL_KINDS if kind not in kinds]
    if missing:
        raise DataError(f"{clock.day}: no bars for the levels {missing}; the session is incomplete")


def _warnings(
    profile: InstrumentProfile, trades: Trades, book: BookCounts, clock: SessionClock
) -> list[str]:
    quality, day, found = profile.quality, clock.day, []
    if quality.trades_per_day and not _within(len(trades), quality.trades_per_day):
        found.append(f"{day}: {len(trades)} trades, usual are {list(quality.trades_per_day)}")
    if quality.book_updates_per_day and not _within(book.states, quality.book_updates_per_day):
        found.append(
            f"{day}: {book.states} book states, usual are {list(quality.book_updates_per_day)}"
        )
    price = points(trades.ticks, tick=profile.tick_size)
    outside = price[(price < quality.price_min) | (price > quality.price_max)]
    if len(outside):
        found.append(
            f"{day}: {len(outside)} prices outside [{quality.price_min}, {quality.price_max}], "
            f"such as {outside[:3].tolist()}"
        )
    sided = trades.size[trades.side != 0].sum()
    if quality.buy_share and sided:
        share = float(trades.size[trades.side > 0].sum() / sided)
        if not _within(share, quality.buy_share):
            found.append(f"{day}: buy share {share:.3f}, usual are {list(quality.buy_share)}")
    if quality.size_max and len(trades) and int(trades.size.max()) > quality.size_max:
        found.append(
            f"{day}: a trade of size {int(trades.size.max())}, usual are up to {quality.size_max}"
        )
    return found


def implausible(day: date, name: str, values: F64, bound: float | None) -> tuple[str, ...]:
    """A warning if known values exceed a bound of the profile in size; never an error (08 A16)."""
    if bound is None:
        return ()
    large = values[np.abs(values) > bound]
    if not len(large):
        return ()
    return (
        f"{day}: {len(large)} values of {name} beyond +-{bound:g}, such as {large[:3].tolist()}",
    )


def _within(value: float, bounds: tuple[float, float]) -> bool:
    return bounds[0] <= value <= bounds[1]
