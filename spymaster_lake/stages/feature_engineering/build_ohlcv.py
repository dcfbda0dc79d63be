"""build_ohlcv: trade bars of 10 s, 1 min (with ATR) and 2 min (with warm-up and averages).

Source: 01 2.1 to 2.3 NEW, 08 A15, A31 to A33. One stage id, three manifest entries told apart by
the parameter `interval`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np

from spymaster_lake.contracts.errors import ConfigError, SessionError
from spymaster_lake.contracts.table import TableContract
from spymaster_lake.contracts.work_bars import BARS_1MIN, BARS_2MIN, BARS_10S
from spymaster_lake.features.arrays import NS, Bars, Trades
from spymaster_lake.features.averages import SMA_WINDOW, ema, sma
from spymaster_lake.features.bars import aggregate_bars, concat_bars, trade_bars
from spymaster_lake.features.true_range import atr
from spymaster_lake.sessions.price_basis import SplitTable
from spymaster_lake.stages.market_prints import read_prints
from spymaster_lake.stages.sources import MARKET_TRADES, market, work
from spymaster_lake.stages.spec import (
    History,
    SessionInputs,
    SessionResult,
    SessionStage,
    StageContext,
)
from spymaster_lake.stages.tables import array_of, build_table, objects
from spymaster_lake.stages.work_arrays import bar_columns, bars_of, to_ticks, trades_of

WIDTHS_S: dict[str, int] = {"10s": 10, "1min": 60, "2min": 120}
STAGE_ID = "build_ohlcv"
_TICK_COLUMNS = ("ts_event_ns", "price", "size", "aggressor")


def _session_bars(inputs: SessionInputs, width_s: int) -> Bars:
    trades, clock = trades_of(inputs.table("trades")), inputs.clock
    return trade_bars(
        trades, width_ns=width_s * NS, start_ns=clock.record_start_ns, end_ns=clock.end_ns
    )


def run_10s(inputs: SessionInputs, context: StageContext) -> SessionResult:
    """work/bars_10s of one session."""
    bars = _session_bars(inputs, WIDTHS_S["10s"])
    columns = {**bar_columns(bars, context.profile.tick_size), "date": inputs.day}
    return SessionResult({BARS_10S.dataset: build_table(BARS_10S, columns)})


def run_1min(inputs: SessionInputs, context: StageContext) -> SessionResult:
    """work/bars_1min of one session, with the ATR known at each bar's end."""
    tick = context.profile.tick_size
    bars = _session_bars(inputs, WIDTHS_S["1min"])
    columns = {**bar_columns(bars, tick), "date": inputs.day, "atr_14": atr(bars, tick=tick)}
    return SessionResult({BARS_1MIN.dataset: build_table(BARS_1MIN, columns)})


def run_2min(inputs: SessionInputs, context: StageContext) -> SessionResult:
    """work/bars_2min: warm-up sessions of the same contract first, then the session itself."""
    tick, contract = context.profile.tick_size, objects(inputs.table("sessions"), "contract")[0]
    days = context.calendar.previous(inputs.day, context.profile.warmup_sessions)
    parts = [_warmup_bars(inputs, context, day, contract) for day in days]
    own = aggregate_bars(bars_of(inputs.table("bars_10s"), tick), width_ns=WIDTHS_S["2min"] * NS)
    _require_warmup(inputs, days, parts, own, contract)
    bars = concat_bars([*parts, own])
    columns = {
        **bar_columns(bars, tick),
        "date": inputs.day,
        "bar_session_date": np.repeat(
            np.array([*days, inputs.day], dtype=object), [len(b) for b in (*parts, own)]
        ),
        "sma_90": sma(bars.close, tick=tick),
        "ema_20": ema(bars.close, tick=tick),
    }
    return SessionResult({BARS_2MIN.dataset: build_table(BARS_2MIN, columns)})


def _warmup_bars(inputs: SessionInputs, context: StageContext, day: date, contract: str) -> Bars:
    """Bars of an earlier session on the price basis of this one; volumes stay as they were."""
    clock = context.calendar.clock(day)
    rows = read_prints(
        inputs, context, _TICK_COLUMNS,
        start_ns=clock.record_start_ns, end_ns=clock.end_ns, contract=contract,
    )  # fmt: skip
    ticks = to_ticks(array_of(rows, "price"), context.profile.tick_size, f"{contract} {day}")
    factor = SplitTable.of(context.profile).factor(day, inputs.day)
    trades = Trades(
        ts_ns=array_of(rows, "ts_event_ns"),
        ticks=ticks if factor == 1.0 else np.rint(ticks * factor).astype(np.int32),
        size=array_of(rows, "size").astype(np.int64),
        side=array_of(rows, "aggressor"),
    )
    return trade_bars(
        trades, width_ns=WIDTHS_S["2min"] * NS, start_ns=clock.record_start_ns, end_ns=clock.end_ns
    )


def _require_warmup(
    inputs: SessionInputs, days: list[date], parts: list[Bars], own: Bars, contract: str
) -> None:
    empty = [str(d) for d, bars in zip(days, parts, strict=True) if not len(bars)]
    if empty:
        raise SessionError(
            f"{inputs.day}: warm-up needs trades of {contract} in {len(days)} sessions before it; "
            f"none on {', '.join(empty)}"
        )
    known = sum(len(b) for b in parts)
    known += int((own.end_ns <= inputs.clock.premarket_start_ns).sum())
    if known < SMA_WINDOW:
        raise SessionError(
            f"{inputs.day}: {known} two-minute bars of {contract} end before the pre-market, "
            f"{SMA_WINDOW} are needed"
        )


def make(params: Mapping[str, Any]) -> SessionStage:
    """The stage for one `interval`: 10s, 1min or 2min."""
    interval = params.get("interval")
    if interval not in WIDTHS_S:
        raise ConfigError(
            f"{STAGE_ID}: interval must be one of {sorted(WIDTHS_S)}, got {interval!r}"
        )
    if interval == "2min":
        sources = (
            work("sessions"),
            work("bars_10s"),
            market(MARKET_TRADES, history=History.BRONZE),
        )
        return _stage(interval, sources, BARS_2MIN, run_2min)
    if interval == "1min":
        return _stage(interval, (work("trades"),), BARS_1MIN, run_1min)
    return _stage(interval, (work("trades"),), BARS_10S, run_10s)


def _stage(interval: str, sources: Any, contract: TableContract, run: Any) -> SessionStage:
    return SessionStage(STAGE_ID, sources, (contract,), run, {"interval": interval})
