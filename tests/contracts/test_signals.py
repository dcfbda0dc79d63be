"""The signals contract and the feature declarations it is made of."""

from __future__ import annotations

import re

import pytest

from spymaster_lake.contracts import features
from spymaster_lake.contracts.errors import UnknownNameError
from spymaster_lake.contracts.features import (
    CALIBRATED,
    FEATURES,
    GROUPS,
    MIRROR_EXEMPT,
    MIRROR_PARTNERS,
    columns_of_stage,
    feature,
    time_bucket_of,
)
from spymaster_lake.contracts.labels import LABELS
from spymaster_lake.contracts.signals import SIGNALS, SIGNALS_CONTEXT
from spymaster_lake.contracts.table import Column, Frame, Role
from tests.contracts import spec_columns as spec

EVERY_FEATURE = pytest.mark.parametrize("column", FEATURES, ids=lambda c: c.name)


def test_signals__columns_of_the_specification() -> None:
    """15 context and 129 feature columns, in the order of the specification."""
    assert SIGNALS.names == (*spec.CONTEXT, *(n for names in spec.STAGES.values() for n in names))
    assert (len(SIGNALS.names), len(SIGNALS_CONTEXT), len(FEATURES)) == (144, 15, 129)


@pytest.mark.parametrize(
    ("group", "count"),
    [
        ("compute_physics", 23),
        ("compute_multiwindow_kinematics", 24),
        ("compute_multiwindow_ofi", 9),
        ("compute_barrier_evolution", 13),
        ("compute_level_distances", 15),
        ("compute_gex_features", 15),
        ("compute_force_mass", 3),
        ("compute_approach_features", 27),
    ],
)
def test_features__by_group(group: str, count: int) -> None:
    """Each stage of the specification defines exactly its columns."""
    names = [c.name for c in GROUPS[group]]
    assert names == spec.STAGES[group]
    assert len(names) == count


def test_features__computing_stage() -> None:
    """A column is computed by its group's stage, but for calibrated ones and ATR."""
    exceptions = {
        c.name: c.stage for group, columns in GROUPS.items() for c in columns if c.stage != group
    }
    last = "filter_rth_and_write_silver_signals"
    assert exceptions == {
        "sweep_detected": last,
        "fuel_effect": last,
        "sweep_side": last,
        "predicted_accel": last,
        "accel_residual": last,
        "atr": "detect_interaction_zones",
    }
    assert set(CALIBRATED) == set(exceptions) - {"atr"}


def test_columns_of_stage__lists_and_refuses() -> None:
    """The columns of a stage come in published order; an unknown stage is an error."""
    assert [c.name for c in columns_of_stage("compute_force_mass")] == ["force_mass_ratio"]
    assert tuple(c.name for c in columns_of_stage(features.FINAL_STAGE)) == CALIBRATED
    with pytest.raises(UnknownNameError, match="compute_force_mass"):
        columns_of_stage("compute_force_mas")


def test_feature__unknown_name() -> None:
    """An old or misspelt name is an error that lists the near match; there are no aliases."""
    with pytest.raises(UnknownNameError, match="net_gex_3strike"):
        feature("net_gex_2strike")


@EVERY_FEATURE
def test_feature__metadata_is_complete(column: Column) -> None:
    """Every feature states role, unit, frame, stage and a sentence."""
    assert column.role is Role.FEATURE
    assert isinstance(column.frame, Frame)
    assert column.stage
    assert column.unit in {
        *("1", "ATR", "pt", "pt/s", "pt/s^2", "pt/s^3", "pt/min", "USD", "USD/pt^2", "s", "min"),
        *("contracts", "contracts/s", "bars", "events", "clusters", "levels"),
    }


@EVERY_FEATURE
def test_feature__window_is_half_open(column: Column) -> None:
    """Windows end before t; only clock columns read no record at all."""
    if column.name in {"minutes_since_open", "bars_since_open"}:
        assert column.window == ""
    else:
        assert re.fullmatch(r"\[(t-\d+s|session start|3 sessions before), t\)", column.window), (
            column.window
        )


@EVERY_FEATURE
def test_feature__says_when_it_is_null(column: Column) -> None:
    """A nullable feature says when it is null, one that is not never promises null."""
    assert ("null" in column.doc.replace("never null", "")) is column.nullable, column.doc


def test_features__never_null() -> None:
    """Only what is observable at every anchor refuses null."""
    assert {c.name for c in FEATURES if not c.nullable} == {
        *("tape_buy_vol", "tape_sell_vol", "tape_zone_buy_vol", "tape_zone_sell_vol"),
        *("level_stacking_2pt", "level_stacking_5pt", "level_stacking_10pt"),
        *("atr", "prior_touches", "minutes_since_open", "bars_since_open"),
        *("distance_signed", "distance_signed_atr", "distance_signed_frac"),
        *("attempt_index", "attempt_cluster_id"),
    }


def test_features__types_other_than_double() -> None:
    """Integers, flags and names are typed as the specification says."""
    assert {c.name: c.type for c in FEATURES if c.type != "double"} == {
        "barrier_state": "string",
        "fuel_effect": "string",
        "tape_buy_vol": "int64",
        "tape_sell_vol": "int64",
        "tape_zone_buy_vol": "int64",
        "tape_zone_sell_vol": "int64",
        "sweep_detected": "bool",
        "sweep_side": "int8",
        "level_stacking_2pt": "int8",
        "level_stacking_5pt": "int8",
        "level_stacking_10pt": "int8",
        "approach_bars": "int32",
        "prior_touches": "int32",
        "bars_since_open": "int32",
        "attempt_index": "int64",
        "attempt_cluster_id": "int64",
    }


@pytest.mark.parametrize(
    ("name", "frame"),
    [
        ("velocity_1min", "approach"),
        ("jerk_20min", "approach"),
        ("momentum_trend_1min", "approach"),
        ("approach_velocity", "approach"),
        ("force_mass_ratio", "approach"),
        ("accel_residual", "approach"),
        ("tape_imbalance", "market"),
        ("tape_velocity", "market"),
        ("tape_zone_imbalance", "market"),
        ("sweep_side", "market"),
        ("ofi_60s", "market"),
        ("ofi_near_level_300s", "market"),
        ("ofi_acceleration", "market"),
        ("dist_to_sma_90", "market"),
        ("distance_signed_atr", "market"),
        ("tape_velocity_trend", "market"),
        ("barrier_state", "unsigned"),
        ("barrier_delta_liq", "unsigned"),
        ("facing_depth_delta_5min", "unsigned"),
        ("barrier_pct_change_2min", "unsigned"),
        ("level_stacking_10pt", "unsigned"),
        ("wall_ratio_log", "unsigned"),
        ("atr", "unsigned"),
    ],
)
def test_feature__frame(name: str, frame: str) -> None:
    """The frame is the one that 02 states for the column."""
    assert feature(name).frame == frame


def test_mirror_partners__are_mutual() -> None:
    """What the mirror exchanges has one partner of the same unit, type and frame."""
    for name, partner in MIRROR_PARTNERS.items():
        one, other = feature(name), feature(partner)
        assert MIRROR_PARTNERS[partner] == name != partner
        assert (one.unit, one.type, one.frame) == (other.unit, other.type, other.frame)
    assert MIRROR_PARTNERS["dist_to_pm_high_atr"] == "dist_to_pm_low_atr"
    assert set(MIRROR_EXEMPT) < {c.name for c in FEATURES}


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("barrier_state", {"VACUUM", "WALL", "ABSORPTION", "CONSUMED", "WEAK", "NEUTRAL"}),
        ("fuel_effect", {"AMPLIFY", "NEUTRAL", "DAMPEN"}),
        ("direction", {"UP", "DOWN"}),
        ("level_kind", {"PM_HIGH", "PM_LOW", "OR_HIGH", "OR_LOW", "SMA_90", "EMA_20"}),
    ],
)
def test_signals__closed_sets(name: str, allowed: set[str]) -> None:
    """The enumerations are those of the specification."""
    assert set(SIGNALS.column(name).allowed) == allowed


@pytest.mark.parametrize(
    ("name", "bounds"),
    [
        ("tape_imbalance", (-1, 1)),
        ("barrier_zone_coverage", (0, 1)),
        ("gex_ratio", (0, 1)),
        ("call_gex_above_2strike", (0, None)),
        ("put_gex_below_2strike", (None, 0)),
        ("barrier_pct_change_5min", (-1, None)),
        ("level_stacking_5pt", (0, 5)),
        ("minutes_since_open", (1, 180)),
        ("approach_bars", (0, 10)),
        ("attempt_index", (1, None)),
        ("velocity_1min", (None, None)),
    ],
)
def test_signals__bounds(name: str, bounds: tuple[float | None, float | None]) -> None:
    """Bounds are laws of the definitions; plausibility is the profile's business (08 A16)."""
    column = SIGNALS.column(name)
    assert (column.minimum, column.maximum) == bounds


def test_signals__may_be_constant() -> None:
    """Only context may stay constant over months without being reported (08 A9)."""
    constant = {c.name for c in SIGNALS.columns if c.may_be_constant}
    assert constant == {"zone_half_width", "roll_contaminated"}


def test_signals__hold_no_label() -> None:
    """No label column can stand among the features."""
    assert not SIGNALS.of_role(Role.LABEL)
    assert set(SIGNALS.names) & set(LABELS.names) == {"event_id", "date", "anchor_ts_ns"}


def test_signals__dropped_names_do_not_exist() -> None:
    """Names that the rulings abolish are nowhere (08 A2, 02 10.3)."""
    abolished = {
        *("anchor_price", "entry_price", "zone_width", "ref_ts_ns", "level_kind_name"),
        *("dist_to_tested_level", "level_price_pct", "wall_ratio_nonzero", "volatility"),
        *("net_gex_2strike", "distance_signed_pct", "ts_ns"),
    }
    assert not abolished & set(SIGNALS.names)


@pytest.mark.parametrize(
    ("minutes", "bucket"),
    [
        (0.0, "T0_15"),
        (14.99, "T0_15"),
        (15.0, "T15_30"),
        (60.0, "T60_120"),
        (120.0, "T120_180"),
        (180.0, "T120_180"),
    ],
)
def test_time_bucket__edges(minutes: float, bucket: str) -> None:
    """Buckets are half-open, only the last contains its end."""
    assert time_bucket_of(minutes) == bucket


@pytest.mark.parametrize("minutes", [-0.5, 180.5, float("nan")])
def test_time_bucket__outside(minutes: float) -> None:
    """Instants outside the event window have no bucket."""
    with pytest.raises(UnknownNameError, match="time bucket"):
        time_bucket_of(minutes)
