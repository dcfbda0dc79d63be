"""Arrow tables of the work datasets as the arrays that kernels take."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.contracts.work_market import BOOK_DEPTH
from spymaster_lake.features.arrays import (
    F64,
    I32,
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
    points,
)
from spymaster_lake.features.levels import LevelClock, Levels
from spymaster_lake.sessions.calendar import SessionClock
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
        "open": points(bars.open, tick=tick),
        "high": points(bars.high, tick=tick),
        "low": points(bars.low, tick=tick),
        "close": points(bars.close, tick=tick),
        "volume": bars.volume,
        "n_trades": bars.n_trades,
        "buy_vol": bars.buy_volume,
        "sell_vol": bars.sell_volume,
    }


def book_seconds_of(table: pa.Table, depth: int) -> BookSeconds:
    """work/book_seconds as `BookSeconds`, by second.

    Args:
        table: the rows.
        depth: levels a side that the feed shows; the last of them bounds what can be seen.
    """
    table = in_order(table, "second_ns")

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
    """`BookSeconds` as the columns of work/book_seconds; what the feed does not show is absent."""

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
        absent = np.zeros(len(seconds), dtype=sizes.dtype)
        for i in range(BOOK_DEPTH):
            seen = i < ticks.shape[1]
            price = ticks[:, i] if seen else np.full(len(seconds), NO_TICK, dtype=ticks.dtype)
            columns[f"{side}_ticks_{i + 1}"] = known(price, NO_TICK)
            columns[f"{side}_size_{i + 1}"] = sizes[:, i] if seen else absent
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
