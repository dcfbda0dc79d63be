"""The window of state rows before an anchor, made ready for vector and sequence (03 2.3, 08 B19).

A window has 40 samples 30 s apart, oldest first; the last is the anchor itself. It speaks of one
level and one direction, those of the event, whatever the state rows had at their own instants:

* Sample 39 holds the event's own values, not the state row's (08 B3).
* `distance_signed_atr` of a static kind is (spot_k - L_anchor) / atr_k at every sample, so the
  window of an opening-range event may reach before 09:45 without look-ahead; a moving average uses
  its own value at each instant.
* Rows of the other direction: kinematics change sign; the defending side was another book side, so
  `barrier_delta_liq` and `wall_ratio` are unknown (08 B3).
* What refers to a level and to no price holds the earliest active value backwards over rows in
  which the level was not active yet, and over no others (08 B19).
* A window that reaches before the grid repeats the grid's first row; such samples are padding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.contracts.profile import LEVEL_KIND_CODES, STATIC_KINDS
from spymaster_lake.contracts.vector import TRAJECTORY_STEPS
from spymaster_lake.features.arrays import F64, I8, I64, Bool
from spymaster_lake.features.columns import ratio
from spymaster_lake.features.state_grid import CADENCE_NS

DISTANCE = "distance_signed_atr"
LEVEL_FREE_CHANNELS: tuple[str, ...] = ("ofi_60s", "tape_velocity")
"""Channels that are filled while the level is not active."""

TURNED_CHANNELS: tuple[str, ...] = ("velocity_1min", "acceleration_1min", "jerk_1min")
"""Approach-frame channels: rows of the other direction change sign."""

FACING_CHANNELS: tuple[str, ...] = ("barrier_delta_liq", "wall_ratio")
"""Channels of the defending book side: unknown in rows of the other direction."""

SHARED_CHANNELS: tuple[str, ...] = ("tape_imbalance", "gamma_exposure")
"""Channels of the level that have no direction."""

CHANNELS: tuple[str, ...] = (
    DISTANCE,
    *LEVEL_FREE_CHANNELS,
    *TURNED_CHANNELS,
    *FACING_CHANNELS,
    *SHARED_CHANNELS,
)
"""State-table columns that windows are made of."""

_STATIC_CODES = np.array([LEVEL_KIND_CODES[kind] for kind in STATIC_KINDS])


@dataclass(frozen=True, slots=True)
class StateSeries:
    """The state rows of one session, in any order.

    Attributes:
        kind_code: int[r].
        ts_ns: int64[r].
        sigma: int8[r], +1 UP, -1 DOWN, 0 where the level is not active.
        spot, atr: float64[r] points.
        channels: float64[r] by name of CHANNELS, NaN where unknown.
    """

    kind_code: NDArray[np.integer]
    ts_ns: I64
    sigma: I8
    spot: F64
    atr: F64
    channels: Mapping[str, F64]


@dataclass(frozen=True, slots=True)
class Anchors:
    """The events of one session as the last samples of their windows.

    Attributes:
        kind_code: int[e].
        anchor_ns: int64[e].
        sigma: int8[e], +1 UP, -1 DOWN.
        level: float64[e] points.
        channels: float64[e] by name of CHANNELS, from `signals`.
    """

    kind_code: NDArray[np.integer]
    anchor_ns: I64
    sigma: I8
    level: F64
    channels: Mapping[str, F64]

    def __len__(self) -> int:
        return len(self.anchor_ns)


@dataclass(frozen=True, slots=True)
class Windows:
    """Prepared windows, oldest sample first.

    Attributes:
        values: float64[e, 40] by channel, NaN where unknown.
        observed: bool[e, 40] by channel: known at its own instant, neither padded nor held.
    """

    values: Mapping[str, F64]
    observed: Mapping[str, Bool]

    @property
    def n_observed(self) -> I64:
        """Samples with a computable distance, int64[e]: `traj_n_observed`."""
        return np.asarray(self.observed[DISTANCE].sum(axis=1), np.int64)


def window_rows(
    series: StateSeries, anchors: Anchors, *, steps: int = TRAJECTORY_STEPS
) -> tuple[I64, Bool]:
    """Rows of `series` that each window consists of.

    Returns:
        (int64[e, steps] rows, bool[e, steps] padded: before the grid, the first row is repeated).

    Raises:
        DataError: a kind's rows are not 30 s apart, or an anchor is not on the grid.
    """
    rows = np.zeros((len(anchors), steps), np.int64)
    padded = np.zeros((len(anchors), steps), np.bool_)
    back = np.arange(steps - 1, -1, -1)
    for code in np.unique(anchors.kind_code):
        own = np.flatnonzero(series.kind_code == code)
        own = own[np.argsort(series.ts_ns[own], kind="stable")]
        times = series.ts_ns[own]
        _require_grid(times, code)
        asked = np.flatnonzero(anchors.kind_code == code)
        at = np.searchsorted(times, anchors.anchor_ns[asked], side="left")
        off = times[np.minimum(at, len(times) - 1)] != anchors.anchor_ns[asked]
        if off.any():
            raise DataError(
                f"state_table: no row of kind {code} at {int(off.sum())} anchors, such as "
                f"{anchors.anchor_ns[asked][off][:3].tolist()}; every anchor lies on the grid"
            )
        position = at[:, None] - back[None, :]
        rows[asked] = own[np.maximum(position, 0)]
        padded[asked] = position < 0
    return rows, padded


def _require_grid(times: I64, code: np.integer) -> None:
    steps = np.diff(times)
    if len(times) == 0 or (steps != CADENCE_NS).any():
        raise DataError(
            f"state_table: kind {code} has {len(times)} rows, {int((steps != CADENCE_NS).sum())} "
            "of them not 30 s after the one before; the grid must be complete"
        )


def trajectory_windows(series: StateSeries, anchors: Anchors) -> Windows:
    """The 40-sample windows of all events, by the rules of this module.

    Args:
        series: state rows of the session.
        anchors: its events.

    Returns:
        Windows of every name in CHANNELS.

    Raises:
        DataError: as `window_rows`.
    """
    rows, padded = window_rows(series, anchors)
    sigma = series.sigma[rows]
    inactive = sigma == 0
    inactive[:, -1] = False
    other = (sigma != anchors.sigma[:, None]) & ~inactive
    other[:, -1] = False
    values: dict[str, F64] = {}
    observed: dict[str, Bool] = {}
    for name in CHANNELS:
        raw = series.channels[name][rows]
        if name == DISTANCE:
            raw = _distance(series, anchors, rows, raw)
        if name in TURNED_CHANNELS:
            raw = np.where(other, -raw + 0.0, raw)
        if name in FACING_CHANNELS:
            raw = np.where(other, np.nan, raw)
        raw[:, -1] = anchors.channels[name]
        observed[name] = ~np.isnan(raw) & ~padded
        held = name not in (DISTANCE, *LEVEL_FREE_CHANNELS)
        values[name] = _hold_back(raw, inactive) if held else raw
    return Windows(values, observed)


def _distance(series: StateSeries, anchors: Anchors, rows: I64, own: F64) -> F64:
    """Distance to the anchor's level for static kinds, to the level of the instant for others."""
    static = np.isin(anchors.kind_code, _STATIC_CODES)[:, None]
    points = series.spot[rows] - anchors.level[:, None]
    return np.where(static, ratio(points, series.atr[rows]), own)


def _hold_back(values: F64, inactive: Bool) -> F64:
    """The earliest active value of each row over the inactive samples before it."""
    first = np.argmin(inactive, axis=1)
    before = np.arange(values.shape[1])[None, :] < first[:, None]
    return np.where(before, np.take_along_axis(values, first[:, None], axis=1), values)


def null_as_zero(windows: F64) -> F64:
    """Unknown samples as 0, for the DCT of flows that are null where nothing happened (08 B1)."""
    return np.where(np.isnan(windows), 0.0, windows)


def null_held(windows: F64, *, at_most: int) -> F64:
    """Unknown samples as their nearest earlier known one, else the nearest later one (08 B1).

    Args:
        windows: float64[m, N].
        at_most: with more unknown samples than this a row is NaN throughout.

    Returns:
        float64[m, N].
    """
    known = ~np.isnan(windows)
    n = windows.shape[1]
    earlier = np.maximum.accumulate(np.where(known, np.arange(n), -1), axis=1)
    later = np.minimum.accumulate(np.where(known, np.arange(n), n)[:, ::-1], axis=1)[:, ::-1]
    source = np.clip(np.where(earlier >= 0, earlier, later), 0, n - 1)
    filled = np.take_along_axis(windows, source, axis=1)
    enough = (~known).sum(axis=1) <= at_most
    return np.where(enough[:, None], filled, np.nan)
