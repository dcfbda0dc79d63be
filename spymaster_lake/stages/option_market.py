"""The option side of a session: contracts, prints with Greeks, what lies under them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.features.arrays import I64, NO_TIME, Trades
from spymaster_lake.features.option_arrays import OpenInterest, OptionContracts, OptionTrades
from spymaster_lake.stages.tables import array_of, filled, objects


@dataclass(frozen=True, slots=True)
class OptionMarket:
    """The session's options: contracts, their prints with Greeks, the futures behind them.

    Attributes:
        symbols: option symbols, sorted; row i is row i of `contracts`.
        contracts: the contracts.
        futures: last print per second of each underlying future.
        trades: prints with Greeks, pointing to rows of `contracts`.
        trade_expires_today: bool per print.
    """

    symbols: tuple[str, ...]
    contracts: OptionContracts
    futures: tuple[Trades, ...]
    trades: OptionTrades
    trade_expires_today: np.ndarray[Any, Any]


def option_contracts_of(
    table: pa.Table, underlyings: list[str]
) -> tuple[tuple[str, ...], OptionContracts]:
    """work/option_contracts by symbol, with the position of each underlying in `underlyings`."""
    ordered = table.sort_by("option_symbol")
    position = {name: i for i, name in enumerate(underlyings)}
    contracts = OptionContracts(
        strike=array_of(ordered, "strike"),
        is_call=np.asarray(objects(ordered, "right") == "C", dtype=np.bool_),
        expiry_ns=array_of(ordered, "expiry_ts_ns"),
        listed_ts_ns=array_of(ordered, "listed_ts_ns"),
        expires_today=np.asarray(array_of(ordered, "expires_today"), dtype=np.bool_),
        underlying=np.array(
            [position.get(u, -1) for u in objects(ordered, "underlying_contract")], dtype=np.int64
        ),
    )
    return tuple(objects(ordered, "option_symbol").tolist()), contracts


def contract_rows(prints: pa.Table, symbols: tuple[str, ...], what: str) -> I64:
    """Position in `symbols` of the contract of each print, int64[n].

    Raises:
        DataError: prints of contracts that work/option_contracts does not hold.
    """
    row_of = {symbol: i for i, symbol in enumerate(symbols)}
    names = objects(prints, "option_symbol").tolist()
    unknown = [name for name in names if name not in row_of]
    if unknown:
        raise DataError(
            f"{what}: {len(unknown)} prints of contracts that work/option_contracts does not hold, "
            f"such as {unknown[:3]}; rerun load_bronze for this date"
        )
    return np.array([row_of[name] for name in names], dtype=np.int64)


def futures_of(table: pa.Table) -> tuple[list[str], tuple[Trades, ...]]:
    """work/underlying_seconds as one `Trades` per contract, contracts in order of their code."""
    names = sorted(set(objects(table, "contract").tolist()))
    codes = objects(table, "contract")
    ts, ticks = array_of(table, "ts_event_ns"), array_of(table, "price_ticks")
    futures = []
    for name in names:
        rows = np.flatnonzero(codes == name)
        rows = rows[np.argsort(ts[rows], kind="stable")]
        one = np.ones(len(rows), dtype=np.int64)
        futures.append(Trades(ts[rows], ticks[rows], one, np.zeros(len(rows), dtype=np.int8)))
    return names, tuple(futures)


def option_market_of(greeks: pa.Table, contracts: pa.Table, underlying: pa.Table) -> OptionMarket:
    """The option side of a session from its three work tables."""
    names, futures = futures_of(underlying)
    symbols, chain = option_contracts_of(contracts, names)
    ordered = greeks.sort_by("row_in_session")
    row = contract_rows(ordered, symbols, "work/option_trades_greeks")
    trades = OptionTrades(
        ts_ns=array_of(ordered, "ts_event_ns"),
        contract=row,
        strike=chain.strike[row],
        is_call=chain.is_call[row],
        expiry_ns=chain.expiry_ns[row],
        listed_ts_ns=chain.listed_ts_ns[row],
        size=array_of(ordered, "size").astype(np.int64),
        side=array_of(ordered, "aggressor"),
        price=array_of(ordered, "price"),
        underlying_px=array_of(ordered, "underlying_px"),
        underlying_ts_ns=filled(ordered, "underlying_ts_ns", NO_TIME),
        t_years=array_of(ordered, "t_years"),
        iv=array_of(ordered, "iv"),
        iv_status=objects(ordered, "iv_status").astype(np.str_),
        delta=array_of(ordered, "delta"),
        gamma=array_of(ordered, "gamma"),
        vega=array_of(ordered, "vega"),
        dealer_gamma_usd=array_of(ordered, "dealer_gamma_usd"),
    )
    return OptionMarket(symbols, chain, futures, trades, chain.expires_today[row])


def open_interest_of(table: pa.Table, symbols: tuple[str, ...]) -> OpenInterest:
    """work/open_interest of the known contracts, in total order."""
    row_of = {symbol: i for i, symbol in enumerate(symbols)}
    ordered = table.sort_by("row_in_session")
    rows = np.array([row_of.get(s, -1) for s in objects(ordered, "option_symbol")], dtype=np.int64)
    known = rows >= 0
    return OpenInterest(
        ts_ns=array_of(ordered, "ts_event_ns")[known],
        contract=rows[known],
        value=array_of(ordered, "open_interest")[known],
    )
