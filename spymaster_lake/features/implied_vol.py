"""Implied Black-76 volatility of option trades (02 N-8, 08 A20).

Time runs on ACT/365: seconds / (365 * 86,400). The root is bracketed in [0.005, 5.0]: Newton steps
that leave the bracket become bisections, and after a fixed number of steps only bisections remain,
so every element ends. Elements are independent of each other, bit for bit. Nothing is carried from
an earlier trade: what cannot be solved is null with a status (08 A20).
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.features import black76
from spymaster_lake.features.arrays import F64, I64, NS, Bool

StatusArray = NDArray[np.str_]
"""Unicode array of IvStatus values."""

YEAR_NS = 365 * 86_400 * NS
"""A year of ACT/365 in nanoseconds."""

MIN_T_YEARS = 60 * NS / YEAR_NS
"""Below 60 s to expiry nothing is implied."""

SIGMA_MIN, SIGMA_MAX = 0.005, 5.0
MAX_PRICE_ERROR = 1e-4
"""A root is accepted if the price it gives is this close to the trade, points."""

_NEWTON_STEPS, _BISECTION_STEPS = 24, 56
_PRICE_EPS, _SIGMA_EPS = 1e-11, 1e-14


class IvStatus(StrEnum):
    """Why a trade has, or has no, implied volatility; the first that applies, in this order."""

    EXPIRED = "EXPIRED"
    TOO_CLOSE_TO_EXPIRY = "TOO_CLOSE_TO_EXPIRY"
    NO_UNDERLYING = "NO_UNDERLYING"
    BELOW_INTRINSIC = "BELOW_INTRINSIC"
    ABOVE_BOUND = "ABOVE_BOUND"
    NOT_CONVERGED = "NOT_CONVERGED"
    OK = "OK"


def year_fraction(ns: I64) -> F64:
    """Nanoseconds as ACT/365 years, float64; monotone and the only clock of option features."""
    return np.asarray(ns / YEAR_NS, dtype=np.float64)


def implied_vol(
    *, price: F64, forward: F64, strike: F64, is_call: Bool, t_years: F64, rate: float
) -> tuple[F64, StatusArray]:
    """Volatility that reproduces each trade price, or null with the reason (02 N-8).

    EXPIRED t <= 0; TOO_CLOSE_TO_EXPIRY t < 60 s; NO_UNDERLYING forward is NaN; BELOW_INTRINSIC
    price <= D max(intrinsic, 0); ABOVE_BOUND price >= D F (call) or D K (put); NOT_CONVERGED no
    volatility in [0.005, 5.0] gives the price within 1e-4 points.

    Args:
        price: float64[n] premium, points.
        forward: float64[n] price of the option's own future, points, NaN if missing or too old.
        strike: float64[n] points.
        is_call: bool[n].
        t_years: float64[n] from `year_fraction`.
        rate: continuously compounded risk-free rate per year.

    Returns:
        sigma float64[n], NaN unless OK, and the status, str[n].

    Raises:
        DataError: a forward <= 0 or a strike < 0.
    """
    discount = np.exp(-rate * np.maximum(t_years, 0.0))
    lower = discount * np.maximum(np.where(is_call, forward - strike, strike - forward), 0.0)
    upper = discount * np.where(is_call, forward, strike)
    status = np.select(
        [
            t_years <= 0.0,
            t_years < MIN_T_YEARS,
            np.isnan(forward),
            price <= lower,
            price >= upper,
        ],
        [
            IvStatus.EXPIRED,
            IvStatus.TOO_CLOSE_TO_EXPIRY,
            IvStatus.NO_UNDERLYING,
            IvStatus.BELOW_INTRINSIC,
            IvStatus.ABOVE_BOUND,
        ],
        default=IvStatus.OK,
    ).astype("U19")
    sigma = np.full(len(price), np.nan)
    todo = np.flatnonzero(status == IvStatus.OK)
    root, error = _solve(
        price=price[todo],
        forward=forward[todo],
        strike=strike[todo],
        is_call=is_call[todo],
        t_years=t_years[todo],
        rate=rate,
    )
    accepted = np.abs(error) <= MAX_PRICE_ERROR
    sigma[todo[accepted]] = root[accepted]
    status[todo[~accepted]] = IvStatus.NOT_CONVERGED
    return sigma, status


def _solve(
    *, price: F64, forward: F64, strike: F64, is_call: Bool, t_years: F64, rate: float
) -> tuple[F64, F64]:
    """The last sigma tried for each element and its price error, points.

    Newton starts at the inflection point of the price in sigma, from where it is monotone.
    """
    lo = np.full(len(price), SIGMA_MIN)
    hi = np.full(len(price), SIGMA_MAX)
    sigma = np.clip(np.sqrt(2.0 * np.abs(np.log(forward / strike)) / t_years), lo, hi)
    error = np.full(len(price), np.inf)
    active = np.arange(len(price))
    for step in range(_NEWTON_STEPS + _BISECTION_STEPS):
        x, f, k, t = sigma[active], forward[active], strike[active], t_years[active]
        value = black76.price(
            forward=f, strike=k, sigma=x, t_years=t, is_call=is_call[active], rate=rate
        )
        diff = value - price[active]
        error[active] = diff
        low = np.where(diff < 0.0, x, lo[active])
        high = np.where(diff > 0.0, x, hi[active])
        lo[active], hi[active] = low, high
        nxt = 0.5 * (low + high)
        if step < _NEWTON_STEPS:
            slope = 100.0 * black76.vega(forward=f, strike=k, sigma=x, t_years=t, rate=rate)
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                newton = x - diff / slope
            nxt = np.where((newton > low) & (newton < high), newton, nxt)
        go_on = (np.abs(diff) > _PRICE_EPS) & (high - low > _SIGMA_EPS) & (nxt != x)
        active = active[go_on]
        if len(active) == 0:
            break
        sigma[active] = nxt[go_on]
    return sigma, error
