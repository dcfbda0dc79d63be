"""Has a feature's distribution moved? Wasserstein distance and mean shift (03 5.3 no. 8)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

FloatArray = NDArray[np.float64]

WASSERSTEIN_WARNING = 0.5
MEAN_SHIFT_ALERT = 2.0
MIN_VALUES = 30
"""Fewer known values on a side say nothing about drift."""
RECENT_SESSIONS, PRECEDING_SESSIONS = 5, 60


@dataclass(frozen=True, slots=True)
class Drift:
    """Recent values of one feature against the preceding ones, in deviations of the preceding ones.

    Attributes:
        n_recent, n_preceding: known values.
        wasserstein: first Wasserstein distance of the two distributions; None if unknown.
        mean_shift: |difference of the means|; None if unknown.
    """

    n_recent: int
    n_preceding: int
    wasserstein: float | None
    mean_shift: float | None

    @property
    def drifted(self) -> bool | None:
        """Wasserstein > 0.5 or mean shift > 2; None if unknown."""
        if self.wasserstein is None or self.mean_shift is None:
            return None
        return self.wasserstein > WASSERSTEIN_WARNING or self.mean_shift > MEAN_SHIFT_ALERT


def drift(recent: FloatArray, preceding: FloatArray) -> Drift:
    """Drift of one feature.

    Args:
        recent: float64[n], NaN = unknown.
        preceding: float64[m], likewise.

    Returns:
        Without distance and shift if a side has fewer than 30 known values or the preceding values
        are (nearly) constant.
    """
    new, old = recent[~np.isnan(recent)], preceding[~np.isnan(preceding)]
    if len(new) < MIN_VALUES or len(old) < MIN_VALUES:
        return Drift(len(new), len(old), None, None)
    center, scale = float(old.mean()), float(old.std(ddof=1))
    if not scale > 1e-9 * float(np.abs(old).max()):
        return Drift(len(new), len(old), None, None)
    left, right = (new - center) / scale, (old - center) / scale
    return Drift(
        len(new),
        len(old),
        wasserstein=float(wasserstein_distance(left, right)),
        mean_shift=abs(float(left.mean()) - float(right.mean())),
    )


def drift_windows(days: NDArray[np.int32]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """bool[n] rows of the last 5 session dates, and bool[n] rows of the (at most) 60 before them.

    Args:
        days: int32[n], session date of each row.
    """
    sessions = np.unique(days)
    recent = sessions[-RECENT_SESSIONS:]
    before = sessions[: len(sessions) - len(recent)][-PRECEDING_SESSIONS:]
    return np.isin(days, recent), np.isin(days, before)
