"""compute_approach_features: approach path, timing, attempts, trends, normalised distances.

Source: 02 section 8 with N-15a..e, 08 A26, A29.
"""

from __future__ import annotations

from typing import Any

from spymaster_lake.contracts.features import KIND_SLUGS
from spymaster_lake.contracts.work_features import APPROACH_TABLE
from spymaster_lake.features.approach import (
    approach_features,
    distance_to_tested_level,
    log_columns,
    normalised,
    time_since_open,
)
from spymaster_lake.features.attempts import (
    TREND_SOURCES,
    LevelEvents,
    attempt_clusters,
    attempt_trends,
    touch_history,
)
from spymaster_lake.stages.feature_engineering.session_gates import implausible
from spymaster_lake.stages.join import aligned
from spymaster_lake.stages.session_profile import in_session
from spymaster_lake.stages.sources import work
from spymaster_lake.stages.spec import SessionInputs, SessionResult, SessionStage, StageContext
from spymaster_lake.stages.tables import array_of, build_table, objects
from spymaster_lake.stages.work_arrays import bars_of, event_queries, sigma_of, trades_of


def run(inputs: SessionInputs, context: StageContext) -> SessionResult:
    """work/approach of one session."""
    events, context = inputs.table("events"), in_session(inputs, context)
    tick, bands = context.profile.tick_size, context.profile.bands
    physics = aligned(events, inputs.table("physics"))
    distances = aligned(events, inputs.table("level_distances"))
    spot, atr = array_of(events, "spot"), array_of(events, "atr")
    level = array_of(events, "level_price")
    rows = LevelEvents(
        kind_code=array_of(events, "level_kind_code"),
        sigma=sigma_of(events),
        anchor_ns=array_of(events, "anchor_ts_ns"),
        level=level,
    )
    attempts = attempt_clusters(
        rows, max_gap_s=bands.attempt_cluster_seconds, max_move=bands.attempt_cluster_points
    )
    columns: dict[str, Any] = approach_features(
        bars_of(inputs.table("bars_1min"), tick), event_queries(events), tick_size=tick
    )
    columns |= normalised("approach_distance", columns["approach_distance"], spot=spot, atr=atr)
    columns |= touch_history(
        rows, trades_of(inputs.table("trades")), tick_size=tick, touch_band=bands.touch_band
    )
    columns |= time_since_open(rows.anchor_ns, open_ns=inputs.clock.open_ns)
    columns |= log_columns(
        wall_ratio=array_of(physics, "wall_ratio"),
        barrier_delta_liq=array_of(physics, "barrier_delta_liq"),
    )
    columns |= distance_to_tested_level(spot=spot, level=level, atr=atr)
    columns |= {f"dist_to_{k}_frac": array_of(distances, f"dist_to_{k}") / spot for k in KIND_SLUGS}
    columns |= attempts.columns()
    columns |= attempt_trends(attempts, {s: array_of(physics, s) for s in TREND_SOURCES.values()})
    keys = {"event_id": objects(events, "event_id"), "date": inputs.day}
    table = build_table(APPROACH_TABLE, {**columns, **keys}, rows=events.num_rows)
    bound = context.profile.quality.max_distance_points
    warnings = implausible(inputs.day, "distance_signed", columns["distance_signed"], bound)
    return SessionResult({APPROACH_TABLE.dataset: table}, warnings=warnings)


STAGE = SessionStage(
    "compute_approach_features",
    (
        work("sessions"),
        work("events"),
        work("bars_1min"),
        work("trades"),
        work("physics"),
        work("level_distances"),
    ),
    (APPROACH_TABLE,),
    run,
)
