"""Contracts of the work tables that hold one group of event features each.

Every table has one row per event of work/events, in the same order. Calibrated columns (08 A14)
are not here: they come last, in `signals`. `atr` was attached by detection (08 A33).
"""

from __future__ import annotations

from spymaster_lake.contracts.features import CALIBRATED, GROUPS
from spymaster_lake.contracts.table import Column, Role, TableContract
from spymaster_lake.contracts.work_columns import DATE

EVENT_ID = Column("event_id", "string", "Event.", Role.KEY, nullable=False)


def _group_table(name: str, stage_id: str, *extra: Column) -> TableContract:
    columns = tuple(c for c in GROUPS[stage_id] if c.name not in (*CALIBRATED, "atr"))
    return TableContract(
        f"work/{name}",
        f"Event features of {stage_id}.",
        (EVENT_ID, DATE, *columns, *extra),
        ("event_id",),
        may_be_empty=True,
    )


PHYSICS_TABLE = _group_table(
    "physics",
    "compute_physics",
    Column("src_max_ts_ns", "int64", "Latest event time read for the row.", unit="ns"),
)
KINEMATICS_TABLE = _group_table("kinematics", "compute_multiwindow_kinematics")
OFI_TABLE = _group_table("ofi", "compute_multiwindow_ofi")
BARRIER_EVOLUTION_TABLE = _group_table("barrier_evolution", "compute_barrier_evolution")
LEVEL_DISTANCES_TABLE = _group_table("level_distances", "compute_level_distances")
GEX_TABLE = _group_table("gex", "compute_gex_features")
FORCE_MASS_TABLE = _group_table("force_mass", "compute_force_mass")
APPROACH_TABLE = _group_table("approach", "compute_approach_features")

FEATURE_TABLES: dict[str, TableContract] = {
    "compute_physics": PHYSICS_TABLE,
    "compute_multiwindow_kinematics": KINEMATICS_TABLE,
    "compute_multiwindow_ofi": OFI_TABLE,
    "compute_barrier_evolution": BARRIER_EVOLUTION_TABLE,
    "compute_level_distances": LEVEL_DISTANCES_TABLE,
    "compute_gex_features": GEX_TABLE,
    "compute_force_mass": FORCE_MASS_TABLE,
    "compute_approach_features": APPROACH_TABLE,
}
"""By the stage that writes it."""
