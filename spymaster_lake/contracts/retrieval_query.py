"""What is asked of the retrieval engine: one episode, and filters on its neighbours (03 4.1, 4.2).

A query is only a carrier: the engine judges it, and a query that breaks a rule is answered with
INVALID_QUERY and every rule it breaks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.errors import ConfigError, DataError

Scalar = str | bool | int | float | date
Number = int | float | date


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """One approach to a level, known at its anchor and nothing after it.

    Attributes:
        event_id: never its own neighbour; seeds the intervals (08 B24).
        episode_id: attempt cluster of the event; null if unknown.
        level_kind, direction: choose the partition, as `minutes_since_open` does.
        level_price: price of the level in points; echoed.
        time_bucket: bucket that the caller derived; must agree with `minutes_since_open`.
        anchor_ts_ns: UTC ns; echoed.
        date: session date, a plain date; neighbours are strictly older (03 D36, D37).
        emission_weight: echoed; weights nothing.
        minutes_since_open: of the anchor, in [0, 180].
        resolved_before_anchor: the race ended in the entry bar; such a query is invalid (08 B15).
        vector_raw: float[149], raw entries in the order of the vector table; NaN = unknown.
    """

    event_id: str
    level_kind: str
    direction: str
    time_bucket: str
    anchor_ts_ns: int
    date: date
    minutes_since_open: float
    vector_raw: NDArray[np.floating] | Sequence[float]
    episode_id: str | None = None
    level_price: float | None = None
    emission_weight: float | None = None
    resolved_before_anchor: bool = False

    def __post_init__(self) -> None:
        """A date with a clock cannot be compared with session dates (03 D37)."""
        if isinstance(self.date, datetime) or not isinstance(self.date, date):
            raise DataError(
                f"query.date: must be a session date without a time (found {self.date!r})"
            )


@dataclass(frozen=True, slots=True)
class Range:
    """A filter low <= value <= high on numbers or dates; an end that is None is open."""

    low: Number | None = None
    high: Number | None = None

    def __post_init__(self) -> None:
        """Refuse a range that says nothing, or that nothing can lie in."""
        ends = [end for end in (self.low, self.high) if end is not None]
        if not ends or any(isinstance(end, bool | str) for end in ends):
            raise ConfigError(
                f"filter range: needs a number or a date at one end at least (found {self!r})"
            )
        if any(isinstance(end, float) and math.isnan(end) for end in ends):
            raise ConfigError(f"filter range: an end is NaN (found {self!r})")


Filters = Mapping[str, Scalar | Range]
"""Metadata column to the value, or the range of values, that neighbours must have; null has none."""
