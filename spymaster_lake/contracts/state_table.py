"""Contract of Silver `state_table`: one row per level kind every 30 s, 99 columns (03 1, 08 C).

The features are those of `signals`, evaluated at the grid instant instead of at an anchor. What
refers to the level is null while the level is not active.
"""

from __future__ import annotations

from dataclasses import replace

from spymaster_lake.contracts.enums import DIRECTIONS, TIME_BUCKETS
from spymaster_lake.contracts.features import (
    BARRIER_WINDOWS_MIN,
    KIND_SLUGS,
    KINEMATICS,
    OFI_WINDOWS_S,
    STACKING_BANDS_PT,
    feature,
)
from spymaster_lake.contracts.signals import LEVEL_KIND, SRC_MAX_TS
from spymaster_lake.contracts.table import Column, Role, TableContract
from spymaster_lake.contracts.work_columns import DATE

STATE_STAGE = "materialize_state_table"
CADENCE_S = 30
WARMUP_INSTANTS, SESSION_INSTANTS = 39, 361
"""Grid instants before the open (09:10:30-09:29:30 ET) and from it on (09:30:00-12:30:00 ET)."""

LEVEL_FREE: tuple[str, ...] = (
    "atr",
    *(f"dist_to_{slug}_atr" for slug in KIND_SLUGS),
    *(f"ofi_{seconds}s" for seconds in OFI_WINDOWS_S),
    "ofi_acceleration",
    "tape_velocity",
)
"""Features that need neither level nor direction: filled while the level is not active (03 1.4)."""

CARRIED: tuple[str, ...] = (
    "prior_touches",
    "attempt_index",
    "barrier_replenishment_trend",
    "barrier_delta_liq_trend",
    "tape_velocity_trend",
    "tape_imbalance_trend",
)
"""Features carried from the kind's newest event, either direction, with anchor <= t (08 B20)."""


def _state(name: str) -> Column:
    """The feature `name` as the state table has it."""
    column = replace(feature(name), stage=STATE_STAGE)
    if name in LEVEL_FREE:
        return replace(column, nullable=True)
    if name in CARRIED:
        return _carried(column)
    return replace(
        column, nullable=True, doc=f"{column.doc} Here null also while the level is not active."
    )


def _carried(column: Column) -> Column:
    doc = f"{column.doc.rstrip('.')}, as of the kind's newest event with anchor <= t"
    if column.nullable:
        return replace(column, doc=f"{doc}; null before the first.")
    return replace(column, doc=f"{doc}; 0 before the first.", minimum=0)


_HEAD: tuple[Column, ...] = (
    Column("timestamp", "timestamp", "The instant t as a timestamp.", nullable=False, unit="us"),
    Column("ts_ns", "int64", "The grid instant t.", Role.KEY, "ns", nullable=False),
    DATE,
    replace(
        feature("minutes_since_open"),
        doc="Time of t since the open; null in the warm-up grid.",
        nullable=True,
        minimum=0,
        stage=STATE_STAGE,
    ),
    replace(
        feature("bars_since_open"),
        doc="Whole one-minute bars since the open; null in the warm-up grid.",
        nullable=True,
        minimum=0,
        stage=STATE_STAGE,
    ),
    replace(LEVEL_KIND, role=Role.KEY),
    Column(
        "level_price",
        "double",
        "Level known at t; the running extreme for premarket kinds in the warm-up grid; null while "
        "not active.",
        unit="pt",
    ),
    Column("level_active", "bool", "The level is known at t.", nullable=False),
    Column("spot", "double", "Last trade before t.", unit="pt", nullable=False),
    replace(_state("atr"), doc="Mean of exactly 14 true ranges known at t; null before 14 bars."),
    _state("distance_signed_atr"),
)

_FEATURE_NAMES: tuple[str, ...] = (
    *(f"dist_to_{slug}_atr" for slug in KIND_SLUGS),
    *(f"level_stacking_{band}pt" for band in STACKING_BANDS_PT),
    *(column.name for column in KINEMATICS),
    "approach_velocity",
    "approach_bars",
    "approach_distance_atr",
    *(f"ofi_{seconds}s" for seconds in OFI_WINDOWS_S),
    *(f"ofi_near_level_{seconds}s" for seconds in OFI_WINDOWS_S),
    "ofi_acceleration",
    "tape_imbalance",
    "tape_velocity",
    "tape_buy_vol",
    "tape_sell_vol",
    "sweep_detected",
    "barrier_state",
    "barrier_depth_current",
    "barrier_delta_liq",
    "barrier_replenishment_ratio",
    "wall_ratio",
    *(f"barrier_delta_{minutes}min" for minutes in BARRIER_WINDOWS_MIN),
    *(f"barrier_pct_change_{minutes}min" for minutes in BARRIER_WINDOWS_MIN),
    "gamma_exposure",
    "fuel_effect",
    "gex_asymmetry",
    "gex_ratio",
    "net_gex_3strike",
    "gex_above_1strike",
    "gex_below_1strike",
    "call_gex_above_2strike",
    "put_gex_below_2strike",
    "call_tide",
    "put_tide",
    "predicted_accel",
    "accel_residual",
    "force_mass_ratio",
    *CARRIED,
)

_TAIL: tuple[Column, ...] = (
    replace(
        feature("time_since_prev_event_s"),
        name="time_since_last_touch_sec",
        doc="t minus the kind's newest anchor <= t, not capped; null before the first.",
        stage=STATE_STAGE,
    ),
    Column(
        "direction",
        "string",
        "UP if spot < level_price, else DOWN; null while not active.",
        allowed=DIRECTIONS,
    ),
    Column(
        "time_bucket",
        "string",
        "Bucket of minutes_since_open; null in the warm-up grid.",
        allowed=TIME_BUCKETS,
    ),
    Column("is_warmup", "bool", "The instant lies before the open.", nullable=False),
    SRC_MAX_TS,
)

STATE_TABLE = TableContract(
    "state_table",
    "What was known about one level kind at one instant of the 30-second grid.",
    (*_HEAD, *(_state(name) for name in _FEATURE_NAMES), *_TAIL),
    ("date", "level_kind", "ts_ns"),
)
