"""Option trades with Greeks at trade time, and dealer gamma and premium flow near a level.

Greeks of a trade use what was known at that trade: the last print of its own underlying future
strictly before it and the volatility its own price implies (02 N-8, 01 2.4, 08 A20). Flows count
only contracts that expire on the session date (08 A21), from the start of the trade date to t.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.features import black76
from spymaster_lake.features.arrays import (
    BAND_TOLERANCE,
    F64,
    I8,
    I64,
    NO_TIME,
    NS,
    Bool,
    Queries,
    Trades,
    points,
)
from spymaster_lake.features.carry import Carry
from spymaster_lake.features.columns import Columns
from spymaster_lake.features.implied_vol import implied_vol, year_fraction
from spymaster_lake.features.option_arrays import OptionContracts, OptionTrades

MAX_UNDERLYING_AGE_NS = 5 * NS
"""A futures price older than this is unknown (08 A20)."""

MAX_NULL_GAMMA_PERCENT, MAX_UNKNOWN_SIDE_PERCENT = 20, 5
"""Larger shares of traded size null the gamma columns of a row (02 N-8, 08 A5)."""


def underlying_at(
    *, ts_ns: I64, underlying: I64, futures: Sequence[Trades], tick_size: float
) -> tuple[F64, I64]:
    """Last print strictly before each instant of each row's own future, at most 5 s old.

    Args:
        ts_ns: int64[n] instants, in any order.
        underlying: int64[n] position in `futures`, -1 if there are no trades of that future.
        futures: trades per future, each in total order.
        tick_size: points per tick.

    Returns:
        Price float64[n] in points (NaN if none) and its time int64[n] (NO_TIME if none).

    Raises:
        DataError: an `underlying` outside [-1, len(futures)).
    """
    _check_positions("underlying future", underlying, -1, len(futures))
    price = np.full(len(ts_ns), np.nan)
    seen = np.full(len(ts_ns), NO_TIME, dtype=np.int64)
    for i, trades in enumerate(futures):
        rows = np.flatnonzero(underlying == i)
        last = np.searchsorted(trades.ts_ns, ts_ns[rows], side="left") - 1
        rows, last = rows[last >= 0], last[last >= 0]
        fresh = ts_ns[rows] - trades.ts_ns[last] <= MAX_UNDERLYING_AGE_NS
        rows, last = rows[fresh], last[fresh]
        price[rows] = points(trades.ticks[last], tick=tick_size)
        seen[rows] = trades.ts_ns[last]
    return price, seen


def enrich_option_trades(
    *,
    ts_ns: I64,
    contract: I64,
    price: F64,
    size: I64,
    side: I8,
    contracts: OptionContracts,
    futures: Sequence[Trades],
    tick_size: float,
    carry: Carry,
    multiplier: float,
) -> OptionTrades:
    """Option trades with volatility and Greeks at trade time (01 2.4 NEW, 02 N-8, 08 A20).

    Every row comes back; those without a volatility carry the reason in `iv_status`, and their
    Greeks are null. No volatility is carried over from another trade.

    Args:
        ts_ns: int64[n] event times, trades in total order.
        contract: int64[n] row of each trade's contract.
        price: float64[n] premium, points.
        size: int64[n] contracts.
        side: int8[n] aggressor, +1 buy, -1 sell, 0 unknown.
        contracts: the contracts.
        futures: trades of the futures, or of the share, that `contracts.underlying` points to.
        tick_size: points per tick of them.
        carry: how their price becomes the forward of an option, with the rate of the session date.
        multiplier: USD per point.

    Raises:
        DataError: a contract or future that does not exist, or a price <= 0 of a future.
    """
    _check_positions("option contract", contract, 0, len(contracts))
    strike, is_call = contracts.strike[contract], contracts.is_call[contract]
    t_years = year_fraction(contracts.expiry_ns[contract] - ts_ns)
    last, last_ts = underlying_at(
        ts_ns=ts_ns, underlying=contracts.underlying[contract], futures=futures, tick_size=tick_size
    )
    forward, slope = carry.forward(last, ts_ns, contracts.expiry_ns[contract])
    rate = carry.rate
    iv, status = implied_vol(
        price=price, forward=forward, strike=strike, is_call=is_call, t_years=t_years, rate=rate
    )
    delta = black76.delta(
        forward=forward, strike=strike, sigma=iv, t_years=t_years, is_call=is_call, rate=rate
    )
    gamma = black76.gamma(forward=forward, strike=strike, sigma=iv, t_years=t_years, rate=rate)
    delta, gamma = delta * slope, gamma * slope**2  # per point of the underlying, not of F
    vega = black76.vega(forward=forward, strike=strike, sigma=iv, t_years=t_years, rate=rate)
    return OptionTrades(
        ts_ns=ts_ns,
        contract=contract,
        strike=strike,
        is_call=is_call,
        expiry_ns=contracts.expiry_ns[contract],
        listed_ts_ns=contracts.listed_ts_ns[contract],
        size=size,
        side=side,
        price=price,
        underlying_px=last,
        underlying_ts_ns=last_ts,
        t_years=t_years,
        iv=iv,
        iv_status=status,
        delta=delta,
        gamma=gamma,
        vega=vega,
        dealer_gamma_usd=-side.astype(np.int64) * size * gamma * multiplier,
    )


def gamma_and_tide(
    option_trades: OptionTrades,
    queries: Queries,
    *,
    expires_today: Bool,
    session_start_ns: int,
    strike_range: float,
    multiplier: float,
) -> Columns:
    """Dealer gamma flow and signed premium near the level since the session start (02 N-7g, N-7i).

    Sums over trades of contracts that expire today with session_start <= ts < t and
    abs(K - L) <= strike_range. A trade without aggressor adds 0 to all three. `call_tide` and
    `put_tide` are 0 only if trades netted to 0, null if none of that right is in range.
    `gamma_exposure` is null if no trade with a known gamma is in range (08 A21) and on rows where
    `gamma_shares_exceeded`. All are null where the level is NaN. Sums run in trade order from the
    first trade on, so later trades and other queries do not touch a bit of them.

    Args:
        option_trades: from `enrich_option_trades`.
        queries: instants and levels.
        expires_today: bool[n] per trade, its contract expires on the session date.
        session_start_ns: start of the trade date.
        strike_range: points, closed band.
        multiplier: USD per point.

    Returns:
        `gamma_exposure` (USD of delta per point per point), `call_tide`, `put_tide` (USD):
        float64[m], market frame, NaN where null.
    """
    m = len(queries)
    gamma_exposure, call_tide, put_tide = (np.full(m, np.nan) for _ in range(3))
    rows, known_ns = _session_rows(option_trades, expires_today, session_start_ns)
    is_call, gamma_usd = option_trades.is_call[rows], option_trades.dealer_gamma_usd[rows]
    accepted = ~np.isnan(gamma_usd)
    contracts = option_trades.side[rows].astype(np.int64) * option_trades.size[rows]
    premium = contracts * option_trades.price[rows] * multiplier
    strikes, at_strike = np.unique(option_trades.strike[rows], return_inverse=True)
    levels, at_level = np.unique(queries.level, return_inverse=True)
    for j in np.flatnonzero(~np.isnan(levels)):
        near = np.abs(strikes - levels[j]) <= strike_range + BAND_TOLERANCE
        used = np.flatnonzero(near[at_strike])
        asked = np.flatnonzero(at_level == j)
        end = np.searchsorted(known_ns[used], queries.t_ns[asked], side="left")
        for column, values, counted in (
            (gamma_exposure, gamma_usd, accepted),
            (call_tide, premium, is_call),
            (put_tide, premium, ~is_call),
        ):
            column[asked] = _running(values[used], counted[used], end)
    gamma_exposure[
        gamma_shares_exceeded(
            option_trades,
            queries.t_ns,
            expires_today=expires_today,
            session_start_ns=session_start_ns,
        )
    ] = np.nan
    return {"gamma_exposure": gamma_exposure, "call_tide": call_tide, "put_tide": put_tide}


def gamma_shares_exceeded(
    option_trades: OptionTrades, t_ns: I64, *, expires_today: Bool, session_start_ns: int
) -> Bool:
    """Where too little is known to state gamma columns (02 N-8, 08 A5).

    Over trades of contracts that expire today (the only ones the gamma columns use, 08 A21) with
    session_start <= ts < t: more than 20 % of the size has null gamma, or more than 5 % of the
    size has no aggressor. Compared in integers. No trades: False (the columns are null anyway).

    Returns:
        bool[m] per instant of `t_ns`, which may be in any order.
    """
    rows, known_ns = _session_rows(option_trades, expires_today, session_start_ns)
    end = np.searchsorted(known_ns, t_ns, side="left")
    size = option_trades.size[rows]
    total = _prefix(size)[end]
    null_gamma = _prefix(np.where(np.isnan(option_trades.gamma[rows]), size, 0))[end]
    unknown = _prefix(np.where(option_trades.side[rows] == 0, size, 0))[end]
    exceeded: Bool = (100 * null_gamma > MAX_NULL_GAMMA_PERCENT * total) | (
        100 * unknown > MAX_UNKNOWN_SIDE_PERCENT * total
    )
    return exceeded


def _session_rows(
    option_trades: OptionTrades, expires_today: Bool, session_start_ns: int
) -> tuple[I64, I64]:
    """Trades of today's contracts since the start, by the time from which they can be used.

    A trade of a contract whose definition arrives later is usable only from that definition on.
    """
    rows = np.flatnonzero(expires_today & (option_trades.ts_ns >= session_start_ns))
    known_ns = np.maximum(option_trades.ts_ns[rows], option_trades.listed_ts_ns[rows])
    order = np.argsort(known_ns, kind="stable")
    return rows[order], known_ns[order]


def _running(values: F64, counted: Bool, end: I64) -> F64:
    """Sum of the counted values before each position; NaN if none is counted there."""
    sums = np.concatenate(([0.0], np.cumsum(np.where(counted, values, 0.0))))
    return np.where(_prefix(counted.astype(np.int64))[end] > 0, sums[end], np.nan)


def _prefix(values: I64) -> I64:
    return np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(values, dtype=np.int64)))


def _check_positions(kind: str, values: I64, first: int, stop: int) -> None:
    bad = (values < first) | (values >= stop)
    if bad.any():
        raise DataError(
            f"{kind}: {int(bad.sum())} rows point to no row, the first to {values[bad][0]}; "
            f"allowed are {first} to {stop - 1}"
        )
