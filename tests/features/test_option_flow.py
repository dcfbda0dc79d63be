"""Option trades with Greeks at trade time, and gamma and premium flow near a level."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.features import black76
from spymaster_lake.features.arrays import NO_TIME, NS, Queries, Trades
from spymaster_lake.features.carry import Carry
from spymaster_lake.features.implied_vol import year_fraction
from spymaster_lake.features.option_arrays import OptionContracts, OptionTrades
from spymaster_lake.features.option_flow import (
    enrich_option_trades,
    gamma_and_tide,
    gamma_shares_exceeded,
)

START = 1_765_839_600 * NS  # 2025-12-15 18:00 ET
OPEN = START + 15 * 3600 * NS + 1800 * NS
EXPIRY = START + 22 * 3600 * NS  # 2025-12-16 16:00 ET
NAN = math.nan
RATE = 0.045


def contracts_of(rows):
    """OptionContracts from rows (strike, right, expiry, listed, expires_today, underlying)."""
    strike, right, expiry, listed, today, underlying = zip(*rows, strict=True)
    return OptionContracts(
        strike=np.array(strike, dtype=float),
        is_call=np.array([r == "C" for r in right]),
        expiry_ns=np.array(expiry, dtype=np.int64),
        listed_ts_ns=np.array(listed, dtype=np.int64),
        expires_today=np.array(today),
        underlying=np.array(underlying, dtype=np.int64),
    )


def futures_of(rows):
    """Trades from rows (ts_ns, price)."""
    ts, price = zip(*rows, strict=True) if rows else ((), ())
    n = len(ts)
    return Trades(
        ts_ns=np.array(ts, dtype=np.int64),
        ticks=np.round(np.array(price) / 0.25).astype(np.int32),
        size=np.ones(n, dtype=np.int64),
        side=np.zeros(n, dtype=np.int8),
    )


def enrich(rows, contracts, futures):
    """Enriched trades from rows (ts_ns, contract, price, size, side)."""
    ts, contract, price, size, side = zip(*rows, strict=True)
    return enrich_option_trades(
        ts_ns=np.array(ts, dtype=np.int64),
        contract=np.array(contract, dtype=np.int64),
        price=np.array(price, dtype=float),
        size=np.array(size, dtype=np.int64),
        side=np.array(side, dtype=np.int8),
        contracts=contracts,
        futures=futures,
        tick_size=0.25,
        carry=Carry.of_future(RATE),
        multiplier=50.0,
    )


def trades_of(rows):
    """OptionTrades from rows (ts_ns, strike, right, side, size, price, gamma), flow by formula."""
    ts, strike, right, side, size, price, gamma = zip(*rows, strict=True)
    n = len(ts)
    known = np.full(n, 0.2)
    side, size = np.array(side, dtype=np.int8), np.array(size, dtype=np.int64)
    gamma = np.array(gamma, dtype=float)
    return OptionTrades(
        ts_ns=np.array(ts, dtype=np.int64),
        contract=np.arange(n),
        strike=np.array(strike, dtype=float),
        is_call=np.array([r == "C" for r in right]),
        expiry_ns=np.full(n, EXPIRY),
        listed_ts_ns=np.full(n, START - NS),
        size=size,
        side=side,
        price=np.array(price, dtype=float),
        underlying_px=np.full(n, 6000.0),
        underlying_ts_ns=np.full(n, START),
        t_years=known,
        iv=known,
        iv_status=np.full(n, "OK"),
        delta=known,
        gamma=gamma,
        vega=known,
        dealer_gamma_usd=-1.0 * side * size * gamma * 50,
    )


def queries_of(rows):
    """Queries from rows (t_ns, level)."""
    t, level = zip(*rows, strict=True)
    return Queries(
        np.array(t, dtype=np.int64), np.array(level, dtype=float), np.ones(len(t), dtype=np.int8)
    )


def flow(trades, queries, today=None, **kw):
    """gamma_and_tide as a list of (gamma_exposure, call_tide, put_tide)."""
    today = np.ones(len(trades), dtype=bool) if today is None else np.array(today)
    widths = {"strike_range": 15.0, "multiplier": 50.0} | kw
    got = gamma_and_tide(
        trades, queries_of(queries), expires_today=today, session_start_ns=START, **widths
    )
    return list(zip(got["gamma_exposure"], got["call_tide"], got["put_tide"], strict=True))


def same(got, expected):
    """Equal within rounding, null for null."""
    return np.allclose(np.array(got), np.array(expected), rtol=1e-12, atol=0, equal_nan=True)


# ---------------------------------------------------------------- Greeks at trade time


def test_enrich__golden_call_six_hours_before_expiry():
    """The call of 02 section 12 gets its volatility, gamma and dealer flow at trade time."""
    ts = EXPIRY - 6 * 3600 * NS
    contracts = contracts_of([(6000, "C", EXPIRY, START, True, 0)])
    got = enrich([(ts, 0, 14.25, 3, 1)], contracts, [futures_of([(ts - NS, 5990.0)])])
    assert got.iv[0] == pytest.approx(0.300825, abs=5e-7)
    assert got.gamma[0] == pytest.approx(0.0082783, abs=5e-8)
    assert got.t_years[0] == pytest.approx(6 / 8760)
    assert got.dealer_gamma_usd[0] == pytest.approx(-3 * 0.0082783 * 50, rel=1e-5)
    assert 0.0 < got.delta[0] < 0.5
    assert got.vega[0] > 0.0
    assert got.underlying_ts_ns[0] == ts - NS


@pytest.mark.parametrize(
    ("prints", "expected"),
    [
        ([(-1, 5990.0)], 5990.0),
        ([(-5 * NS, 5990.0)], 5990.0),  # five seconds old is young enough
        ([(-5 * NS - 1, 5990.0)], NAN),
        ([(0, 5995.0)], NAN),  # at the same instant is not before
        ([(-2, 5990.0), (0, 5995.0)], 5990.0),
        ([(-2, 5990.0), (-2, 5990.25)], 5990.25),  # last of equal times in total order
        ([(1, 5995.0)], NAN),
        ([], NAN),
    ],
)
def test_underlying__is_the_last_print_strictly_before(prints, expected):
    """F is the last print before the option trade, at most 5 s old, else unknown."""
    ts = OPEN
    contracts = contracts_of([(6000, "C", EXPIRY, START, True, 0)])
    futures = [futures_of([(ts + d, p) for d, p in prints])]
    got = enrich([(ts, 0, 14.25, 1, 1)], contracts, futures)
    assert same(got.underlying_px, [expected])
    assert got.iv_status[0] == ("NO_UNDERLYING" if math.isnan(expected) else "OK")
    assert (got.underlying_ts_ns[0] == NO_TIME) == math.isnan(expected)


def test_underlying__is_the_options_own_future():
    """Each option is priced off its own contract; one without loaded trades has none."""
    ts = OPEN
    contracts = contracts_of([(6000, "C", EXPIRY, START, True, u) for u in (0, 1, -1)])
    futures = [futures_of([(ts - NS, 5990.0)]), futures_of([(ts - 2 * NS, 6050.0)])]
    got = enrich([(ts, c, 60.0, 1, 1) for c in range(3)], contracts, futures)
    assert same(got.underlying_px, [5990.0, 6050.0, NAN])
    assert list(got.iv_status) == ["OK", "OK", "NO_UNDERLYING"]


def test_enrich__rows_in_equal_rows_out():
    """Trades without a volatility stay, with a reason and null Greeks; OK rows have all four."""
    contracts = contracts_of(
        [(5900, "C", EXPIRY, START, True, 0), (6000, "P", EXPIRY, START, True, 0)]
    )
    futures = [futures_of([(t - NS, 6000.0) for t in (OPEN, EXPIRY - 30 * NS, EXPIRY + NS)])]
    got = enrich(
        [
            (OPEN, 0, 99.0, 1, -1),
            (OPEN, 1, 6000.0, 1, -1),
            (OPEN, 1, 18.0, 2, -1),
            (EXPIRY - 30 * NS, 1, 1.0, 1, 0),
            (EXPIRY + NS, 1, 1.0, 1, 0),
        ],
        contracts,
        futures,
    )
    assert list(got.iv_status) == [
        "BELOW_INTRINSIC",
        "ABOVE_BOUND",
        "OK",
        "TOO_CLOSE_TO_EXPIRY",
        "EXPIRED",
    ]
    for column in (got.iv, got.delta, got.gamma, got.vega, got.dealer_gamma_usd):
        assert list(np.isnan(column)) == [True, True, False, True, True]
    assert got.delta[2] < 0.0
    assert got.dealer_gamma_usd[2] == pytest.approx(2 * got.gamma[2] * 50)


def test_enrich__greeks_are_black76_at_the_implied_volatility():
    """The Greeks reprice: Black-76 at the stored volatility gives the trade price back."""
    contracts = contracts_of([(6010, "P", EXPIRY, START, True, 0)])
    got = enrich([(OPEN, 0, 22.5, 1, 1)], contracts, [futures_of([(OPEN - NS, 6000.0)])])
    x = {"forward": 6000.0, "strike": 6010.0, "sigma": got.iv, "t_years": got.t_years}
    assert black76.price(**x, is_call=False, rate=RATE) == pytest.approx([22.5], abs=1e-9)
    assert np.array_equal(black76.gamma(**x, rate=RATE), got.gamma)
    assert np.array_equal(got.t_years, year_fraction(np.array([EXPIRY - OPEN])))


@pytest.mark.parametrize("contract", [-1, 1])
def test_enrich__unknown_contract_is_an_error(contract):
    """A trade that points to no contract is refused."""
    contracts = contracts_of([(6000, "C", EXPIRY, START, True, 0)])
    with pytest.raises(DataError, match="option contract"):
        enrich([(OPEN, contract, 10.0, 1, 1)], contracts, [futures_of([(OPEN - NS, 6000.0)])])


def test_enrich__future_that_is_not_given_is_an_error():
    """A contract that points to a future nobody passed is refused."""
    contracts = contracts_of([(6000, "C", EXPIRY, START, True, 1)])
    with pytest.raises(DataError, match="underlying future"):
        enrich([(OPEN, 0, 10.0, 1, 1)], contracts, [futures_of([(OPEN - NS, 6000.0)])])


# ---------------------------------------------------------------- flow near the level


def test_gamma_and_tide__golden_fuel():
    """The fuel vector of 02 section 12: gamma -140, NEW call tide 5250, put tide 300."""
    rows = [  # strike, right, dealer gamma, signed premium
        (5995, "P", 120.0, 1000.0),
        (6000, "C", -300.0, 5000.0),
        (6000, "P", 50.0, -700.0),
        (6015, "C", -10.0, 250.0),
        (6020, "C", -999.0, 9.0),
    ]
    trades = trades_of(
        [
            (OPEN, k, right, math.copysign(1, premium), 1, abs(premium) / 50, 0.004)
            for k, right, _, premium in rows
        ]
    )
    trades = dataclasses.replace(trades, dealer_gamma_usd=np.array([r[2] for r in rows]))
    assert same(flow(trades, [(OPEN + 1, 6000.0)]), [(-140.0, 5250.0, 300.0)])


def test_flow__signs_and_units_by_hand():
    """Customers buying 2 calls at gamma 0.004 leave dealers -0.4; selling 3 puts adds +0.75."""
    trades = trades_of(
        [
            (OPEN, 6000, "C", 1, 2, 10.0, 0.004),  # -1*2*.004*50 = -0.4; +1*10*2*50 = 1000
            (OPEN + 1, 5990, "P", -1, 3, 8.0, 0.005),  # +0.75; -1200
            (OPEN + 2, 5990, "P", 1, 1, 8.0, 0.005),  # -0.25; +400
        ]
    )
    assert same(
        flow(trades, [(OPEN + k, 6000.0) for k in range(4)]),
        [
            (NAN, NAN, NAN),
            (-0.4, 1000.0, NAN),
            (0.35, 1000.0, -1200.0),
            (0.10, 1000.0, -800.0),
        ],
    )


@pytest.mark.parametrize(
    ("row", "level", "today", "expected"),
    [
        ((OPEN, 6000, "C", 1, 1, 4.0, 0.01), 6000.0, True, (-0.5, 200.0, NAN)),
        ((START, 6000, "C", 1, 1, 4.0, 0.01), 6000.0, True, (-0.5, 200.0, NAN)),
        ((START - 1, 6000, "C", 1, 1, 4.0, 0.01), 6000.0, True, (NAN, NAN, NAN)),
        ((OPEN + 1, 6000, "C", 1, 1, 4.0, 0.01), 6000.0, True, (NAN, NAN, NAN)),  # ts = t
        ((OPEN, 6015, "C", 1, 1, 4.0, 0.01), 6000.0, True, (-0.5, 200.0, NAN)),  # closed band
        ((OPEN, 6015, "C", 1, 1, 4.0, 0.01), 6000.0 - 5e-10, True, (-0.5, 200.0, NAN)),
        ((OPEN, 6015, "C", 1, 1, 4.0, 0.01), 6000.0 - 2e-9, True, (NAN, NAN, NAN)),
        ((OPEN, 5985, "P", -1, 1, 4.0, 0.01), 6000.0, True, (0.5, NAN, -200.0)),
        ((OPEN, 6000, "C", 1, 1, 4.0, 0.01), 6000.0, False, (NAN, NAN, NAN)),  # expires later
        ((OPEN, 6000, "C", 1, 1, 4.0, 0.01), NAN, True, (NAN, NAN, NAN)),
        ((OPEN, 6000, "C", 1, 1, 4.0, NAN), 6000.0, True, (NAN, 200.0, NAN)),  # gamma unknown
    ],
)
def test_flow__which_trades_count(row, level, today, expected):
    """Only today's expiry, [session start, t), strikes within 15 points; nothing there is null."""
    assert same(flow(trades_of([row]), [(OPEN + 1, level)], today=[today]), [expected])


def test_flow__netted_to_zero_is_zero_not_null():
    """Trades that cancel give 0; a right without trades stays null."""
    trades = trades_of([(OPEN, 6000, "C", 1, 1, 4.0, 0.01), (OPEN, 6000, "C", -1, 1, 4.0, 0.01)])
    assert same(flow(trades, [(OPEN + 1, 6000.0)]), [(0.0, 0.0, NAN)])


def test_flow__strike_range_is_a_parameter():
    """A narrower range leaves the outer strikes out."""
    trades = trades_of([(OPEN, 6000, "C", 1, 1, 4.0, 0.01), (OPEN, 6010, "C", 1, 1, 4.0, 0.01)])
    assert same(flow(trades, [(OPEN + 1, 6000.0)], strike_range=5.0), [(-0.5, 200.0, NAN)])


def test_flow__no_trades_at_all_is_null():
    """A session without option trades gives null everywhere."""
    trades = trades_of([(OPEN, 6000, "C", 1, 1, 4.0, 0.01)])
    empty = OptionTrades(
        **{f.name: getattr(trades, f.name)[:0] for f in dataclasses.fields(trades)}
    )
    assert same(flow(empty, [(OPEN, 6000.0)]), [(NAN, NAN, NAN)])


@pytest.mark.parametrize(
    ("null_size", "unknown_size", "exceeded"),
    [(0, 0, False), (20, 0, False), (21, 0, True), (0, 5, False), (0, 6, True), (20, 5, False)],
)
def test_shares__null_the_gamma_of_the_row_only(null_size, unknown_size, exceeded):
    """More than 20 % of size without gamma or 5 % without aggressor nulls gamma, not the tides."""
    rest = 100 - null_size - unknown_size
    rows = [(OPEN, 6000, "C", 1, 40, 4.0, 0.01), (OPEN + 1, 6000, "C", 1, rest - 40, 4.0, 0.01)]
    if null_size:
        rows.append((OPEN + 1, 6500, "P", 1, null_size, 4.0, NAN))  # far from L counts as well
    if unknown_size:
        rows.append((OPEN + 1, 6500, "P", 0, unknown_size, 4.0, 0.01))
    trades = trades_of(rows)
    got = flow(trades, [(OPEN + 1, 6000.0), (OPEN + 2, 6000.0)])
    assert same(got[0], (-20.0, 8000.0, NAN))  # the row before is not touched
    assert same(got[1], (NAN if exceeded else -0.5 * rest, 200.0 * rest, NAN))


def test_shares__count_todays_expiries_from_session_start():
    """Trades of other expiries or before the session start are no part of the shares."""
    trades = trades_of(
        [
            (START - 1, 6000, "C", 0, 900, 4.0, NAN),
            (START, 6000, "C", 0, 900, 4.0, NAN),
            (OPEN, 6000, "C", 1, 1, 4.0, 0.01),
        ]
    )
    t = np.array([OPEN + 1, OPEN, START])
    for today, expected in (([True, False, True], [False] * 3), ([True] * 3, [True, True, False])):
        got = gamma_shares_exceeded(
            trades, t, expires_today=np.array(today), session_start_ns=START
        )
        assert list(got) == expected


def test_late_definition__hides_its_trades_until_it_is_known():
    """A trade counts from the later of its time and its contract's first definition."""
    trades = trades_of([(OPEN, 6000, "C", 1, 1, 4.0, 0.01), (OPEN + 1, 6000, "C", 1, 1, 4.0, 0.01)])
    trades = dataclasses.replace(trades, listed_ts_ns=np.array([OPEN + 5, START]))
    assert same(
        flow(trades, [(OPEN + 2, 6000.0), (OPEN + 5, 6000.0), (OPEN + 6, 6000.0)]),
        [(-0.5, 200.0, NAN), (-0.5, 200.0, NAN), (-1.0, 400.0, NAN)],
    )


# ---------------------------------------------------------------- laws


def random_trades(seed, n=400):
    """A session's trades with nulls, ties and strikes around 6000, some expiring later."""
    rng = np.random.default_rng(seed)
    ts = np.sort(START + rng.integers(-50, 2000, n) * NS)
    gamma = np.where(rng.random(n) < 0.15, NAN, rng.uniform(0.0005, 0.01, n))
    rows = zip(
        ts,
        5900 + 5 * rng.integers(0, 41, n),
        rng.choice(["C", "P"], n),
        rng.choice([1, -1, 0], n, p=[0.49, 0.47, 0.04]),
        rng.integers(1, 60, n),
        np.round(rng.uniform(0.05, 60, n) / 0.05) * 0.05,
        gamma,
        strict=True,
    )
    return trades_of(list(rows)), rng.random(n) < 0.7


def random_queries(seed, m=150):
    """Instants and levels, on and off the strike grid, some null, in no order."""
    rng = np.random.default_rng(seed)
    level = np.where(
        rng.random(m) < 0.5, 5950 + 5 * rng.integers(0, 21, m), rng.uniform(5950, 6050, m)
    )
    level[rng.random(m) < 0.05] = NAN
    return list(zip(START + rng.integers(-5, 2010, m) * NS, level, strict=True))


def slow_flow(trades, today, t, level):
    """02 N-7g, N-7i and 08 A5, A21 as plain loops."""
    gammas, calls, puts = [], [], []
    total = null = unknown = 0
    for i in range(len(trades)):
        if not today[i] or not START <= trades.ts_ns[i] < t:
            continue
        size, side = int(trades.size[i]), int(trades.side[i])
        total += size
        null += size if math.isnan(trades.gamma[i]) else 0
        unknown += size if side == 0 else 0
        if math.isnan(level) or abs(trades.strike[i] - level) > 15 + 1e-9:
            continue
        if not math.isnan(trades.gamma[i]):
            gammas.append(-side * size * trades.gamma[i] * 50)
        (calls if trades.is_call[i] else puts).append(side * trades.price[i] * size * 50)
    if null * 100 > total * 20 or unknown * 100 > total * 5:
        gammas = []
    return tuple(math.fsum(x) if x else NAN for x in (gammas, calls, puts))


@pytest.mark.parametrize("seed", range(6))
def test_gamma_and_tide__equals_plain_loops(seed):
    """The kernel equals the specification's text written as plain loops."""
    trades, today = random_trades(seed)
    queries = random_queries(seed + 100)
    expected = np.array([slow_flow(trades, today, t, level) for t, level in queries])
    got = np.array(flow(trades, queries, today=today))
    assert np.array_equal(np.isnan(got), np.isnan(expected))
    assert np.allclose(got, expected, rtol=1e-9, atol=1e-6, equal_nan=True)
    assert (~np.isnan(got)).mean() > 0.2


def test_truncation__later_trades_do_not_touch_a_bit():
    """Deleting or scrambling all trades at or after t leaves the row bit-identical."""
    trades, today = random_trades(11)
    queries = random_queries(12, m=40)
    whole = flow(trades, queries, today=today)
    rng = np.random.default_rng(5)
    for (t, level), expected in zip(queries, whole, strict=True):
        past = trades.ts_ns < t
        cut = OptionTrades(
            **{f.name: getattr(trades, f.name)[past] for f in dataclasses.fields(trades)}
        )
        got = flow(cut, [(t, level)], today=today[past])
        assert np.array_equal(got[0], expected, equal_nan=True)
        noisy = dataclasses.replace(
            trades,
            size=np.where(past, trades.size, 7),
            gamma=np.where(past, trades.gamma, NAN),
            dealer_gamma_usd=np.where(past, trades.dealer_gamma_usd, 1e9),
            price=np.where(past, trades.price, rng.uniform(0, 1e6, len(trades))),
            strike=np.where(past, trades.strike, 6000.25),
        )
        got = flow(noisy, [(t, level)], today=today)
        assert np.array_equal(got[0], expected, equal_nan=True)


def test_batches__do_not_change_a_bit():
    """A query alone gives the bits it gives among others, in any order."""
    trades, today = random_trades(21)
    queries = random_queries(22)
    whole = np.array(flow(trades, queries, today=today))
    alone = np.array([flow(trades, [q], today=today)[0] for q in queries])
    back = np.array(flow(trades, queries[::-1], today=today))[::-1]
    assert np.array_equal(alone, whole, equal_nan=True)
    assert np.array_equal(back, whole, equal_nan=True)


def test_enrich__truncation():
    """Greeks of a trade do not change when later futures and option trades are deleted."""
    rng = np.random.default_rng(9)
    contracts = contracts_of(
        [(k, r, EXPIRY, START, True, 0) for k in range(5950, 6055, 5) for r in "CP"]
    )
    ts = np.sort(OPEN + rng.integers(0, 600 * NS, 300))
    fut = [(OPEN + s * NS, 6000 + 0.25 * rng.integers(-20, 20)) for s in range(0, 600, 2)]
    rows = [
        (t, c, p, 1, 1)
        for t, c, p in zip(
            ts, rng.integers(0, len(contracts), 300), rng.uniform(1, 80, 300), strict=True
        )
    ]
    whole = enrich(rows, contracts, [futures_of(fut)])
    assert set(whole.iv_status) >= {"OK", "BELOW_INTRINSIC"}
    for i in (0, 37, 150, 299):
        past = [f for f in fut if f[0] < rows[i][0]]
        alone = enrich(rows[: i + 1], contracts, [futures_of(past)])
        for f in dataclasses.fields(whole):
            a, b = getattr(alone, f.name)[-1], getattr(whole, f.name)[i]
            assert repr(a) == repr(b)  # bit for bit, null for null
