"""Arrow tables of the work datasets as the arrays that kernels take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.features.arrays import (
    F64,
    I32,
    I64,
    NO_COMMON_ASK,
    NO_COMMON_BID,
    NO_MID,
    NO_TICK,
    NO_TIME,
    Bars,
    BookSeconds,
    FlowCells,
    OfiCells,
    Queries,
    Trades,
)
from spymaster_lake.features.levels import LevelClock, Levels
from spymaster_lake.features.option_arrays import OpenInterest, OptionContracts, OptionTrades
from spymaster_lake.sessions.calendar import SessionClock
from spymaster_lake.stages.spec import SessionInputs, StageContext
from spymaster_lake.stages.tables import array_of, filled, in_order, objects


def to_ticks(prices: F64, tick: float, what: str) -> I32:
    """Prices on the tick grid as int32 ticks.

    Raises:
        DataError: a price is off the grid; names `what`, the count and a few prices.
    """
    distance = np.asarray(prices, dtype=np.float64) / tick
    ticks = np.rint(distance)
    distance -= ticks
    np.abs(distance, out=distance)
    if len(distance) and not distance.max() < 1e-6:  # a NaN is off the grid too
        off = ~(distance < 1e-6)
        raise DataError(
            f"{what}: {int(off.sum())} prices off the {tick} tick grid, such as {prices[off][:3].tolist()}"
        )
    return ticks.astype(np.int32)


def trades_of(table: pa.Table) -> Trades:
    """work/trades as `Trades`, in total order."""
    table = in_order(table, "row_in_session")
    return Trades(
        ts_ns=array_of(table, "ts_event_ns"),
        ticks=array_of(table, "price_ticks"),
        size=array_of(table, "size").astype(np.int64),
        side=array_of(table, "aggressor"),
    )


def bars_of(table: pa.Table, tick: float) -> Bars:
    """A work/bars_* table as `Bars`, by start."""
    table = in_order(table, "bar_start_ns")
    return Bars(
        start_ns=array_of(table, "bar_start_ns"),
        end_ns=array_of(table, "bar_end_ns"),
        close_ts_ns=array_of(table, "close_ts_ns"),
        open=to_ticks(array_of(table, "open"), tick, "bars.open"),
        high=to_ticks(array_of(table, "high"), tick, "bars.high"),
        low=to_ticks(array_of(table, "low"), tick, "bars.low"),
        close=to_ticks(array_of(table, "close"), tick, "bars.close"),
        volume=array_of(table, "volume"),
        n_trades=array_of(table, "n_trades"),
        buy_volume=array_of(table, "buy_vol"),
        sell_volume=array_of(table, "sell_vol"),
    )


def bar_columns(bars: Bars, tick: float) -> dict[str, np.ndarray[Any, Any]]:
    """The columns that all bar tables share."""
    return {
        "bar_start_ns": bars.start_ns,
        "bar_end_ns": bars.end_ns,
        "close_ts_ns": bars.close_ts_ns,
        "open": bars.open * tick,
        "high": bars.high * tick,
        "low": bars.low * tick,
        "close": bars.close * tick,
        "volume": bars.volume,
        "n_trades": bars.n_trades,
        "buy_vol": bars.buy_volume,
        "sell_vol": bars.sell_volume,
    }


def book_seconds_of(table: pa.Table) -> BookSeconds:
    """work/book_seconds as `BookSeconds`, by second."""
    table = in_order(table, "second_ns")
    depth = sum(name.startswith("bid_ticks_") for name in table.column_names)

    def side(kind: str, sentinel: int) -> np.ndarray[Any, Any]:
        return np.stack(
            [filled(table, f"{kind}_{i}", sentinel) for i in range(1, depth + 1)], axis=1
        )

    return BookSeconds(
        second_ns=array_of(table, "second_ns"),
        state_ts_ns=filled(table, "state_ts_ns", NO_TIME),
        bid_ticks=side("bid_ticks", NO_TICK),
        bid_size=side("bid_size", 0).astype(np.int64),
        ask_ticks=side("ask_ticks", NO_TICK),
        ask_size=side("ask_size", 0).astype(np.int64),
        n_updates=array_of(table, "n_updates").astype(np.int64),
        first_ts_ns=filled(table, "first_ts_ns", NO_TIME),
        last_ts_ns=filled(table, "last_ts_ns", NO_TIME),
        ask_common=filled(table, "ask_common", NO_COMMON_ASK),
        bid_common=filled(table, "bid_common", NO_COMMON_BID),
    )


def book_seconds_columns(seconds: BookSeconds) -> dict[str, object]:
    """`BookSeconds` as the columns of work/book_seconds (sentinels become nulls)."""

    def known(values: np.ndarray[Any, Any], sentinel: int) -> np.ma.MaskedArray[Any, Any]:
        return np.ma.masked_equal(values, sentinel, copy=False)

    columns: dict[str, object] = {
        "second_ns": seconds.second_ns,
        "state_ts_ns": known(seconds.state_ts_ns, NO_TIME),
        "n_updates": seconds.n_updates,
        "first_ts_ns": known(seconds.first_ts_ns, NO_TIME),
        "last_ts_ns": known(seconds.last_ts_ns, NO_TIME),
        "ask_common": known(seconds.ask_common, NO_COMMON_ASK),
        "bid_common": known(seconds.bid_common, NO_COMMON_BID),
    }
    for side in ("bid", "ask"):
        ticks, sizes = getattr(seconds, f"{side}_ticks"), getattr(seconds, f"{side}_size")
        for i in range(ticks.shape[1]):
            columns[f"{side}_ticks_{i + 1}"] = known(ticks[:, i], NO_TICK)
            columns[f"{side}_size_{i + 1}"] = sizes[:, i]
    return columns


def flow_cells_of(table: pa.Table) -> FlowCells:
    """work/flow_seconds as `FlowCells`, sorted by (second, side, tick)."""
    ordered = table.sort_by([(n, "ascending") for n in ("second_ns", "side", "price_ticks")])
    return FlowCells(
        second_ns=array_of(ordered, "second_ns"),
        side=array_of(ordered, "side"),
        ticks=array_of(ordered, "price_ticks"),
        added=array_of(ordered, "added").astype(np.int64),
        canceled=array_of(ordered, "canceled").astype(np.int64),
        filled=array_of(ordered, "filled").astype(np.int64),
    )


def ofi_cells_of(table: pa.Table) -> OfiCells:
    """work/ofi_seconds as `OfiCells`, sorted by (second, mid)."""
    second, mid = array_of(table, "second_ns"), filled(table, "mid_half_ticks", NO_MID)
    order = np.lexsort((mid, second))
    return OfiCells(
        second_ns=second[order],
        mid_half_ticks=mid[order],
        ofi=array_of(table, "ofi")[order],
        n_updates=array_of(table, "n_updates").astype(np.int64)[order],
    )


def sigma_of(table: pa.Table) -> np.ndarray[Any, Any]:
    """int8[n]: +1 UP, -1 DOWN, 0 where direction is null."""
    codes = {"UP": 1, "DOWN": -1, None: 0}
    return np.array([codes[d] for d in objects(table, "direction")], dtype=np.int8)


def event_queries(events: pa.Table) -> Queries:
    """One query per event: at its anchor, about its own level and direction (08 A1)."""
    return Queries(
        t_ns=array_of(events, "anchor_ts_ns"),
        level=array_of(events, "level_price"),
        sigma=sigma_of(events),
    )


def levels_of(table: pa.Table) -> Levels:
    """work/levels as `Levels`, sorted by (kind code, valid_from)."""
    ordered = table.sort_by([("level_kind_code", "ascending"), ("valid_from_ns", "ascending")])
    return Levels(
        code=array_of(ordered, "level_kind_code"),
        price=array_of(ordered, "level_price"),
        valid_from_ns=array_of(ordered, "valid_from_ns"),
        valid_to_ns=array_of(ordered, "valid_to_ns"),
    )


def level_clock(clock: SessionClock) -> LevelClock:
    """The instants of a session that levels depend on."""
    return LevelClock(
        session_start_ns=clock.record_start_ns,
        premarket_start_ns=clock.premarket_start_ns,
        open_ns=clock.open_ns,
        opening_range_end_ns=clock.opening_range_end_ns,
        session_end_ns=clock.end_ns,
    )


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


@dataclass(frozen=True, slots=True)
class Market:
    """Everything the flow features of one session read, as arrays.

    `option_times` are the event times of all option records: prints, definitions, prints of their
    futures, and the open interest published before the open; sorted.
    """

    clock: SessionClock
    trades: Trades
    seconds: BookSeconds
    flow: FlowCells
    options: OptionMarket | None
    option_times: I64


def market_of(inputs: SessionInputs, context: StageContext) -> Market:
    """The market of a session from its work tables; no options if the instrument has none."""
    has_options = context.profile.options is not None
    return Market(
        clock=inputs.clock,
        trades=trades_of(inputs.table("trades")),
        seconds=book_seconds_of(inputs.table("book_seconds")),
        flow=flow_cells_of(inputs.table("flow_seconds")),
        options=option_market_of(
            inputs.table("option_trades_greeks"),
            inputs.table("option_contracts"),
            inputs.table("underlying_seconds"),
        )
        if has_options
        else None,
        option_times=_option_times(inputs) if has_options else np.empty(0, np.int64),
    )


def _option_times(inputs: SessionInputs) -> I64:
    interest = array_of(inputs.table("open_interest"), "ts_event_ns")
    times = (
        array_of(inputs.table("option_trades_greeks"), "ts_event_ns"),
        array_of(inputs.table("option_contracts"), "listed_ts_ns"),
        array_of(inputs.table("underlying_seconds"), "ts_event_ns"),
        interest[interest < inputs.clock.open_ns],
    )
    return np.sort(np.concatenate(times))
