"""filter_rth_and_write_silver_signals: calibrate, join all feature groups, publish `signals`.

All session-local columns stand already; this stage computes work/calibration from the sessions
before the date and then the calibrated columns (08 A14). The event window is guaranteed by
detection, so the filter must remove nothing (01 2.8).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.contracts.signals import SIGNALS
from spymaster_lake.contracts.work_events import CALIBRATION
from spymaster_lake.contracts.work_features import FEATURE_TABLES
from spymaster_lake.features.arrays import F64
from spymaster_lake.features.calibration import (
    BETA,
    SWEEP_Q,
    THETA,
    Calibrated,
    calibrate,
    fuel_effect,
)
from spymaster_lake.features.force_mass import force_mass
from spymaster_lake.features.sweeps import SweepClusters, apply_sweep_threshold
from spymaster_lake.sessions.price_basis import SplitTable
from spymaster_lake.stages.join import aligned
from spymaster_lake.stages.sources import silver, work
from spymaster_lake.stages.spec import (
    History,
    SessionInputs,
    SessionResult,
    SessionStage,
    StageContext,
)
from spymaster_lake.stages.tables import array_of, build_table, objects, on_day


def run(inputs: SessionInputs, context: StageContext) -> SessionResult:
    """Signals and work/calibration of one session."""
    events = inputs.table("events")
    _require_window(inputs, events)
    days = _comparable(inputs, context)
    thresholds = _calibrate(inputs, context, days)
    value = {c.name: c.value for c in thresholds}
    columns: dict[str, Any] = {name: events.column(name) for name in events.column_names}
    for contract in FEATURE_TABLES.values():
        alias = contract.dataset.removeprefix("work/")
        group = aligned(events, on_day(inputs.table(alias), inputs.day))
        columns |= {n: group.column(n) for n in group.column_names if n not in ("event_id", "date")}
    columns |= calibrated_columns(inputs, events, columns, value)
    aligned(events, inputs.table("labels"))
    table = build_table(SIGNALS, columns, rows=events.num_rows)
    calibration = _calibration_table(inputs, thresholds, days)
    return SessionResult(
        {SIGNALS.dataset: table, CALIBRATION.dataset: calibration},
        {"thresholds": value, "history_sessions": len(days)},
    )


def _require_window(inputs: SessionInputs, events: pa.Table) -> None:
    anchors, clock = array_of(events, "anchor_ts_ns"), inputs.clock
    outside = (anchors <= clock.open_ns) | (anchors > clock.events_end_ns)
    if outside.any():
        raise DataError(
            f"{inputs.day}: {int(outside.sum())} events have an anchor outside (open, events end], "
            f"such as {anchors[outside][:3].tolist()}"
        )


def _comparable(inputs: SessionInputs, context: StageContext) -> tuple[date, ...]:
    """The earlier sessions whose prices and sizes stand on the session's own basis.

    Thresholds are in points, contracts or shares: across a split they would mix different things,
    so they are unknown until there are enough sessions after it.
    """
    splits = SplitTable.of(context.profile)
    basis = splits.basis(inputs.day)
    return tuple(day for day in inputs.history_days if splits.basis(day) == basis)


def _calibrate(
    inputs: SessionInputs, context: StageContext, days: Sequence[date]
) -> tuple[Calibrated, ...]:
    def before(alias: str) -> pa.Table:
        table = inputs.table(alias)
        return table.filter(pc.is_in(table.column("date"), value_set=pa.array(days, pa.date32())))

    kinematics, mass = before("kinematics"), before("force_mass")
    return calibrate(
        gamma_exposure=array_of(before("physics"), "gamma_exposure"),
        cluster_size=array_of(before("sweep_clusters"), "size"),
        acceleration_1min=array_of(kinematics, "acceleration_1min"),
        force_mass_ratio=array_of(aligned(kinematics, mass), "force_mass_ratio"),
        n_sessions=len(days),
        required_sessions=context.profile.calibration_sessions,
    )


def calibrated_columns(
    inputs: SessionInputs, events: pa.Table, columns: dict[str, Any], value: dict[str, float | None]
) -> dict[str, Any]:
    """fuel_effect, sweep_detected, sweep_side, predicted_accel and accel_residual."""
    clusters = _clusters(events, on_day(inputs.table("sweep_clusters"), inputs.day))
    known = np.ones(events.num_rows, dtype=np.bool_)
    mass = force_mass(
        ratio=_floats(columns["force_mass_ratio"]),
        acceleration_1min=_floats(columns["acceleration_1min"]),
        beta=value[BETA],
    )
    return {
        "fuel_effect": fuel_effect(_floats(columns["gamma_exposure"]), value[THETA]),
        **apply_sweep_threshold(clusters, q=value[SWEEP_Q], active=known),
        **mass,
    }


def _floats(column: pa.ChunkedArray) -> F64:
    return np.asarray(pc.fill_null(column, float("nan")).to_numpy(), dtype=np.float64)


def _clusters(events: pa.Table, table: pa.Table) -> SweepClusters:
    row_of = {event: i for i, event in enumerate(objects(events, "event_id"))}
    query = np.array([row_of[e] for e in objects(table, "event_id")], dtype=np.int64)
    start = array_of(table, "cluster_start_ns")
    order = np.lexsort((start, query))
    return SweepClusters(
        query=query[order],
        start_ns=start[order],
        size=array_of(table, "size")[order],
        side=array_of(table, "side")[order],
        n_ticks=array_of(table, "n_ticks")[order],
    )


def _calibration_table(
    inputs: SessionInputs, thresholds: tuple[Calibrated, ...], days: Sequence[date]
) -> pa.Table:
    return build_table(
        CALIBRATION,
        {
            "date": inputs.day,
            "name": np.array([c.name for c in thresholds], dtype=object),
            "value": np.array([np.nan if c.value is None else c.value for c in thresholds]),
            "n": np.array([c.n for c in thresholds], dtype=np.int64),
            "first_date": days[0] if days else None,
            "last_date": days[-1] if days else None,
        },
        rows=len(thresholds),
    )


_CALIBRATED_FROM = {"physics", "kinematics", "force_mass", "sweep_clusters"}
_GROUPS = [c.dataset.removeprefix("work/") for c in FEATURE_TABLES.values()]

STAGE = SessionStage(
    "filter_rth_and_write_silver_signals",
    (
        work("events"),
        *(
            work(name, history=History.PRESENT if name in _CALIBRATED_FROM else History.NONE)
            for name in (*_GROUPS, "sweep_clusters")
        ),
        silver("labels"),
    ),
    (CALIBRATION, SIGNALS),
    run,
)
