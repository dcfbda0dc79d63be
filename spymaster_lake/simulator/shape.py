"""How activity is spread over a session: weights per minute, and random times drawn from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spymaster_lake.simulator.model import MINUTE, SessionTimes

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

BOOK_BEFORE_OPEN = 70
BOOK_AFTER_OPEN = 190
"""The book window in minutes around the open: 08:20 to 12:40 for a 09:30 open."""


@dataclass(frozen=True, slots=True)
class SessionShape:
    """Weights per minute since the session start.

    Attributes:
        variance: float64[m], share of price variance, unnormalised.
        volume: float64[m], share of prints, unnormalised.
        premarket, open, close: minute of each instant.
    """

    variance: F64
    volume: F64
    premarket: int
    open: int
    close: int

    @property
    def minutes(self) -> int:
        """Number of minutes in which there is trading."""
        return len(self.variance)

    @property
    def in_book_window(self) -> Bool:
        """bool[m], minutes of the book window."""
        minute = np.arange(self.minutes)
        return (minute >= self.open - BOOK_BEFORE_OPEN) & (minute < self.open + BOOK_AFTER_OPEN)


def session_shape(times: SessionTimes, rng: np.random.Generator) -> SessionShape:
    """Weights with a U over regular hours, a rising pre-market and a thin night, times noise.

    The noise is log-normal and persists for some twenty minutes; it has no direction.
    """
    pre, opening, close, stop = (
        (t - times.start) // MINUTE for t in (times.premarket, times.open, times.close, times.stop)
    )
    minute = np.arange(stop, dtype=np.float64)
    since, before_close = minute - opening, close - minute
    rising = np.clip((minute - pre) / max(opening - pre, 1), 0.0, 1.0)
    regular = (minute >= opening) & (minute < close)
    morning = (minute >= pre) & (minute < opening)
    variance = np.where(minute >= pre - 60, 10.0, 6.0)
    variance = np.where(morning, 9.0 + 16.0 * rising, variance)
    u_shape = 36.0 + 85.0 * np.exp(-since / 25.0) + 30.0 * np.exp(-before_close / 30.0)
    variance = np.where(regular, u_shape, variance)
    volume = np.where(morning, 250.0 + 1200.0 * rising**2, 130.0)
    u_shape = 2300.0 + 5200.0 * np.exp(-since / 30.0) + 4500.0 * np.exp(-before_close / 25.0)
    volume = np.where(regular, u_shape, volume)
    noise = slow_noise(rng, len(minute))
    return SessionShape(
        variance * np.exp(0.35 * noise),
        volume * np.exp(0.20 * noise),
        int(pre),
        int(opening),
        int(close),
    )


def slow_noise(rng: np.random.Generator, n: int, span: int = 20) -> F64:
    """Standard normal, correlated over `span` minutes."""
    total = np.concatenate([[0.0], np.cumsum(rng.standard_normal(n + span - 1))])
    return np.asarray((total[span:] - total[:-span]) / np.sqrt(span), np.float64)


def random_times(rng: np.random.Generator, n: int, weights: F64) -> I64:
    """Sorted random times, int64[n], ns since the session start, by weights per minute."""
    counts = rng.multinomial(n, weights / weights.sum())
    return times_in_minutes(rng, counts)


def times_in_minutes(rng: np.random.Generator, counts: npt.NDArray[np.integer]) -> I64:
    """Sorted uniform times, int64[sum(counts)], with `counts[m]` of them in minute m."""
    start = np.repeat(np.arange(len(counts), dtype=np.int64) * MINUTE, counts)
    return np.sort(start + rng.integers(1, MINUTE, len(start)))
