"""The arrays of options that kernels exchange: contracts, enriched trades, open interest.

Conventions as in `arrays`: int64 nanoseconds UTC, total order, points. Options refer to their
contract by position, contracts to their underlying future by position.
"""

from __future__ import annotations

from dataclasses import dataclass

from spymaster_lake.features.arrays import F64, I8, I64, Bool
from spymaster_lake.features.implied_vol import StatusArray


@dataclass(frozen=True, slots=True)
class OptionContracts:
    """The option contracts of one session, one row each; other arrays point to rows by position.

    Attributes:
        strike: float64[c] points.
        is_call: bool[c].
        expiry_ns: int64[c] expiration instant of the definition, else 16:00 ET (08 A20).
        listed_ts_ns: int64[c] time of the first definition; the contract is unknown until later.
        expires_today: bool[c], the expiry falls on the session date.
        underlying: int64[c] position of its own future in `futures`, -1 if that one has no trades.
    """

    strike: F64
    is_call: Bool
    expiry_ns: I64
    listed_ts_ns: I64
    expires_today: Bool
    underlying: I64

    def __len__(self) -> int:
        return len(self.strike)


@dataclass(frozen=True, slots=True)
class OptionTrades:
    """Option prints of one session in total order, with their Greeks at trade time.

    Attributes:
        ts_ns: int64[n] event time.
        contract: int64[n] row of the contract in OptionContracts.
        strike, is_call, expiry_ns, listed_ts_ns: the contract's facts, repeated per trade.
        size: int64[n] contracts.
        side: int8[n] aggressor, +1 buy, -1 sell, 0 unknown.
        price: float64[n] premium, points.
        underlying_px: float64[n] last print of its own future before the trade, points, NaN if
            none is at most 5 s old.
        underlying_ts_ns: int64[n] time of that print, NO_TIME if none.
        t_years: float64[n] ACT/365 time to expiry, <= 0 if expired.
        iv: float64[n] implied volatility, NaN unless `iv_status` is OK.
        iv_status: str[n], values of IvStatus.
        delta, gamma, vega: float64[n], NaN where `iv` is; vega per vol point.
        dealer_gamma_usd: float64[n] = -side * size * gamma * multiplier, USD of delta per point
            (customers buy: dealers are short gamma), NaN where gamma is.
    """

    ts_ns: I64
    contract: I64
    strike: F64
    is_call: Bool
    expiry_ns: I64
    listed_ts_ns: I64
    size: I64
    side: I8
    price: F64
    underlying_px: F64
    underlying_ts_ns: I64
    t_years: F64
    iv: F64
    iv_status: StatusArray
    delta: F64
    gamma: F64
    vega: F64
    dealer_gamma_usd: F64

    def __len__(self) -> int:
        return len(self.ts_ns)


@dataclass(frozen=True, slots=True)
class OpenInterest:
    """Open-interest statistics of one session in total order.

    Attributes:
        ts_ns: int64[k] time of publication.
        contract: int64[k] row in OptionContracts.
        value: int64[k] contracts, >= 0.
    """

    ts_ns: I64
    contract: I64
    value: I64
