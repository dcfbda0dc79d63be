"""Distances from spot to all six levels, and how many other levels stack near the tested one.

Levels are those valid at t, a NaN is a level that is not (02 N-4, N-13, 08 A1). Market frame:
+ is price above the level.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.contracts.profile import LEVEL_KIND_CODES, LEVEL_KINDS
from spymaster_lake.features.approach import normalised
from spymaster_lake.features.arrays import BAND_TOLERANCE, F64, I64
from spymaster_lake.features.columns import Columns, nullable

STACKING_BANDS_PT: tuple[int, ...] = (2, 5, 10)
"""Names of the columns; how wide they are for an instrument is a fact of its profile."""

_CODES = np.array([LEVEL_KIND_CODES[kind] for kind in LEVEL_KINDS], np.int64)


def level_distances(
    *,
    spot: F64,
    atr: F64,
    level: F64,
    kind_code: NDArray[np.integer],
    level_matrix: F64,
    stacking: tuple[float, float, float],
) -> Columns:
    """Distances to the six levels and stacking around the tested one (02 N-13).

    Args:
        spot: float64[m] points.
        atr: float64[m] points.
        level: float64[m], the tested level L, NaN where inactive.
        kind_code: int[m], code of the tested level's kind.
        level_matrix: float64[m, 6], the levels valid at t in the order of LEVEL_KINDS.
        stacking: the three stacking bands, points, of the columns 2pt, 5pt and 10pt.

    Returns:
        `dist_to_{kind}` (points), `dist_to_{kind}_atr`, `dist_to_{kind}_frac` for the six kinds in
        lower case: float64[m], NaN where the level or the divisor is unknown.
        `level_stacking_{2,5,10}pt`: object[m] int 0..5, the number of other kinds valid at t with
        abs(L_k - L) <= band + 1e-9, distance 0 included; None where L is inactive.

    Raises:
        DataError: a kind code that does not exist.
    """
    out: Columns = {}
    for column, kind in enumerate(LEVEL_KINDS):
        name = f"dist_to_{kind.lower()}"
        out |= normalised(name, spot - level_matrix[:, column], spot=spot, atr=atr)
    own = kind_columns(kind_code)[:, None] == np.arange(len(LEVEL_KINDS))[None, :]
    gap = np.where(own, np.nan, np.abs(level_matrix - level[:, None]))
    for width, band in zip(STACKING_BANDS_PT, stacking, strict=True):
        near = (gap <= band + BAND_TOLERANCE).sum(axis=1)
        out[f"level_stacking_{width}pt"] = nullable(near, np.isfinite(level))
    return out


def kind_columns(kind_code: NDArray[np.integer]) -> I64:
    """Position of each kind code in LEVEL_KINDS; int64[m].

    Args:
        kind_code: int[m].

    Raises:
        DataError: a code outside the closed enumeration.
    """
    position = np.searchsorted(_CODES, kind_code)
    unknown = _CODES[np.minimum(position, len(_CODES) - 1)] != kind_code
    if unknown.any():
        found = sorted({int(code) for code in np.asarray(kind_code)[unknown]})
        raise DataError(f"level_kind_code: found {found}, allowed {_CODES.tolist()}")
    return np.asarray(position, np.int64)
