"""Many measures of the same rows, resampled together: sums are drawn once for all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.evaluation.intervals import (
    MIN_SESSIONS,
    Statistic,
    percentile_interval,
    ratio,
    session_resamples,
)

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Measure:
    """One value with its interval; None is unknown.

    Attributes:
        name: such as "brier_skill".
        value: on all rows.
        low: lower end of the 95 % interval over resampled sessions.
        high: upper end.
        n: rows it rests on.
        n_sessions: sessions of these rows.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    n_sessions: int


def known(value: float) -> float | None:
    """None for NaN."""
    return float(value) if np.isfinite(value) else None


@dataclass
class SumMeasures:
    """Measures that are functions of column sums over rows.

    Attributes:
        day: int[n], session of each row.
        copies: int64[b, s], multiplicity of each session in each resample.
        place: int64[n], position of each row's session.
    """

    day: NDArray[Any]
    copies: NDArray[np.int64]
    place: NDArray[np.int64]
    _parts: list[FloatArray] = field(default_factory=list)
    _made: list[tuple[str, slice, Statistic, NDArray[np.bool_]]] = field(default_factory=list)
    _width: int = 0

    @classmethod
    def of(cls, day: NDArray[Any], *, seed: int, resamples: int) -> SumMeasures:
        """Measures of rows with these sessions."""
        copies, place = session_resamples(day, seed=seed, resamples=resamples)
        return cls(day, copies, place)

    def add(self, name: str, parts: FloatArray, statistic: Statistic) -> None:
        """A measure of the sums of `parts` float64[n, m]; rows with a NaN part are left out."""
        if parts.ndim != 2 or len(parts) != len(self.day):
            raise DataError(f"{name}: parts have shape {parts.shape} for {len(self.day)} rows")
        kept: NDArray[np.bool_] = np.asarray(~np.isnan(parts).any(axis=1))
        self._parts.append(np.where(kept[:, None], parts, 0.0))
        part = slice(self._width, self._width + parts.shape[1])
        self._width = part.stop
        self._made.append((name, part, statistic, kept))

    def mean(self, name: str, values: FloatArray) -> None:
        """The mean of values float64[n], NaN left out."""
        self.add(name, np.column_stack([values, np.ones(len(values))]), ratio)

    def skill(self, name: str, loss: FloatArray, reference: FloatArray) -> None:
        """1 - loss / reference, rows with an unknown one left out of both."""
        self.add(name, np.column_stack([loss, reference]), lambda s: 1 - ratio(s))

    def measures(self) -> list[Measure]:
        """All of them, in the order in which they were added."""
        if not self._parts:
            return []
        parts = np.concatenate(self._parts, axis=1)
        drawn = self._drawn(parts)
        total = parts.sum(axis=0)
        found = []
        for name, part, statistic, kept in self._made:
            n, sessions = int(kept.sum()), len(np.unique(self.place[kept]))
            ends = (float("nan"), float("nan"))
            if sessions >= MIN_SESSIONS:
                ends = percentile_interval(statistic(drawn[:, part]))
            value = float(statistic(total[None, part])[0]) if n else float("nan")
            low, high = (known(end) for end in ends)
            found.append(Measure(name, known(value), low, high, n, sessions))
        return found

    def _drawn(self, parts: FloatArray) -> FloatArray:
        """float64[b, m]: sums of every resample; without BLAS, the same bits on every machine."""
        drawn = np.zeros((len(self.copies), parts.shape[1]))
        for session in range(self.copies.shape[1]):
            drawn += self.copies[:, session, None] * parts[self.place == session].sum(axis=0)
        return drawn
