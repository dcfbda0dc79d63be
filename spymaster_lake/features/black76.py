"""Black-76 prices and Greeks of European options on a futures price (02 section 0.6, 01 2.4).

With D = exp(-r T), s = sigma sqrt(T), d1 = ln(F/K)/s + s/2 and d2 = d1 - s:

    call  = D (F N(d1) - K N(d2))          put   = D (K N(-d2) - F N(-d1))
    delta = D N(d1), D (N(d1) - 1)         gamma = D phi(d1) / (F s)
    vega  = D F phi(d1) sqrt(T) / 100      (per vol point of 0.01)

N is the exact normal distribution, not an approximation. Where s = 0 (expired, or no volatility)
the limits hold: price D max(intrinsic, 0), gamma 0, vega 0, delta +-D in the money and 0 otherwise
(0 also exactly at the money); at T <= 0, D = 1. All functions take arrays that broadcast, return
float64 of at least one dimension, propagate NaN, and treat every element independently of the
others, bit for bit. Units: prices and strikes in index points, time in years, rate per year.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.features.arrays import F64, Bool

_INV_SQRT_2PI = 1.0 / math.sqrt(2.0 * math.pi)


@dataclass(frozen=True, slots=True)
class _Terms:
    """What all formulas share; `dead` marks elements without variance (s = 0)."""

    forward: F64
    strike: F64
    root_t: F64
    discount: F64
    sd: F64
    d1: F64
    dead: Bool


def price(
    *,
    forward: ArrayLike,
    strike: ArrayLike,
    sigma: ArrayLike,
    t_years: ArrayLike,
    is_call: ArrayLike,
    rate: float,
) -> F64:
    """Premium in index points (02 section 0.6).

    Args:
        forward: futures price F, points, > 0, NaN if unknown.
        strike: K, points, >= 0.
        sigma: volatility per square root of a year, >= 0, NaN if unknown.
        t_years: time to expiry in years; <= 0 means expired.
        is_call: True for a call, False for a put.
        rate: continuously compounded risk-free rate per year.

    Returns:
        float64, points; NaN where an input is NaN.

    Raises:
        DataError: a forward <= 0, a strike < 0 or a sigma < 0.
    """
    x = _terms(forward=forward, strike=strike, sigma=sigma, t_years=t_years, rate=rate)
    sign = np.where(is_call, 1.0, -1.0)
    gross = x.forward * _normal(sign * x.d1) - x.strike * _normal(sign * (x.d1 - x.sd))
    limit = np.maximum(sign * (x.forward - x.strike), 0.0)
    return np.asarray(x.discount * np.where(x.dead, limit, sign * gross), dtype=np.float64)


def delta(
    *,
    forward: ArrayLike,
    strike: ArrayLike,
    sigma: ArrayLike,
    t_years: ArrayLike,
    is_call: ArrayLike,
    rate: float,
) -> F64:
    """Delta in futures per option, in [0, 1] for calls and [-1, 0] for puts.

    Arguments and errors as in `price`. Expired or without volatility: +-D in the money, else 0.

    Returns:
        float64; NaN where an input is NaN.
    """
    x = _terms(forward=forward, strike=strike, sigma=sigma, t_years=t_years, rate=rate)
    sign = np.where(is_call, 1.0, -1.0)
    in_the_money = np.heaviside(sign * (x.forward - x.strike), 0.0)
    probability = np.where(x.dead, in_the_money, _normal(sign * x.d1))
    return np.asarray(x.discount * sign * probability, dtype=np.float64)


def gamma(
    *,
    forward: ArrayLike,
    strike: ArrayLike,
    sigma: ArrayLike,
    t_years: ArrayLike,
    rate: float,
) -> F64:
    """Gamma per index point, the same for calls and puts, >= 0.

    Arguments and errors as in `price`. Expired or without volatility: 0.

    Returns:
        float64, 1/pt; NaN where an input is NaN.
    """
    x = _terms(forward=forward, strike=strike, sigma=sigma, t_years=t_years, rate=rate)
    live = x.discount * _density(x.d1) / (x.forward * np.where(x.dead, 1.0, x.sd))
    return np.asarray(np.where(x.dead, _zero(x), live), dtype=np.float64)


def vega(
    *,
    forward: ArrayLike,
    strike: ArrayLike,
    sigma: ArrayLike,
    t_years: ArrayLike,
    rate: float,
) -> F64:
    """Vega per vol point (a change of sigma by 0.01), the same for calls and puts, >= 0.

    Arguments and errors as in `price`. Expired or without volatility: 0.

    Returns:
        float64, pt per vol point; NaN where an input is NaN.
    """
    x = _terms(forward=forward, strike=strike, sigma=sigma, t_years=t_years, rate=rate)
    live = x.discount * x.forward * _density(x.d1) * x.root_t / 100.0
    return np.asarray(np.where(x.dead, _zero(x), live), dtype=np.float64)


def _terms(
    *, forward: ArrayLike, strike: ArrayLike, sigma: ArrayLike, t_years: ArrayLike, rate: float
) -> _Terms:
    """Broadcast the inputs into contiguous arrays (one code path of log and exp) and derive d1."""
    f, k, s, t = (
        np.ascontiguousarray(a, dtype=np.float64)
        for a in np.broadcast_arrays(forward, strike, sigma, t_years)
    )
    for name, values, bad, rule in (
        ("forward", f, f <= 0.0, "> 0"),
        ("strike", k, k < 0.0, ">= 0"),
        ("sigma", s, s < 0.0, ">= 0"),
    ):
        if bad.any():
            raise DataError(
                f"Black-76: {name} must be {rule}; found {int(bad.sum())} other values, "
                f"the first {values[bad][0]!r}"
            )
    remaining = np.maximum(t, 0.0)
    root_t = np.sqrt(remaining)
    sd = s * root_t
    dead = sd <= 0.0
    with np.errstate(divide="ignore"):  # strike 0: d1 = +inf, a call is worth D F
        d1 = np.log(f / k) / np.where(dead, 1.0, sd) + 0.5 * sd
    return _Terms(f, k, root_t, np.exp(-rate * remaining), sd, d1, dead)


def _density(d1: F64) -> F64:
    return np.asarray(np.exp(-0.5 * d1 * d1) * _INV_SQRT_2PI, dtype=np.float64)


def _zero(x: _Terms) -> F64:
    """0 where the inputs are known, NaN where they are not."""
    return 0.0 * x.forward * x.strike


def _normal(x: F64) -> F64:
    """N(x), the standard normal distribution."""
    from scipy.special import ndtr  # here, because a worker start would pay 0.2 s for it

    return np.asarray(ndtr(x), dtype=np.float64)
