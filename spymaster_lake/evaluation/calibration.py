"""Do forecast probabilities happen as often as they say? Bins, ECE, MCE (03 5.3 no. 3).

The last bin is closed, so p = 1 counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.errors import DataError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bin:
    """Rows whose forecast lies in [low, high), in the last bin [low, high].

    Attributes:
        low, high: ends.
        n: rows.
        mean_p: mean forecast of them; None without rows.
        share: share of them that happened; None without rows.
    """

    low: float
    high: float
    n: int
    mean_p: float | None
    share: float | None


def uniform_edges(bins: int) -> FloatArray:
    """float64[bins + 1]: i / bins, exact at both ends."""
    if bins < 1:
        raise DataError(f"bins: must be >= 1 (found {bins})")
    return np.arange(bins + 1) / bins


def quantile_edges(p1: FloatArray, bins: int) -> FloatArray:
    """Linear quantiles of the forecasts, equal ones once; two equal ends if all forecasts are equal.

    Empty without forecasts.
    """
    if bins < 1:
        raise DataError(f"bins: must be >= 1 (found {bins})")
    if not len(p1):
        return np.empty(0)
    edges = np.unique(np.quantile(p1, np.arange(bins + 1) / bins, method="linear"))
    return edges if len(edges) > 1 else np.repeat(edges, 2)


def bin_of(p1: FloatArray, edges: FloatArray) -> NDArray[np.int64]:
    """int64[n]: the bin of each forecast; every forecast must lie between the ends."""
    at: NDArray[np.int64] = np.searchsorted(edges, p1, side="right") - 1
    return np.clip(at, 0, max(len(edges) - 2, 0))


def _bins(p1: FloatArray, y1: NDArray[Any], edges: FloatArray) -> list[Bin]:
    at, size = bin_of(p1, edges), max(len(edges) - 1, 0)
    n = np.bincount(at, minlength=size)
    p, y = (np.bincount(at, weights=w, minlength=size) for w in (p1, y1.astype(np.float64)))
    return [
        Bin(
            low=float(edges[i]),
            high=float(edges[i + 1]),
            n=int(n[i]),
            mean_p=float(p[i] / n[i]) if n[i] else None,
            share=float(y[i] / n[i]) if n[i] else None,
        )
        for i in range(size)
    ]


def _check(p1: FloatArray, y1: NDArray[Any]) -> None:
    if p1.ndim != 1 or p1.shape != y1.shape:
        raise DataError(f"bins: p1 has shape {p1.shape}, y1 {y1.shape}; needed [n] both")
    if not np.isfinite(p1).all() or (p1 < 0).any() or (p1 > 1).any():
        raise DataError("bins: p1 holds NaN or a value outside [0, 1]")


def uniform_bins(p1: FloatArray, y1: NDArray[Any], bins: int = 10) -> list[Bin]:
    """Bins of equal width over [0, 1], empty ones too.

    Args:
        p1: float64[n], probability of the event.
        y1: bool[n], whether it happened.
        bins: how many.

    Raises:
        DataError: shapes differ, or a probability is unknown or outside [0, 1].
    """
    _check(p1, y1)
    return _bins(p1, y1, uniform_edges(bins))


def quantile_bins(p1: FloatArray, y1: NDArray[Any], bins: int = 10) -> list[Bin]:
    """Bins between the quantiles of the forecasts; equal edges are merged, so there may be fewer.

    Args and errors as `uniform_bins`; no rows give no bins.
    """
    _check(p1, y1)
    return _bins(p1, y1, quantile_edges(p1, bins))


def ece(bins: Sequence[Bin], n: int) -> float:
    """Expected calibration error: mean of |forecast - share| over rows; NaN without rows.

    Args:
        bins: all bins of the rows.
        n: all rows.

    Raises:
        DataError: the bins do not hold n rows.
    """
    held = sum(b.n for b in bins)
    if held != n:
        raise DataError(f"ece: the bins hold {held} rows; needed {n}")
    return sum(b.n * gap for b, gap in _gaps(bins)) / n if n else float("nan")


def mce(bins: Sequence[Bin]) -> float:
    """Largest |forecast - share| of a bin with rows; NaN without any."""
    return max((gap for _, gap in _gaps(bins)), default=float("nan"))


def _gaps(bins: Sequence[Bin]) -> list[tuple[Bin, float]]:
    return [
        (b, abs(b.mean_p - b.share)) for b in bins if b.mean_p is not None and b.share is not None
    ]
