"""compute_force_mass: order-flow force over facing depth (02 N-14).

`predicted_accel` and `accel_residual` need beta of earlier sessions and come last (08 A14).
"""

from __future__ import annotations

from spymaster_lake.contracts.work_features import FORCE_MASS_TABLE
from spymaster_lake.features.force_mass import force_mass_ratio
from spymaster_lake.stages.join import aligned
from spymaster_lake.stages.sources import work
from spymaster_lake.stages.spec import SessionInputs, SessionResult, SessionStage, StageContext
from spymaster_lake.stages.tables import array_of, build_table, objects
from spymaster_lake.stages.work_arrays import sigma_of


def run(inputs: SessionInputs, context: StageContext) -> SessionResult:  # noqa: ARG001 - stage signature
    """work/force_mass of one session."""
    events = inputs.table("events")
    ofi, physics = aligned(events, inputs.table("ofi")), aligned(events, inputs.table("physics"))
    ratio = force_mass_ratio(
        sigma=sigma_of(events),
        ofi_60s=array_of(ofi, "ofi_60s"),
        facing_depth=array_of(physics, "facing_depth"),
    )
    columns = {
        "event_id": objects(events, "event_id"), "date": inputs.day, "force_mass_ratio": ratio,
    }  # fmt: skip
    table = build_table(FORCE_MASS_TABLE, columns, rows=events.num_rows)
    return SessionResult({FORCE_MASS_TABLE.dataset: table})


STAGE = SessionStage(
    "compute_force_mass",
    (
        work("events"),
        work("ofi", "event_id", "date", "ofi_60s"),
        work("physics", "event_id", "date", "facing_depth"),
    ),
    (FORCE_MASS_TABLE,),
    run,
)
