"""Intervals of the posterior by resampling session dates (03 4.4 [N], 08 B23, B24).

Episodes of one date share its market, so whole dates are drawn, with replacement. A date drawn m
times brings m separate copies of its rows: n_eff = (sum m w)^2 / sum m w^2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.enums import OUTCOMES
from spymaster_lake.features.retrieval_posterior import PRIOR_STRENGTH, OutcomeCodes

RESAMPLES = 1000
MIN_ROWS, MIN_DATES = 5, 5
QUANTILES = (0.025, 0.975)

FloatArray = NDArray[np.float64]
Interval = tuple[FloatArray, FloatArray]


def query_seed(event_id: str, content_sha256: str) -> int:
    """First eight bytes of sha256(event_id + "|" + content_sha256), big-endian (08 B24)."""
    digest = hashlib.sha256(f"{event_id}|{content_sha256}".encode()).digest()
    return int.from_bytes(digest[:8], "big")


def date_multiplicities(seed: int, n_dates: int, resamples: int) -> NDArray[np.int64]:
    """int64[resamples, n_dates]: how often each date, oldest first, is drawn in each resample.

    A resample draws n_dates dates with replacement, from PCG64 seeded by `seed`.
    """
    cell = np.random.Generator(np.random.PCG64(seed)).integers(0, n_dates, (resamples, n_dates))
    cell += (np.arange(resamples) * n_dates)[:, None]
    counts = np.bincount(cell.ravel(), minlength=resamples * n_dates)
    return counts.reshape(resamples, n_dates)


def posterior_intervals(
    outcomes: Sequence[OutcomeCodes],
    weights: FloatArray,
    day: NDArray[np.int32],
    base_rates: Sequence[FloatArray | None],
    *,
    seed: int,
    prior: float = PRIOR_STRENGTH,
    resamples: int = RESAMPLES,
) -> list[Interval | None]:
    """Ends of the 95 % interval of each outcome's posterior, at each horizon.

    Every horizon draws its dates from the seed anew, so that its interval does not depend on the
    others (but for rounding). Horizons whose rows lie on equally many dates thus have equal draws:
    they are made once.

    Args:
        outcomes: int8[k] by horizon, position in OUTCOMES, -1 = unknown; unknown rows are left out.
        weights: float64[k], >= 0, any scale.
        day: int32[k], session dates in days since 1970-01-01.
        base_rates: float64[4] by horizon, held fixed; None if unknown.
        seed: see `query_seed`.
        prior: strength of the base rate.
        resamples: number of resamples.

    Returns:
        By horizon float64[4] low and high by linear percentiles; None with fewer than 5 rows or 5
        dates, or without a base rate.
    """
    found: list[Interval | None] = [None] * len(outcomes)
    groups: dict[int, list[tuple[int, FloatArray, FloatArray]]] = {}
    for horizon, sums in enumerate(date_sums(np.array(outcomes), weights, day)):
        base = base_rates[horizon]
        if base is not None and sums is not None:
            groups.setdefault(sums.shape[1], []).append((horizon, sums, base))
    for members in groups.values():
        horizons, sums_of, bases = zip(*members, strict=True)
        drawn = resampled_posteriors(
            np.array(sums_of), np.array(bases), seed=seed, prior=prior, resamples=resamples
        )
        lows, highs = linear_quantiles(drawn, QUANTILES)
        for horizon, low, high in zip(horizons, lows, highs, strict=True):
            found[horizon] = (low, high)
    return found


def date_sums(
    outcomes: OutcomeCodes, weights: FloatArray, day: NDArray[np.int32]
) -> list[FloatArray | None]:
    """What a resample has to know of each date, by horizon.

    Args:
        outcomes: int8[h, k], position in OUTCOMES, -1 = unknown; unknown rows are left out.
        weights: float64[k].
        day: int32[k].

    Returns:
        By horizon float64[5, d] over the d dates with a known row, oldest first: the sum of the
        weights of each outcome, and the sum of their squares; None with fewer than 5 rows or 5
        dates.
    """
    dates, date_of_row = np.unique(day, return_inverse=True)
    n_horizons, n_dates, n_codes = len(outcomes), len(dates), len(OUTCOMES) + 1
    # an unknown outcome, -1, is counted under a code of its own, and its mass forgotten
    codes = outcomes + np.arange(1, n_horizons * n_codes, n_codes)[:, None]
    cells = (codes * n_dates + date_of_row).ravel()
    size = n_horizons * n_codes * n_dates
    mass = np.bincount(cells, np.tile(weights, n_horizons), size)
    sums = mass.reshape(n_horizons, n_codes, n_dates)
    sums = np.concatenate([sums[:, 1:], np.empty((n_horizons, 1, n_dates))], axis=1)
    sums[:, -1] = np.bincount(date_of_row, weights * weights, n_dates)
    known = outcomes >= 0
    found: list[FloatArray | None] = []
    for horizon, n_known in enumerate(known.sum(axis=1).tolist()):
        mine = sums[horizon]
        if n_known < len(weights):
            rows = known[horizon]
            squares = np.bincount(date_of_row[rows], weights[rows] ** 2, n_dates)
            present = np.bincount(date_of_row[rows], minlength=n_dates) > 0
            mine = np.vstack([mine[:-1], squares])[:, present]
        found.append(mine if n_known >= MIN_ROWS and mine.shape[1] >= MIN_DATES else None)
    return found


def resampled_posteriors(
    sums: FloatArray, base_rate: FloatArray, *, seed: int, prior: float, resamples: int
) -> FloatArray:
    """Posterior of every resample.

    A date enters a resample whole, so the sums of a resample are a product of the multiplicities
    and the sums of the dates.

    Args:
        sums: float64[h, 5, d], see `date_sums`, of horizons with equally many dates.
        base_rate: float64[h, 4].
        seed: see `query_seed`.
        prior: strength of the base rate.
        resamples: b.

    Returns:
        float64[h, 4, b]; a resample whose weights all vanish gives the base rate, as n_eff = 0 does.
    """
    copies = date_multiplicities(seed, sums.shape[2], resamples).astype(np.float64)
    n_horizons, n_sums, n_dates = sums.shape
    drawn = (sums.reshape(-1, n_dates) @ copies.T).reshape(n_horizons, n_sums, resamples)
    mass, square = drawn[:, :-1], drawn[:, -1:]
    total = mass.sum(axis=1, keepdims=True)
    # with n_eff = total^2 / square, n_eff p_raw = mass total / square
    strength = np.divide(total, square, out=np.zeros_like(total), where=total > 0)
    estimate: FloatArray = mass * strength
    estimate += prior * base_rate[:, :, None]
    estimate /= strength * total + prior
    return estimate


def linear_quantiles(values: FloatArray, shares: Sequence[float]) -> tuple[FloatArray, ...]:
    """Quantiles along the last axis, linear between order statistics (`np.quantile`'s default).

    Args:
        values: float64[..., b] without NaN; sorted in place.
        shares: in [0, 1].

    Returns:
        float64[...] for each share.
    """
    values.sort(axis=-1)
    last = values.shape[-1] - 1
    found = []
    for share in shares:
        below = min(int(share * last), max(last - 1, 0))
        low, high = values[..., below], values[..., min(below + 1, last)]
        part, gap = share * last - below, high - low
        found.append(low + gap * part if part < 0.5 else high - gap * (1 - part))
    return tuple(found)
