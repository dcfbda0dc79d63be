"""The prints of one session as arrays, from Bronze."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.features.arrays import Trades
from spymaster_lake.stages.feature_engineering.bronze_checks import (
    IDENTITY,
    require_at_least,
    require_distinct,
    require_symbol,
)
from spymaster_lake.stages.market_prints import COUNTS, has_irregular_prints
from spymaster_lake.stages.sources import MARKET_TRADES, market_name
from spymaster_lake.stages.spec import SessionInputs, StageContext
from spymaster_lake.stages.tables import array_of
from spymaster_lake.stages.work_arrays import to_ticks

TRADE_COLUMNS = (*IDENTITY, "symbol", "price", "size", "aggressor")
"""Columns of Bronze trades that `trades_arrays` reads, and the order within a time."""


@dataclass(frozen=True)
class SessionPrints:
    """The session's prints of one contract in total order.

    Attributes:
        rows: those that count for price, columns TRADE_COLUMNS.
        volume_only: number of the others, which no later table holds.
    """

    rows: pa.Table
    volume_only: int


def session_trades(inputs: SessionInputs, context: StageContext, contract: str) -> SessionPrints:
    """The session's prints of one contract.

    Raises:
        DataError: there is none, one is there twice, or one is of another contract.
    """
    clock, irregular = inputs.clock, has_irregular_prints(context)
    columns = (*TRADE_COLUMNS, COUNTS) if irregular else TRADE_COLUMNS
    rows = inputs.scan(MARKET_TRADES).read(
        columns, start_ns=clock.record_start_ns, end_ns=clock.end_ns, contract=contract
    )
    what = f"{market_name(MARKET_TRADES, context.profile.product)} {contract} {inputs.day}"
    require_distinct(rows, what)
    require_symbol(rows, contract, what)
    regular = rows.filter(rows.column(COUNTS)).select(TRADE_COLUMNS) if irregular else rows
    if not regular.num_rows:
        raise DataError(
            f"{inputs.day}: Bronze holds no trades of the front contract {contract} that count for price"
        )
    return SessionPrints(regular, rows.num_rows - regular.num_rows)


def trades_arrays(rows: pa.Table, context: StageContext, what: str) -> Trades:
    """Bronze trade rows as `Trades`.

    Raises:
        DataError: a price off the tick grid or not above zero, or a size below 1 (08 A16).
    """
    price, tick = array_of(rows, "price"), context.profile.tick_size
    require_at_least(rows, "price", tick, what)
    require_at_least(rows, "size", 1, what)
    return Trades(
        ts_ns=array_of(rows, "ts_event_ns"),
        ticks=to_ticks(price, tick, what),
        size=array_of(rows, "size").astype(np.int64),
        side=array_of(rows, "aggressor"),
    )
