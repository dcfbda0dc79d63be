"""compute_level_distances: distances to the six levels valid at the anchor, stacking (02 N-13)."""

from __future__ import annotations

from spymaster_lake.contracts.work_features import LEVEL_DISTANCES_TABLE
from spymaster_lake.features.distances import level_distances
from spymaster_lake.features.levels import level_at
from spymaster_lake.stages.session_profile import in_session
from spymaster_lake.stages.sources import work
from spymaster_lake.stages.spec import SessionInputs, SessionResult, SessionStage, StageContext
from spymaster_lake.stages.tables import array_of, build_table, objects
from spymaster_lake.stages.work_arrays import levels_of


def run(inputs: SessionInputs, context: StageContext) -> SessionResult:
    """work/level_distances of one session."""
    events, contract = inputs.table("events"), LEVEL_DISTANCES_TABLE
    context = in_session(inputs, context)
    columns = level_distances(
        spot=array_of(events, "spot"),
        atr=array_of(events, "atr"),
        level=array_of(events, "level_price"),
        kind_code=array_of(events, "level_kind_code"),
        level_matrix=level_at(
            levels_of(inputs.table("levels")), t_ns=array_of(events, "anchor_ts_ns")
        ),
        stacking=context.profile.bands.stacking,
    )
    chosen = {name: values for name, values in columns.items() if name in contract.names}
    keys = {"event_id": objects(events, "event_id"), "date": inputs.day}
    table = build_table(contract, {**chosen, **keys}, rows=events.num_rows)
    return SessionResult({contract.dataset: table})


STAGE = SessionStage(
    "compute_level_distances",
    (work("sessions"), work("events"), work("levels")),
    (LEVEL_DISTANCES_TABLE,),
    run,
)
