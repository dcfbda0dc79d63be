"""Carry: options on a share priced on its forward, against Black-Scholes formulas and differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
from vollib.black_scholes import black_scholes
from vollib.black_scholes.greeks.analytical import delta as bs_delta
from vollib.black_scholes.greeks.analytical import gamma as bs_gamma

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.features import black76
from spymaster_lake.features.carry import Carry
from spymaster_lake.features.implied_vol import YEAR_NS, year_fraction

T0 = 1_700_000_000_000_000_000
RATE = 0.05
NAN = float("nan")


def share(*dividends: tuple[int, float]) -> Carry:
    """Carry of a share; dividends as (ns after T0, amount)."""
    ex = np.array([T0 + after for after, _ in dividends], np.int64)
    return Carry(RATE, True, ex, np.array([amount for _, amount in dividends], float))


def forward(carry: Carry, price: float, expiry_ns: int) -> tuple[float, float]:
    """One row."""
    values, slope = carry.forward(
        np.array([price]), np.array([T0], np.int64), np.array([T0 + expiry_ns], np.int64)
    )
    return float(values[0]), float(slope[0])


@pytest.mark.parametrize(
    ("carry", "price", "years", "expected"),
    [
        pytest.param(Carry.of_future(RATE), 250.0, 0.5, 250.0, id="a future is its own forward"),
        pytest.param(share(), 250.0, 0.5, 250.0 * math.exp(0.025), id="a share earns the rate"),
        pytest.param(share(), 250.0, -0.1, 250.0, id="an expired option has no carry"),
        pytest.param(
            share((YEAR_NS // 4, 2.0)), 250.0, 0.5,
            (250.0 - 2.0 * math.exp(-0.0125)) * math.exp(0.025), id="a dividend before expiry",
        ),
        pytest.param(share((YEAR_NS, 2.0)), 250.0, 0.5, 250.0 * math.exp(0.025), id="one after it"),
        pytest.param(share((0, 2.0)), 250.0, 0.5, 250.0 * math.exp(0.025), id="one gone already"),
        pytest.param(share(), NAN, 0.5, NAN, id="unknown stays unknown"),
    ],
)  # fmt: skip
def test_forward(carry, price, years, expected):
    """F = (S - dividends discounted) exp(r T); the slope is exp(r T), for a future 1."""
    found, slope = forward(carry, price, round(years * YEAR_NS))
    assert found == pytest.approx(expected, rel=1e-12, nan_ok=True)
    assert slope == pytest.approx(math.exp(RATE * max(years, 0)) if carry.spot else 1.0)


@pytest.mark.parametrize("flag", ["c", "p"])
@pytest.mark.parametrize(("strike", "years", "sigma"), [(240.0, 0.01, 0.6), (260.0, 0.4, 0.3)])
def test_greeks__are_those_of_black_and_scholes(flag, strike, years, sigma):
    """Price, delta and gamma in the share, from Black-76 on the forward and the slope."""
    ns = round(years * YEAR_NS)
    f, slope = forward(share(), 250.0, ns)
    t = year_fraction(np.array([ns]))
    x = {"forward": f, "strike": strike, "sigma": sigma, "t_years": t, "rate": RATE}
    call = flag == "c"
    assert black76.price(**x, is_call=call)[0] == pytest.approx(
        black_scholes(flag, 250.0, strike, t[0], RATE, sigma), rel=1e-9
    )
    assert black76.delta(**x, is_call=call)[0] * slope == pytest.approx(
        bs_delta(flag, 250.0, strike, t[0], RATE, sigma), rel=1e-9
    )
    assert black76.gamma(**x)[0] * slope**2 == pytest.approx(
        bs_gamma(flag, 250.0, strike, t[0], RATE, sigma), rel=1e-9
    )


def test_forward__dividends_worth_the_share_are_refused():
    """An amount on the wrong price basis cannot pass."""
    with pytest.raises(DataError, match="dividends: 1 rows"):
        forward(share((YEAR_NS // 4, 300.0)), 250.0, YEAR_NS)
