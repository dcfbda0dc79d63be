"""init_market_state: implied volatility and Greeks of every option print at trade time (02 N-8).

Each option is priced on its own underlying, a future or the share, whose last print per second is
an output too, because later stages need it at their instants.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from spymaster_lake.contracts.work_options import OPTION_GREEKS, OPTION_TRADES, UNDERLYING_SECONDS
from spymaster_lake.features.arrays import NO_TIME, NS, Trades
from spymaster_lake.features.option_flow import enrich_option_trades
from spymaster_lake.stages.market_prints import read_prints
from spymaster_lake.stages.option_carry import carry_of
from spymaster_lake.stages.option_market import contract_rows, option_contracts_of
from spymaster_lake.stages.sources import MARKET_TRADES, market, work
from spymaster_lake.stages.spec import SessionInputs, SessionResult, SessionStage, StageContext
from spymaster_lake.stages.tables import array_of, build_table, objects
from spymaster_lake.stages.work_arrays import to_ticks


def run(inputs: SessionInputs, context: StageContext) -> SessionResult:
    """work/option_trades_greeks and work/underlying_seconds of one session."""
    facts = context.profile.options
    prints = inputs.table("option_trades").sort_by("row_in_session")
    names = sorted(set(objects(inputs.table("option_contracts"), "underlying_contract").tolist()))
    futures = [_future(inputs, context, name) for name in names]
    symbols, contracts = option_contracts_of(inputs.table("option_contracts"), names)
    greeks = enrich_option_trades(
        ts_ns=array_of(prints, "ts_event_ns"),
        contract=contract_rows(prints, symbols, "work/option_trades"),
        price=array_of(prints, "price"),
        size=array_of(prints, "size").astype(np.int64),
        side=array_of(prints, "aggressor"),
        contracts=contracts,
        futures=futures,
        tick_size=context.profile.tick_size,
        carry=carry_of(context, inputs.clock),
        multiplier=facts.multiplier if facts else context.profile.multiplier,
    )
    columns: dict[str, Any] = {c: prints.column(c) for c in OPTION_TRADES.names}
    columns |= {
        "underlying_px": greeks.underlying_px,
        "underlying_ts_ns": np.ma.masked_equal(greeks.underlying_ts_ns, NO_TIME),
        "t_years": greeks.t_years,
        "iv": greeks.iv,
        "iv_status": greeks.iv_status.astype(object),
        "delta": greeks.delta,
        "gamma": greeks.gamma,
        "vega": greeks.vega,
        "dealer_gamma_usd": greeks.dealer_gamma_usd,
    }
    tables = {
        OPTION_GREEKS.dataset: build_table(OPTION_GREEKS, columns, rows=prints.num_rows),
        UNDERLYING_SECONDS.dataset: _last_per_second(inputs, names, futures),
    }
    return SessionResult(tables, {"iv_status": dict(Counter(greeks.iv_status.tolist()))})


def _future(inputs: SessionInputs, context: StageContext, contract: str) -> Trades:
    clock = inputs.clock
    rows = read_prints(
        inputs,
        context,
        ("ts_event_ns", "price"),
        start_ns=clock.record_start_ns,
        end_ns=clock.end_ns,
        contract=contract,
    )
    ts = array_of(rows, "ts_event_ns")
    ticks = to_ticks(array_of(rows, "price"), context.profile.tick_size, f"{contract} {inputs.day}")
    return Trades(ts, ticks, np.ones(len(ts), dtype=np.int64), np.zeros(len(ts), dtype=np.int8))


def _last_per_second(inputs: SessionInputs, names: list[str], futures: list[Trades]) -> Any:
    contract, times, ticks = [], [], []
    for name, trades in zip(names, futures, strict=True):
        second = trades.ts_ns // NS
        last = np.flatnonzero(np.append(second[1:] != second[:-1], len(second) > 0))
        contract += [name] * len(last)
        times.append(trades.ts_ns[last])
        ticks.append(trades.ticks[last])
    empty = np.empty(0, dtype=np.int64)
    return build_table(
        UNDERLYING_SECONDS,
        {
            "date": inputs.day,
            "contract": np.array(contract, dtype=object),
            "ts_event_ns": np.concatenate([empty, *times]),
            "price_ticks": np.concatenate([empty, *ticks]),
        },
        rows=len(contract),
    )


STAGE = SessionStage(
    "init_market_state",
    (work("option_trades"), work("option_contracts"), market(MARKET_TRADES)),
    (OPTION_GREEKS, UNDERLYING_SECONDS),
    run,
)
