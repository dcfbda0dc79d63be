"""Bands of listed strikes around a level, and the GEX columns they give (02 N-9, 08 A21)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spymaster_lake.features.arrays import BAND_TOLERANCE, F64, I64, Bool
from spymaster_lake.features.columns import Columns, ratio

BANDS = 3
"""Bands reach 1, 2 and 3 listed strikes from the level."""

MAX_NULL_OI_PERCENT = 20
"""A column is null if more of its open interest than this has no gamma (08 A21)."""

GEX_COLUMNS: tuple[str, ...] = (
    *(f"gex_above_{b}strike" for b in (1, 2, 3)),
    *(f"gex_below_{b}strike" for b in (1, 2, 3)),
    *(f"call_gex_above_{b}strike" for b in (1, 2, 3)),
    *(f"put_gex_below_{b}strike" for b in (1, 2, 3)),
    "gex_asymmetry",
    "gex_ratio",
    "net_gex_3strike",
)
"""The columns of `gex_features`, in order."""


@dataclass(frozen=True, slots=True)
class GammaByStrike:
    """Sums per instant, right (0 call, 1 put) and strike: arrays of shape [t, 2, strikes].

    Attributes:
        strikes: float64[s] listed strikes, ascending.
        g, abs_g: float64, dealer gamma and its absolute value, unknown gammas left out.
        oi, oi_null: int64, open interest, and the part of it without gamma.
        n_known: int64, contracts with open interest.
    """

    strikes: F64
    g: F64
    abs_g: F64
    oi: I64
    oi_null: I64
    n_known: I64


@dataclass(frozen=True, slots=True)
class _Band:
    """Sums over the 1, 2, ... strikes nearest to each level on one side: arrays of shape [m, k]."""

    g: F64
    abs_g: F64
    oi: I64
    oi_null: I64
    n_known: I64
    complete: Bool

    def column(self) -> F64:
        """`g` where all strikes exist and enough of their open interest has a gamma, else NaN."""
        enough = 100 * self.oi_null <= MAX_NULL_OI_PERCENT * self.oi
        return np.where(self.complete & (self.n_known > 0) & enough, self.g, np.nan)


def band_columns(sums: GammaByStrike, *, at: I64, level: F64) -> Columns:
    """The columns of queries at instants `at` (positions in `sums`) and levels `level`.

    Above and below are strict: a strike within 1e-9 of L belongs to neither, only to
    `net_gex_3strike` (08 A30).

    Args:
        sums: per instant, right and strike.
        at: int64[m] position of each query's instant in `sums`.
        level: float64[m] points, not NaN.

    Returns:
        float64[m] per name of GEX_COLUMNS; null rule and units as in `gex_features`.
    """
    first_above = np.searchsorted(sums.strikes, level + BAND_TOLERANCE, side="right")
    first_at = np.searchsorted(sums.strikes, level - BAND_TOLERANCE, side="left")
    steps = np.arange(BANDS)
    above, below = first_above[:, None] + steps, first_at[:, None] - 1 - steps
    up, calls_up = _band(sums, at, above, (0, 1)), _band(sums, at, above, (0,))
    down, puts_down = _band(sums, at, below, (0, 1)), _band(sums, at, below, (1,))
    here = _band(sums, at, np.where(first_at < first_above, first_at, -1)[:, None], (0, 1))
    out: Columns = {}
    for name, band in (
        ("gex_above", up),
        ("gex_below", down),
        ("call_gex_above", calls_up),
        ("put_gex_below", puts_down),
    ):
        values = band.column()
        out |= {f"{name}_{b + 1}strike": values[:, b] for b in range(BANDS)}
    out["gex_asymmetry"] = out["gex_above_3strike"] - out["gex_below_3strike"]
    share = ratio(up.abs_g[:, -1], up.abs_g[:, -1] + down.abs_g[:, -1])
    out["gex_ratio"] = np.where(np.isnan(out["gex_asymmetry"]), np.nan, share)
    out["net_gex_3strike"] = _Band(
        g=up.g + down.g + here.g,
        abs_g=up.abs_g + down.abs_g + here.abs_g,
        oi=up.oi + down.oi + here.oi,
        oi_null=up.oi_null + down.oi_null + here.oi_null,
        n_known=up.n_known + down.n_known + here.n_known,
        complete=up.complete & down.complete,
    ).column()[:, -1]
    return out


def _band(sums: GammaByStrike, at: I64, strike: I64, rights: tuple[int, ...]) -> _Band:
    """Running sums along `strike` (positions int64[m, k], nearest first) over the given rights."""
    exists = (strike >= 0) & (strike < len(sums.strikes))
    place = np.where(exists, strike, 0)

    def floats(values: F64) -> F64:
        picked = sum(values[at[:, None], right, place] for right in rights)
        return np.cumsum(np.where(exists, picked, 0.0), axis=1)

    def counts(values: I64) -> I64:
        picked = sum(values[at[:, None], right, place] for right in rights)
        return np.cumsum(np.where(exists, picked, 0), axis=1)

    return _Band(
        g=floats(sums.g),
        abs_g=floats(sums.abs_g),
        oi=counts(sums.oi),
        oi_null=counts(sums.oi_null),
        n_known=counts(sums.n_known),
        complete=np.logical_and.accumulate(exists, axis=1),
    )
