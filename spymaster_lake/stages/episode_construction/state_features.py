"""Every feature of the state table, from the kernels that event rows use too (03 1.4, 1.5, 08 A12).

One row is a question (t, level, direction) to the market; nothing here knows an event but the touch
columns, which are carried forward from the newest event with anchor <= t (08 B20).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from spymaster_lake.contracts.state_table import CARRIED
from spymaster_lake.features.approach import (
    approach_features,
    distance_to_tested_level,
    normalised,
    time_since_open,
)
from spymaster_lake.features.arrays import NO_TIME, Bars, OfiCells
from spymaster_lake.features.attempts import LevelEvents, carried_touch_columns, newest_event
from spymaster_lake.features.calibration import BETA, SWEEP_Q, THETA, fuel_effect
from spymaster_lake.features.depth import zone_features
from spymaster_lake.features.distances import level_distances
from spymaster_lake.features.force_mass import force_mass, force_mass_ratio
from spymaster_lake.features.kinematics import kinematics
from spymaster_lake.features.ofi_windows import ofi_windows
from spymaster_lake.features.option_arrays import OpenInterest
from spymaster_lake.features.state_grid import StateRows
from spymaster_lake.features.sweeps import SweepClusters, apply_sweep_threshold, sweep_clusters
from spymaster_lake.stages.feature_engineering.compute_gex_features import gex_columns
from spymaster_lake.stages.feature_engineering.compute_physics import physics_columns, source_times
from spymaster_lake.stages.market import Market
from spymaster_lake.stages.spec import StageContext
from spymaster_lake.stages.tables import array_of
from spymaster_lake.stages.work_arrays import sigma_of

Values = dict[str, Any]

Thresholds = dict[str, float | None]
"""theta, q and beta of the date; None where not calibrated yet."""

TOUCH_SOURCES: tuple[str, ...] = (
    *("event_id", "date", "anchor_ts_ns", "level_kind_code", "direction", "level_price"),
    *CARRIED,
)
"""Columns of `signals` that the state table reads."""


@dataclass(frozen=True, slots=True)
class StateInputs:
    """The session's data beside the rows themselves.

    Attributes:
        market: trades, book, flow, options.
        ofi: per-second order-flow imbalance.
        bars_10s, bars_1min: trade bars.
        open_interest: None for an instrument without options.
        thresholds: calibrated values of the date.
        signals: TOUCH_SOURCES of the session's events.
    """

    market: Market
    ofi: OfiCells
    bars_10s: Bars
    bars_1min: Bars
    open_interest: OpenInterest | None
    thresholds: Thresholds
    signals: pa.Table


def state_features(rows: StateRows, data: StateInputs, context: StageContext) -> Values:
    """All feature columns of the state table and more, by name, one value per row."""
    columns = _price_features(rows, data, context) | _flow_features(rows, data, context)
    columns |= _calibrated(rows, data, columns, context)
    return columns | _touches(rows, data.signals)


def source_time_column(rows: StateRows, market: Market) -> np.ma.MaskedArray[Any, Any]:
    """Latest event time read for each row, masked where there is none; int64[m]."""
    return np.ma.masked_equal(source_times(market, rows.queries), NO_TIME)


def _price_features(rows: StateRows, data: StateInputs, context: StageContext) -> Values:
    """Clock, distances, stacking, kinematics and approach: what bars and levels tell."""
    tick, queries = context.profile.tick_size, rows.queries
    columns: Values = time_since_open(rows.t_ns, open_ns=data.market.clock.open_ns)
    columns["atr"] = rows.atr
    columns |= distance_to_tested_level(spot=rows.spot, level=rows.level, atr=rows.atr)
    columns |= level_distances(
        spot=rows.spot,
        atr=rows.atr,
        level=rows.level,
        kind_code=rows.kind_code,
        level_matrix=rows.level_matrix,
        stacking=context.profile.bands.stacking,
    )
    columns |= kinematics(data.bars_10s, queries, tick_size=tick)
    columns |= approach_features(data.bars_1min, queries, tick_size=tick)
    columns |= normalised(
        "approach_distance", columns["approach_distance"], spot=rows.spot, atr=rows.atr
    )
    return columns


def _flow_features(rows: StateRows, data: StateInputs, context: StageContext) -> Values:
    """Order flow, tape, barrier, gamma and force: what book, prints and options tell."""
    tick, bands, queries = context.profile.tick_size, context.profile.bands, rows.queries
    columns: Values = dict(
        ofi_windows(
            data.ofi, data.market.seconds, queries, tick=tick, near_band=bands.near_level_band
        )
    )
    columns |= physics_columns(data.market, queries, context, rows.zone_half_width)
    columns |= zone_features(
        data.market.seconds, queries, tick=tick, zone_half_width=bands.barrier_zone
    )
    columns |= gex_columns(
        data.market.options, data.open_interest, queries, context, data.market.clock
    )
    columns["force_mass_ratio"] = force_mass_ratio(
        sigma=rows.sigma, ofi_60s=columns["ofi_60s"], facing_depth=columns["facing_depth"]
    )
    return columns


def _calibrated(
    rows: StateRows, data: StateInputs, columns: Values, context: StageContext
) -> Values:
    """fuel_effect, sweep_detected, predicted_accel and accel_residual (08 A14)."""
    q = data.thresholds[SWEEP_Q]
    clusters = (
        _NO_CLUSTERS
        if q is None
        else sweep_clusters(
            data.market.trades,
            rows.queries,
            zone_half_width=rows.zone_half_width,
            tick_size=context.profile.tick_size,
        )
    )
    known = rows.active & ~np.isnan(rows.zone_half_width)
    return {
        "fuel_effect": fuel_effect(columns["gamma_exposure"], data.thresholds[THETA]),
        **apply_sweep_threshold(clusters, q=q, active=known),
        **force_mass(
            ratio=columns["force_mass_ratio"],
            acceleration_1min=columns["acceleration_1min"],
            beta=data.thresholds[BETA],
        ),
    }


def _touches(rows: StateRows, signals: pa.Table) -> Values:
    """Touch columns of the kind's newest event with anchor <= t (08 B20)."""
    events = LevelEvents(
        kind_code=array_of(signals, "level_kind_code"),
        sigma=sigma_of(signals),
        anchor_ns=array_of(signals, "anchor_ts_ns"),
        level=array_of(signals, "level_price"),
    )
    newest = newest_event(events, t_ns=rows.t_ns, kind_code=rows.kind_code)
    return carried_touch_columns(
        newest,
        t_ns=rows.t_ns,
        anchor_ns=events.anchor_ns,
        event_columns={name: array_of(signals, name) for name in CARRIED},
    )


_NO_CLUSTERS = SweepClusters(
    query=np.empty(0, dtype=np.int64),
    start_ns=np.empty(0, dtype=np.int64),
    size=np.empty(0, dtype=np.int64),
    side=np.empty(0, dtype=np.int8),
    n_ticks=np.empty(0, dtype=np.int32),
)
