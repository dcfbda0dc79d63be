"""Every feature column, declared once for `signals` and `state_table` (02 section 9, 08 C).

The columns are grouped by the stage of the specification that defines them. The few calibrated
ones (08 A14) stay in their group but carry the last stage in `stage`: they are computed after
work/calibration, which needs all session-local columns of earlier sessions.
"""

from __future__ import annotations

from spymaster_lake.contracts.enums import (
    BARRIER_STATES,
    DIRECTION_SIGNS,
    DIRECTIONS,
    ENTRY_OUTCOMES,
    ENTRY_STATUSES,
    FUEL_EFFECTS,
    HORIZONS,
    LABEL_STATUSES,
    OUTCOMES,
    PRIMARY_HORIZON,
    TIME_BUCKET_BOUNDS,
    TIME_BUCKETS,
    time_bucket_of,
)
from spymaster_lake.contracts.errors import UnknownNameError
from spymaster_lake.contracts.features_flow import (
    BARRIER_EVOLUTION,
    BARRIER_WINDOWS_MIN,
    FINAL_STAGE,
    OFI,
    OFI_WINDOWS_S,
    PHYSICS,
)
from spymaster_lake.contracts.features_levels import (
    GEX,
    KIND_SLUGS,
    LEVEL_DISTANCES,
    STACKING_BANDS_PT,
    STRIKE_BANDS,
)
from spymaster_lake.contracts.features_price import (
    APPROACH,
    FORCE_MASS,
    KINEMATIC_WINDOWS_MIN,
    KINEMATICS,
)
from spymaster_lake.contracts.table import Column

__all__ = [
    "APPROACH",
    "BARRIER_EVOLUTION",
    "BARRIER_STATES",
    "BARRIER_WINDOWS_MIN",
    "CALIBRATED",
    "DIRECTIONS",
    "DIRECTION_SIGNS",
    "ENTRY_OUTCOMES",
    "ENTRY_STATUSES",
    "FEATURES",
    "FINAL_STAGE",
    "FORCE_MASS",
    "FUEL_EFFECTS",
    "GEX",
    "GROUPS",
    "HORIZONS",
    "KIND_SLUGS",
    "KINEMATICS",
    "KINEMATIC_WINDOWS_MIN",
    "LABEL_STATUSES",
    "LEVEL_DISTANCES",
    "MIRROR_EXEMPT",
    "MIRROR_PARTNERS",
    "OFI",
    "OFI_WINDOWS_S",
    "OUTCOMES",
    "PHYSICS",
    "PRIMARY_HORIZON",
    "STACKING_BANDS_PT",
    "STRIKE_BANDS",
    "TIME_BUCKETS",
    "TIME_BUCKET_BOUNDS",
    "columns_of_stage",
    "feature",
    "time_bucket_of",
]

GROUPS: dict[str, tuple[Column, ...]] = {
    "compute_physics": PHYSICS,
    "compute_multiwindow_kinematics": KINEMATICS,
    "compute_multiwindow_ofi": OFI,
    "compute_barrier_evolution": BARRIER_EVOLUTION,
    "compute_level_distances": LEVEL_DISTANCES,
    "compute_gex_features": GEX,
    "compute_force_mass": FORCE_MASS,
    "compute_approach_features": APPROACH,
}
"""Feature columns by the stage of the specification that defines them, in published order."""

FEATURES: tuple[Column, ...] = tuple(column for group in GROUPS.values() for column in group)
"""All 129 feature columns in published order."""

_BY_NAME = {column.name: column for column in FEATURES}

CALIBRATED: tuple[str, ...] = tuple(c.name for c in FEATURES if c.stage == FINAL_STAGE)
"""Columns that need a threshold of earlier sessions: theta, q or beta (08 A14)."""


def feature(name: str) -> Column:
    """The feature column called `name`; an unknown name lists near matches."""
    if name not in _BY_NAME:
        raise UnknownNameError("feature", name, _BY_NAME)
    return _BY_NAME[name]


def columns_of_stage(stage: str) -> tuple[Column, ...]:
    """The columns that `stage` computes, in published order.

    Raises:
        UnknownNameError: no feature names this stage.
    """
    found = tuple(c for c in FEATURES if c.stage == stage)
    if not found:
        raise UnknownNameError("feature stage", stage, {c.stage for c in FEATURES})
    return found


def _exchanged() -> dict[str, str]:
    pairs = [("tape_buy_vol", "tape_sell_vol"), ("tape_zone_buy_vol", "tape_zone_sell_vol")]
    pairs += [("call_tide", "put_tide")]
    pairs += [(f"gex_above_{n}strike", f"gex_below_{n}strike") for n in STRIKE_BANDS]
    pairs += [(f"call_gex_above_{n}strike", f"put_gex_below_{n}strike") for n in STRIKE_BANDS]
    for kind in ("pm", "or"):
        for suffix in ("", "_atr", "_frac"):
            pairs.append((f"dist_to_{kind}_high{suffix}", f"dist_to_{kind}_low{suffix}"))
    return {**dict(pairs), **{b: a for a, b in pairs}}


MIRROR_PARTNERS: dict[str, str] = _exchanged()
"""Columns that the mirror exchanges, besides what their frame says (02 10.4-3, 08 A35).

Reflecting prices around the level swaps book sides, aggressors, high and low kinds, calls and
puts: mirrored[c] = s * original[MIRROR_PARTNERS.get(c, c)], s = -1 for market-frame columns.
"""

MIRROR_EXEMPT: tuple[str, ...] = (
    *("fuel_effect", "gamma_exposure", "call_tide", "put_tide"),
    *(column.name for column in GEX),
    *(column.name for column in APPROACH if column.name.endswith("_frac")),
)
"""Columns for which the mirror law is no identity: Black-76 gamma is not symmetric in log strike,
and `_frac` divides by the spot, which the mirror changes."""
