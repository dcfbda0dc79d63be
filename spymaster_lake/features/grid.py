"""Looking up a session's per-second book: by instant, by side, by price zone (02 N-1, 08 A24).

The facing side is the one that defends the level: the ask against sigma = +1, the bid against -1.
Its prices are turned so that larger means farther from the touch; one set of formulas then serves
both sides, and the mirror law holds by construction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.features.arrays import (
    F64,
    I8,
    I64,
    NO_TICK,
    NO_TIME,
    NS,
    UNBOUNDED,
    BookSeconds,
    Bool,
)

_ZONE_TOLERANCE_TICKS = 1e-9


@dataclass(frozen=True, slots=True)
class FacingBook:
    """The facing side at m instants, in turned ticks (tick x sigma).

    Attributes:
        ticks: int64[m, k], ascending; UNBOUNDED + 1 where the level is absent.
        size: int64[m, k].
        bound: int64[m], largest visible turned tick; UNBOUNDED with fewer than k levels.
        fresh: bool[m], False where sigma is 0 or the state is absent or too old.
    """

    ticks: I64
    size: I64
    bound: I64
    fresh: Bool

    def size_between(self, low: I64, high: I64) -> I64:
        """Contracts at turned ticks low .. high, both inclusive; int64[m]."""
        inside = (self.ticks >= low[:, None]) & (self.ticks <= high[:, None])
        return np.asarray(np.where(inside, self.size, 0).sum(axis=1))


@dataclass(frozen=True, slots=True)
class Zone:
    """The price zone Z of m levels in turned ticks, both ends inclusive (02 N-1).

    Attributes:
        low, high: int64[m]; low is the edge nearer to the touch. 0 and -1 where not known.
        known: bool[m], False without a level or a direction.
    """

    low: I64
    high: I64
    known: Bool

    @property
    def width(self) -> I64:
        """Number of prices of the zone, int64[m]; 0 where not known."""
        return self.high - self.low + 1

    def visible(self, bound: I64) -> I64:
        """Number of zone prices within a visibility bound in turned ticks, int64[m]."""
        return np.maximum(np.minimum(self.high, bound) - self.low + 1, 0)


def grid_rows(seconds: BookSeconds, t_ns: I64) -> I64:
    """Row of each instant in the grid, int64[m]; instants before the grid give negative rows.

    Raises:
        DataError: an instant is no whole second, or lies after the grid's end.
    """
    if len(seconds) == 0:
        raise DataError("book grid: found no rows; at least one second is needed")
    offset = t_ns - seconds.second_ns[0]
    rows = offset // NS
    fractions, late = int((offset % NS != 0).sum()), int((rows >= len(seconds)).sum())
    if fractions or late:
        raise DataError(
            f"book grid: {fractions} of {len(t_ns)} instants are no whole seconds and {late} lie "
            f"after its last second; allowed are whole seconds up to {seconds.second_ns[-1]}"
        )
    return np.asarray(rows)


def facing_book(seconds: BookSeconds, rows: I64, sigma: I8, *, max_age_s: int) -> FacingBook:
    """The facing side at grid rows.

    Args:
        seconds: per-second states.
        rows: int64[m] grid rows; negative ones are before the grid and not fresh.
        sigma: int8[m].
        max_age_s: a state older than this at the instant is not fresh (08 A24).
    """
    at = np.maximum(rows, 0)
    from_below = (sigma > 0)[:, None]
    ticks = np.where(from_below, seconds.ask_ticks[at], seconds.bid_ticks[at]).astype(np.int64)
    absent = ticks == NO_TICK
    turned = np.where(absent, UNBOUNDED + 1, ticks * sigma.astype(np.int64)[:, None])
    return FacingBook(
        ticks=turned,
        size=np.where(from_below, seconds.ask_size[at], seconds.bid_size[at]),
        bound=np.minimum(turned[:, -1], UNBOUNDED),
        fresh=(rows >= 0) & (sigma != 0) & fresh_rows(seconds, max_age_s=max_age_s)[at],
    )


def fresh_rows(seconds: BookSeconds, *, max_age_s: int) -> Bool:
    """Grid rows whose state is known and at most `max_age_s` old; bool[n]."""
    known = seconds.state_ts_ns != NO_TIME
    oldest_ns = seconds.second_ns - max_age_s * NS
    return np.asarray(known & (seconds.state_ts_ns >= oldest_ns))


def price_zone(level: F64, sigma: I8, *, half_width: float, tick: float) -> Zone:
    """Whole ticks within `half_width` points of each level, in turned ticks (02 N-1).

    17 prices for a level on a 0.25 grid and a half width of 2.0, 16 for one off it.
    """
    known = ~np.isnan(level) & (sigma != 0)
    centre = np.where(known, level, 0.0)
    low = np.ceil((centre - half_width) / tick - _ZONE_TOLERANCE_TICKS).astype(np.int64)
    high = np.floor((centre + half_width) / tick + _ZONE_TOLERANCE_TICKS).astype(np.int64)
    near = np.where(sigma > 0, low, -high)
    far = np.where(sigma > 0, high, -low)
    return Zone(low=np.where(known, near, 0), high=np.where(known, far, -1), known=known)
