"""load_bronze: from Bronze ticks to the exact, compact tables of one session.

Chooses the front contract from the previous session's volume (01 1.5), cleans its trades, reduces
the ten-level book to per-second states, flow cells and OFI cells (08 A10 to A13), joins options to
their definitions, and gates the session (08 A4, A16). Nothing after this stage reads the book.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spymaster_lake.contracts.errors import ConfigError, DataError
from spymaster_lake.contracts.profile import FuturesProfile
from spymaster_lake.contracts.work import (
    BOOK_SECONDS,
    FLOW_SECONDS,
    OFI_SECONDS,
    OPEN_INTEREST,
    OPTION_CONTRACTS,
    OPTION_TRADES,
    SESSIONS,
    TRADES,
)
from spymaster_lake.features.arrays import I32, I64, NO_MID, NO_TICK, NS, Bool, Trades
from spymaster_lake.features.book import BookStates, state_rows
from spymaster_lake.features.book_cells import book_cells
from spymaster_lake.features.front_month import FrontMonth, roll_lookback, select_front
from spymaster_lake.sessions.calendar import SessionClock
from spymaster_lake.stages.feature_engineering.bronze_checks import (
    IDENTITY,
    may_repeat,
    require_at_least,
    require_distinct,
    require_symbol,
    require_warmup_trades,
)
from spymaster_lake.stages.feature_engineering.bronze_options import session_options
from spymaster_lake.stages.feature_engineering.session_gates import (
    BookCounts,
    gate_session,
    missing_minutes,
)
from spymaster_lake.stages.market import book_seconds_columns, to_ticks
from spymaster_lake.stages.sources import bronze
from spymaster_lake.stages.spec import (
    BronzeScan,
    History,
    SessionInputs,
    SessionResult,
    SessionStage,
    StageContext,
)
from spymaster_lake.stages.tables import array_of, build_table

TRADE_COLUMNS = (*IDENTITY, "symbol", "price", "size", "aggressor")
"""Columns of Bronze trades that `trades_arrays` reads, and the order within a time."""


def run(inputs: SessionInputs, context: StageContext) -> SessionResult:
    """All tables of load_bronze for one session."""
    require_warmup(inputs, context)
    front = front_month(inputs, context)
    rows = session_trades(inputs, front.contract)
    trades = trades_arrays(rows, context, f"futures trades {front.contract} {inputs.day}")
    counts = BookCounts()
    cells = book_cells(
        _book_chunks(inputs, context, front.contract, counts),
        trades,
        start_ns=inputs.clock.book_start_ns,
        end_ns=inputs.clock.events_end_ns,
        levels=context.profile.book_levels,
    )
    options = session_options(inputs, context, front.contract)
    warnings = gate_session(inputs.clock, context.profile, trades, counts)
    seconds, flow, ofi = cells
    tables = {
        SESSIONS.dataset: _session_row(inputs, front, rows, trades, counts, options),
        TRADES.dataset: _trades_table(inputs.day, trades),
        BOOK_SECONDS.dataset: build_table(
            BOOK_SECONDS, {**book_seconds_columns(seconds), "date": inputs.day}, rows=len(seconds)
        ),
        FLOW_SECONDS.dataset: build_table(
            FLOW_SECONDS,
            {
                "date": inputs.day,
                "second_ns": flow.second_ns,
                "side": flow.side,
                "price_ticks": flow.ticks,
                "added": flow.added,
                "canceled": flow.canceled,
                "filled": flow.filled,
            },
            rows=len(flow),
        ),
        OFI_SECONDS.dataset: build_table(
            OFI_SECONDS,
            {
                "date": inputs.day,
                "second_ns": ofi.second_ns,
                "mid_half_ticks": np.ma.masked_equal(ofi.mid_half_ticks, NO_MID),
                "ofi": ofi.ofi,
                "n_updates": ofi.n_updates,
            },
            rows=len(ofi),
        ),
        OPTION_TRADES.dataset: options.trades,
        OPTION_CONTRACTS.dataset: options.contracts,
        OPEN_INTEREST.dataset: options.open_interest,
    }
    metrics = {"contract": front.contract, "trades": len(trades), "book_states": counts.states}
    return SessionResult(tables, {**metrics, **options.metrics}, (*warnings, *options.warnings))


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
    rows = inputs.scan("futures_trades").read(
        ("ts_event_ns",), start_ns=clock.open_ns, end_ns=clock.close_ns
    )
    return bool(rows.num_rows)


def front_month(inputs: SessionInputs, context: StageContext) -> FrontMonth:
    """The front contract, from the volumes of earlier sessions between open and regular close."""
    rule, scan = futures_rule(context), inputs.scan("futures_trades")
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


def session_trades(inputs: SessionInputs, contract: str) -> pa.Table:
    """The session's prints of one contract in total order.

    Raises:
        DataError: there is none, one is there twice, or one is of another contract.
    """
    clock = inputs.clock
    rows = inputs.scan("futures_trades").read(
        TRADE_COLUMNS, start_ns=clock.record_start_ns, end_ns=clock.end_ns, contract=contract
    )
    if not rows.num_rows:
        raise DataError(f"{inputs.day}: Bronze holds no trades of the front contract {contract}")
    what = f"futures trades {contract} {inputs.day}"
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


def book_columns(depth: int) -> tuple[str, ...]:
    """Columns of Bronze mbp10 that `book_states` reads."""
    levels = [
        f"{s}_{f}_{i}" for s in ("bid", "ask") for f in ("px", "sz") for i in range(1, depth + 1)
    ]
    return ("ts_event_ns", "src_row", "is_snapshot", "is_last", *levels)


def _book_chunks(
    inputs: SessionInputs, context: StageContext, contract: str, counts: BookCounts
) -> Iterator[BookStates]:
    """Collapsed states of the book window, piece by piece; counts crossed ones on the way."""
    clock, depth, scan = inputs.clock, context.profile.book_levels, inputs.scan("futures_mbp10")
    chunks = scan.chunks(
        book_columns(depth),
        start_ns=clock.book_start_ns - NS,
        end_ns=clock.events_end_ns,
        contract=contract,
    )
    for rows in chunks:
        if may_repeat(rows):
            _require_distinct_book(scan, rows, contract)
        states = book_states(rows, context.profile.tick_size, depth)
        counts.add(states, clock)
        yield states
    if not counts.states:
        raise DataError(
            f"{inputs.day}: Bronze holds no book updates of {contract} in the book window"
        )


def _require_distinct_book(scan: BronzeScan, rows: pa.Table, contract: str) -> None:
    """Read the file names too, which is slow, and refuse rows that are there twice."""
    times = array_of(rows, "ts_event_ns")
    start_ns, end_ns = int(times.min()), int(times.max()) + 1
    again = scan.read(IDENTITY, start_ns=start_ns, end_ns=end_ns, contract=contract)
    require_distinct(again, f"futures mbp10 {contract}")


def book_states(rows: pa.Table, tick: float, depth: int) -> BookStates:
    """Bronze mbp10 rows as collapsed states; snapshot rows never enter (08 A13).

    Rows are chosen by their time and flags first, so that only states are converted.
    """
    ts_ns = array_of(rows, "ts_event_ns")
    kept = state_rows(ts_ns, _flag(rows, "is_last") & ~_flag(rows, "is_snapshot"))
    return BookStates(
        ts_ns=ts_ns[kept],
        bid_ticks=_price_matrix(rows, "bid", kept, tick, depth),
        bid_size=_size_matrix(rows, "bid", kept, depth),
        ask_ticks=_price_matrix(rows, "ask", kept, tick, depth),
        ask_size=_size_matrix(rows, "ask", kept, depth),
    )


def _flag(rows: pa.Table, name: str) -> Bool:
    return np.asarray(rows.column(name).to_numpy(), dtype=np.bool_)


def _price_matrix(rows: pa.Table, side: str, kept: I64, tick: float, depth: int) -> I32:
    out = np.empty((len(kept), depth), np.int32, order="F")
    for i in range(depth):
        name = f"{side}_px_{i + 1}"
        column, what = rows.column(name), f"mbp10.{name}"
        if column.null_count:
            values = array_of(rows, name)[kept]
            known = np.isfinite(values)
            out[:, i] = NO_TICK
            out[known, i] = to_ticks(values[known], tick, what)
        else:
            out[:, i] = to_ticks(column.to_numpy()[kept], tick, what)
    return out


def _size_matrix(rows: pa.Table, side: str, kept: I64, depth: int) -> I32:
    out = np.empty((len(kept), depth), np.int32, order="F")
    for i in range(depth):
        sizes = rows.column(f"{side}_sz_{i + 1}").to_numpy()
        np.take(sizes, kept, out=out[:, i], mode="clip")  # unbuffered; positions are inside
    if out.size and out.min() < 0:
        raise DataError(f"mbp10: {int((out < 0).sum())} {side} sizes below 0, such as {out.min()}")
    return out


def _trades_table(day: date, trades: Trades) -> pa.Table:
    return build_table(
        TRADES,
        {
            "date": day,
            "row_in_session": np.arange(len(trades), dtype=np.int32),
            "ts_event_ns": trades.ts_ns,
            "price_ticks": trades.ticks,
            "size": trades.size,
            "aggressor": trades.side,
        },
    )


def _session_row(
    inputs: SessionInputs,
    front: FrontMonth,
    rows: pa.Table,
    trades: Trades,
    counts: BookCounts,
    options: Any,
) -> pa.Table:
    clock: SessionClock = inputs.clock
    seq = array_of(rows, "seq")
    same = (
        (trades.ts_ns[1:] == trades.ts_ns[:-1])
        & (seq[1:] == seq[:-1])
        & (trades.ticks[1:] == trades.ticks[:-1])
        & (trades.size[1:] == trades.size[:-1])
    )
    return build_table(
        SESSIONS,
        {
            "date": inputs.day,
            "contract": front.contract,
            "dominance": front.dominance,
            "runner_up": front.runner_up,
            "runner_up_ratio": front.runner_up_ratio,
            "roll_contaminated": front.roll_contaminated,
            "open_ns": clock.open_ns,
            "close_ns": clock.close_ns,
            "n_trades": len(trades),
            "n_book_updates": counts.states,
            "n_crossed": counts.crossed,
            "n_missing_minutes": missing_minutes(clock, trades),
            "n_equal_rows": int(same.sum()),
            "has_options": bool(options.contracts.num_rows),
            "has_open_interest": options.has_open_interest,
        },
        rows=1,
    )


STAGE = SessionStage(
    "load_bronze",
    (
        bronze("futures", "trades", history=History.BRONZE),
        bronze("futures", "mbp10"),
        bronze("options", "trades", required=False),
        bronze("options", "definitions", required=False, history=History.REFERENCE),
        bronze("options", "statistics", required=False),
    ),
    (
        TRADES, BOOK_SECONDS, FLOW_SECONDS, OFI_SECONDS,
        OPTION_TRADES, OPTION_CONTRACTS, OPEN_INTEREST, SESSIONS,
    ),
    run,
)  # fmt: skip
