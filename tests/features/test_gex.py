"""Gamma exposure of open interest: a table computed by hand, null rules, plain loops, laws."""

from __future__ import annotations

import dataclasses
import math
import time

import numpy as np
import pytest

from spymaster_lake.features.arrays import NS, Queries, Trades
from spymaster_lake.features.carry import Carry
from spymaster_lake.features.gex import gex_features
from spymaster_lake.features.gex_bands import GEX_COLUMNS
from spymaster_lake.features.option_arrays import OpenInterest, OptionContracts, OptionTrades

START = 1_765_839_600 * NS  # 2025-12-15 18:00 ET
OPEN = START + 15 * 3600 * NS + 1800 * NS
EXPIRY = START + 22 * 3600 * NS
T = OPEN + 1800 * NS  # the instant of the hand-made example, six hours before expiry
NAN = math.nan
F = 6000.0
YEAR = 365 * 86_400 * NS


def phi_gamma(forward, strike, sigma, t_ns, expiry_ns, rate):
    """Black-76 gamma straight from 02 section 0.6, one number."""
    t_years = (expiry_ns - t_ns) / YEAR
    if t_years <= 0:
        return 0.0
    s = sigma * math.sqrt(t_years)
    d1 = math.log(forward / strike) / s + s / 2
    return (
        math.exp(-rate * t_years) * math.exp(-d1 * d1 / 2) / math.sqrt(2 * math.pi) / (forward * s)
    )


def sigma_of(strike, gamma, t_ns=T):
    """The volatility (on its falling branch) at which a strike has the given gamma, rate 0."""
    lo, hi = max(abs(math.log(F / strike)) / math.sqrt((EXPIRY - t_ns) / YEAR), 1e-3), 5.0
    for _ in range(200):
        mid = (lo + hi) / 2
        lo, hi = (mid, hi) if phi_gamma(F, strike, mid, t_ns, EXPIRY, 0.0) > gamma else (lo, mid)
    return lo


@dataclasses.dataclass
class Session:
    """The inputs of one session; `columns` answers (t_ns, level) rows."""

    contracts: OptionContracts
    oi: OpenInterest
    trades: OptionTrades
    futures: list[Trades]
    rate: float = 0.0

    def columns(self, rows):
        """gex_features for rows (t_ns, level), as float64[m, 15]."""
        t, level = zip(*rows, strict=True)
        got = gex_features(
            queries=Queries(
                np.array(t, dtype=np.int64),
                np.array(level, dtype=float),
                np.ones(len(t), dtype=np.int8),
            ),
            contracts=self.contracts,
            open_interest=self.oi,
            option_trades=self.trades,
            futures=self.futures,
            tick_size=0.25,
            carry=Carry.of_future(self.rate),
            session_start_ns=START,
            open_ns=OPEN,
            multiplier=50.0,
        )
        assert tuple(got) == GEX_COLUMNS
        return np.stack([got[name] for name in GEX_COLUMNS], axis=1)

    def row(self, t_ns=T, level=F):
        """One query as a dict by column name."""
        return dict(zip(GEX_COLUMNS, self.columns([(t_ns, level)])[0], strict=True))


def contracts_of(rows):
    """OptionContracts from dicts with strike, right and what differs from the usual."""
    return OptionContracts(
        strike=np.array([r["strike"] for r in rows], dtype=float),
        is_call=np.array([r["right"] == "C" for r in rows], dtype=bool),
        expiry_ns=np.array([r.get("expiry", EXPIRY) for r in rows], dtype=np.int64),
        listed_ts_ns=np.array([r.get("listed", START) for r in rows], dtype=np.int64),
        expires_today=np.array([r.get("today", True) for r in rows], dtype=bool),
        underlying=np.array([r.get("underlying", 0) for r in rows], dtype=np.int64),
    )


def oi_of(rows):
    """OpenInterest from rows (ts_ns, contract, value)."""
    columns = zip(*rows, strict=True) if rows else ((), (), ())
    return OpenInterest(*(np.array(c, dtype=np.int64) for c in columns))


def trades_of(rows, contracts):
    """OptionTrades from rows (ts_ns, contract, iv, side, size); gamma is null where iv is."""
    columns = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    ts, contract, iv, side, size = (np.array(c) for c in columns)
    ts, contract = ts.astype(np.int64), contract.astype(np.int64)
    iv, side, size = iv.astype(float), side.astype(np.int8), size.astype(np.int64)
    return OptionTrades(
        ts_ns=ts,
        contract=contract,
        strike=contracts.strike[contract],
        is_call=contracts.is_call[contract],
        expiry_ns=contracts.expiry_ns[contract],
        listed_ts_ns=contracts.listed_ts_ns[contract],
        size=size,
        side=side,
        price=iv,
        underlying_px=iv,
        underlying_ts_ns=ts,
        t_years=iv,
        iv=iv,
        iv_status=np.where(np.isnan(iv), "NO_UNDERLYING", "OK"),
        delta=iv,
        gamma=iv / 100,
        vega=iv,
        dealer_gamma_usd=iv,
    )


def futures_of(rows):
    """Trades from rows (ts_ns, price)."""
    ts, price = zip(*rows, strict=True) if rows else ((), ())
    n = len(ts)
    return Trades(
        np.array(ts, dtype=np.int64),
        np.round(np.array(price) / 0.25).astype(np.int32),
        np.ones(n, dtype=np.int64),
        np.zeros(n, dtype=np.int8),
    )


HAND = [  # strike, right, gamma at T, open interest: the GEX vector of 02 section 12 and one put
    (5980, "P", 0.002, 10),  # g = -0.002 * 10 * 50 = -1.00
    (5985, "P", 0.004, 10),  # -2.00
    (5995, "P", 0.006, 20),  # -6.00
    (6000, "C", 0.007, 5),  # +1.75
    (6005, "C", 0.006, 30),  # +9.00
    (6010, "C", 0.005, 10),  # +2.50
    (6020, "C", 0.003, 10),  # +1.50
]


def hand_made(*, rows=HAND, drop_iv=(), drop_oi=(), oi_ts=OPEN - NS, **changed):
    """The hand-made session; contracts at positions `drop_iv` never traded."""
    listed = [
        {"strike": k, "right": r} | changed.get("facts", {}).get(i, {})
        for i, (k, r, *_) in enumerate(rows)
    ]
    contracts = contracts_of(listed)
    trades = [
        (T - 60 * NS, i, sigma_of(k, gamma), 1, 1)
        for i, (k, _, gamma, _) in enumerate(rows)
        if i not in drop_iv
    ]
    return Session(
        contracts,
        oi_of([(oi_ts, i, r[3]) for i, r in enumerate(rows) if i not in drop_oi]),
        trades_of(trades, contracts),
        [futures_of(changed.get("futures", [(T - NS, F)]))],
    )


def approx(value):
    """Equal to the precision of the bisected volatilities; null for null."""
    return pytest.approx(value, rel=1e-9, nan_ok=True)


def test_gex__table_computed_by_hand():
    """Strikes and open interest of 02 section 12 under N-9, summed on paper."""
    assert hand_made().row() == approx(
        {
            "gex_above_1strike": 9.0,
            "gex_above_2strike": 11.5,
            "gex_above_3strike": 13.0,
            "gex_below_1strike": -6.0,
            "gex_below_2strike": -8.0,
            "gex_below_3strike": -9.0,
            "call_gex_above_1strike": 9.0,
            "call_gex_above_2strike": 11.5,
            "call_gex_above_3strike": 13.0,
            "put_gex_below_1strike": -6.0,
            "put_gex_below_2strike": -8.0,
            "put_gex_below_3strike": -9.0,
            "gex_asymmetry": 22.0,
            "gex_ratio": 13.0 / 22.0,
            "net_gex_3strike": 5.75,
        }
    )


def test_gex__both_rights_at_one_strike():
    """Puts above count in gex_above, not in call_gex_above; likewise calls below."""
    rows = [*HAND, (6005, "P", 0.006, 10), (5995, "C", 0.006, 50)]
    got = hand_made(rows=rows).row()
    assert got["gex_above_1strike"] == approx(9.0 - 3.0)
    assert got["call_gex_above_1strike"] == approx(9.0)
    assert got["gex_below_1strike"] == approx(-6.0 + 15.0)
    assert got["put_gex_below_1strike"] == approx(-6.0)
    assert got["gex_ratio"] == approx(16.0 / (16.0 + 24.0))
    assert got["net_gex_3strike"] == approx(5.75 - 3.0 + 15.0)


@pytest.mark.parametrize(
    ("level", "above_1", "below_1", "net"),
    [
        (6000.0, 9.0, -6.0, 5.75),
        (6000.0 + 5e-10, 9.0, -6.0, 5.75),  # within the tolerance: at the strike
        (6000.0 - 5e-10, 9.0, -6.0, 5.75),
        (6000.0 - 2e-9, 1.75, -6.0, 1.75 + 9.0 + 2.5 - 9.0),  # the strike lies above
        (6000.0 + 2e-9, 9.0, 1.75, 13.0 + 1.75 - 6.0 - 2.0),  # the strike lies below
        (6003.1, 9.0, 1.75, 13.0 + 1.75 - 6.0 - 2.0),
    ],
)
def test_bands__are_strict_and_count_listed_strikes(level, above_1, below_1, net):
    """The b nearest listed strikes strictly above and below L, whatever their spacing."""
    got = hand_made().row(level=level)
    assert got["gex_above_1strike"] == approx(above_1)
    assert got["gex_below_1strike"] == approx(below_1)
    assert got["net_gex_3strike"] == approx(net)


def test_bands__null_where_too_few_strikes_are_listed():
    """At 6005 two strikes lie above: the 3-strike band and all that needs it are null."""
    got = hand_made().row(level=6005.0)
    assert got["gex_above_2strike"] == approx(4.0)
    assert got["gex_below_3strike"] == approx(1.75 - 6.0 - 2.0)
    for name in ("gex_above_3strike", "gex_asymmetry", "gex_ratio", "net_gex_3strike"):
        assert math.isnan(got[name])
    got = hand_made().row(level=5990.0)
    assert got["gex_above_3strike"] == approx(-6.0 + 1.75 + 9.0)
    for name in ("gex_below_3strike", "put_gex_below_3strike", "gex_ratio", "net_gex_3strike"):
        assert math.isnan(got[name])


@pytest.mark.parametrize("facts", [{"listed": T}, {"today": False}, {"expiry": T}])
def test_bands__only_contracts_listed_before_t_that_expire_today(facts):
    """A strike defined at t, expiring another day, or expired by t is not listed."""
    rows = [*HAND, (6002, "C", 0.006, 1000)]
    usual = hand_made().row()
    assert hand_made(rows=rows, facts={len(HAND): facts}).row() == usual
    assert hand_made(rows=rows).row()["gex_above_1strike"] == approx(300.0)


def test_open_interest__last_value_before_the_open():
    """Values are replaced by later ones, and those at or after 09:30 are not seen."""
    session = hand_made()
    session.oi = oi_of(
        [(START, i, 999) for i in range(7)]
        + [(OPEN - 1, i, row[3]) for i, row in enumerate(HAND)]
        + [(OPEN, i, 777) for i in range(7)]
    )
    assert session.row() == hand_made().row()


def test_open_interest__before_the_open_only_what_is_known():
    """A query before the open sees only statistics published before it."""
    session = hand_made(oi_ts=OPEN - 60 * NS, futures=[(OPEN - 31 * NS, F)])
    session.trades = dataclasses.replace(session.trades, ts_ns=np.full(7, OPEN - 300 * NS))
    assert session.row(t_ns=OPEN - 30 * NS)["gex_above_1strike"] > 0
    session.oi = dataclasses.replace(session.oi, ts_ns=np.full(7, OPEN - 30 * NS))
    assert all(math.isnan(v) for v in session.row(t_ns=OPEN - 30 * NS).values())


@pytest.mark.parametrize("oi", ["none", "at the open"])
def test_open_interest__missing_for_the_session_nulls_all(oi):
    """Without open interest before the open no column has a value, and none is 0."""
    session = hand_made(oi_ts=OPEN)
    if oi == "none":
        session.oi = oi_of([])
    assert all(math.isnan(v) for v in session.row().values())


def test_open_interest__a_contract_without_it_is_left_out():
    """One contract without a statistic drops out; a band with none at all is null."""
    got = hand_made(drop_oi={5}).row()
    assert got["gex_above_2strike"] == approx(9.0)
    assert got["gex_above_3strike"] == approx(10.5)
    got = hand_made(drop_oi={4, 5}).row()
    assert math.isnan(got["gex_above_1strike"])
    assert math.isnan(got["gex_above_2strike"])
    assert got["gex_above_3strike"] == approx(1.5)


def test_open_interest__zero_is_zero():
    """Published open interest of 0 gives 0, even without a volatility; the ratio has no base."""
    rows = [(k, r, gamma, 0) for k, r, gamma, _ in HAND]
    got = hand_made(rows=rows, drop_iv={4}).row()
    assert got["gex_above_3strike"] == 0.0
    assert got["put_gex_below_3strike"] == 0.0
    assert got["gex_asymmetry"] == 0.0
    assert math.isnan(got["gex_ratio"])


@pytest.mark.parametrize(("oi", "null"), [(10, False), (11, True)])
def test_null_gamma__up_to_twenty_percent_of_open_interest_is_left_out(oi, null):
    """Without gamma for 10 of 50 contracts the rest is summed; for 11 of 51 it is null."""
    rows = [*HAND[:-1], (6020, "C", 0.003, oi)]  # the outermost call: no extrapolation
    got = hand_made(rows=rows, drop_iv={6}).row()
    assert got["gex_above_2strike"] == approx(11.5)
    assert got["gex_above_3strike"] == approx(NAN if null else 11.5)
    assert got["gex_asymmetry"] == approx(NAN if null else 20.5)
    # 5 + 30 + 10 above and at L, 40 below: 11 of 96 is still less than 20 %
    assert got["net_gex_3strike"] == approx(11.5 - 9.0 + 1.75)


def test_volatility__interpolated_linearly_in_strike_of_the_same_right():
    """A call that did not trade takes the line between its neighbours, by distance in strike."""
    session = hand_made(drop_iv={5})
    left, right = sigma_of(6005, 0.006), sigma_of(6020, 0.003)
    sigma = left + (right - left) * (6010 - 6005) / (6020 - 6005)
    expected = 10 * phi_gamma(F, 6010, sigma, T, EXPIRY, 0.0) * 50
    got = session.row()
    assert got["gex_above_2strike"] - got["gex_above_1strike"] == approx(expected)
    # a put between calls does not lend its volatility, and the ends are not extended
    rows = [*HAND[:4], (6005, "P", 0.006, 30), *HAND[5:]]
    assert math.isnan(hand_made(rows=rows, drop_iv={4}).row()["gex_above_1strike"])


@pytest.mark.parametrize(
    ("age", "counts"),
    [(1, True), (1800 * NS, True), (1800 * NS + 1, False), (0, False), (-1, False)],
)
def test_volatility__of_the_last_accepted_trade_in_thirty_minutes(age, counts):
    """The own trade must lie in [t - 30 min, t)."""
    session = hand_made()
    ts = session.trades.ts_ns.copy()
    ts[6] = T - age
    session.trades = dataclasses.replace(session.trades, ts_ns=ts)
    order = np.argsort(ts, kind="stable")
    session.trades = OptionTrades(
        **{f.name: getattr(session.trades, f.name)[order] for f in dataclasses.fields(OptionTrades)}
    )
    got = session.row()
    assert got["gex_above_3strike"] == approx(13.0 if counts else 11.5)  # 10 of 50 left out


def test_volatility__newest_accepted_wins_over_newer_rejected():
    """A later trade replaces the volatility; a trade without one does not."""
    contracts = hand_made().contracts
    rows = (
        [(T - 100 * NS, i, 0.5, 1, 10) for i in range(7)]
        + [(T - 60 * NS, i, sigma_of(k, gamma), 1, 10) for i, (k, _, gamma, _) in enumerate(HAND)]
        + [(T - 30 * NS, i, NAN, 1, 1) for i in range(7)]
    )
    session = hand_made()
    session.trades = trades_of(rows, contracts)
    assert session.row() == approx(hand_made().row())


@pytest.mark.parametrize(
    ("futures", "known"),
    [
        ([(T - 5 * NS, F)], True),
        ([(T - 5 * NS - 1, F)], False),
        ([(T - 2, 5900.0), (T - 1, F), (T, 5800.0)], True),
        ([(T, F)], False),
        ([], False),
    ],
)
def test_forward__last_print_before_t_at_most_five_seconds_old(futures, known):
    """Gamma at t needs a futures print in [t - 5 s, t)."""
    got = hand_made(futures=futures).row()
    assert got == approx(hand_made().row() if known else dict.fromkeys(GEX_COLUMNS, NAN))


def test_forward__is_that_of_the_options_own_future():
    """Contracts on a future without trades have no gamma."""
    session = hand_made(facts={i: {"underlying": 1} for i in range(4, 7)})
    session.futures.append(futures_of([]))
    got = session.row()
    assert math.isnan(got["gex_above_1strike"])
    assert got["gex_below_3strike"] == approx(-9.0)


def test_last_minute__has_no_gamma():
    """Less than 60 s before expiry nothing is stated."""
    t = EXPIRY - 60 * NS + 1
    session = hand_made(futures=[(t - NS, F)])
    session.trades = dataclasses.replace(session.trades, ts_ns=np.full(7, t - NS))
    assert all(math.isnan(v) for v in session.row(t_ns=t).values())
    assert session.row(t_ns=t - 1)["gex_above_1strike"] >= 0.0


@pytest.mark.parametrize(
    ("extra", "null"),
    [
        ((T - NS, 0, NAN, 1, 2), True),  # 2 of 9 contracts traded have no gamma
        ((T - NS, 0, NAN, 1, 1), False),
        ((T - NS, 0, 0.3, 0, 1), True),  # 1 of 8 has no aggressor
        ((T, 0, NAN, 1, 999), False),  # not yet
        ((START - 1, 0, NAN, 1, 999), False),  # before the session
    ],
)
def test_shares__of_traded_size_null_the_row(extra, null):
    """The shares of 08 A5 null all GEX columns of the row."""
    session = hand_made()
    t = session.trades
    rows = sorted(
        [*zip(t.ts_ns, t.contract, t.iv, t.side, t.size, strict=True), extra], key=lambda r: r[0]
    )
    session.trades = trades_of(rows, session.contracts)
    assert all(math.isnan(v) == null for v in session.row().values())


def test_level__inactive_is_null():
    """A query without a level has no answer and does not disturb the others."""
    got = hand_made().columns([(T, NAN), (T, F)])
    assert np.isnan(got[0]).all()
    assert got[1] == approx(list(hand_made().row().values()))


def test_signs__are_parameters():
    """Dealers' signs scale calls and puts."""
    session = hand_made()
    got = gex_features(
        queries=Queries(np.array([T]), np.array([F]), np.array([1], dtype=np.int8)),
        contracts=session.contracts,
        open_interest=session.oi,
        option_trades=session.trades,
        futures=session.futures,
        tick_size=0.25,
        carry=Carry.of_future(0.0),
        session_start_ns=START,
        open_ns=OPEN,
        multiplier=5.0,
        call_sign=-1,
        put_sign=1,
    )
    assert got["gex_above_3strike"] == approx([-1.3])
    assert got["gex_below_3strike"] == approx([0.9])
    assert got["gex_ratio"] == approx([13.0 / 22.0])


def test_expiries_of_one_day__share_strikes_but_not_volatilities():
    """A morning and an afternoon expiry add up at a strike; each keeps its own smile and clock."""
    noon = EXPIRY - 3 * 3600 * NS
    rows = [*HAND, (6005, "C", 0.006, 30)]
    session = hand_made(rows=rows, facts={7: {"expiry": noon}}, drop_iv={7})
    assert math.isnan(session.row()["gex_above_1strike"])  # 30 of 60 without gamma
    session = hand_made(rows=rows, facts={7: {"expiry": noon}})
    own = 30 * phi_gamma(F, 6005, sigma_of(6005, 0.006), T, noon, 0.0) * 50
    assert session.row()["gex_above_1strike"] == approx(9.0 + own)
    assert session.row(t_ns=T)["gex_above_2strike"] == approx(11.5 + own)


# ---------------------------------------------------------------- plain loops and laws


def random_session(seed):
    """A small chain with gaps: late listings, missing statistics, old and rejected trades."""
    rng = np.random.default_rng(seed)
    strikes = np.sort(rng.choice(np.arange(5940, 6065, 5), 16, replace=False))
    rows = [
        {
            "strike": k,
            "right": r,
            "listed": OPEN + 900 * NS if rng.random() < 0.06 else START,
            "today": rng.random() > 0.06,
            "expiry": EXPIRY if rng.random() > 0.06 else OPEN + 1500 * NS,
            "underlying": 0 if rng.random() > 0.04 else 1,
        }
        for k in strikes
        for r in "CP"
    ]
    contracts = contracts_of(rows)
    n, c = 260, len(contracts)
    ts = np.sort(OPEN + rng.integers(-1800, 3600, n) * NS)
    iv = np.where(rng.random(n) < 0.1, NAN, rng.uniform(0.1, 0.4, n))
    side = rng.choice([1, -1, 0], n, p=[0.5, 0.48, 0.02])
    trades = trades_of(
        list(zip(ts, rng.integers(0, c, n), iv, side, rng.integers(1, 9, n), strict=True)),
        contracts,
    )
    oi = [
        (int(OPEN + rng.integers(-3600, 300) * NS), i, int(rng.integers(0, 500)))
        for i in range(c)
        for _ in range(2)
        if rng.random() > 0.1
    ]
    fut = [
        (OPEN + int(s) * NS, F + 0.25 * int(rng.integers(-40, 41)))
        for s in range(-1800, 3600, 2)
        if not 1000 < s < 1020
    ]
    return Session(contracts, oi_of(sorted(oi)), trades, [futures_of(fut), futures_of([])], 0.045)


def random_queries(seed, m=60):
    """Instants before and after the open, levels on and off the strikes, some null."""
    rng = np.random.default_rng(seed)
    level = np.where(
        rng.random(m) < 0.4, 5970 + 5 * rng.integers(0, 13, m), rng.uniform(5965, 6035, m)
    )
    level[rng.random(m) < 0.05] = NAN
    t = OPEN + rng.integers(-60, 120, m) * 30 * NS + rng.integers(0, 2, m) * 7
    return list(zip(t.tolist(), level.tolist(), strict=True))


def slow_sigma(s, i, t):
    """02 N-8: own volatility of the last 30 minutes, else interpolated, else None."""

    def own(j):
        found = None
        for k in range(len(s.trades)):
            if s.trades.contract[k] == j and t - 1800 * NS <= s.trades.ts_ns[k] < t:
                found = found if math.isnan(s.trades.iv[k]) else s.trades.iv[k]
        return found

    if own(i) is not None:
        return own(i)
    c = s.contracts
    peers = [
        j
        for j in range(len(c))
        if c.is_call[j] == c.is_call[i]
        and c.expiry_ns[j] == c.expiry_ns[i]
        and c.underlying[j] == c.underlying[i]
        and c.expires_today[j]
        and c.listed_ts_ns[j] < t
        and own(j) is not None
    ]
    lower = max(
        (j for j in peers if c.strike[j] < c.strike[i]), key=lambda j: c.strike[j], default=None
    )
    upper = min(
        (j for j in peers if c.strike[j] > c.strike[i]), key=lambda j: c.strike[j], default=None
    )
    if lower is None or upper is None:
        return None
    share = (c.strike[i] - c.strike[lower]) / (c.strike[upper] - c.strike[lower])
    return own(lower) + share * (own(upper) - own(lower))


def slow_contracts(s, t):
    """Per listed contract of today: (strike, is_call, open interest or None, g or None)."""
    c, out = s.contracts, []
    for i in range(len(c)):
        if not c.expires_today[i] or c.listed_ts_ns[i] >= t or c.expiry_ns[i] <= t:
            continue
        oi = None
        for k in range(len(s.oi.ts_ns)):
            if s.oi.contract[k] == i and s.oi.ts_ns[k] < min(t, OPEN):
                oi = int(s.oi.value[k])
        fut, forward = s.futures[c.underlying[i]], None
        for k in range(len(fut)):
            if fut.ts_ns[k] < t:
                forward = fut.ticks[k] * 0.25 if t - fut.ts_ns[k] <= 5 * NS else None
        sigma = slow_sigma(s, i, t)
        g = None
        if forward is not None and sigma is not None and c.expiry_ns[i] - t >= 60 * NS:
            gamma = phi_gamma(forward, c.strike[i], sigma, t, int(c.expiry_ns[i]), s.rate)
            g = (1 if c.is_call[i] else -1) * (oi or 0) * gamma * 50
        out.append((float(c.strike[i]), bool(c.is_call[i]), oi, g))
    return out


def slow_row(s, chain, t, level):
    """08 A5, A21 and 02 N-9 as plain loops; None is null."""
    out = dict.fromkeys(GEX_COLUMNS)
    total = null = unknown = 0
    for k in range(len(s.trades)):
        if s.contracts.expires_today[s.trades.contract[k]] and START <= s.trades.ts_ns[k] < t:
            if s.trades.listed_ts_ns[k] >= t:
                continue
            total += s.trades.size[k]
            null += s.trades.size[k] if math.isnan(s.trades.gamma[k]) else 0
            unknown += s.trades.size[k] if s.trades.side[k] == 0 else 0
    if math.isnan(level) or null * 5 > total or unknown * 20 > total:
        return out
    strikes = sorted({row[0] for row in chain})
    above = [k for k in strikes if k > level + 1e-9]
    below = [k for k in reversed(strikes) if k < level - 1e-9]
    here = [k for k in strikes if abs(k - level) <= 1e-9]

    def column(band, rights=(True, False), absolute=False):
        rows = [r for r in chain if r[0] in band and r[1] in rights and r[2] is not None]
        missing = sum(r[2] for r in rows if r[3] is None)
        if not rows or missing * 5 > sum(r[2] for r in rows):
            return None
        return math.fsum(abs(r[3]) if absolute else r[3] for r in rows if r[3] is not None)

    for b in (1, 2, 3):
        if len(above) >= b:
            out[f"gex_above_{b}strike"] = column(above[:b])
            out[f"call_gex_above_{b}strike"] = column(above[:b], (True,))
        if len(below) >= b:
            out[f"gex_below_{b}strike"] = column(below[:b])
            out[f"put_gex_below_{b}strike"] = column(below[:b], (False,))
    up, down = out["gex_above_3strike"], out["gex_below_3strike"]
    if up is not None and down is not None:
        out["gex_asymmetry"] = up - down
        up, down = column(above[:3], absolute=True), column(below[:3], absolute=True)
        out["gex_ratio"] = up / (up + down) if up + down > 0 else None
    if len(above) >= 3 and len(below) >= 3:
        out["net_gex_3strike"] = column(above[:3] + below[:3] + here)
    return out


@pytest.mark.parametrize("seed", range(3))
def test_gex__equals_plain_loops(seed):
    """The kernel equals the specification's text written as plain loops."""
    s, queries = random_session(seed), random_queries(seed + 50, m=30)
    chains = {t: slow_contracts(s, t) for t, _ in queries}
    expected = np.array(
        [
            [NAN if v is None else v for v in slow_row(s, chains[t], t, level).values()]
            for t, level in queries
        ]
    )
    got = s.columns(queries)
    assert np.array_equal(np.isnan(got), np.isnan(expected))
    assert np.allclose(got, expected, rtol=1e-9, atol=1e-9, equal_nan=True)
    assert 0.2 < (~np.isnan(got)).mean() < 0.98


@pytest.mark.parametrize("seed", range(4))
def test_gex__invariants(seed):
    """Ratio in [0, 1], calls above >= 0, puts below <= 0, net = above + below + strike at L."""
    s = random_session(seed)
    got = dict(zip(GEX_COLUMNS, s.columns(random_queries(seed, m=200)).T, strict=True))

    def known(name):
        return got[name][~np.isnan(got[name])]

    assert len(known("gex_ratio")) > 10
    assert ((known("gex_ratio") >= 0) & (known("gex_ratio") <= 1)).all()
    for b in (1, 2, 3):
        assert (known(f"call_gex_above_{b}strike") >= 0).all()
        assert (known(f"put_gex_below_{b}strike") <= 0).all()


def cut_at(s, t):
    """The session as it was known at t: nothing at or after t exists, positions renumbered."""
    keep = s.contracts.listed_ts_ns < t
    new = np.cumsum(keep) - 1

    def part(x, rows):
        return {f.name: getattr(x, f.name)[rows] for f in dataclasses.fields(x)}

    contracts = OptionContracts(**part(s.contracts, keep))
    trades = part(s.trades, (s.trades.ts_ns < t) & keep[s.trades.contract])
    oi = part(s.oi, (s.oi.ts_ns < t) & keep[s.oi.contract])
    trades["contract"], oi["contract"] = new[trades["contract"]], new[oi["contract"]]
    futures = [Trades(**part(f, f.ts_ns < t)) for f in s.futures]
    return Session(contracts, OpenInterest(**oi), OptionTrades(**trades), futures, s.rate)


def scramble_from(s, t):
    """The session with noise in every record at or after t."""
    late = s.trades.ts_ns >= t
    noise = {
        "iv": np.where(late, 3.3, s.trades.iv),
        "gamma": np.where(late, NAN, s.trades.gamma),
        "side": np.where(late, 0, s.trades.side).astype(np.int8),
        "size": np.where(late, 9999, s.trades.size),
    }
    return Session(
        s.contracts,
        dataclasses.replace(s.oi, value=np.where(s.oi.ts_ns >= t, 10**6, s.oi.value)),
        dataclasses.replace(s.trades, **noise),
        [
            dataclasses.replace(f, ticks=np.where(f.ts_ns >= t, 1000, f.ticks).astype(np.int32))
            for f in s.futures
        ],
        s.rate,
    )


@pytest.mark.parametrize("seed", [5, 6])
def test_truncation__the_future_does_not_touch_a_bit(seed):
    """Deleting or scrambling all records at or after t leaves the row bit-identical."""
    s, queries = random_session(seed), random_queries(seed, m=40)
    whole = s.columns(queries)
    assert np.isfinite(whole).sum() > 100
    for query, expected in zip(queries, whole, strict=True):
        for other in (cut_at(s, query[0]), scramble_from(s, query[0])):
            assert np.array_equal(other.columns([query])[0], expected, equal_nan=True)


def test_batches__do_not_change_a_bit():
    """A query alone gives the bits it gives among others, in any order."""
    s, queries = random_session(8), random_queries(8)
    whole = s.columns(queries)
    assert np.isfinite(whole).sum() > 100
    alone = np.concatenate([s.columns([q]) for q in queries])
    assert np.array_equal(alone, whole, equal_nan=True)
    assert np.array_equal(s.columns(queries[::-1])[::-1], whole, equal_nan=True)


def test_gex__no_contracts_and_no_trades():
    """A session with no option data at all gives null columns of the right length."""
    contracts = contracts_of([])
    s = Session(contracts, oi_of([]), trades_of([], contracts), [futures_of([(T - NS, F)])])
    assert np.isnan(s.columns([(T, F), (T + NS, F)])).all()


def test_gex__a_day_of_states_is_fast():
    """400 instants of six levels over 100 strikes take well under a second."""
    rng = np.random.default_rng(1)
    rows = [{"strike": k, "right": r} for k in range(5750, 6250, 5) for r in "CP"]
    contracts = contracts_of(rows)
    n = 5000
    ts = np.sort(OPEN + rng.integers(-1800, 12_000, n) * NS)
    trades = trades_of(
        list(
            zip(
                ts,
                rng.integers(0, 200, n),
                rng.uniform(0.1, 0.4, n),
                np.ones(n, dtype=int),
                np.ones(n, dtype=int),
                strict=True,
            )
        ),
        contracts,
    )
    fut = futures_of([(OPEN + i * NS, F) for i in range(-10, 12_100)])
    s = Session(contracts, oi_of([(OPEN - NS, i, 100) for i in range(200)]), trades, [fut])
    queries = [
        (OPEN + 30 * i * NS, lv + i / 100)
        for i in range(400)
        for lv in (5950.0, 5975.0, 6000.0, 6010.0, 6033.0, 6050.0)
    ]
    begin = time.perf_counter()
    got = s.columns(queries)
    assert time.perf_counter() - begin < 2.0  # measured: a tenth of it
    assert np.isfinite(got).mean() > 0.9
