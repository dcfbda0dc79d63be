"""load_bronze: from Bronze ticks to the exact, compact tables of one session.

Chooses the front contract from the previous session's volume (01 1.5), cleans its trades, reduces
the ten-level book to per-second states, flow cells and OFI cells (08 A10 to A13), joins options to
their definitions, and gates the session (08 A4, A16). Nothing after this stage reads the book.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from spymaster_lake.contracts.work_market import (
    BOOK_SECONDS,
    FLOW_SECONDS,
    OFI_SECONDS,
    SESSIONS,
    TRADES,
)
from spymaster_lake.contracts.work_options import OPEN_INTEREST, OPTION_CONTRACTS, OPTION_TRADES
from spymaster_lake.features.arrays import NO_MID, FlowCells, OfiCells, Trades
from spymaster_lake.features.book_cells import book_cells
from spymaster_lake.features.front_month import FrontMonth
from spymaster_lake.sessions.calendar import SessionClock
from spymaster_lake.stages.feature_engineering.bronze_book import book_chunks
from spymaster_lake.stages.feature_engineering.bronze_options import session_options
from spymaster_lake.stages.feature_engineering.bronze_trades import (
    SessionPrints,
    session_trades,
    trades_arrays,
)
from spymaster_lake.stages.feature_engineering.front_contract import (
    reference_price,
    require_price_basis,
    require_warmup,
    session_contract,
)
from spymaster_lake.stages.feature_engineering.session_gates import (
    BookCounts,
    gate_session,
    missing_minutes,
)
from spymaster_lake.stages.sources import MARKET_BOOK, MARKET_TRADES, bronze, market, market_name
from spymaster_lake.stages.spec import (
    History,
    SessionInputs,
    SessionResult,
    SessionStage,
    StageContext,
)
from spymaster_lake.stages.tables import array_of, build_table
from spymaster_lake.stages.work_arrays import book_seconds_columns


def run(inputs: SessionInputs, context: StageContext) -> SessionResult:
    """All tables of load_bronze for one session."""
    require_warmup(inputs, context)
    front = session_contract(inputs, context)
    require_price_basis(inputs, context, front.contract)
    reference = reference_price(inputs, context, front.contract)
    prints = session_trades(inputs, context, front.contract)
    what = f"{market_name(MARKET_TRADES, context.profile.product)} {front.contract} {inputs.day}"
    trades = trades_arrays(prints.rows, context, what)
    counts = BookCounts()
    cells = book_cells(
        book_chunks(inputs, context, front.contract, counts),
        trades,
        start_ns=inputs.clock.book_start_ns,
        end_ns=inputs.clock.events_end_ns,
        levels=context.profile.book_levels,
    )
    options = session_options(inputs, context, front.contract)
    warnings = gate_session(inputs.clock, context.profile, trades, counts)
    seconds, flow, ofi = cells
    tables = {
        SESSIONS.dataset: _session_row(inputs, front, reference, prints, trades, counts, options),
        TRADES.dataset: _trades_table(inputs.day, trades),
        BOOK_SECONDS.dataset: build_table(
            BOOK_SECONDS, {**book_seconds_columns(seconds), "date": inputs.day}, rows=len(seconds)
        ),
        FLOW_SECONDS.dataset: _flow_table(inputs.day, flow),
        OFI_SECONDS.dataset: _ofi_table(inputs.day, ofi),
        OPTION_TRADES.dataset: options.trades,
        OPTION_CONTRACTS.dataset: options.contracts,
        OPEN_INTEREST.dataset: options.open_interest,
    }
    metrics = {"contract": front.contract, "trades": len(trades), "book_states": counts.states}
    return SessionResult(tables, {**metrics, **options.metrics}, (*warnings, *options.warnings))


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


def _flow_table(day: date, flow: FlowCells) -> pa.Table:
    return build_table(
        FLOW_SECONDS,
        {
            "date": day,
            "second_ns": flow.second_ns,
            "side": flow.side,
            "price_ticks": flow.ticks,
            "added": flow.added,
            "canceled": flow.canceled,
            "filled": flow.filled,
        },
        rows=len(flow),
    )


def _ofi_table(day: date, ofi: OfiCells) -> pa.Table:
    return build_table(
        OFI_SECONDS,
        {
            "date": day,
            "second_ns": ofi.second_ns,
            "mid_half_ticks": np.ma.masked_equal(ofi.mid_half_ticks, NO_MID),
            "ofi": ofi.ofi,
            "n_updates": ofi.n_updates,
        },
        rows=len(ofi),
    )


def _session_row(
    inputs: SessionInputs,
    front: FrontMonth,
    reference: float | None,
    prints: SessionPrints,
    trades: Trades,
    counts: BookCounts,
    options: Any,
) -> pa.Table:
    clock: SessionClock = inputs.clock
    seq = array_of(prints.rows, "seq")
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
            "reference_price": reference,
            "open_ns": clock.open_ns,
            "close_ns": clock.close_ns,
            "n_trades": len(trades),
            "n_volume_only": prints.volume_only,
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
        market(MARKET_TRADES, history=History.BRONZE),
        market(MARKET_BOOK),
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
