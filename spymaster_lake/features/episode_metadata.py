"""What is stored beside a vector: weight, gates, padding, the episode's name (03 2.7, 08 B31)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.features.arrays import F64, I64, Bool
from spymaster_lake.features.columns import Columns, nullable, ratio

PROXIMITY_ATR = 1.5
SPEED_FLOOR = 0.2
AGAINST_FLOW = 0.6

GATE_ZONE_ATR = 2.0
GATE_BARS = 2
GATE_VELOCITY_ATR = 0.10

MIN_OBSERVED = 20
"""With fewer observed samples a trajectory counts as padded (03 2.3)."""


def emission_weight(
    *, spot: F64, level: F64, atr: F64, approach_velocity: F64, ofi_60s: F64, full_speed: float
) -> F64:
    """exp(-abs(spot - L) / 1.5 ATR) x clip(abs(velocity) / full speed, 0.2, 1) x agreement of flow.

    Agreement is 1 if the flow's sign is 0 or that of the approach, -sign(spot - L), or if spot is
    at the level; else 0.6. The weight is stored and weights nothing.

    Args:
        spot: float64[e] points.
        level: float64[e] points.
        atr: float64[e] points.
        approach_velocity: float64[e] pt/min.
        ofi_60s: float64[e] contracts, market frame.
        full_speed: pt/min from which on an approach is fast (2 for the index future of 08 B31).

    Returns:
        float64[e] in (0, 1]; NaN where an input is unknown (08 B31).
    """
    proximity = np.exp(-ratio(np.abs(spot - level), PROXIMITY_ATR * atr))
    speed = np.clip(np.abs(approach_velocity) / full_speed, SPEED_FLOOR, 1.0)
    against = np.sign(ofi_60s) * -np.sign(spot - level) < 0
    flow = np.where(np.isnan(ofi_60s), np.nan, np.where(against, AGAINST_FLOW, 1.0))
    weight: F64 = proximity * speed * flow
    return weight


def gates(
    *, distance_signed_atr: F64, approach_bars: F64, approach_velocity: F64, atr: F64
) -> Columns:
    """Whether the approach was near, steady and fast; stored, applied only on request (03 2.1).

    Returns:
        `gate_zone` (abs(distance) <= 2.0 ATR), `gate_bars` (>= 2), `gate_velocity` (velocity / atr
        >= 0.10 per minute): object[e] bool, None where the input is unknown.
    """
    speed = ratio(approach_velocity, atr)
    return {
        "gate_zone": _gate(np.abs(distance_signed_atr) <= GATE_ZONE_ATR, distance_signed_atr),
        "gate_bars": _gate(approach_bars >= GATE_BARS, approach_bars),
        "gate_velocity": _gate(speed >= GATE_VELOCITY_ATR, speed),
    }


def _gate(passed: Bool, source: F64) -> NDArray[np.object_]:
    return nullable(passed, ~np.isnan(source))


def trajectory_facts(n_observed: I64) -> Columns:
    """`traj_n_observed` int32[e] and `traj_padded` bool[e]: fewer than 20 of 40 observed."""
    return {
        "traj_n_observed": n_observed.astype(np.int32),
        "traj_padded": n_observed < MIN_OBSERVED,
    }


def episode_ids(
    *,
    day: str,
    level_kind: NDArray[np.object_],
    direction: NDArray[np.object_],
    attempt_cluster_id: I64,
) -> NDArray[np.object_]:
    """`{date}_{kind}_{direction}_{attempt_cluster_id}`, shared by a cluster's attempts (03 D41)."""
    names = zip(level_kind, direction, attempt_cluster_id, strict=True)
    return np.array([f"{day}_{kind}_{way}_{cluster}" for kind, way, cluster in names], object)
