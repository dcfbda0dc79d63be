"""Random state rows and events for episode kernels, as dictionaries and as the kernels' arrays."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from spymaster_lake.contracts.features import FEATURES
from spymaster_lake.contracts.profile import LEVEL_KIND_CODES
from spymaster_lake.features.trajectory import CHANNELS, Anchors, StateSeries
from tests.features.episode_oracle import STEP_NS, Row

T0 = 1_765_894_230_000_000_000
SIGMA = {"UP": 1, "DOWN": -1, None: 0}
TEXT = {
    "fuel_effect": ("AMPLIFY", "NEUTRAL", "DAMPEN"),
    "barrier_state": ("VACUUM", "WALL", "CONSUMED", "ABSORPTION", "WEAK", "NEUTRAL"),
}
NEVER_NULL = ("atr", "tape_buy_vol", "tape_sell_vol", "distance_signed_atr")


def grid_row(kind: str, step: int, **values: Any) -> Row:
    """A state row of a level at 100 whose distance is 0.1 per step, everything else 1."""
    row: Row = dict.fromkeys(CHANNELS, 1.0)
    row |= {"level_kind": kind, "ts_ns": T0 + step * STEP_NS, "direction": "UP"}
    row |= {"spot": 100.0 + step / 5, "atr": 2.0, "distance_signed_atr": step / 10}
    return row | values


def event_at(kind: str, step: int, **values: Any) -> Row:
    """An event on the grid whose channels are those of `grid_row` at its anchor."""
    row = grid_row(kind, step)
    row |= {"anchor_ts_ns": row["ts_ns"], "level_price": 100.0}
    return row | values


def random_rows(seed: int, *, steps: int = 60) -> tuple[list[Row], list[Row]]:
    """(events, state rows) of four kinds with nulls, both directions and late activation."""
    rng = random.Random(seed)
    state, events = [], []
    for kind in ("PM_HIGH", "OR_LOW", "SMA_90", "EMA_20"):
        first_active = rng.choice([0, 30, 52]) if kind == "OR_LOW" else 0
        null_share = rng.choice([0.02, 0.06, 0.3])
        for step in range(steps):
            state.append(_random_state(rng, kind, step, first_active, null_share))
        for step in sorted(rng.sample(range(20, steps), 3)):
            if step >= first_active:
                events.append(_random_event(rng, kind, step))
    rng.shuffle(state)
    rng.shuffle(events)
    return events, state


def _random_state(
    rng: random.Random, kind: str, step: int, first_active: int, null_share: float
) -> Row:
    active = step >= first_active
    row = grid_row(kind, step, direction=rng.choice(["UP", "UP", "DOWN"]) if active else None)
    for channel in CHANNELS:
        free = channel in {"ofi_60s", "tape_velocity"}
        null = rng.random() < null_share or not (active or free)
        row[channel] = None if null else _number(rng, channel)
    row["spot"] = round(rng.gauss(100, 5) * 4) / 4
    row["atr"] = None if rng.random() < null_share / 2 else rng.uniform(0.5, 5)
    return row


def _random_event(rng: random.Random, kind: str, step: int) -> Row:
    row = grid_row(kind, step)
    row |= {"anchor_ts_ns": row["ts_ns"], "direction": rng.choice(["UP", "DOWN"])}
    row |= {"level_price": rng.gauss(100, 3), "spot": 100.25}
    for column in FEATURES:
        null = column.name not in NEVER_NULL and rng.random() < 0.15
        if column.name in TEXT:
            row[column.name] = None if null else rng.choice(TEXT[column.name])
        elif column.type == "bool":
            row[column.name] = None if null else rng.random() < 0.5
        else:
            row[column.name] = None if null else _number(rng, column.name)
    row |= {"minutes_since_open": float(rng.choice([3, 14, 15, 90])), "bars_since_open": 3}
    return row


def _number(rng: random.Random, name: str) -> float:
    if name in {"wall_ratio", "tape_buy_vol", "tape_sell_vol", "barrier_depth_current"}:
        return float(rng.choice([0, 1, 40, 700]))
    return rng.choice([0.0, rng.gauss(0, 1), rng.gauss(0, 300)])


def floats(rows: list[Row], name: str) -> np.ndarray:
    """A column of numbers or booleans, NaN for None."""
    return np.array([np.nan if r[name] is None else float(r[name]) for r in rows], np.float64)


def kernel_column(rows: list[Row], name: str) -> np.ndarray:
    """A column as the vector kernel takes it."""
    if name in TEXT:
        return np.array([r[name] for r in rows], object)
    return floats(rows, name)


def series_of(state: list[Row]) -> StateSeries:
    """State rows as arrays."""
    return StateSeries(
        kind_code=np.array([LEVEL_KIND_CODES[r["level_kind"]] for r in state], np.int8),
        ts_ns=np.array([r["ts_ns"] for r in state], np.int64),
        sigma=np.array([SIGMA[r["direction"]] for r in state], np.int8),
        spot=floats(state, "spot"),
        atr=floats(state, "atr"),
        channels={c: floats(state, c) for c in CHANNELS},
    )


def anchors_of(events: list[Row]) -> Anchors:
    """Events as arrays."""
    return Anchors(
        kind_code=np.array([LEVEL_KIND_CODES[r["level_kind"]] for r in events], np.int8),
        anchor_ns=np.array([r["anchor_ts_ns"] for r in events], np.int64),
        sigma=np.array([SIGMA[r["direction"]] for r in events], np.int8),
        level=floats(events, "level_price"),
        channels={c: floats(events, c) for c in CHANNELS},
    )
