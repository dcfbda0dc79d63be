"""Which contract a session is about (01 1.5), and whether it has its warm-up (08 A15)."""

from __future__ import annotations

from datetime import date

import pyarrow.compute as pc

from spymaster_lake.contracts.errors import ConfigError
from spymaster_lake.contracts.profile import FuturesProfile
from spymaster_lake.features.front_month import FrontMonth, roll_lookback, select_front
from spymaster_lake.stages.feature_engineering.bronze_checks import require_warmup_trades
from spymaster_lake.stages.sources import MARKET_TRADES
from spymaster_lake.stages.spec import SessionInputs, StageContext


def futures_rule(context: StageContext) -> FuturesProfile:
    """The instrument's contract rule; equities have none."""
    if context.profile.futures is None:
        raise ConfigError(f"{context.profile.instrument}: load_bronze needs the block 'futures'")
    return context.profile.futures


def require_warmup(inputs: SessionInputs, context: StageContext) -> None:
    """The first sessions of a lake are warm-up only (08 A15).

    Raises:
        SessionError: a session before this one holds no trades; names the first runnable date.
    """
    days = context.calendar.previous(inputs.day, context.profile.warmup_sessions)
    lacking = [d for d in days if not _has_trades(inputs, context, d)]
    require_warmup_trades(inputs.day, context.calendar, days, lacking)


def _has_trades(inputs: SessionInputs, context: StageContext, day: date) -> bool:
    clock = context.calendar.clock(day)
    rows = inputs.scan(MARKET_TRADES).read(
        ("ts_event_ns",), start_ns=clock.open_ns, end_ns=clock.close_ns
    )
    return bool(rows.num_rows)


def front_month(inputs: SessionInputs, context: StageContext) -> FrontMonth:
    """The front contract, from the volumes of earlier sessions between open and regular close."""
    rule, scan = futures_rule(context), inputs.scan(MARKET_TRADES)
    before = context.calendar.previous(inputs.day, 20)
    volumes: dict[date, dict[str, int]] = {}
    for day in roll_lookback(inputs.day, before, rule=rule):
        clock = context.calendar.clock(day)
        volumes[day] = {
            contract: pc.sum(rows.column("size")).as_py()
            for contract in scan.contracts()
            if (
                rows := scan.read(
                    ("size",), start_ns=clock.open_ns, end_ns=clock.close_ns, contract=contract
                )
            ).num_rows
        }
    known = {day: volume for day, volume in volumes.items() if volume}
    return select_front(known, inputs.day, rule=rule)
