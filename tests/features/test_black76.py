"""Black-76 against the specification's golden numbers, an independent library, and its own laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.features import black76

TRADING_YEAR = 252 * 6.5 * 3600  # seconds; the clock of the golden tables
HOURS_6 = 21_600 / TRADING_YEAR
HOURS_7 = 25_200 / TRADING_YEAR

# 01 section 2.4: F, K, is_call, T, delta, gamma (sigma 0.20, r 0.045)
GOLDEN_2_4 = [
    (6845.25, 6850.0, True, 0.003968253968, 0.480469791, 0.004619524),
    (6845.25, 6850.0, False, 0.003968253968, -0.519351653, 0.004619524),
    (6845.25, 6800.0, False, 0.012820512821, -0.380268287, 0.002455801),
    (5960.00, 5960.0, True, 0.004578754579, 0.502595931, 0.004944936),
    (6845.25, 6845.0, True, 1.0175010e-05, 0.522953101, 0.091201821),
    (6845.25, 6845.0, True, 0.0, 1.0, 0.0),
]

market = {
    "forward": st.floats(3000.0, 10_000.0),
    "moneyness": st.floats(-0.05, 0.05),
    "sigma": st.floats(0.01, 3.0),
    "t_years": st.floats(2e-6, 0.5),
    "rate": st.floats(0.0, 0.08),
}


@pytest.mark.parametrize(("f", "k", "call", "t", "delta", "gamma"), GOLDEN_2_4)
def test_greeks__golden_table(f, k, call, t, delta, gamma):
    """Delta and gamma equal the table of 01 2.4 to the table's own precision."""
    got = black76.delta(forward=f, strike=k, sigma=0.2, t_years=t, is_call=call, rate=0.045)
    assert got[0] == pytest.approx(delta, abs=2e-7)  # the table's N is good to 1.5e-7
    got = black76.gamma(forward=f, strike=k, sigma=0.2, t_years=t, rate=0.045)
    assert got[0] == pytest.approx(gamma, abs=1e-9, rel=1e-7)


def test_greeks__golden_section_12():
    """The Black-76 line of 02 section 12 holds on the clocks it states."""
    same = {"forward": 5990.0, "strike": 6000.0, "sigma": 0.2, "rate": 0.045}
    deltas = black76.delta(**same, t_years=HOURS_7, is_call=[True, False])
    assert deltas == pytest.approx([0.4517410, -0.5480668], abs=1e-7)
    gammas = black76.gamma(**same, t_years=[HOURS_7, HOURS_6])
    assert gammas == pytest.approx([0.00505587, 0.00545373], abs=5e-9)


def test_price_and_greeks__equal_an_independent_library():
    """Price, delta, gamma and vega equal those of vollib over a wide grid."""
    black = pytest.importorskip("vollib.black").black
    oracle = pytest.importorskip("vollib.black.greeks.analytical")
    rate = 0.045
    for k in (5000.0, 5900.0, 5990.0, 6000.0, 6100.0, 7000.0):
        for t in (1e-5, 6 / 8760, 0.02, 0.5):
            for sigma in (0.05, 0.2, 0.9):
                for flag, call in (("c", True), ("p", False)):
                    x = {"forward": 5990.0, "strike": k, "sigma": sigma, "t_years": t, "rate": rate}
                    args = (flag, 5990.0, k, t, rate, sigma)
                    assert black76.price(**x, is_call=call)[0] == pytest.approx(
                        black(*args), rel=1e-9, abs=1e-9
                    )
                    assert black76.delta(**x, is_call=call)[0] == pytest.approx(
                        oracle.delta(*args), rel=1e-9, abs=1e-12
                    )
                    assert black76.gamma(**x)[0] == pytest.approx(
                        oracle.gamma(*args), rel=1e-9, abs=1e-15
                    )
                    assert black76.vega(**x)[0] == pytest.approx(
                        oracle.vega(*args), rel=1e-9, abs=1e-12
                    )


@settings(max_examples=200, deadline=None)
@given(**market)
def test_price__put_call_parity_and_bounds(forward, moneyness, sigma, t_years, rate):
    """C - P = D(F - K), and each premium lies between discounted intrinsic and its upper bound."""
    strike = forward * math.exp(moneyness)
    call, put = black76.price(
        forward=forward,
        strike=strike,
        sigma=sigma,
        t_years=t_years,
        is_call=[True, False],
        rate=rate,
    )
    discount = math.exp(-rate * t_years)
    noise = 1e-10 * forward
    assert call - put == pytest.approx(discount * (forward - strike), abs=noise)
    assert discount * max(forward - strike, 0.0) - noise <= call <= discount * forward + noise
    assert discount * max(strike - forward, 0.0) - noise <= put <= discount * strike + noise


@settings(max_examples=200, deadline=None)
@given(**market)
def test_greeks__invariants(forward, moneyness, sigma, t_years, rate):
    """delta_C - delta_P = D, deltas keep sign and bounds, gamma and vega are not negative."""
    strike = forward * math.exp(moneyness)
    x = {"forward": forward, "strike": strike, "sigma": sigma, "t_years": t_years, "rate": rate}
    call, put = black76.delta(**x, is_call=[True, False])
    assert 0.0 <= call <= 1.0
    assert -1.0 <= put <= 0.0
    assert call - put == pytest.approx(math.exp(-rate * t_years), abs=1e-12)
    assert black76.gamma(**x)[0] >= 0.0
    assert black76.vega(**x)[0] >= 0.0


@settings(max_examples=100, deadline=None)
@given(**market)
def test_greeks__are_the_derivatives_of_the_price(forward, moneyness, sigma, t_years, rate):
    """Delta and vega equal central differences of the price."""
    strike = forward * math.exp(moneyness)
    h, v = 1e-3, 1e-5

    def value(f, s):
        return black76.price(
            forward=f, strike=strike, sigma=s, t_years=t_years, is_call=True, rate=rate
        )[0]

    x = {"forward": forward, "strike": strike, "sigma": sigma, "t_years": t_years, "rate": rate}
    slope = (value(forward + h, sigma) - value(forward - h, sigma)) / (2 * h)
    assert black76.delta(**x, is_call=True)[0] == pytest.approx(slope, abs=2e-4)
    slope = (value(forward, sigma + v) - value(forward, sigma - v)) / (2 * v) / 100
    assert black76.vega(**x)[0] == pytest.approx(slope, abs=2e-4)


@pytest.mark.parametrize(
    ("f", "k", "call", "sigma", "t", "price", "delta"),
    [
        (6010.0, 6000.0, True, 0.2, 0.0, 10.0, 1.0),  # expired
        (6010.0, 6000.0, False, 0.2, 0.0, 0.0, 0.0),
        (5990.0, 6000.0, False, 0.2, -1.0, 10.0, -1.0),
        (6000.0, 6000.0, True, 0.2, 0.0, 0.0, 0.0),  # exactly at the money
        (6000.0, 6000.0, False, 0.2, 0.0, 0.0, 0.0),
        (6010.0, 6000.0, True, 0.0, 1.0, 10.0 * math.exp(-0.045), math.exp(-0.045)),
        (5990.0, 6000.0, True, 0.0, 1.0, 0.0, 0.0),
    ],
)
def test_degenerate__expired_or_without_volatility(f, k, call, sigma, t, price, delta):
    """Without variance left the price is discounted intrinsic, delta 0 or +-D, gamma and vega 0."""
    x = {"forward": f, "strike": k, "sigma": sigma, "t_years": t, "rate": 0.045}
    assert black76.price(**x, is_call=call)[0] == pytest.approx(price, abs=1e-12)
    assert black76.delta(**x, is_call=call)[0] == pytest.approx(delta, abs=1e-15)
    assert black76.gamma(**x)[0] == 0.0
    assert black76.vega(**x)[0] == 0.0


@pytest.mark.parametrize("t", [0.0, 0.01])
@pytest.mark.parametrize("missing", ["forward", "sigma", "strike"])
def test_unknown_input__gives_null(missing, t):
    """An unknown input never turns into a number, expired or not."""
    x = {"forward": 6000.0, "strike": 6000.0, "sigma": 0.2, "t_years": t, "rate": 0.045}
    x[missing] = math.nan
    assert np.isnan(black76.gamma(**x)).all()
    assert np.isnan(black76.vega(**x)).all()
    if not (missing == "sigma" and t == 0.0):
        assert np.isnan(black76.price(**x, is_call=True)).all()
        assert np.isnan(black76.delta(**x, is_call=True)).all()


@pytest.mark.parametrize(
    "bad", [{"forward": 0.0}, {"forward": -5.0}, {"strike": -1.0}, {"sigma": -0.1}]
)
def test_impossible_input__is_an_error_that_names_it(bad):
    """A price of 0 or below, a negative strike or volatility is refused by name."""
    x = {"forward": 6000.0, "strike": 6000.0, "sigma": 0.2, "t_years": 0.01, "rate": 0.045} | bad
    with pytest.raises(DataError, match=next(iter(bad))):
        black76.gamma(**x)


def test_strike_zero__is_a_future():
    """A call with strike 0 is worth the discounted future and has no gamma."""
    x = {"forward": 6000.0, "strike": 0.0, "sigma": 0.2, "t_years": 0.5, "rate": 0.045}
    assert black76.price(**x, is_call=True)[0] == pytest.approx(6000.0 * math.exp(-0.0225))
    assert black76.gamma(**x)[0] == 0.0


def test_batches__do_not_change_a_bit():
    """Alone, in odd-sized batches, reversed or strided, an element gives the same bits."""
    rng = np.random.default_rng(7)
    n = 257
    x = {
        "forward": rng.uniform(5000, 7000, n),
        "strike": rng.uniform(5000, 7000, n),
        "sigma": rng.uniform(0.01, 2.0, n),
        "t_years": rng.uniform(1e-6, 0.3, n),
    }
    whole = black76.gamma(**x, rate=0.045)
    for width in (1, 3, 8, 17):
        parts = [
            black76.gamma(**{k: v[i : i + width] for k, v in x.items()}, rate=0.045)
            for i in range(0, n, width)
        ]
        assert np.array_equal(np.concatenate(parts), whole)
    assert np.array_equal(
        black76.gamma(**{k: v[::-2] for k, v in x.items()}, rate=0.045), whole[::-2]
    )
