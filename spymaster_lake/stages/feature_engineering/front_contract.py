"""Which contract a session is about (01 1.5), whether it has its warm-up (08 A15), and its basis.

A future is the front month of the volumes before; a share is itself.
"""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pyarrow.compute as pc

from spymaster_lake.contracts.errors import ConfigError, DataError
from spymaster_lake.contracts.profile import FuturesProfile
from spymaster_lake.features.arrays import F64
from spymaster_lake.features.front_month import FrontMonth, roll_lookback, select_front
from spymaster_lake.sessions.price_basis import SplitTable
from spymaster_lake.stages.feature_engineering.bronze_checks import require_warmup_trades
from spymaster_lake.stages.market_prints import read_prints
from spymaster_lake.stages.sources import MARKET_TRADES
from spymaster_lake.stages.spec import SessionInputs, StageContext
from spymaster_lake.stages.tables import array_of


def session_contract(inputs: SessionInputs, context: StageContext) -> FrontMonth:
    """The contract of the session: the front future, or the share itself.

    Raises:
        DataError: no rule tells the front future.
    """
    if context.profile.equity_symbol is None:
        return front_month(inputs, context)
    return FrontMonth(context.profile.equity_symbol, None, None, None, False, False)


def require_price_basis(inputs: SessionInputs, context: StageContext, contract: str) -> None:
    """Check that the split table explains every step from the warm-up to the session's prices.

    A future has no splits: its contracts are never mixed.

    Raises:
        DataError: a step from the last regular price of a session to the first print of the next
            is beyond the bound; the table lacks a split, or has one that the prices do not show.
    """
    if context.profile.equity_symbol is None:
        return
    splits = SplitTable.of(context.profile)
    days = (*context.calendar.previous(inputs.day, context.profile.warmup_sessions), inputs.day)
    for before, day in pairwise(days):
        clock = context.calendar.clock(day)
        last = _last_regular_price(inputs, context, contract, before)
        first = _prices(inputs, context, contract, clock.record_start_ns, clock.end_ns)
        if not len(first):
            raise DataError(f"{day}: no print of {contract} counts for price")
        splits.check_step(before, last, day, float(first[0]))


def reference_price(inputs: SessionInputs, context: StageContext, contract: str) -> float | None:
    """Last regular price of the session before on this session's basis; None for fixed widths.

    Raises:
        DataError: the session before has no regular print.
    """
    if context.profile.bands.reference_price is None:
        return None
    (before,) = context.calendar.previous(inputs.day, 1)
    last = _last_regular_price(inputs, context, contract, before)
    return last * SplitTable.of(context.profile).factor(before, inputs.day)


def _last_regular_price(
    inputs: SessionInputs, context: StageContext, contract: str, day: date
) -> float:
    clock = context.calendar.clock(day)
    prices = _prices(inputs, context, contract, clock.open_ns, clock.close_ns)
    if not len(prices):
        raise DataError(f"{day}: no regular print of {contract} between open and close")
    return float(prices[-1])


def _prices(
    inputs: SessionInputs, context: StageContext, contract: str, start_ns: int, end_ns: int
) -> F64:
    rows = read_prints(
        inputs, context, ("price",), start_ns=start_ns, end_ns=end_ns, contract=contract
    )
    return array_of(rows, "price")


def futures_rule(context: StageContext) -> FuturesProfile:
    """The instrument's contract rule.

    Raises:
        ConfigError: the profile has none.
    """
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
    rows = read_prints(
        inputs, context, ("ts_event_ns",), start_ns=clock.open_ns, end_ns=clock.close_ns
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
