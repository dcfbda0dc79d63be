"""generate_levels: the six level kinds with the interval in which each value is known (01 2.5)."""

from __future__ import annotations

import numpy as np

from spymaster_lake.contracts.profile import LEVEL_KIND_CODES, LEVEL_KINDS
from spymaster_lake.contracts.work_events import LEVEL_SERIES, LEVELS
from spymaster_lake.features.arrays import points
from spymaster_lake.features.levels import level_series, session_levels
from spymaster_lake.stages.feature_engineering.session_gates import (
    implausible,
    require_all_kinds,
)
from spymaster_lake.stages.sources import work
from spymaster_lake.stages.spec import SessionInputs, SessionResult, SessionStage, StageContext
from spymaster_lake.stages.tables import array_of, build_table, in_order
from spymaster_lake.stages.work_arrays import bars_of, level_clock

_NAMES = {code: kind for kind, code in LEVEL_KIND_CODES.items()}


def run(inputs: SessionInputs, context: StageContext) -> SessionResult:
    """work/levels and work/level_series of one session."""
    tick, clock = context.profile.tick_size, inputs.clock
    bars_1min, bars_2min = bars_of(inputs.table("bars_1min"), tick), inputs.table("bars_2min")
    bars_2min = in_order(bars_2min, "bar_start_ns")
    levels = session_levels(
        bars_1min=bars_1min,
        bars_2min=bars_of(bars_2min, tick),
        sma_90=array_of(bars_2min, "sma_90"),
        ema_20=array_of(bars_2min, "ema_20"),
        clock=level_clock(clock),
        tick=tick,
    )
    kinds = np.array([_NAMES[int(c)] for c in levels.code], dtype=object)
    require_all_kinds(inputs.clock, kinds.tolist())
    starts, matrix = level_series(
        levels, bars_1min, open_ns=clock.open_ns, events_end_ns=clock.events_end_ns
    )
    tables = {
        LEVELS.dataset: build_table(
            LEVELS,
            {
                "date": inputs.day,
                "level_kind": kinds,
                "level_kind_code": levels.code,
                "level_price": levels.price,
                "valid_from_ns": levels.valid_from_ns,
                "valid_to_ns": levels.valid_to_ns,
            },
        ),
        LEVEL_SERIES.dataset: build_table(
            LEVEL_SERIES,
            {
                "date": inputs.day,
                "bar_start_ns": np.repeat(starts, len(LEVEL_KINDS)),
                "level_kind": np.tile(np.array(LEVEL_KINDS, dtype=object), len(starts)),
                "level_price": matrix.reshape(-1),
            },
        ),
    }
    high, low = points(np.asarray([bars_1min.high.max(), bars_1min.low.min()]), tick=tick)
    mid, reach = (high + low) / 2, (high - low) / 2
    bound = context.profile.quality.max_distance_points
    beyond = np.maximum(np.abs(levels.price - mid) - reach, 0.0)
    what = "distance of a level from the session's range"
    return SessionResult(tables, warnings=implausible(inputs.day, what, beyond, bound))


STAGE = SessionStage(
    "generate_levels", (work("bars_1min"), work("bars_2min")), (LEVELS, LEVEL_SERIES), run
)
