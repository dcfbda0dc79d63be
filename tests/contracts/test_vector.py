"""The table of the 149 vector entries."""

from __future__ import annotations

from collections import Counter

import pytest

from spymaster_lake.contracts.enums import BARRIER_STATES, FUEL_EFFECTS
from spymaster_lake.contracts.errors import UnknownNameError
from spymaster_lake.contracts.signals import SIGNALS
from spymaster_lake.contracts.state_table import STATE_TABLE
from spymaster_lake.contracts.vector import (
    BARRIER_STATE_CODES,
    FUEL_EFFECT_CODES,
    REQUIRED_ENTRIES,
    SECTIONS,
    VECTOR_FEATURES,
    VECTOR_NAMES,
    Method,
    Rows,
    Transform,
    vector_index,
)

WINDOWS = ("1min", "2min", "3min", "5min", "10min", "20min")
SPEC_NAMES = [
    *("minutes_since_open", "bars_since_open", "atr", "or_active"),
    *("level_stacking_2pt", "level_stacking_5pt", "level_stacking_10pt"),
    *("dist_to_pm_high_atr", "dist_to_pm_low_atr", "dist_to_or_high_atr", "dist_to_or_low_atr"),
    *("dist_to_sma_90_atr", "dist_to_ema_20_atr", "prior_touches", "attempt_index"),
    *("time_since_last_touch_sec", "gamma_exposure", "fuel_effect_encoded", "gex_ratio"),
    *("gex_asymmetry", "net_gex_3strike", "gex_above_1strike", "gex_below_1strike"),
    *("call_gex_above_2strike", "put_gex_below_2strike"),
    *(f"velocity_{w}" for w in WINDOWS),
    *(f"acceleration_{w}" for w in WINDOWS),
    *(f"jerk_{w}" for w in WINDOWS),
    *(f"momentum_trend_{w}" for w in WINDOWS),
    *("ofi_30s", "ofi_60s", "ofi_120s", "ofi_300s"),
    *("ofi_near_level_30s", "ofi_near_level_60s", "ofi_near_level_120s", "ofi_near_level_300s"),
    *("ofi_acceleration", "barrier_delta_1min", "barrier_delta_2min", "barrier_delta_3min"),
    *("barrier_delta_5min", "approach_velocity", "approach_bars", "approach_distance_atr"),
    *(f"d_atr_lag{k}" for k in (4, 3, 2, 1, 0)),
    *(f"tape_imbalance_lag{k}" for k in (4, 3, 2, 1, 0)),
    *(f"tape_velocity_lag{k}" for k in (4, 3, 2, 1, 0)),
    *(f"ofi_60s_lag{k}" for k in (4, 3, 2, 1, 0)),
    *(f"barrier_delta_liq_log_lag{k}" for k in (4, 3, 2, 1, 0)),
    *(f"wall_ratio_log_lag{k}" for k in (4, 3, 2, 1, 0)),
    *(f"gamma_exposure_lag{k}" for k in (4, 3, 2, 1, 0)),
    *("predicted_accel", "accel_residual", "force_mass_ratio", "mass_proxy", "force_proxy"),
    *("barrier_state_encoded", "barrier_replenishment_ratio", "sweep_detected"),
    *("tape_log_ratio", "tape_log_total", "flow_alignment", "call_tide", "put_tide"),
    *("barrier_replenishment_trend", "barrier_delta_liq_trend"),
    *("tape_velocity_trend", "tape_imbalance_trend"),
    *(f"dct_d_atr_c{k}" for k in range(8)),
    *(f"dct_ofi_60s_c{k}" for k in range(8)),
    *(f"dct_barrier_delta_liq_log_c{k}" for k in range(8)),
    *(f"dct_tape_imbalance_c{k}" for k in range(8)),
]


def test_vector__names_of_the_specification() -> None:
    """149 unique names at the indices of the specification."""
    assert list(VECTOR_NAMES) == SPEC_NAMES
    assert [f.index for f in VECTOR_FEATURES] == list(range(149))
    assert len(set(VECTOR_NAMES)) == 149


def test_vector__sections_tile_it() -> None:
    """The six sections are half-open, adjacent and say where each entry lies."""
    assert list(SECTIONS.values()) == [
        *((0, 25), (25, 65), (65, 100)),
        *((100, 113), (113, 117), (117, 149)),
    ]
    for name, (first, stop) in SECTIONS.items():
        assert {f.section for f in VECTOR_FEATURES[first:stop]} == {name}


def test_vector__methods() -> None:
    """Normalisation by index: five kinematic entries moved from robust to z-score."""
    by_method = {
        method: {f.index for f in VECTOR_FEATURES if f.method is method} for method in Method
    }
    assert by_method[Method.PASS] == {3, 17, 105, 107}
    assert by_method[Method.MIN_MAX] == {0, 1, 4, 5, 6, 13, 14, 15, 63}
    assert by_method[Method.Z_SCORE] == {
        *(2, *range(7, 13), *range(25, 49), 62, 64),
        *(*range(65, 70), 100, *range(117, 149)),
    }
    assert Counter(f.method.value for f in VECTOR_FEATURES) == {"M": 9, "Z": 71, "R": 65, "P": 4}


@pytest.mark.parametrize(
    ("index", "high"),
    [(0, 180), (1, 180), (4, 6), (5, 6), (6, 6), (13, 10), (14, 10), (15, 900), (63, 10)],
)
def test_vector__fixed_ranges(index: int, high: float) -> None:
    """Min-max entries have a fixed range from 0."""
    assert (VECTOR_FEATURES[index].low, VECTOR_FEATURES[index].high) == (0, high)


def test_vector__only_min_max_has_a_range() -> None:
    """No other method has a fixed range."""
    for f in VECTOR_FEATURES:
        assert (f.low is None, f.high is None) == (f.method is not Method.MIN_MAX,) * 2, f.name


@pytest.mark.parametrize(
    ("index", "transform", "sources"),
    [
        (3, Transform.OR_ACTIVE, ("minutes_since_open",)),
        (9, Transform.ZERO_BEFORE_OR, ("dist_to_or_high_atr", "minutes_since_open")),
        (15, Transform.RECENCY, ("time_since_prev_event_s",)),
        (17, Transform.FUEL_CODE, ("fuel_effect",)),
        (20, Transform.IDENTITY, ("net_gex_3strike",)),
        (57, Transform.SIGNED_LOG, ("ofi_acceleration",)),
        (85, Transform.SIGNED_LOG, ("barrier_delta_liq",)),
        (94, Transform.LOG1P, ("wall_ratio",)),
        (101, Transform.IDENTITY, ("accel_residual",)),
        (103, Transform.LOG1P_ABS, ("barrier_depth_current",)),
        (104, Transform.FORCE_PROXY, ("ofi_60s", "barrier_depth_current")),
        (105, Transform.BARRIER_CODE, ("barrier_state",)),
        (107, Transform.BOOLEAN, ("sweep_detected",)),
        (108, Transform.LOG_RATIO, ("tape_buy_vol", "tape_sell_vol")),
        (109, Transform.LOG_TOTAL, ("tape_buy_vol", "tape_sell_vol")),
        (110, Transform.FLOW_ALIGNMENT, ("ofi_60s", "distance_signed_atr")),
        (117, Transform.DCT, ("distance_signed_atr",)),
        (140, Transform.DCT_SIGNED_LOG, ("barrier_delta_liq",)),
    ],
)
def test_vector__transform(index: int, transform: Transform, sources: tuple[str, ...]) -> None:
    """Derived entries name their source columns and what is done to them."""
    entry = VECTOR_FEATURES[index]
    assert (entry.transform, entry.sources) == (transform, sources)


def test_vector__plain_entries_copy_the_column_of_their_name() -> None:
    """An untransformed entry of the anchor row is the column it is named after."""
    plain = [
        f for f in VECTOR_FEATURES if f.transform is Transform.IDENTITY and f.rows is Rows.ANCHOR
    ]
    assert len(plain) == 69
    for f in plain:
        assert f.sources == (f.name,)


def test_vector__sources_exist() -> None:
    """Anchor entries read columns of signals, the others columns of the state table."""
    for f in VECTOR_FEATURES:
        table = SIGNALS if f.rows is Rows.ANCHOR else STATE_TABLE
        assert set(f.sources) <= set(table.names), f.name


def test_vector__rows_by_section() -> None:
    """Micro-history reads five rows, oldest first; the basis reads forty; the rest the anchor's."""
    assert {f.index for f in VECTOR_FEATURES if f.rows is Rows.HISTORY} == set(range(65, 100))
    assert {f.index for f in VECTOR_FEATURES if f.rows is Rows.TRAJECTORY} == set(range(117, 149))
    assert [VECTOR_FEATURES[i].step for i in range(65, 70)] == [4, 3, 2, 1, 0]
    assert [VECTOR_FEATURES[i].step for i in range(117, 125)] == list(range(8))
    assert VECTOR_FEATURES[0].step is None


def test_vector__codes() -> None:
    """Codes cover exactly the enumerations and have the signs in force."""
    assert set(FUEL_EFFECT_CODES) == set(FUEL_EFFECTS)
    assert set(BARRIER_STATE_CODES) == set(BARRIER_STATES)
    assert FUEL_EFFECT_CODES == {"AMPLIFY": 1, "NEUTRAL": 0, "DAMPEN": -1}
    assert [BARRIER_STATE_CODES[s] for s in ("VACUUM", "WEAK", "ABSORPTION", "WALL")] == [
        *(-2, -1, 1, 2),
    ]


def test_vector__required_entries() -> None:
    """Only ATR, the newest distance and its trajectory reject an event (08 B1)."""
    assert (2, 69, *range(117, 125)) == REQUIRED_ENTRIES


def test_vector_index__unknown_name() -> None:
    """Old suffixes are refused with the near match."""
    assert vector_index("d_atr_lag0") == 69
    with pytest.raises(UnknownNameError, match="d_atr_lag"):
        vector_index("d_atr_t4")
