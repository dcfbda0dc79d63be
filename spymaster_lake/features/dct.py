"""Orthonormal DCT-II of short windows: the shape of a trajectory in a few numbers (03 2.4 F)."""

from __future__ import annotations

from math import cos, pi, sqrt

import numpy as np

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.features.arrays import F64


def dct_basis(length: int, coefficients: int) -> F64:
    """Row k: s_k cos(pi (2n + 1) k / 2N), s_0 = sqrt(1/N), s_k = sqrt(2/N); float64[k, N]."""
    scale = [sqrt((1 if k == 0 else 2) / length) for k in range(coefficients)]
    return np.array(
        [
            [scale[k] * cos(pi * (2 * n + 1) * k / (2 * length)) for n in range(length)]
            for k in range(coefficients)
        ],
        dtype=np.float64,
    )


def dct_ii(windows: F64, *, coefficients: int) -> F64:
    """First coefficients of the orthonormal DCT-II of each window.

    Sums run from the oldest sample to the newest, so a window's bits do not depend on the others.

    Args:
        windows: float64[m, N], oldest sample first; a NaN makes its whole row NaN.
        coefficients: number of coefficients, 1 to N.

    Returns:
        float64[m, coefficients], in the unit of the samples.

    Raises:
        DataError: more coefficients than samples, or none.
    """
    length = windows.shape[1]
    if not 1 <= coefficients <= length:
        raise DataError(
            f"DCT: {coefficients} coefficients of {length} samples; allowed 1 to {length}"
        )
    basis = dct_basis(length, coefficients)
    total = np.zeros((len(windows), coefficients))
    for n in range(length):
        total += windows[:, n, None] * basis[None, :, n]
    return total
