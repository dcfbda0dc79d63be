"""Implied volatility: golden numbers, statuses, round trips, an independent library."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spymaster_lake.features import black76
from spymaster_lake.features.arrays import NS
from spymaster_lake.features.implied_vol import MIN_T_YEARS, IvStatus, implied_vol, year_fraction

RATE = 0.045
TRADING_YEAR = 252 * 6.5 * 3600
ACT_365 = 365 * 86_400
HOURS_6 = 6 * 3600 / ACT_365


def iv(price, forward, strike, call, t_years):
    """One trade's volatility and status."""
    sigma, status = implied_vol(
        price=np.array([price]),
        forward=np.array([forward]),
        strike=np.array([strike]),
        is_call=np.array([call]),
        t_years=np.array([t_years]),
        rate=RATE,
    )
    return sigma[0], status[0]


@pytest.mark.parametrize(
    ("year", "sigma", "gamma"),
    [(TRADING_YEAR, 0.130096, 0.0082764), (ACT_365, 0.300825, 0.0082783)],
)
def test_implied_vol__golden_section_12(year, sigma, gamma):
    """A call at 14.25 with 6 h left has the volatility and gamma of 02 section 12."""
    got, status = iv(14.25, 5990.0, 6000.0, True, 21_600 / year)
    assert status == "OK"
    assert got == pytest.approx(sigma, abs=5e-7)
    assert black76.gamma(
        forward=5990.0, strike=6000.0, sigma=got, t_years=21_600 / year, rate=RATE
    )[0] == pytest.approx(gamma, abs=5e-8)


def test_year_fraction__is_act_365():
    """365 days are one year, and a minute is exactly the shortest time that counts."""
    assert year_fraction(np.array([365 * 86_400 * NS]))[0] == 1.0
    assert year_fraction(np.array([60 * NS]))[0] == MIN_T_YEARS
    assert year_fraction(np.array([60 * NS - 1]))[0] < MIN_T_YEARS


D6 = math.exp(-RATE * HOURS_6)


@pytest.mark.parametrize(
    ("price", "forward", "strike", "call", "t_ns", "status"),
    [
        (14.25, 5990.0, 6000.0, True, 6 * 3600 * NS, "OK"),
        (14.25, 5990.0, 6000.0, True, 0, "EXPIRED"),
        (14.25, 5990.0, 6000.0, True, -1, "EXPIRED"),
        (14.25, math.nan, 6000.0, True, -1, "EXPIRED"),  # the first reason wins
        (1.25, 5990.0, 5990.0, True, 60 * NS - 1, "TOO_CLOSE_TO_EXPIRY"),
        (1.25, 5990.0, 5990.0, True, 60 * NS, "OK"),
        (14.25, math.nan, 6000.0, True, 6 * 3600 * NS, "NO_UNDERLYING"),
        (9.0, 6000.0, 5990.0, True, 6 * 3600 * NS, "BELOW_INTRINSIC"),
        (10.0 * D6, 6000.0, 5990.0, True, 6 * 3600 * NS, "BELOW_INTRINSIC"),  # equality is below
        (9.0, 5990.0, 6000.0, False, 6 * 3600 * NS, "BELOW_INTRINSIC"),
        (0.0, 5990.0, 6000.0, True, 6 * 3600 * NS, "BELOW_INTRINSIC"),
        (6000.0 * D6, 6000.0, 5990.0, True, 6 * 3600 * NS, "ABOVE_BOUND"),
        (5990.0 * D6, 6000.0, 5990.0, False, 6 * 3600 * NS, "ABOVE_BOUND"),
        (5000.0, 6000.0, 5990.0, False, 6 * 3600 * NS, "NOT_CONVERGED"),  # sigma above 5
        (0.2, 6000.0, 6000.0, True, 6 * 3600 * NS, "NOT_CONVERGED"),  # sigma below 0.005
    ],
)
def test_status__says_why(price, forward, strike, call, t_ns, status):
    """Each reason for a missing volatility has its own status, and only OK has a value."""
    sigma, got = iv(price, forward, strike, call, year_fraction(np.array([t_ns]))[0])
    assert got == status
    assert np.isnan(sigma) == (status != IvStatus.OK)


@pytest.mark.parametrize("edge", [0.005, 5.0])
def test_bracket_ends__are_part_of_the_search(edge):
    """A price within 1e-4 outside the ends of [0.005, 5.0] is accepted there, further off not."""
    x = {"forward": 6000.0, "strike": 6000.0, "t_years": HOURS_6, "rate": RATE}
    value = black76.price(**x, sigma=edge, is_call=True)[0]
    outward = -1.0 if edge < 1.0 else 1.0
    sigma, status = iv(value + outward * 0.9e-4, 6000.0, 6000.0, True, HOURS_6)
    assert status == "OK"
    assert sigma == pytest.approx(edge, abs=1e-9)
    assert iv(value + outward * 1.1e-4, 6000.0, 6000.0, True, HOURS_6)[1] == "NOT_CONVERGED"


@settings(max_examples=300, deadline=None)
@given(
    forward=st.floats(3000.0, 10_000.0),
    moneyness=st.floats(-0.2, 0.2),
    sigma=st.floats(0.006, 4.9),
    log_t=st.floats(-13.0, 0.0),
    call=st.booleans(),
)
def test_round_trip__recovers_the_volatility(forward, moneyness, sigma, log_t, call):
    """Whatever price a volatility makes, the search finds a volatility with that price again."""
    t = max(math.exp(log_t), MIN_T_YEARS)
    strike = forward * math.exp(moneyness)
    x = {"forward": forward, "strike": strike, "t_years": t, "rate": RATE}
    value = black76.price(**x, sigma=sigma, is_call=call)[0]
    slope = 100 * black76.vega(**x, sigma=sigma)[0]
    assume(slope > 1e-3)  # where the price tells something about the volatility
    got, status = iv(value, forward, strike, call, t)
    if status == "BELOW_INTRINSIC":  # the premium is all intrinsic to the last bit
        return
    assert status == "OK"
    again = black76.price(**x, sigma=got, is_call=call)[0]
    assert again == pytest.approx(value, abs=1e-8)
    assert got == pytest.approx(sigma, abs=1e-8 + 1e-8 / slope)


def test_implied_vol__equals_an_independent_library():
    """The volatility equals that of vollib where the option has time value."""
    oracle = pytest.importorskip("vollib.black.implied_volatility").implied_volatility
    for strike in (5800.0, 5950.0, 6000.0, 6050.0, 6200.0):
        for t in (0.5 / 8760, HOURS_6, 7 / 365):
            for call in (True, False):
                intrinsic = max(0.0, (5990.0 - strike) * (1 if call else -1))
                for time_value in (0.35, 4.2, 18.75):
                    value = intrinsic + time_value
                    got, status = iv(value, 5990.0, strike, call, t)
                    expected = oracle(value, 5990.0, strike, RATE, t, "c" if call else "p")
                    assert status == "OK"
                    assert got == pytest.approx(expected, rel=1e-7)


def test_implied_vol__increases_with_the_price():
    """A dearer option of the same contract never has the smaller volatility."""
    prices = np.linspace(0.3, 400.0, 500)
    n = len(prices)
    sigma, status = implied_vol(
        price=prices,
        forward=np.full(n, 5990.0),
        strike=np.full(n, 6000.0),
        is_call=np.ones(n, dtype=bool),
        t_years=np.full(n, HOURS_6),
        rate=RATE,
    )
    assert (status[~np.isnan(sigma)] == "OK").all()
    assert (np.diff(sigma[~np.isnan(sigma)]) > 0).all()
    assert (~np.isnan(sigma)).sum() > 300


def test_batches__do_not_change_a_bit():
    """The result of a trade does not depend on which trades are solved with it."""
    rng = np.random.default_rng(3)
    n = 301
    x = {
        "forward": rng.uniform(5900, 6100, n),
        "strike": np.round(rng.uniform(5800, 6200, n) / 5) * 5,
        "t_years": rng.uniform(1e-6, 0.01, n),
        "is_call": rng.random(n) < 0.5,
    }
    price = black76.price(**x, sigma=rng.uniform(0.05, 0.8, n), rate=RATE)
    price = np.round(price / 0.05) * 0.05
    whole, status = implied_vol(price=price, **x, rate=RATE)
    assert len(set(status)) >= 2
    for width in (1, 7, 50):
        for i in range(0, n, width):
            part = {k: v[i : i + width] for k, v in x.items()}
            sigma, st_part = implied_vol(price=price[i : i + width], **part, rate=RATE)
            assert np.array_equal(sigma, whole[i : i + width], equal_nan=True)
            assert np.array_equal(st_part, status[i : i + width])


def test_empty__gives_empty():
    """No trades give no volatilities."""
    none = np.empty(0)
    sigma, status = implied_vol(
        price=none, forward=none, strike=none, is_call=none.astype(bool), t_years=none, rate=RATE
    )
    assert len(sigma) == len(status) == 0
