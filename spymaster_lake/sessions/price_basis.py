"""On which basis a session's prices stand: splits as data, never mixed silently.

A share's prices before and after a split are prices of different things. Bronze keeps them as
printed; whoever compares prices of two sessions asks for the factor between their bases, and
whoever may not convert asks that there be none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.contracts.profile import InstrumentProfile, SplitStep


@dataclass(frozen=True, slots=True)
class SplitTable:
    """Dated splits of one instrument.

    Attributes:
        instrument: for messages.
        steps: splits, oldest first.
        max_step: bound of `check_step`.
    """

    instrument: str
    steps: tuple[SplitStep, ...] = ()
    max_step: float = 1.4

    @classmethod
    def of(cls, profile: InstrumentProfile) -> SplitTable:
        """The table of a profile; instruments without splits have an empty one."""
        actions = profile.corporate_actions
        return cls(profile.instrument, actions.splits, actions.max_step)

    def basis(self, day: date) -> date | None:
        """Ex-date of the newest split at or before `day`; None before the first.

        Sessions of equal basis have comparable prices.
        """
        return max((s.ex_date for s in self.steps if s.ex_date <= day), default=None)

    def factor(self, from_day: date, to_day: date) -> float:
        """What a price of `from_day` is multiplied by to stand on the basis of `to_day`.

        Forward in time a 5-for-1 split gives 0.2, backward 5.0; 1.0 exactly where there is none.
        """
        if to_day < from_day:
            return 1.0 / self.factor(to_day, from_day)
        between = [s for s in self.steps if from_day < s.ex_date <= to_day]
        return math.prod((s.old / s.new for s in between), start=1.0)

    def require_same(self, days: Iterable[date]) -> None:
        """Refuse to mix prices of different bases.

        Raises:
            DataError: a split lies between the sessions; names it and the sessions beside it.
        """
        ordered = sorted(set(days))
        for before, after in pairwise(ordered):
            if self.basis(before) != self.basis(after):
                raise DataError(
                    f"{self.instrument}: sessions {before} and {after} have prices of different "
                    f"bases (split on {self.basis(after)}); convert them with the split table"
                )

    def check_step(self, before: date, last: float, day: date, first: float) -> None:
        """Check that the table explains the step between two consecutive sessions.

        Args:
            before: the earlier session.
            last: its last price, as printed, points.
            day: the later session.
            first: its first price, as printed, points.

        Raises:
            DataError: after known splits the step is beyond `max_step` either way: the table lacks
                a split between the sessions, or has one that the files undo already.
        """
        factor = self.factor(before, day)
        if not (last > 0 and first > 0):
            raise DataError(f"{self.instrument}: prices {last} and {first} must be positive")
        step = first / (last * factor)
        if 1 / self.max_step <= step <= self.max_step:
            return
        known = "" if factor == 1.0 else f" after the known factor {factor:g}"
        lacks = "lacks a split" if factor == 1.0 else "has a split that the files do not show"
        raise DataError(
            f"{self.instrument}: from {last:g} on {before} to {first:g} on {day} is a factor of "
            f"{step:.4g}{known}; allowed: {1 / self.max_step:.3g} to {self.max_step:g}. The "
            f"profile's corporate_actions.splits {lacks} between these sessions (or its prices are "
            "adjusted)"
        )
