"""The prints of one session as arrays, from Bronze."""

from __future__ import annotations

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
from spymaster_lake.stages.sources import MARKET_TRADES, market_name
from spymaster_lake.stages.spec import SessionInputs, StageContext
from spymaster_lake.stages.tables import array_of
from spymaster_lake.stages.work_arrays import to_ticks

TRADE_COLUMNS = (*IDENTITY, "symbol", "price", "size", "aggressor")
"""Columns of Bronze trades that `trades_arrays` reads, and the order within a time."""


def session_trades(inputs: SessionInputs, contract: str, product: str) -> pa.Table:
    """The session's prints of one contract in total order.

    Raises:
        DataError: there is none, one is there twice, or one is of another contract.
    """
    clock = inputs.clock
    rows = inputs.scan(MARKET_TRADES).read(
        TRADE_COLUMNS, start_ns=clock.record_start_ns, end_ns=clock.end_ns, contract=contract
    )
    if not rows.num_rows:
        raise DataError(f"{inputs.day}: Bronze holds no trades of the front contract {contract}")
    what = f"{market_name(MARKET_TRADES, product)} {contract} {inputs.day}"
    require_distinct(rows, what)
    require_symbol(rows, contract, what)
    return rows


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
