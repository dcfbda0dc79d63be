"""Intervals by resampling whole sessions: episodes of one session share its market (03 5.3).

A session drawn m times counts m times. Everything that is a function of sums over rows (means,
skills, calibration errors, rates) is resampled through `sums_interval`; for other statistics
`session_resamples` gives the draws themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.errors import DataError

RESAMPLES = 1000
MIN_SESSIONS = 5
"""With fewer sessions there is no interval (08 B23)."""

FloatArray = NDArray[np.float64]
Statistic = Callable[[FloatArray], FloatArray]
"""Sums float64[..., m] to values float64[...]."""


def session_resamples(
    day: NDArray[Any], *, seed: int, resamples: int = RESAMPLES
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How often each session is drawn in each resample.

    Args:
        day: int[n] or any sortable labels[n], session of each row.
        seed: of PCG64; equal seeds and sessions give equal draws.
        resamples: number of resamples.

    Returns:
        int64[resamples, n_sessions], sessions in ascending order, each resample drawing n_sessions
        of them with replacement; and int64[n], position of each row's session.
    """
    sessions, place = np.unique(day, return_inverse=True)
    many = len(sessions)
    if not many:
        return np.zeros((resamples, 0), dtype=np.int64), place.astype(np.int64)
    drawn = np.random.Generator(np.random.PCG64(seed)).integers(0, many, (resamples, many))
    flat = (drawn + np.arange(resamples)[:, None] * many).ravel()
    copies = np.bincount(flat, minlength=resamples * many).reshape(resamples, many)
    return copies.astype(np.int64), place.astype(np.int64)


def percentile_interval(draws: FloatArray, *, level: float = 0.95) -> tuple[float, float]:
    """Linear percentiles of the resampled values; NaN draws are left out, all NaN gives NaN."""
    if not 0 < level < 1:
        raise DataError(f"interval: level is {level!r}; allowed: between 0 and 1")
    known = draws[~np.isnan(draws)]
    if not len(known):
        return float("nan"), float("nan")
    tail = 50.0 * (1 - level)
    low, high = np.percentile(known, (tail, 100 - tail), method="linear")
    return float(low), float(high)


def sums_interval(
    parts: FloatArray,
    day: NDArray[Any],
    statistic: Statistic,
    *,
    seed: int,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> tuple[float, float]:
    """Interval of a function of column sums.

    Args:
        parts: float64[n, m], what is summed over rows.
        day: session of each row.
        statistic: from sums float64[resamples, m] to float64[resamples]; NaN where undefined.
        seed: see `session_resamples`.
        resamples: likewise.
        level: probability mass between the ends.

    Returns:
        (low, high); NaN with fewer than 5 sessions.

    Raises:
        DataError: shapes differ or a part is not finite.
    """
    if parts.ndim != 2 or len(parts) != len(day):
        raise DataError(f"interval: parts have shape {parts.shape} for {len(day)} sessions of rows")
    if not np.isfinite(parts).all():
        raise DataError("interval: a value is NaN or infinite; leave unknown rows out first")
    copies, place = session_resamples(day, seed=seed, resamples=resamples)
    if copies.shape[1] < MIN_SESSIONS:
        return float("nan"), float("nan")
    width = parts.shape[1]
    cell = place[:, None] * width + np.arange(width)
    sums = np.bincount(cell.ravel(), weights=parts.ravel(), minlength=copies.shape[1] * width)
    drawn = np.zeros((resamples, width))
    for session, row in enumerate(sums.reshape(-1, width)):
        drawn += copies[:, session, None] * row  # no BLAS: the same bits on every machine
    return percentile_interval(statistic(drawn), level=level)


def ratio(sums: FloatArray) -> FloatArray:
    """First column divided by the second; NaN where that is 0."""
    over, under = sums[..., 0], sums[..., 1]
    return np.divide(over, under, out=np.full_like(over, np.nan), where=under != 0)


def session_interval(
    values: FloatArray,
    day: NDArray[Any],
    *,
    seed: int,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> tuple[float, float]:
    """Interval of the mean of `values` over rows: resampled sum over resampled count.

    Args:
        values: float64[n], finite.
        day: session of each row.
        seed: see `sums_interval`.
        resamples: likewise.
        level: likewise.

    Returns:
        (low, high); NaN with fewer than 5 sessions.
    """
    parts = np.column_stack([values, np.ones(len(values))])
    return sums_interval(parts, day, ratio, seed=seed, resamples=resamples, level=level)


def skill_interval(
    loss: FloatArray,
    reference: FloatArray,
    day: NDArray[Any],
    *,
    seed: int,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> tuple[float, float]:
    """Interval of 1 - mean(loss) / mean(reference), both on the same rows.

    Args:
        loss: float64[n], finite.
        reference: float64[n], finite.
        day: session of each row.
        seed: see `sums_interval`.
        resamples: likewise.
        level: likewise.

    Returns:
        (low, high); NaN with fewer than 5 sessions.
    """
    parts = np.column_stack([loss, reference])
    return sums_interval(
        parts, day, lambda s: 1 - ratio(s), seed=seed, resamples=resamples, level=level
    )
