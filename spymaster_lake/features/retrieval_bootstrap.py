"""Intervals of the posterior by resampling session dates (03 4.4 [N], 08 B23, B24).

Episodes of one date share its market, so whole dates are drawn, with replacement. A date drawn m
times brings m separate copies of its rows: n_eff = (sum m w)^2 / sum m w^2.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.enums import OUTCOMES
from spymaster_lake.features.retrieval_posterior import PRIOR_STRENGTH, OutcomeCodes, posterior

RESAMPLES = 1000
MIN_ROWS, MIN_DATES = 5, 5
PERCENTILES = (2.5, 97.5)

FloatArray = NDArray[np.float64]


def query_seed(event_id: str, content_sha256: str) -> int:
    """First eight bytes of sha256(event_id + "|" + content_sha256), big-endian (08 B24)."""
    digest = hashlib.sha256(f"{event_id}|{content_sha256}".encode()).digest()
    return int.from_bytes(digest[:8], "big")


def date_multiplicities(seed: int, n_dates: int, resamples: int) -> NDArray[np.int64]:
    """int64[resamples, n_dates]: how often each date, oldest first, is drawn in each resample.

    A resample draws n_dates dates with replacement, from PCG64 seeded by `seed`.
    """
    drawn = np.random.Generator(np.random.PCG64(seed)).integers(0, n_dates, (resamples, n_dates))
    flat = drawn + np.arange(resamples)[:, None] * n_dates
    counts = np.bincount(flat.ravel(), minlength=resamples * n_dates)
    return counts.reshape(resamples, n_dates)


def posterior_interval(
    outcome: OutcomeCodes,
    weights: FloatArray,
    day: NDArray[np.int32],
    base_rate: FloatArray | None,
    *,
    seed: int,
    prior: float = PRIOR_STRENGTH,
    resamples: int = RESAMPLES,
) -> tuple[FloatArray, FloatArray] | None:
    """Ends of the 95 % interval of each outcome's posterior at one horizon.

    Args:
        outcome: int8[k], position in OUTCOMES, -1 = unknown; unknown rows are left out.
        weights: float64[k], >= 0, any scale.
        day: int32[k], session dates in days since 1970-01-01.
        base_rate: float64[4], held fixed; None if unknown.
        seed: see `query_seed`; each horizon draws its own dates from it anew, so that a horizon's
            interval does not depend on the others.
        prior: strength of the base rate.
        resamples: number of resamples.

    Returns:
        float64[4] low and high by linear percentiles; None with fewer than 5 rows or 5 dates.
    """
    valid = outcome >= 0
    dates, date_of_row = np.unique(day[valid], return_inverse=True)
    if base_rate is None or int(valid.sum()) < MIN_ROWS or len(dates) < MIN_DATES:
        return None
    draws = resampled_posteriors(
        date_multiplicities(seed, len(dates), resamples),
        date_of_row,
        outcome[valid],
        weights[valid],
        base_rate,
        prior=prior,
    )
    low, high = np.percentile(draws, PERCENTILES, axis=0, method="linear")
    return low, high


def resampled_posteriors(
    copies: NDArray[np.int64],
    date_of_row: NDArray[np.int64],
    outcome: OutcomeCodes,
    weights: FloatArray,
    base_rate: FloatArray,
    *,
    prior: float,
) -> FloatArray:
    """Posterior of every resample.

    Args:
        copies: int64[b, d], multiplicity of each date.
        date_of_row: int64[k], position of each row's date.
        outcome: int8[k], position in OUTCOMES, all known.
        weights: float64[k].
        base_rate: float64[4].
        prior: strength of the base rate.

    Returns:
        float64[b, 4]; a resample whose weights all vanish gives the base rate, as n_eff = 0 does.
    """
    n_dates, n_outcomes = copies.shape[1], len(OUTCOMES)
    cell = date_of_row * n_outcomes + outcome
    mass = np.bincount(cell, weights=weights, minlength=n_dates * n_outcomes)
    squares = np.bincount(date_of_row, weights=weights * weights, minlength=n_dates)
    drawn = (copies[:, :, None] * mass.reshape(n_dates, n_outcomes)).sum(axis=1)
    total, square = drawn.sum(axis=1), (copies * squares).sum(axis=1)
    some = total > 0
    n_eff = np.divide(total * total, square, out=np.zeros_like(total), where=some)
    p_raw = np.divide(drawn, total[:, None], out=np.zeros_like(drawn), where=some[:, None])
    return posterior(p_raw, n_eff, base_rate, prior=prior)
