"""First-passage race of the price between two barriers around a level (01 2.7-2, 08 A7, A18).

x is the price minus the level in the approach frame: positive means through the level. The race is
run print by print in total order, so two barriers are never reached at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from spymaster_lake.features.arrays import BAND_TOLERANCE, F64, I64, Bool, Trades, points

BREAK, REJECT, CHOP, NO_TEST = "BREAK", "REJECT", "CHOP", "NO_TEST"


@dataclass(frozen=True, slots=True)
class Tape:
    """Prints of one session prepared for races.

    Attributes:
        ts_ns: int64[n] event times, sorted.
        price: float64[n] points.
        gap_after: int64[k], positions of prints that a gap longer than max_gap_ns follows.
        max_gap_ns: longest gap of a complete window.
    """

    ts_ns: I64
    price: F64
    gap_after: I64
    max_gap_ns: int

    @classmethod
    def of(cls, trades: Trades, *, tick: float, max_gap_ns: int) -> Self:
        """The tape of a session's prints."""
        gaps = np.flatnonzero(np.diff(trades.ts_ns) > max_gap_ns)
        return cls(trades.ts_ns, points(trades.ticks, tick=tick), gaps, max_gap_ns)

    def position(self, t_ns: int) -> int:
        """Number of prints strictly before t."""
        return int(np.searchsorted(self.ts_ns, t_ns, side="left"))

    def x(self, first: int, last: int, *, level: float, sigma: int) -> F64:
        """float64[last - first] points through the level, of prints [first, last)."""
        return sigma * (self.price[first:last] - level)

    def is_covered(self, first: int, last: int, *, start_ns: int, end_ns: int) -> bool:
        """Whether [start, end] holds no gap longer than allowed; both edges end gaps (08 A7).

        Args:
            first: position of the first print in the window.
            last: position after the last print in the window.
            start_ns: left edge, ns UTC.
            end_ns: right edge, ns UTC.
        """
        if first >= last:
            return end_ns - start_ns <= self.max_gap_ns
        at = int(np.searchsorted(self.gap_after, first, side="left"))
        return bool(
            self.ts_ns[first] - start_ns <= self.max_gap_ns
            and end_ns - self.ts_ns[last - 1] <= self.max_gap_ns
            and not (at < len(self.gap_after) and self.gap_after[at] < last - 1)
        )


@dataclass(frozen=True, slots=True)
class Encounter:
    """One event as plain numbers.

    Attributes:
        bar_start_ns: start of the entry bar, ns UTC.
        anchor_ns: its end, t0.
        level: points.
        sigma: +1 UP, -1 DOWN.
        atr: points, positive.
        x0: points through the level of the last print before the anchor.
    """

    bar_start_ns: int
    anchor_ns: int
    level: float
    sigma: int
    atr: float
    x0: float


@dataclass(frozen=True, slots=True)
class RaceStart:
    """Where the race from the test of the level starts.

    Attributes:
        tau_ns: start of the race, ns UTC; None without an observed test.
        first: position of its first print.
        x_tau: x at the start, points; NaN without a test.
        resolved: decided before the anchor.
        is_complete: no gap hides an earlier test.
    """

    tau_ns: int | None
    first: int
    x_tau: float
    resolved: bool
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Race:
    """What a race over [start, start + h) showed.

    Attributes:
        outcome: BREAK, REJECT or CHOP; None if a gap hides which.
        break_ns: time of the first x >= upper, whoever wins; None if none or hidden by a gap.
        reject_ns: time of the first x <= lower, likewise.
        highest: largest x in points; NaN if the window has a gap.
        lowest: smallest x in points; NaN if the window has a gap.
    """

    outcome: str | None
    break_ns: int | None
    reject_ns: int | None
    highest: float
    lowest: float


UNKNOWN = Race(None, None, None, np.nan, np.nan)
"""A race about which nothing is known."""


def run_race(
    tape: Tape,
    *,
    first: int,
    start_ns: int,
    end_ns: int,
    level: float,
    sigma: int,
    upper: float,
    lower: float,
) -> Race:
    """Race from print `first` over the window [start, end).

    The outcome is known if no gap occurs up to the deciding print, CHOP if none occurs at all; a
    crossing time if none occurs up to that crossing; the extremes need the whole window.

    Args:
        tape: prints of the session.
        first: position of the first print of the race.
        start_ns: start of the window, at or before that print.
        end_ns: end of the window, exclusive.
        level: points.
        sigma: +1 UP, -1 DOWN.
        upper: barrier of BREAK, points from the level.
        lower: barrier of REJECT, points from the level, below `upper`.

    Returns:
        The race; comparisons with the barriers allow for 1e-9 points.

    Source: 01 2.7-2, 08 A7, A18.
    """
    last = max(first, tape.position(end_ns))
    x = tape.x(first, last, level=level, sigma=sigma)
    covered = tape.is_covered(first, last, start_ns=start_ns, end_ns=end_ns)
    up = first_true(x >= upper - BAND_TOLERANCE)
    down = first_true(x <= lower + BAND_TOLERANCE)

    def seen(at: int | None) -> int | None:
        if at is None:
            return None
        t = int(tape.ts_ns[first + at])
        known = covered or tape.is_covered(first, first + at + 1, start_ns=start_ns, end_ns=t)
        return t if known else None

    break_ns, reject_ns = seen(up), seen(down)
    if up is not None and (down is None or up < down):
        outcome = BREAK if break_ns is not None else None
    elif down is not None:
        outcome = REJECT if reject_ns is not None else None
    else:
        outcome = CHOP if covered else None
    extremes = (float(x.max()), float(x.min())) if covered and len(x) else (np.nan, np.nan)
    return Race(outcome, break_ns, reject_ns, *extremes)


def first_true(mask: Bool) -> int | None:
    """Position of the first True; None if there is none."""
    if not len(mask):
        return None
    at = int(mask.argmax())
    return at if mask[at] else None


def find_start(tape: Tape, event: Encounter, *, search_ns: int) -> RaceStart:
    """The test of the level: in the entry bar, else in the search window after the anchor.

    A touch (x >= 0) in the entry bar that is followed there by abs(x) >= ATR is resolved before the
    anchor and starts the race at the touch; a touch alone starts it at the anchor. Without a touch
    in the bar the first one in [anchor, anchor + search) starts it.

    Args:
        tape: prints of the session.
        event: the event.
        search_ns: length of the search, ns.

    Returns:
        The start; `is_complete` refers to the search alone.

    Source: 01 2.7-1, 08 A7, A18.
    """
    begin, anchor = tape.position(event.bar_start_ns), tape.position(event.anchor_ns)
    x = tape.x(begin, anchor, level=event.level, sigma=event.sigma)
    touch = first_true(x >= -BAND_TOLERANCE)
    if touch is not None:
        if first_true(np.abs(x[touch:]) >= event.atr - BAND_TOLERANCE) is None:
            x_tau = float(x[-1])
            return RaceStart(event.anchor_ns, anchor, x_tau, resolved=False, is_complete=True)
        at = begin + touch
        return RaceStart(int(tape.ts_ns[at]), at, float(x[touch]), resolved=True, is_complete=True)
    end_ns = event.anchor_ns + search_ns
    last = tape.position(end_ns)
    x = tape.x(anchor, last, level=event.level, sigma=event.sigma)
    touch = first_true(x >= -BAND_TOLERANCE)
    if touch is None:
        covered = tape.is_covered(anchor, last, start_ns=event.anchor_ns, end_ns=end_ns)
        return RaceStart(None, last, np.nan, resolved=False, is_complete=covered)
    at = anchor + touch
    tau = int(tape.ts_ns[at])
    covered = tape.is_covered(anchor, at + 1, start_ns=event.anchor_ns, end_ns=tau)
    return RaceStart(tau, at, float(x[touch]), resolved=False, is_complete=covered)
