"""Vector and sequence of one episode in plain Python, straight from 03 2.3 to 2.6 and 08 B.

State rows are dictionaries with None for null, oldest first; nothing here imports the kernels or
the vector contract, so names, order and formulas are checked against a second writing.
"""

from __future__ import annotations

import math
from typing import Any

Row = dict[str, Any]

STATIC = ("PM_HIGH", "PM_LOW", "OR_HIGH", "OR_LOW")
STEP_NS = 30_000_000_000


def sgn_log(x: float | None) -> float | None:
    """sign(x) ln(1 + abs x)."""
    return None if x is None else math.copysign(math.log1p(abs(x)), x) if x else 0.0


def window(event: Row, state: list[Row]) -> list[Row]:
    """The 40 samples of an event, each with its value per channel and what was observed."""
    own = [r for r in state if r["level_kind"] == event["level_kind"]]
    own.sort(key=lambda r: r["ts_ns"])
    samples: list[Row] = []
    for k in range(40):
        t = event["anchor_ts_ns"] - (39 - k) * STEP_NS
        found = [r for r in own if r["ts_ns"] == t]
        samples.append(
            _sample(event, found[0] if found else own[0], padded=not found, last=k == 39)
        )
    active = [k for k, s in enumerate(samples) if s["active"]]
    for k in range(active[0]):
        for channel in _HELD:
            samples[k]["value"][channel] = samples[active[0]]["value"][channel]
            samples[k]["seen"][channel] = samples[k]["raw"][channel]
    return samples


_FREE = ("ofi_60s", "tape_velocity")
_KINEMATICS = ("velocity_1min", "acceleration_1min", "jerk_1min")
_FACING = ("barrier_delta_liq", "wall_ratio")
_HELD = (*_KINEMATICS, *_FACING, "tape_imbalance", "gamma_exposure")
_ALL = ("distance_signed_atr", *_FREE, *_HELD)


def _sample(event: Row, row: Row, *, padded: bool, last: bool) -> Row:
    value: Row = {c: row[c] for c in _ALL}
    if event["level_kind"] in STATIC:
        atr = row["atr"]
        value["distance_signed_atr"] = (
            None if not atr else (row["spot"] - event["level_price"]) / atr
        )
    if row["direction"] is not None and row["direction"] != event["direction"]:
        for channel in _KINEMATICS:
            value[channel] = None if value[channel] is None else -value[channel]
        for channel in _FACING:
            value[channel] = None
    if last:
        value = {c: event[c] for c in _ALL}
    seen = {c: value[c] is not None and not padded for c in _ALL}
    active = last or row["direction"] is not None
    return {"value": value, "seen": seen, "raw": dict(seen), "active": active}


def dct(series: list[float | None], *, zero_filled: bool) -> list[float | None]:
    """Eight coefficients with the null rule of 08 B1."""
    if zero_filled:
        x = [0.0 if v is None else v for v in series]
    elif sum(v is None for v in series) > 4:
        return [None] * 8
    else:
        x = [_neighbour(series, n) for n in range(40)]
    out = []
    for k in range(8):
        scale = math.sqrt(1 / 40) if k == 0 else math.sqrt(2 / 40)
        out.append(
            scale * sum(v * math.cos(math.pi * (2 * n + 1) * k / 80) for n, v in enumerate(x))
        )
    return out


def _neighbour(series: list[float | None], n: int) -> float:
    for j in [*range(n, -1, -1), *range(n + 1, 40)]:
        value = series[j]
        if value is not None:
            return value
    raise AssertionError


def vector(event: Row, state: list[Row]) -> dict[str, float | None]:
    """The 149 entries by name, in order."""
    e, samples = event, window(event, state)
    early = e["minutes_since_open"] < 15
    out: dict[str, float | None] = {
        "minutes_since_open": e["minutes_since_open"],
        "bars_since_open": e["bars_since_open"],
        "atr": e["atr"],
        "or_active": 0 if early else 1,
    }
    out |= {f"level_stacking_{b}pt": e[f"level_stacking_{b}pt"] for b in (2, 5, 10)}
    for kind in ("pm_high", "pm_low", "or_high", "or_low", "sma_90", "ema_20"):
        name = f"dist_to_{kind}_atr"
        out[name] = 0 if early and kind.startswith("or_") else e[name]
    out |= {n: e[n] for n in ("prior_touches", "attempt_index")}
    since = e["time_since_prev_event_s"]
    out["time_since_last_touch_sec"] = 900 if since is None else min(since, 900)
    out["gamma_exposure"] = e["gamma_exposure"]
    out["fuel_effect_encoded"] = {"AMPLIFY": 1, "NEUTRAL": 0, "DAMPEN": -1, None: None}[
        e["fuel_effect"]
    ]
    for name in ("gex_ratio", "gex_asymmetry", "net_gex_3strike", "gex_above_1strike"):
        out[name] = e[name]
    for name in ("gex_below_1strike", "call_gex_above_2strike", "put_gex_below_2strike"):
        out[name] = e[name]
    for metric in ("velocity", "acceleration", "jerk", "momentum_trend"):
        out |= {f"{metric}_{w}min": e[f"{metric}_{w}min"] for w in (1, 2, 3, 5, 10, 20)}
    for name in ("ofi", "ofi_near_level"):
        out |= {f"{name}_{w}s": e[f"{name}_{w}s"] for w in (30, 60, 120, 300)}
    out["ofi_acceleration"] = sgn_log(e["ofi_acceleration"])
    out |= {f"barrier_delta_{w}min": e[f"barrier_delta_{w}min"] for w in (1, 2, 3, 5)}
    out |= {n: e[n] for n in ("approach_velocity", "approach_bars", "approach_distance_atr")}
    out |= _history(samples)
    out |= _physics(e)
    for name in ("barrier_replenishment", "barrier_delta_liq", "tape_velocity", "tape_imbalance"):
        out[f"{name}_trend"] = e[f"{name}_trend"]
    for name, channel, zero in (
        ("d_atr", "distance_signed_atr", False),
        ("ofi_60s", "ofi_60s", False),
        ("barrier_delta_liq_log", "barrier_delta_liq", True),
        ("tape_imbalance", "tape_imbalance", True),
    ):
        series = [s["value"][channel] for s in samples]
        series = [sgn_log(x) for x in series] if name.endswith("_log") else series
        for k, x in enumerate(dct(series, zero_filled=zero)):
            out[f"dct_{name}_c{k}"] = x
    return out


def _history(samples: list[Row]) -> dict[str, float | None]:
    out: dict[str, float | None] = {}
    for name, channel in (
        ("d_atr", "distance_signed_atr"),
        ("tape_imbalance", "tape_imbalance"),
        ("tape_velocity", "tape_velocity"),
        ("ofi_60s", "ofi_60s"),
        ("barrier_delta_liq_log", "barrier_delta_liq"),
        ("wall_ratio_log", "wall_ratio"),
        ("gamma_exposure", "gamma_exposure"),
    ):
        for lag in (4, 3, 2, 1, 0):
            x = samples[39 - lag]["value"][channel]
            if name == "barrier_delta_liq_log":
                x = sgn_log(x)
            if name == "wall_ratio_log" and x is not None:
                x = math.log(1 + x)
            out[f"{name}_lag{lag}"] = x
    return out


def _physics(e: Row) -> dict[str, float | None]:
    ofi, depth, buy, sell = (
        e[n] for n in ("ofi_60s", "barrier_depth_current", "tape_buy_vol", "tape_sell_vol")
    )
    mass = None if depth is None else math.log(1 + abs(depth))
    states = {"VACUUM": -2, "CONSUMED": -1, "WEAK": -1, "NEUTRAL": 0, "ABSORPTION": 1, "WALL": 2}
    distance = e["distance_signed_atr"]
    sign = (distance > 0) - (distance < 0)
    return {
        "predicted_accel": e["predicted_accel"],
        "accel_residual": e["accel_residual"],
        "force_mass_ratio": e["force_mass_ratio"],
        "mass_proxy": mass,
        "force_proxy": None if mass is None or ofi is None else ofi / (1 + mass),
        "barrier_state_encoded": None if e["barrier_state"] is None else states[e["barrier_state"]],
        "barrier_replenishment_ratio": e["barrier_replenishment_ratio"],
        "sweep_detected": None if e["sweep_detected"] is None else int(e["sweep_detected"]),
        "tape_log_ratio": math.log((buy + 1) / (sell + 1)),
        "tape_log_total": math.log(buy + sell + 2),
        "flow_alignment": None if ofi is None else ofi * -sign,
        "call_tide": e["call_tide"],
        "put_tide": e["put_tide"],
    }


def sequence(event: Row, state: list[Row]) -> tuple[list[float], list[int]]:
    """280 values and their mask, step by step (08 B21)."""
    values: list[float] = []
    mask: list[int] = []
    for s in window(event, state):
        for channel in (
            "distance_signed_atr",
            "ofi_60s",
            "barrier_delta_liq",
            "tape_imbalance",
            "velocity_1min",
            "acceleration_1min",
            "jerk_1min",
        ):
            x = s["value"][channel]
            x = sgn_log(x) if channel == "barrier_delta_liq" else x
            values.append(0.0 if x is None else x)
            mask.append(int(s["seen"][channel] and s["seen"]["distance_signed_atr"]))
    return values, mask
