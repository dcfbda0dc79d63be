"""Gamma exposure of the open interest around a level (02 N-9, 08 A21): 15 columns.

Per contract that expires today: g = s OI Gamma multiplier, s = +1 calls and -1 puts. Gamma is that
at the query's instant: last futures print, the contract's own recent volatility or one interpolated
between strikes, time to expiry. Bands are the 1, 2, 3 nearest listed strikes on either side of L.
Everything that does not depend on the level is computed once per distinct instant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spymaster_lake.features import black76
from spymaster_lake.features.arrays import F64, I64, NS, Queries, Trades
from spymaster_lake.features.carry import Carry
from spymaster_lake.features.columns import Columns
from spymaster_lake.features.gex_bands import GEX_COLUMNS, GammaByStrike, band_columns
from spymaster_lake.features.implied_vol import MIN_T_YEARS, year_fraction
from spymaster_lake.features.option_arrays import OpenInterest, OptionContracts, OptionTrades
from spymaster_lake.features.option_flow import gamma_shares_exceeded, underlying_at

VOL_AGE_NS = 1800 * NS
"""A contract's own volatility comes from its last accepted trade of this long before t."""


@dataclass(frozen=True, slots=True)
class _Market:
    """The session's inputs that stay the same for all instants."""

    contracts: OptionContracts
    open_interest: OpenInterest
    option_trades: OptionTrades
    futures: Sequence[Trades]
    tick_size: float
    carry: Carry
    open_ns: int
    usd: tuple[float, float]


def gex_features(
    *,
    queries: Queries,
    contracts: OptionContracts,
    open_interest: OpenInterest,
    option_trades: OptionTrades,
    futures: Sequence[Trades],
    tick_size: float,
    carry: Carry,
    session_start_ns: int,
    open_ns: int,
    multiplier: float,
    call_sign: int = 1,
    put_sign: int = -1,
) -> Columns:
    """The GEX columns of each query (02 N-9, 08 A5, A21).

    Listed at t: expires today, definition before t, not yet expired. Open interest: the last value
    with ts < min(t, open). A contract without one is left out; where all contracts of a column
    lack it, or more than 20 % of its open interest has no gamma, or its band has fewer listed
    strikes than it needs, the column is null. Asymmetry and ratio are null where one of the two
    3-strike sums is, the ratio also where nothing is there to divide by. A row is null where the
    level is NaN or `gamma_shares_exceeded`.

    Args:
        queries: instants and levels (sigma is not used).
        contracts: all option contracts of the session.
        open_interest: statistics of the session.
        option_trades: from `enrich_option_trades`, for the volatilities and the shares.
        futures: trades of the futures, or of the share, that `contracts.underlying` points to.
        tick_size: points per tick of them.
        carry: how their price becomes the forward of an option, with the rate.
        session_start_ns: start of the trade date.
        open_ns: 09:30 ET.
        multiplier: USD per point.
        call_sign: dealers' position per call of open interest.
        put_sign: dealers' position per put of open interest.

    Returns:
        float64[m] per name of GEX_COLUMNS, market frame; USD of delta per point per point, except
        `gex_ratio` in [0, 1]. Null is NaN.
    """
    out: Columns = {name: np.full(len(queries), np.nan) for name in GEX_COLUMNS}
    usd = (call_sign * multiplier, put_sign * multiplier)
    market = _Market(
        contracts, open_interest, option_trades, futures, tick_size, carry, open_ns, usd
    )
    exceeded = gamma_shares_exceeded(
        option_trades,
        queries.t_ns,
        expires_today=contracts.expires_today[option_trades.contract],
        session_start_ns=session_start_ns,
    )
    rows = np.flatnonzero(~np.isnan(queries.level) & ~exceeded)
    if len(rows) == 0:
        return out
    instants, at = np.unique(queries.t_ns[rows], return_inverse=True)
    for picked, chain in _listed_chains(contracts, instants):
        sums = _by_strike(market, chain, instants[picked])
        place = np.full(len(instants), -1, dtype=np.int64)
        place[picked] = np.arange(len(picked))
        mine = rows[place[at] >= 0]
        columns = band_columns(sums, at=place[at][place[at] >= 0], level=queries.level[mine])
        for name in GEX_COLUMNS:
            out[name][mine] = columns[name]
    return out


def _listed_chains(contracts: OptionContracts, instants: I64) -> list[tuple[I64, I64]]:
    """Groups of instants that see the same listed contracts: (positions of instants, contracts)."""
    today = np.flatnonzero(contracts.expires_today)
    order = np.lexsort((today, contracts.strike[today], ~contracts.is_call[today]))
    today = today[order]
    if len(today) == 0:
        return []
    t = instants[:, None]
    listed = (contracts.listed_ts_ns[today] < t) & (contracts.expiry_ns[today] > t)
    sets, group = np.unique(listed, axis=0, return_inverse=True)
    group = group.reshape(-1)
    return [(np.flatnonzero(group == i), today[seen]) for i, seen in enumerate(sets) if seen.any()]


def _by_strike(market: _Market, chain: I64, instants: I64) -> GammaByStrike:
    """Gamma exposure and open interest of a chain's contracts, summed per right and strike."""
    c = market.contracts
    gamma = _gamma_at(market, chain, instants)
    oi = _open_interest_at(market, chain, instants)
    known, null = oi >= 0, np.isnan(gamma)
    oi = np.where(known, oi, 0)
    right = np.where(c.is_call[chain], 0, 1)
    g = np.where(null, 0.0, oi * gamma * np.array(market.usd)[right])
    strikes, at = np.unique(c.strike[chain], return_inverse=True)
    parts = (g, np.abs(g), oi, np.where(null, oi, 0), known.astype(np.int64))
    shape = (len(instants), 2, len(strikes))
    sums = [np.zeros(shape, dtype=part.dtype) for part in parts]
    rank = _rank_within(right * len(strikes) + at)
    for r in range(int(rank.max()) + 1):  # one step unless expiries of one day share strikes
        cols = np.flatnonzero(rank == r)
        for total, part in zip(sums, parts, strict=True):
            total[:, right[cols], at[cols]] += part[:, cols]
    return GammaByStrike(strikes, *sums)


def _rank_within(key: I64) -> I64:
    """How many equal keys stand before each element."""
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    first = np.searchsorted(ordered, ordered, side="left")
    rank = np.empty(len(key), dtype=np.int64)
    rank[order] = np.arange(len(key)) - first
    return rank


def _gamma_at(market: _Market, chain: I64, instants: I64) -> F64:
    """Gamma per instant and contract, float64[t, c]; NaN where price, volatility or time lack."""
    c = market.contracts
    forward = np.empty((len(instants), len(chain)))
    for u in np.unique(c.underlying[chain]):
        price, _ = underlying_at(
            ts_ns=instants,
            underlying=np.full(len(instants), u),
            futures=market.futures,
            tick_size=market.tick_size,
        )
        forward[:, c.underlying[chain] == u] = price[:, None]
    t_years = year_fraction(c.expiry_ns[chain] - instants[:, None])
    expiry = np.broadcast_to(c.expiry_ns[chain], forward.shape).reshape(-1)
    forward, slope = market.carry.forward(
        forward.reshape(-1), np.repeat(instants, len(chain)), expiry
    )
    sigma = _sigma_at(market, chain, instants)
    gamma = black76.gamma(
        forward=forward.reshape(t_years.shape),
        strike=c.strike[chain],
        sigma=sigma,
        t_years=t_years,
        rate=market.carry.rate,
    )
    gamma = gamma * slope.reshape(t_years.shape) ** 2
    return np.where(t_years < MIN_T_YEARS, np.nan, gamma)


def _sigma_at(market: _Market, chain: I64, instants: I64) -> F64:
    """Volatility per instant and contract, own or interpolated, float64[t, c], NaN if neither."""
    trades, c = market.option_trades, market.contracts
    accepted = np.flatnonzero(~np.isnan(trades.iv))
    accepted = accepted[np.argsort(trades.contract[accepted], kind="stable")]
    owner = trades.contract[accepted]
    sigma = np.full((len(instants), len(chain)), np.nan)
    for j, contract in enumerate(chain):
        lo, hi = np.searchsorted(owner, (contract, contract + 1))
        ts, iv = trades.ts_ns[accepted[lo:hi]], trades.iv[accepted[lo:hi]]
        last = np.searchsorted(ts, instants, side="left") - 1
        ok = np.flatnonzero(last >= 0)
        ok = ok[ts[last[ok]] >= instants[ok] - VOL_AGE_NS]
        sigma[ok, j] = iv[last[ok]]
    terms = np.stack((c.is_call[chain].astype(np.int64), c.expiry_ns[chain], c.underlying[chain]))
    _, smile = np.unique(terms, axis=1, return_inverse=True)
    for s in range(int(smile.max()) + 1):
        cols = np.flatnonzero(smile.reshape(-1) == s)
        sigma[:, cols] = _interpolate(c.strike[chain[cols]], sigma[:, cols])
    return sigma


def _interpolate(strike: F64, sigma: F64) -> F64:
    """Fill NaN linearly in strike between the nearest known neighbours, never beyond them.

    Args:
        strike: float64[c] ascending.
        sigma: float64[t, c].
    """
    n = len(strike)
    known = ~np.isnan(sigma)
    below = np.maximum.accumulate(np.where(known, np.arange(n), -1), axis=1)
    above = np.minimum.accumulate(np.where(known, np.arange(n), n)[:, ::-1], axis=1)[:, ::-1]
    inside = (below >= 0) & (above < n) & ~known
    lo, hi = np.where(inside, below, 0), np.where(inside, above, 0)
    s_lo, s_hi = np.take_along_axis(sigma, lo, axis=1), np.take_along_axis(sigma, hi, axis=1)
    gap = strike[hi] - strike[lo]
    weight = (strike - strike[lo]) / np.where(gap > 0.0, gap, 1.0)
    return np.where(inside, s_lo + (s_hi - s_lo) * weight, sigma)


def _open_interest_at(market: _Market, chain: I64, instants: I64) -> I64:
    """Last open interest with ts < min(t, open), int64[t, c]; -1 where none is known."""
    oi = market.open_interest
    end = np.searchsorted(oi.ts_ns, np.minimum(instants, market.open_ns), side="left")
    stops, at = np.unique(end, return_inverse=True)
    table = np.full((len(stops), len(market.contracts)), -1, dtype=np.int64)
    for row, stop in zip(table, stops, strict=True):
        row[oi.contract[:stop]] = oi.value[:stop]  # of equal positions the last one stays
    return table[at][:, chain]
