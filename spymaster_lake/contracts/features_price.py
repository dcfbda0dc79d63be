"""Feature columns of the path of price: kinematics, force and mass, approach (02 2, 7, 8).

`window` is the nominal window of the definition; as-of prices may come from up to 60 s before it
begins, never from t or later.
"""

from __future__ import annotations

from functools import partial

from spymaster_lake.contracts.features_flow import FINAL_STAGE, SESSION_WINDOW
from spymaster_lake.contracts.features_levels import KIND_SLUGS, level_window
from spymaster_lake.contracts.table import Column, Frame, Role

KINEMATIC_WINDOWS_MIN: tuple[int, ...] = (1, 2, 3, 5, 10, 20)
_kinematic = partial(
    Column,
    role=Role.FEATURE,
    frame=Frame.APPROACH,
    type="double",
    stage="compute_multiwindow_kinematics",
)


def _kinematics_of(minutes: int) -> tuple[Column, ...]:
    window, null = f"[t-{60 * minutes}s, t)", "null if one of the 10-s samples is older than 60 s"
    trend = (
        "Slope of the last three 10-s samples - velocity_1min"
        if minutes == 1
        else f"velocity_1min - velocity_{minutes}min"
    )
    return (
        _kinematic(
            f"velocity_{minutes}min",
            doc=f"Least-squares slope of price; {null}.",
            unit="pt/s",
            window=window,
        ),
        _kinematic(
            f"acceleration_{minutes}min",
            doc=f"Twice the quadratic coefficient; {null}.",
            unit="pt/s^2",
            window=window,
        ),
        _kinematic(
            f"jerk_{minutes}min",
            doc=f"Six times the cubic coefficient; {null}.",
            unit="pt/s^3",
            window=window,
        ),
        _kinematic(
            f"momentum_trend_{minutes}min",
            doc=f"{trend} (speeding up if positive); {null}.",
            unit="pt/s",
            window=window,
        ),
    )


KINEMATICS: tuple[Column, ...] = tuple(
    column for minutes in KINEMATIC_WINDOWS_MIN for column in _kinematics_of(minutes)
)
"""24 columns of 02 section 2 with N-10, 08 A32."""

_force = partial(
    Column, role=Role.FEATURE, frame=Frame.APPROACH, type="double", window="[t-60s, t)"
)

FORCE_MASS: tuple[Column, ...] = (
    _force(
        "predicted_accel",
        doc="beta * force_mass_ratio, hence collinear with it; null where the ratio or the "
        "calibrated beta is.",
        unit="pt/s^2",
        stage=FINAL_STAGE,
    ),
    _force(
        "accel_residual",
        doc="acceleration_1min - predicted_accel; null where either is.",
        unit="pt/s^2",
        stage=FINAL_STAGE,
    ),
    _force(
        "force_mass_ratio",
        doc="Approach-signed ofi_60s / facing_depth; null where either is, or depth is 0.",
        stage="compute_force_mass",
    ),
)
"""3 columns of 02 section 7 with N-14, 08 A14, B18."""

_approach = partial(Column, role=Role.FEATURE, stage="compute_approach_features")
_STALE = "null if one of the eleven 1-min samples is older than 60 s"


def _trend(source: str, unit: str, frame: Frame) -> Column:
    return _approach(
        f"{source}_trend",
        "double",
        f"{source} minus its value at the first event of the attempt cluster; null at that event "
        "or where either is.",
        unit=unit,
        frame=frame,
        window=SESSION_WINDOW,
    )


def _log(source: str) -> Column:
    return _approach(
        f"{source}_log",
        "double",
        f"sign(x) ln(1 + abs x) of {source}; null where it is.",
        frame=Frame.UNSIGNED,
        window="[t-1800s, t)" if source == "wall_ratio" else "[t-240s, t)",
    )


APPROACH: tuple[Column, ...] = (
    _approach(
        "atr",
        "double",
        "Mean of exactly 14 one-minute true ranges known at t; never null.",
        unit="pt",
        nullable=False,
        frame=Frame.UNSIGNED,
        window=SESSION_WINDOW,
        minimum=0,
        stage="detect_interaction_zones",
    ),
    _approach(
        "approach_velocity",
        "double",
        f"Move toward the level over 10 min, per minute; {_STALE}.",
        unit="pt/min",
        frame=Frame.APPROACH,
        window="[t-600s, t)",
    ),
    _approach(
        "approach_bars",
        "int32",
        f"Trailing 1-min steps strictly toward the level; {_STALE}.",
        unit="bars",
        frame=Frame.APPROACH,
        window="[t-600s, t)",
        minimum=0,
        maximum=10,
    ),
    _approach(
        "approach_distance",
        "double",
        f"Move toward the level over 10 min, negative for a retreat; {_STALE}.",
        unit="pt",
        frame=Frame.APPROACH,
        window="[t-600s, t)",
    ),
    _approach(
        "prior_touches",
        "int32",
        "Earlier events of the same date and kind during which price came within the touch band.",
        unit="events",
        nullable=False,
        frame=Frame.UNSIGNED,
        window=SESSION_WINDOW,
        minimum=0,
    ),
    _approach(
        "time_since_prev_event_s",
        "double",
        "Time since the previous anchor of the same date and kind, either direction; null for "
        "the first.",
        unit="s",
        frame=Frame.UNSIGNED,
        window=SESSION_WINDOW,
        minimum=0,
    ),
    _approach(
        "minutes_since_open",
        "double",
        "Time of the anchor since the open.",
        unit="min",
        nullable=False,
        frame=Frame.UNSIGNED,
        minimum=1,
        maximum=180,
    ),
    _approach(
        "bars_since_open",
        "int32",
        "minutes_since_open in whole one-minute bars.",
        unit="bars",
        nullable=False,
        frame=Frame.UNSIGNED,
        minimum=1,
        maximum=180,
    ),
    _log("wall_ratio"),
    _log("barrier_delta_liq"),
    _approach(
        "distance_signed",
        "double",
        "spot - level_price; never null.",
        unit="pt",
        nullable=False,
        frame=Frame.MARKET,
        window=SESSION_WINDOW,
    ),
    _approach(
        "distance_signed_atr",
        "double",
        "distance_signed / atr; never null.",
        unit="ATR",
        nullable=False,
        frame=Frame.MARKET,
        window=SESSION_WINDOW,
    ),
    _approach(
        "distance_signed_frac",
        "double",
        "distance_signed / spot; never null.",
        nullable=False,
        frame=Frame.MARKET,
        window=SESSION_WINDOW,
    ),
    *(
        _approach(
            f"dist_to_{slug}_frac",
            "double",
            f"dist_to_{slug} / spot; null where it is.",
            frame=Frame.MARKET,
            window=level_window(slug),
        )
        for slug in KIND_SLUGS
    ),
    _approach(
        "approach_distance_atr",
        "double",
        f"approach_distance / atr; {_STALE}.",
        unit="ATR",
        frame=Frame.APPROACH,
        window=SESSION_WINDOW,
    ),
    _approach(
        "approach_distance_frac",
        "double",
        f"approach_distance / spot; {_STALE}.",
        frame=Frame.APPROACH,
        window="[t-600s, t)",
    ),
    _approach(
        "attempt_index",
        "int64",
        "Number of this event in its attempt cluster, from 1.",
        unit="events",
        nullable=False,
        frame=Frame.UNSIGNED,
        window=SESSION_WINDOW,
        minimum=1,
    ),
    _approach(
        "attempt_cluster_id",
        "int64",
        "Number of the attempt cluster within date, kind and direction, from 1.",
        unit="clusters",
        nullable=False,
        frame=Frame.UNSIGNED,
        window=SESSION_WINDOW,
        minimum=1,
    ),
    _trend("barrier_replenishment", "1", Frame.UNSIGNED),
    _trend("barrier_delta_liq", "contracts", Frame.UNSIGNED),
    _trend("tape_velocity", "pt/s", Frame.MARKET),
    _trend("tape_imbalance", "1", Frame.MARKET),
)
"""27 columns of 02 section 8 with N-15, 08 A26, A29, A33, B20."""
