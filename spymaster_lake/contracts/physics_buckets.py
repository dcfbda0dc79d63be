"""The physical meaning of every entry of the episode vector: one of five buckets (03 4.5 [N])."""

from __future__ import annotations

from spymaster_lake.contracts.vector import VECTOR_FEATURES, VECTOR_NAMES
from spymaster_lake.contracts.vector_model import Rows, VectorFeature

PHYSICS_BUCKETS: tuple[str, ...] = (
    "kinematics",
    "order_flow",
    "liquidity_barrier",
    "dealer_gamma",
    "context",
)

_FAMILIES: dict[str, tuple[str, ...]] = {
    "kinematics": (
        *(f"{m}_{w}min" for m in ("velocity", "acceleration", "jerk") for w in (1, 2, 3, 5, 10, 20)),
        *(f"momentum_trend_{w}min" for w in (1, 2, 3, 5, 10, 20)),
        "approach_velocity", "approach_bars", "approach_distance_atr",
        "d_atr", "predicted_accel", "accel_residual", "force_mass_ratio",
    ),
    "order_flow": (
        *(f"{o}_{s}s" for o in ("ofi", "ofi_near_level") for s in (30, 60, 120, 300)),
        "ofi_acceleration", "force_proxy", "flow_alignment", "sweep_detected",
        "tape_imbalance", "tape_velocity", "tape_log_ratio", "tape_log_total",
        "tape_velocity_trend", "tape_imbalance_trend",
    ),
    "liquidity_barrier": (
        *(f"barrier_delta_{w}min" for w in (1, 2, 3, 5)),
        "barrier_delta_liq_log", "wall_ratio_log", "mass_proxy", "barrier_state_encoded",
        "barrier_replenishment_ratio", "barrier_replenishment_trend", "barrier_delta_liq_trend",
    ),
    "dealer_gamma": (
        "gamma_exposure", "fuel_effect_encoded", "gex_ratio", "gex_asymmetry", "net_gex_3strike",
        "gex_above_1strike", "gex_below_1strike", "call_gex_above_2strike", "put_gex_below_2strike",
        "call_tide", "put_tide",
    ),
    "context": (
        "minutes_since_open", "bars_since_open", "atr", "or_active",
        *(f"level_stacking_{band}pt" for band in (2, 5, 10)),
        *(f"dist_to_{k}_atr" for k in ("pm_high", "pm_low", "or_high", "or_low", "sma_90", "ema_20")),
        "prior_touches", "attempt_index", "time_since_last_touch_sec",
    ),
}  # fmt: skip
"""Entries by name; lags and DCT coefficients stand under the name of their series."""


def series_of(feature: VectorFeature) -> str:
    """Name of an entry without its lag or coefficient: `d_atr_lag4`, `dct_d_atr_c0` give `d_atr`."""
    if feature.rows is Rows.HISTORY:
        return feature.name.removesuffix(f"_lag{feature.step}")
    if feature.rows is Rows.TRAJECTORY:
        return feature.name.removeprefix("dct_").removesuffix(f"_c{feature.step}")
    return feature.name


def _mapped() -> dict[str, str]:
    bucket_of = {name: bucket for bucket, names in _FAMILIES.items() for name in names}
    if len(bucket_of) != sum(len(names) for names in _FAMILIES.values()):
        raise ValueError("An entry of the vector stands in two buckets")
    series = [series_of(feature) for feature in VECTOR_FEATURES]
    if set(bucket_of) != set(series):
        raise ValueError(f"Buckets and vector differ: {sorted(set(bucket_of) ^ set(series))}")
    return {name: bucket_of[s] for name, s in zip(VECTOR_NAMES, series, strict=True)}


BUCKET_OF: dict[str, str] = _mapped()
"""Bucket of each of the 149 entries."""
