"""compute_gex_features: dealer gamma from open interest around the level (02 N-9, 08 A21, A22)."""

from __future__ import annotations

from typing import Any

import numpy as np

from spymaster_lake.contracts.features import GEX
from spymaster_lake.contracts.work_features import GEX_TABLE
from spymaster_lake.features.arrays import Queries
from spymaster_lake.features.gex import gex_features
from spymaster_lake.features.option_arrays import OpenInterest
from spymaster_lake.sessions.calendar import SessionClock
from spymaster_lake.stages.option_carry import carry_of
from spymaster_lake.stages.option_market import OptionMarket, open_interest_of, option_market_of
from spymaster_lake.stages.sources import work
from spymaster_lake.stages.spec import SessionInputs, SessionResult, SessionStage, StageContext
from spymaster_lake.stages.tables import build_table, objects
from spymaster_lake.stages.work_arrays import event_queries


def gex_columns(
    options: OptionMarket | None,
    open_interest: OpenInterest | None,
    queries: Queries,
    context: StageContext,
    clock: SessionClock,
) -> dict[str, Any]:
    """The GEX columns of event or state rows; all null for an instrument without options."""
    facts = context.profile.options
    if options is None or open_interest is None or facts is None:
        return {column.name: np.full(len(queries), np.nan) for column in GEX}
    return dict(
        gex_features(
            queries=queries,
            contracts=options.contracts,
            open_interest=open_interest,
            option_trades=options.trades,
            futures=options.futures,
            tick_size=context.profile.tick_size,
            carry=carry_of(context, clock),
            session_start_ns=clock.record_start_ns,
            open_ns=clock.open_ns,
            multiplier=facts.multiplier,
            call_sign=facts.call_sign,
            put_sign=facts.put_sign,
        )
    )


def run(inputs: SessionInputs, context: StageContext) -> SessionResult:
    """work/gex of one session."""
    events = inputs.table("events")
    options = option_market_of(
        inputs.table("option_trades_greeks"),
        inputs.table("option_contracts"),
        inputs.table("underlying_seconds"),
    )
    open_interest = open_interest_of(inputs.table("open_interest"), options.symbols)
    columns = gex_columns(options, open_interest, event_queries(events), context, inputs.clock)
    columns |= {"event_id": objects(events, "event_id"), "date": inputs.day}
    table = build_table(GEX_TABLE, columns, rows=events.num_rows)
    warnings = _reasons(inputs, open_interest)
    return SessionResult({GEX_TABLE.dataset: table}, warnings=warnings)


def _reasons(inputs: SessionInputs, open_interest: OpenInterest) -> tuple[str, ...]:
    if not inputs.table("option_contracts").num_rows:
        return (f"{inputs.day}: no option definitions; GEX columns are null",)
    if not (open_interest.ts_ns < inputs.clock.open_ns).any():
        return (f"{inputs.day}: no open interest before the open; GEX columns are null",)
    return ()


STAGE = SessionStage(
    "compute_gex_features",
    (
        work("events"),
        work("option_trades_greeks"),
        work("option_contracts"),
        work("underlying_seconds"),
        work("open_interest"),
    ),
    (GEX_TABLE,),
    run,
)
