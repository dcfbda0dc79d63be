"""What a kernel returns: named columns, and how a column says "unknown".

Float columns say it with NaN. Columns of integers, booleans and names that may be unknown are
object arrays of plain Python values with None; those that never are keep their NumPy dtype.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.features.arrays import F64, Bool

Columns = dict[str, NDArray[Any]]
"""Final column name (08 section C) to an array of one value per query."""

Objects = NDArray[np.object_]
"""object[m], plain Python int, bool or str, None where unknown."""


def nullable(values: NDArray[Any], known: Bool) -> Objects:
    """Values as Python objects, None where not known.

    Args:
        values: any dtype, [m].
        known: bool[m].

    Returns:
        object[m].
    """
    out: Objects = np.full(len(values), None, dtype=np.object_)
    out[known] = values[known]
    return out


def ratio(numerator: F64, denominator: F64) -> F64:
    """Plain division, no epsilon (08 A31); NaN where the denominator is 0 or either is unknown.

    Args:
        numerator: float64[m].
        denominator: float64[m].

    Returns:
        float64[m].
    """
    divisor = np.where(denominator == 0.0, np.nan, denominator)
    quotient: F64 = numerator / divisor
    return quotient
