"""detect_interaction_zones: one event per entry of price into a level's zone (01 2.6, 08 A1, A33)."""

from __future__ import annotations

import numpy as np

from spymaster_lake.contracts.work_events import EVENTS
from spymaster_lake.features.arrays import NO_TIME
from spymaster_lake.features.zones import detect_zone_entries
from spymaster_lake.stages.session_profile import in_session
from spymaster_lake.stages.sources import work
from spymaster_lake.stages.spec import SessionInputs, SessionResult, SessionStage, StageContext
from spymaster_lake.stages.tables import array_of, build_table, in_order, objects
from spymaster_lake.stages.work_arrays import bars_of, levels_of, trades_of


def run(inputs: SessionInputs, context: StageContext) -> SessionResult:
    """work/events of one session; none is legal, with a warning (08 A35)."""
    session, clock = inputs.table("sessions"), inputs.clock
    profile = in_session(inputs, context).profile
    bars = in_order(inputs.table("bars_1min"), "bar_start_ns")
    entries = detect_zone_entries(
        day=inputs.day,
        bars_1min=bars_of(bars, profile.tick_size),
        atr=array_of(bars, "atr_14"),
        levels=levels_of(inputs.table("levels")),
        trades=trades_of(inputs.table("trades")),
        open_ns=clock.open_ns,
        events_end_ns=clock.events_end_ns,
        tick=profile.tick_size,
        half_width=profile.bands.zone_half_width,
        atr_fraction=profile.bands.zone_atr_fraction,
    )
    table = build_table(
        EVENTS,
        {
            "event_id": entries.event_id,
            "date": inputs.day,
            "contract": objects(session, "contract")[0],
            "level_kind": entries.level_kind,
            "level_kind_code": entries.level_kind_code,
            "direction": entries.direction,
            "anchor_ts_ns": entries.anchor_ts_ns,
            "bar_start_ns": entries.bar_start_ns,
            "first_touch_ts_ns": np.ma.masked_equal(entries.first_touch_ts_ns, NO_TIME),
            "level_price": entries.level_price,
            "spot": entries.spot,
            "zone_half_width": entries.zone_half_width,
            "colocated_kinds": entries.colocated_kinds,
            "roll_contaminated": bool(objects(session, "roll_contaminated")[0]),
            "atr": entries.atr,
        },
        rows=len(entries.event_id),
    )
    metrics = {
        "events": table.num_rows,
        "n_level_moved_onto_price": entries.n_level_moved_onto_price,
        "n_atr_unknown": entries.n_atr_unknown,
    }
    warnings = () if table.num_rows else (f"{inputs.day}: no zone entry in the session",)
    return SessionResult({EVENTS.dataset: table}, metrics, warnings)


STAGE = SessionStage(
    "detect_interaction_zones",
    (work("sessions"), work("bars_1min"), work("levels"), work("trades")),
    (EVENTS,),
    run,
)
