"""Options of one session from Bronze: definitions, prints joined to them, open interest.

Rows in = rows out + rejected, counted by reason. Unknown terms are never guessed (01 D06, D07).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from spymaster_lake.contracts.work_options import OPEN_INTEREST, OPTION_CONTRACTS, OPTION_TRADES
from spymaster_lake.stages.feature_engineering.bronze_checks import (
    require_at_least,
    require_distinct,
)
from spymaster_lake.stages.feature_engineering.option_definitions import (
    EXPIRED,
    NO_EXPIRATION,
    OTHER_UNDERLYING,
    Definitions,
    occ_contracts,
    session_definitions,
)
from spymaster_lake.stages.spec import SessionInputs, StageContext
from spymaster_lake.stages.tables import array_of, build_table, objects

_PRINT = (
    "ts_event_ns",
    "seq",
    "src_file",
    "src_row",
    "option_symbol",
    "price",
    "size",
    "aggressor",
)
_OI = ("ts_event_ns", "seq", "src_file", "src_row", "option_symbol", "open_interest")


@dataclass(frozen=True)
class SessionOptions:
    """The three option tables of a session and what was left out of them."""

    contracts: pa.Table
    trades: pa.Table
    open_interest: pa.Table
    metrics: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    has_open_interest: bool = False


def session_options(inputs: SessionInputs, context: StageContext, front: str) -> SessionOptions:
    """Option rows of the session on its front contract; empty without an options block."""
    facts = context.profile.options
    if facts is None:
        return SessionOptions(
            OPTION_CONTRACTS.arrow_schema.empty_table(),
            OPTION_TRADES.arrow_schema.empty_table(),
            OPEN_INTEREST.arrow_schema.empty_table(),
            warnings=(f"{inputs.day}: the profile has no options; gamma columns are null",),
        )
    definitions = (
        session_definitions(inputs, context, facts, front)
        if context.profile.futures is not None
        else occ_contracts(inputs, context, facts)
    )
    contracts = definitions.contracts
    trades, rejected = _trades(inputs, definitions)
    interest = _open_interest(inputs)
    before_open = array_of(interest, "ts_event_ns") < inputs.clock.open_ns
    metrics = {
        "option_contracts": contracts.num_rows,
        "option_contracts_left_out": dict(definitions.counts),
        "option_trades": trades.num_rows,
        "option_trades_rejected": rejected,
        "open_interest_rows": interest.num_rows,
    }
    warnings = (*definitions.warnings, *_strike_warnings(inputs, context, trades))
    if not contracts.num_rows:
        warnings = (f"{inputs.day}: no option definitions; gamma columns are null", *warnings)
    has_open_interest = bool(before_open.any())
    return SessionOptions(contracts, trades, interest, metrics, warnings, has_open_interest)


def _strike_warnings(
    inputs: SessionInputs, context: StageContext, trades: pa.Table
) -> tuple[str, ...]:
    """A sentence if unusually few or many strikes traded (01 1.7, 08 A16)."""
    usual, strikes = context.profile.quality.strikes, len(np.unique(array_of(trades, "strike")))
    if usual is None or usual[0] <= strikes <= usual[1]:
        return ()
    return (f"{inputs.day}: option prints on {strikes} strikes, usual are {list(usual)}",)


def _rows(inputs: SessionInputs, alias: str, columns: tuple[str, ...]) -> pa.Table:
    clock = inputs.clock
    return inputs.scan(alias).read(columns, start_ns=clock.record_start_ns, end_ns=clock.end_ns)


def _trades(inputs: SessionInputs, definitions: Definitions) -> tuple[pa.Table, dict[str, int]]:
    contracts = definitions.contracts
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
    unknown = objects(rows.filter(pa.array(~defined)), "option_symbol")
    rejected = {"no_definition": 0, EXPIRED: 0, NO_EXPIRATION: 0, OTHER_UNDERLYING: 0}
    for symbol in unknown:
        rejected[definitions.left_out.get(symbol, "no_definition")] += 1
    rejected[EXPIRED] += int((defined & ~alive).sum())
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
