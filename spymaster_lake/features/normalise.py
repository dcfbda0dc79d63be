"""Normalisation of the episode vector: fit on a window before the as-of date, apply to any row.

Spec: 03 2.5 [N], 08 B9, B13, B14. The same code serves corpus and queries. Arithmetic is float64,
element by element, so a row's result does not depend on the rows beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.errors import DataError, InsufficientHistoryError
from spymaster_lake.contracts.index_blocks import (
    MIN_FIT_EPISODES,
    MIN_FIT_SESSIONS,
    MIN_FIT_VALUES,
    FeatureStatistics,
    NormalisationBlock,
)
from spymaster_lake.contracts.vector import VECTOR_DIMENSION, VECTOR_FEATURES
from spymaster_lake.contracts.vector_model import Method, VectorFeature

DEGENERATE = 1e-9
"""A scale up to this share of the largest absolute value is none (08 B13)."""
IQR_TO_SIGMA = 1.349

_EPOCH = date(1970, 1, 1)

FloatArray = NDArray[np.float64]


def day_number(day: date) -> int:
    """Days since 1970-01-01, as in an Arrow date32 array."""
    return (day - _EPOCH).days


def fit_window(days: NDArray[np.int32], *, as_of: date, lookback_days: int) -> NDArray[np.bool_]:
    """Which episodes the normaliser is fitted on: date in [as_of - lookback, as_of - 1].

    Args:
        days: int32[n], session date of each episode in days since 1970-01-01.
        as_of: as-of date of the index, not included.
        lookback_days: calendar days.

    Returns:
        bool[n].

    Raises:
        InsufficientHistoryError: fewer than 20 session dates or 500 episodes (08 B9).
    """
    last = day_number(as_of)
    inside: NDArray[np.bool_] = (days >= last - lookback_days) & (days < last)
    episodes, sessions = int(inside.sum()), len(np.unique(days[inside]))
    if sessions < MIN_FIT_SESSIONS or episodes < MIN_FIT_EPISODES:
        first = as_of - timedelta(days=lookback_days)
        raise InsufficientHistoryError(
            f"Normaliser as of {as_of}: {episodes} episodes on {sessions} session dates in "
            f"[{first}, {as_of - timedelta(days=1)}]; needs at least {MIN_FIT_EPISODES} episodes "
            f"on {MIN_FIT_SESSIONS} session dates; choose a later as-of date"
        )
    return inside


def fit_normaliser(
    raw: NDArray[np.float32], days: NDArray[np.int32], *, lookback_days: int
) -> NormalisationBlock:
    """Statistics of every entry over the rows of the fit window.

    Args:
        raw: float32[n, 149], raw vectors in a canonical row order; NaN = unknown.
        days: int32[n], session dates in days since 1970-01-01.
        lookback_days: recorded only.

    Raises:
        DataError: a vector holds an infinity.
    """
    refuse_infinite(raw)
    features = tuple(
        _fit_entry(feature, raw[:, feature.index].astype(np.float64)) for feature in VECTOR_FEATURES
    )
    sessions = np.unique(days)
    return NormalisationBlock(
        lookback_days=lookback_days,
        first_date=_EPOCH + timedelta(days=int(sessions[0])),
        last_date=_EPOCH + timedelta(days=int(sessions[-1])),
        n_sessions=len(sessions),
        n_episodes=len(raw),
        features=features,
        constant=tuple(f.name for f in features if f.status == "constant"),
        unavailable=tuple(f.name for f in features if f.status == "unavailable"),
    )


def refuse_infinite(raw: NDArray[Any]) -> None:
    """Raise DataError if any entry is infinite; NaN is legal (08 B14)."""
    infinite = np.isinf(raw)
    if infinite.any():
        row, entry = np.argwhere(infinite)[0]
        raise DataError(
            f"vector_raw: {int(infinite.sum())} infinite entries, the first is "
            f"{VECTOR_FEATURES[entry].name!r} of row {row}; allowed: finite numbers and NaN"
        )


def _fit_entry(feature: VectorFeature, column: FloatArray) -> FeatureStatistics:
    known = column[~np.isnan(column)]
    name, method, n = feature.name, feature.method, len(known)
    if n < MIN_FIT_VALUES:
        return FeatureStatistics(name=name, method=method, n=n, status="unavailable")
    if method is Method.PASS:
        return FeatureStatistics(name=name, method=method, n=n)
    if method is Method.MIN_MAX:
        return _fixed_range(feature, known)
    least = DEGENERATE * float(np.abs(known).max())
    spread = float(known.std(ddof=1))
    if method is Method.Z_SCORE:
        return _scaled(feature, n, float(known.mean()), least, (("std", spread),))
    low, middle, high = (float(q) for q in np.quantile(known, (0.25, 0.5, 0.75)))
    robust = (high - low) / IQR_TO_SIGMA
    return _scaled(feature, n, middle, least, (("iqr", robust), ("std", spread)))


def _fixed_range(feature: VectorFeature, known: FloatArray) -> FeatureStatistics:
    if feature.low is None or feature.high is None or not feature.low < feature.high:
        raise DataError(f"vector table: {feature.name!r} has method M but no range")
    width = feature.high - feature.low
    fill = float(np.clip((np.median(known) - feature.low) / width, 0.0, 1.0))
    return FeatureStatistics(
        name=feature.name, method=feature.method, n=len(known),
        center=feature.low, scale=width, scale_source="range", fill=fill,
    )  # fmt: skip


def _scaled(
    feature: VectorFeature,
    n: int,
    center: float,
    least: float,
    scales: tuple[tuple[Any, float], ...],
) -> FeatureStatistics:
    """The first scale that is not degenerate; `constant` if none is."""
    for source, scale in scales:
        if scale > least:
            return FeatureStatistics(
                name=feature.name, method=feature.method, n=n,
                center=center, scale=scale, scale_source=source,
            )  # fmt: skip
    return FeatureStatistics(name=feature.name, method=feature.method, n=n, status="constant")


@dataclass(frozen=True, slots=True)
class Normaliser:
    """A fitted normaliser as arrays over the 149 entries.

    Attributes:
        center, scale, low, high, fill: float64[149].
        live: bool[149], False where the entry always gives 0.
    """

    center: FloatArray
    scale: FloatArray
    low: FloatArray
    high: FloatArray
    fill: FloatArray
    live: NDArray[np.bool_]

    @classmethod
    def of(cls, block: NormalisationBlock) -> Normaliser:
        """The normaliser that a manifest describes."""
        bounds = {
            Method.MIN_MAX: (0.0, 1.0),
            Method.PASS: (-np.inf, np.inf),
            Method.Z_SCORE: (-block.clip_sigma, block.clip_sigma),
            Method.ROBUST: (-block.clip_sigma, block.clip_sigma),
        }
        return cls(
            np.array([0.0 if f.center is None else f.center for f in block.features]),
            np.array([1.0 if f.scale is None else f.scale for f in block.features]),
            np.array([bounds[f.method][0] for f in block.features]),
            np.array([bounds[f.method][1] for f in block.features]),
            np.array([f.fill for f in block.features]),
            np.array([f.status == "ok" for f in block.features]),
        )

    def apply(self, raw: NDArray[Any]) -> FloatArray:
        """Normalised rows.

        Args:
            raw: float[n, 149]; NaN = unknown, never infinite.

        Returns:
            float64[n, 149] without NaN; Z and R in [-4, 4], M in [0, 1], P unchanged.

        Raises:
            DataError: another shape, or an infinite entry.
        """
        if raw.ndim != 2 or raw.shape[1] != VECTOR_DIMENSION:
            raise DataError(f"vector_raw: shape {raw.shape}; allowed: (n, {VECTOR_DIMENSION})")
        refuse_infinite(raw)
        values = raw.astype(np.float64)
        values -= self.center
        values /= self.scale
        np.clip(values, self.low, self.high, out=values)
        np.copyto(values, self.fill, where=np.isnan(values))
        values[:, ~self.live] = 0.0
        return values
