"""The column lists of 08 section C, copied from the text, and the reading of its braces."""

from __future__ import annotations

import itertools
import re

SIX = "pm_high,pm_low,or_high,or_low,sma_90,ema_20"
METRICS = "{velocity,acceleration,jerk,momentum_trend}_{1,2,3,5,10,20}min"
PER_HORIZON = "outcome_h t_break_s_h t_reject_s_h mfe_atr_h mae_atr_h"


def expand(text: str) -> list[str]:
    """Names in the notation of 08 C; in a brace product the first factor varies fastest."""
    return [name for word in text.split() for name in _expand_word(word)]


def _expand_word(word: str) -> list[str]:
    factors = [group.split(",") for group in re.findall(r"\{([^}]*)\}", word)]
    frame = re.sub(r"\{[^}]*\}", "{}", word)
    return [frame.format(*reversed(pick)) for pick in itertools.product(*reversed(factors))]


def per_horizon(text: str) -> list[str]:
    """Names of a list `per h`: all of 2min, then 4min, then 8min."""
    return [
        re.sub(r"_h$", f"_{h}", name) for h in ("2min", "4min", "8min") for name in text.split()
    ]


CONTEXT = expand(
    "event_id date contract level_kind level_kind_code direction anchor_ts_ns bar_start_ns "
    "first_touch_ts_ns level_price spot zone_half_width colocated_kinds roll_contaminated "
    "src_max_ts_ns"
)

STAGES = {
    "compute_physics": expand(
        "barrier_state barrier_delta_liq barrier_replenishment_ratio wall_ratio tape_imbalance "
        "tape_buy_vol tape_sell_vol tape_velocity sweep_detected fuel_effect gamma_exposure "
        "call_tide put_tide barrier_zone_coverage facing_depth facing_depth_ratio barrier_added "
        "barrier_canceled barrier_filled tape_zone_buy_vol tape_zone_sell_vol tape_zone_imbalance "
        "sweep_side"
    ),
    "compute_multiwindow_kinematics": expand(METRICS),
    "compute_multiwindow_ofi": expand("{ofi,ofi_near_level}_{30,60,120,300}s ofi_acceleration"),
    "compute_barrier_evolution": expand(
        "barrier_delta_{1,2,3,5}min barrier_pct_change_{1,2,3,5}min barrier_depth_current "
        "facing_depth_delta_{1,2,3,5}min"
    ),
    "compute_level_distances": expand(
        f"dist_to_{{{SIX}}} dist_to_{{{SIX}}}_atr level_stacking_{{2,5,10}}pt"
    ),
    "compute_gex_features": expand(
        "{gex_above,gex_below,call_gex_above,put_gex_below}_{1,2,3}strike gex_asymmetry gex_ratio "
        "net_gex_3strike"
    ),
    "compute_force_mass": expand("predicted_accel accel_residual force_mass_ratio"),
    "compute_approach_features": expand(
        "atr approach_velocity approach_bars approach_distance prior_touches "
        "time_since_prev_event_s minutes_since_open bars_since_open wall_ratio_log "
        "barrier_delta_liq_log distance_signed distance_signed_atr distance_signed_frac "
        f"dist_to_{{{SIX}}}_frac approach_distance_atr approach_distance_frac attempt_index "
        "attempt_cluster_id barrier_replenishment_trend barrier_delta_liq_trend "
        "tape_velocity_trend tape_imbalance_trend"
    ),
}

LABELS = [
    *expand("event_id date anchor_ts_ns tau_ns x_tau rw_p_break tested resolved_before_anchor"),
    "label_status",
    *per_horizon(f"{PER_HORIZON} label_end_ns_h"),
    *expand("entry_x0 entry_rw_p_break entry_status"),
    *per_horizon(" ".join(f"entry_{name}" for name in PER_HORIZON.split())),
]

STATE_TABLE = expand(
    "timestamp ts_ns date minutes_since_open bars_since_open level_kind level_price level_active "
    f"spot atr distance_signed_atr dist_to_{{{SIX}}}_atr level_stacking_{{2,5,10}}pt {METRICS} "
    "approach_velocity approach_bars approach_distance_atr ofi_{30,60,120,300}s "
    "ofi_near_level_{30,60,120,300}s ofi_acceleration tape_imbalance tape_velocity tape_buy_vol "
    "tape_sell_vol sweep_detected barrier_state barrier_depth_current barrier_delta_liq "
    "barrier_replenishment_ratio wall_ratio barrier_delta_{1,2,3,5}min "
    "barrier_pct_change_{1,2,3,5}min gamma_exposure fuel_effect gex_asymmetry gex_ratio "
    "net_gex_3strike gex_above_1strike gex_below_1strike call_gex_above_2strike "
    "put_gex_below_2strike call_tide put_tide predicted_accel accel_residual force_mass_ratio "
    "prior_touches attempt_index barrier_replenishment_trend barrier_delta_liq_trend "
    "tape_velocity_trend tape_imbalance_trend time_since_last_touch_sec direction time_bucket "
    "is_warmup src_max_ts_ns"
)

EPISODES = {
    "episodes/vectors": expand("event_id date anchor_ts_ns vector_raw n_missing"),
    "episodes/sequences": expand("event_id date anchor_ts_ns sequence sequence_mask"),
    "episodes/metadata": [
        *expand(
            "event_id episode_id date timestamp anchor_ts_ns bar_start_ns level_kind "
            "level_kind_code level_price direction spot atr minutes_since_open time_bucket "
            "prior_touches attempt_index attempt_cluster_id time_since_last_touch_sec "
            "emission_weight gate_zone gate_bars gate_velocity traj_n_observed traj_padded "
            "n_missing roll_contaminated src_max_ts_ns pipeline_version label_status "
            "resolved_before_anchor"
        ),
        *per_horizon(f"{PER_HORIZON} label_end_ns_h"),
    ],
    "episodes/rejected": expand("event_id date reason"),
}
