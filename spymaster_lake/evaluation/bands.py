"""Do the published 95 % bands of a probability hold what happens? (03 5.3 no. 8).

One episode cannot say: its outcome is 0 or 1 and lies outside nearly every band. So episodes are
grouped by their forecast (quantile bins), and a group is covered if the share that happened lies
between the mean ends of its bands. Shares of small groups scatter on their own, so coverage is a
lower bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.evaluation.calibration import bin_of, quantile_edges

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BandCoverage:
    """How the bands of one class did.

    Attributes:
        n: episodes with a band.
        coverage: share of them in covered groups; None without bands.
        mean_width: mean of high - low; None without bands.
    """

    n: int
    coverage: float | None
    mean_width: float | None


def band_coverage(
    p1: FloatArray, low: FloatArray, high: FloatArray, y1: NDArray[Any], bins: int = 10
) -> BandCoverage:
    """Coverage of one class's bands.

    Args:
        p1: float64[n], forecast.
        low: float64[n], lower end of the band; NaN where none was published.
        high: float64[n], upper end, likewise.
        y1: bool[n], whether it happened.
        bins: quantile bins of the forecast.

    Raises:
        DataError: shapes differ.
    """
    if not p1.shape == low.shape == high.shape == y1.shape:
        raise DataError(f"bands: shapes {p1.shape}, {low.shape}, {high.shape}, {y1.shape} differ")
    known = ~(np.isnan(low) | np.isnan(high))
    n = int(known.sum())
    if not n:
        return BandCoverage(0, None, None)
    p, ends, happened = p1[known], (low[known], high[known]), y1[known].astype(np.float64)
    group = bin_of(p, quantile_edges(p, bins))
    size = np.bincount(group)
    sums = [np.bincount(group, weights=w) for w in (*ends, happened)]
    inside = (sums[2] >= sums[0]) & (sums[2] <= sums[1])
    return BandCoverage(n, float(size[inside].sum() / n), float((ends[1] - ends[0]).sum() / n))
