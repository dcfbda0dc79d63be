"""Do neighbours end like the query more often than base rates would have it? (03 5.3 no. 5)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.errors import DataError

FloatArray = NDArray[np.float64]
KS: tuple[int, ...] = (1, 5, 10, 50)


def purity_rows(neighbour: NDArray[Any], y: NDArray[Any], k: int) -> FloatArray:
    """Share of the k nearest neighbours that ended like the query.

    Args:
        neighbour: int[n, m], outcome class of each neighbour, nearest first; -1 where the outcome
            is unknown or there is no further neighbour.
        y: int[n], outcome class of the query.
        k: how many of the nearest are looked at; those without a known outcome are left out.

    Returns:
        float64[n]; NaN where none of them has a known outcome.

    Raises:
        DataError: shapes differ or k < 1.
    """
    if neighbour.ndim != 2 or len(neighbour) != len(y) or k < 1:
        raise DataError(
            f"purity: neighbours {neighbour.shape}, y {y.shape}, k {k}; needed [n, m], [n], >= 1"
        )
    near = neighbour[:, :k]
    known = (near >= 0).sum(axis=1)
    same = (near == y[:, None]).sum(axis=1).astype(np.float64)
    share: FloatArray = np.full(len(y), np.nan)
    np.divide(same, known, out=share, where=known > 0)
    return share


def excess_purity_rows(
    neighbour: NDArray[Any], y: NDArray[Any], base: FloatArray, k: int
) -> FloatArray:
    """Purity minus the share expected from base rates, pi of the query's own outcome.

    Args:
        neighbour: see `purity_rows`.
        y: likewise.
        base: float64[n, C], base rates that apply to each query.
        k: see `purity_rows`.

    Returns:
        float64[n], mean 0 for neighbours drawn at random; NaN as in `purity_rows`.
    """
    expected = base[np.arange(len(y)), y]
    excess: FloatArray = purity_rows(neighbour, y, k) - expected
    return excess
