"""Options of one session from Bronze: definitions, prints joined to them, open interest.

Rows in = rows out + rejected, counted by reason. Unknown terms are never guessed (01 D06, D07).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from spymaster_lake.contracts.profile import OptionsProfile
from spymaster_lake.contracts.work import OPEN_INTEREST, OPTION_CONTRACTS, OPTION_TRADES
from spymaster_lake.sessions.calendar import local_ns
from spymaster_lake.stages.feature_engineering.bronze_checks import (
    require_at_least,
    require_distinct,
)
from spymaster_lake.stages.spec import SessionInputs, StageContext
from spymaster_lake.stages.tables import array_of, build_table, filled, objects

_PRINT = ("ts_event_ns", "seq", "src_file", "src_row", "option_symbol", "price", "size", "aggressor")
_DEFINITION = (
    "ts_event_ns", "seq", "src_file", "src_row", "option_symbol",
    "underlying_contract", "strike", "right", "expiration_ns",
)  # fmt: skip
_OI = ("ts_event_ns", "seq", "src_file", "src_row", "option_symbol", "open_interest")
_NO_EXPIRY = np.iinfo(np.int64).min


@dataclass(frozen=True)
class SessionOptions:
    """The three option tables of a session and what was left out of them."""

    contracts: pa.Table
    trades: pa.Table
    open_interest: pa.Table
    metrics: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    has_open_interest: bool = False


def session_options(inputs: SessionInputs, context: StageContext) -> SessionOptions:
    """All option rows of the session's record interval; empty without an options block."""
    facts = context.profile.options
    if facts is None:
        return SessionOptions(
            OPTION_CONTRACTS.arrow_schema.empty_table(),
            OPTION_TRADES.arrow_schema.empty_table(),
            OPEN_INTEREST.arrow_schema.empty_table(),
            warnings=(f"{inputs.day}: the profile has no options; gamma columns are null",),
        )
    contracts = _contracts(inputs, context, facts)
    trades, rejected = _trades(inputs, contracts)
    interest = _open_interest(inputs)
    before_open = array_of(interest, "ts_event_ns") < inputs.clock.open_ns
    metrics = {
        "option_contracts": contracts.num_rows,
        "option_trades": trades.num_rows,
        "option_trades_rejected": rejected,
        "open_interest_rows": interest.num_rows,
    }
    return SessionOptions(
        contracts, trades, interest, metrics, (), has_open_interest=bool(before_open.any())
    )


def _rows(inputs: SessionInputs, alias: str, columns: tuple[str, ...]) -> pa.Table:
    clock = inputs.clock
    return inputs.scan(alias).read(columns, start_ns=clock.record_start_ns, end_ns=clock.end_ns)


def _contracts(inputs: SessionInputs, context: StageContext, facts: OptionsProfile) -> pa.Table:
    """The first definition of each symbol; a missing expiration takes the profile's clock."""
    rows = _rows(inputs, "options_definitions", _DEFINITION)
    symbols = objects(rows, "option_symbol")
    _, first = np.unique(symbols.astype(np.str_), return_index=True)
    rows = rows.take(pa.array(np.sort(first)))
    fallback = local_ns(inputs.day, facts.expiry_time, context.calendar.zone)
    expiry = filled(rows, "expiration_ns", _NO_EXPIRY).copy()
    expiry[expiry == _NO_EXPIRY] = fallback
    zone = context.calendar.zone
    today = [datetime.fromtimestamp(e // 10**9, tz=zone).date() == inputs.day for e in expiry]
    return build_table(
        OPTION_CONTRACTS,
        {
            "date": inputs.day,
            "option_symbol": objects(rows, "option_symbol"),
            "underlying_contract": objects(rows, "underlying_contract"),
            "strike": array_of(rows, "strike"),
            "right": objects(rows, "right"),
            "expiry_ts_ns": expiry,
            "listed_ts_ns": array_of(rows, "ts_event_ns"),
            "expires_today": np.array(today, dtype=np.bool_),
        },
        rows=rows.num_rows,
    )


def _trades(inputs: SessionInputs, contracts: pa.Table) -> tuple[pa.Table, dict[str, int]]:
    rows, what = _rows(inputs, "options_trades", _PRINT), f"options trades {inputs.day}"
    require_distinct(rows, what)
    require_at_least(rows, "price", 0, what)
    require_at_least(rows, "size", 1, what)
    row_of = {symbol: i for i, symbol in enumerate(objects(contracts, "option_symbol"))}
    at = np.array([row_of.get(s, -1) for s in objects(rows, "option_symbol")], dtype=np.int64)
    defined = at >= 0
    expiry = array_of(contracts, "expiry_ts_ns")
    alive = defined.copy()
    alive[defined] = array_of(rows, "ts_event_ns")[defined] < expiry[at[defined]]
    rejected = {"no_definition": int((~defined).sum()), "expired": int((defined & ~alive).sum())}
    kept, terms = rows.filter(pa.array(alive)), contracts.take(pa.array(at[alive]))
    table = build_table(
        OPTION_TRADES,
        {
            "date": inputs.day,
            "row_in_session": np.arange(kept.num_rows, dtype=np.int32),
            "ts_event_ns": array_of(kept, "ts_event_ns"),
            "option_symbol": kept.column("option_symbol"),
            "underlying_contract": terms.column("underlying_contract"),
            "strike": terms.column("strike"),
            "right": terms.column("right"),
            "expiry_ts_ns": terms.column("expiry_ts_ns"),
            "price": kept.column("price"),
            "size": kept.column("size"),
            "aggressor": kept.column("aggressor"),
        },
        rows=kept.num_rows,
    )
    return table, rejected


def _open_interest(inputs: SessionInputs) -> pa.Table:
    rows = _rows(inputs, "options_statistics", _OI)
    require_at_least(rows, "open_interest", 0, f"options statistics {inputs.day}")
    return build_table(
        OPEN_INTEREST,
        {
            "date": inputs.day,
            "row_in_session": np.arange(rows.num_rows, dtype=np.int32),
            "ts_event_ns": array_of(rows, "ts_event_ns"),
            "option_symbol": objects(rows, "option_symbol"),
            "open_interest": array_of(rows, "open_interest"),
        },
        rows=rows.num_rows,
    )
