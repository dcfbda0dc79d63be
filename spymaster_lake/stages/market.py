"""Everything the flow features of one session read, from its work tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spymaster_lake.features.arrays import I64, BookSeconds, FlowCells, Trades
from spymaster_lake.sessions.calendar import SessionClock
from spymaster_lake.stages.option_market import OptionMarket, option_market_of
from spymaster_lake.stages.spec import SessionInputs, StageContext
from spymaster_lake.stages.tables import array_of
from spymaster_lake.stages.work_arrays import book_seconds_of, flow_cells_of, trades_of


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
        seconds=book_seconds_of(inputs.table("book_seconds"), context.profile.book_levels),
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
