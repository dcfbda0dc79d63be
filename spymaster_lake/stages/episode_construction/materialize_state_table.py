"""materialize_state_table: what was known about each level every 30 seconds (03 section 1, 08 A12).

All 400 instants x 6 kinds exist on every session, events or not; every value is computed anew at
its instant by the kernels that event rows use, so a state row at an anchor equals the event's row
wherever level and direction agree (08 B3).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from spymaster_lake.contracts.enums import time_bucket_of
from spymaster_lake.contracts.errors import DataError
from spymaster_lake.contracts.profile import LEVEL_KIND_CODES
from spymaster_lake.contracts.state_table import STATE_STAGE, STATE_TABLE
from spymaster_lake.features.arrays import F64, I8, NS
from spymaster_lake.features.calibration import BETA, SWEEP_Q, THETA
from spymaster_lake.features.state_grid import StateRows, grid_instants, state_rows
from spymaster_lake.stages.episode_construction.state_features import (
    TOUCH_SOURCES,
    StateInputs,
    Thresholds,
    source_time_column,
    state_features,
)
from spymaster_lake.stages.market import market_of
from spymaster_lake.stages.option_market import open_interest_of
from spymaster_lake.stages.session_profile import in_session
from spymaster_lake.stages.sources import silver, work
from spymaster_lake.stages.spec import SessionInputs, SessionResult, SessionStage, StageContext
from spymaster_lake.stages.tables import array_of, build_table, in_order, objects
from spymaster_lake.stages.work_arrays import bars_of, level_clock, levels_of, ofi_cells_of

_MICROSECOND_NS = 1_000
_KIND_OF_CODE = {code: kind for kind, code in LEVEL_KIND_CODES.items()}
_DIRECTION_OF_SIGN = {1: "UP", -1: "DOWN", 0: None}


def run(inputs: SessionInputs, context: StageContext) -> SessionResult:
    """state_table of one session.

    Raises:
        DataError: an instant without a trade before it, a calibrated value that is missing as a
            row, or a row that read an input at or after its instant.
    """
    context = in_session(inputs, context)
    data = _inputs(inputs, context)
    clock, bands = inputs.clock, context.profile.bands
    rows = state_rows(
        grid_instants(open_ns=clock.open_ns, events_end_ns=clock.events_end_ns),
        trades=data.market.trades,
        bars_1min=data.bars_1min,
        atr=array_of(in_order(inputs.table("bars_1min"), "bar_start_ns"), "atr_14"),
        levels=levels_of(inputs.table("levels")),
        clock=level_clock(clock),
        tick=context.profile.tick_size,
        half_width=bands.zone_half_width,
        atr_fraction=bands.zone_atr_fraction,
    )
    columns = state_features(rows, data, context) | _context(rows, data, inputs)
    columns |= _time_bucket(columns["minutes_since_open"])
    chosen = {name: columns[name] for name in STATE_TABLE.names}
    table = build_table(STATE_TABLE, chosen, rows=len(rows))
    return SessionResult({STATE_TABLE.dataset: table}, _metrics(rows))


def _inputs(inputs: SessionInputs, context: StageContext) -> StateInputs:
    market, tick = market_of(inputs, context), context.profile.tick_size
    options = market.options
    return StateInputs(
        market=market,
        ofi=ofi_cells_of(inputs.table("ofi_seconds")),
        bars_10s=bars_of(inputs.table("bars_10s"), tick),
        bars_1min=bars_of(inputs.table("bars_1min"), tick),
        open_interest=None
        if options is None
        else open_interest_of(inputs.table("open_interest"), options.symbols),
        thresholds=_thresholds(inputs.table("calibration")),
        signals=inputs.table("signals"),
    )


def _thresholds(table: pa.Table) -> Thresholds:
    values = dict(zip(objects(table, "name"), objects(table, "value"), strict=True))
    missing = [name for name in (THETA, SWEEP_Q, BETA) if name not in values]
    if missing:
        raise DataError(f"work/calibration: no row for {missing}; found {sorted(values)}")
    return values


def _context(rows: StateRows, data: StateInputs, inputs: SessionInputs) -> dict[str, Any]:
    """Keys and context columns; the source times are proved to lie before their instants."""
    source = source_time_column(rows, data.market)
    late = np.ma.getmaskarray(source) | (source.data >= rows.t_ns)
    if late.any():
        raise DataError(
            f"state_table, {inputs.day}: {int(late.sum())} rows read no input, or one at or after "
            f"their instant, such as {rows.t_ns[late][:3].tolist()}; allowed 0"
        )
    return {
        "timestamp": pa.array(rows.t_ns // _MICROSECOND_NS, pa.timestamp("us", tz="UTC")),
        "ts_ns": rows.t_ns,
        "date": inputs.day,
        "level_kind": np.array([_KIND_OF_CODE[int(c)] for c in rows.kind_code], dtype=object),
        "level_price": rows.level,
        "level_active": rows.active,
        "spot": rows.spot,
        "direction": _directions(rows.sigma),
        "is_warmup": rows.is_warmup,
        "src_max_ts_ns": source.data,
    }


def _directions(sigma: I8) -> np.ndarray[Any, Any]:
    return np.array([_DIRECTION_OF_SIGN[int(s)] for s in sigma], dtype=object)


def _time_bucket(minutes: F64) -> dict[str, Any]:
    names = [None if np.isnan(m) else time_bucket_of(float(m)) for m in minutes]
    return {"time_bucket": np.array(names, dtype=object)}


def _metrics(rows: StateRows) -> dict[str, Any]:
    return {
        "rows": len(rows),
        "rows_active": int(rows.active.sum()),
        "instants": len(np.unique(rows.t_ns)),
        "first_instant_s": int(rows.t_ns.min() // NS),
    }


STAGE = SessionStage(
    STATE_STAGE,
    (
        work("sessions"),
        work("trades"),
        work("book_seconds"),
        work("flow_seconds"),
        work("ofi_seconds"),
        work("option_trades_greeks"),
        work("option_contracts"),
        work("underlying_seconds"),
        work("open_interest"),
        work("bars_10s"),
        work("bars_1min"),
        work("levels"),
        work("calibration"),
        replace(silver("signals"), columns=TOUCH_SOURCES),
    ),
    (STATE_TABLE,),
    run,
)
