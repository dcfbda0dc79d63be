"""compute_multiwindow_kinematics: velocity, acceleration, jerk and their trend (02 N-10a, N-10b)."""

from __future__ import annotations

from spymaster_lake.contracts.work_features import KINEMATICS_TABLE
from spymaster_lake.features.kinematics import kinematics
from spymaster_lake.stages.feature_engineering.session_gates import implausible
from spymaster_lake.stages.sources import work
from spymaster_lake.stages.spec import SessionInputs, SessionResult, SessionStage, StageContext
from spymaster_lake.stages.tables import build_table, objects
from spymaster_lake.stages.work_arrays import bars_of, event_queries


def run(inputs: SessionInputs, context: StageContext) -> SessionResult:
    """work/kinematics of one session."""
    events, tick = inputs.table("events"), context.profile.tick_size
    bars = bars_of(inputs.table("bars_10s"), tick)
    columns = kinematics(bars, event_queries(events), tick_size=tick)
    columns |= {"event_id": objects(events, "event_id")}
    table = build_table(KINEMATICS_TABLE, {**columns, "date": inputs.day}, rows=events.num_rows)
    bound = context.profile.quality.max_velocity_points_per_s
    warnings = implausible(inputs.day, "velocity_1min", columns["velocity_1min"], bound)
    return SessionResult({KINEMATICS_TABLE.dataset: table}, warnings=warnings)


STAGE = SessionStage(
    "compute_multiwindow_kinematics", (work("events"), work("bars_10s")), (KINEMATICS_TABLE,), run
)
