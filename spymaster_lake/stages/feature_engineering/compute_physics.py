"""compute_physics: barrier, tape, gamma flow and tide at each event (02 section 1, N-1, N-2, N-7).

The calibrated columns of this group (fuel_effect, sweep_detected, sweep_side) need thresholds of
earlier sessions and come last, in `signals` (08 A14); their raw material, the sweep clusters, is an
output of this stage.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spymaster_lake.contracts.work_events import SWEEP_CLUSTERS
from spymaster_lake.contracts.work_features import PHYSICS_TABLE
from spymaster_lake.features.arrays import F64, NO_TIME, Queries
from spymaster_lake.features.barrier import barrier_flows, barrier_state
from spymaster_lake.features.depth import facing_features, wall_ratio, zone_features
from spymaster_lake.features.option_flow import gamma_and_tide
from spymaster_lake.features.sweeps import SweepClusters, sweep_clusters
from spymaster_lake.features.tape import tape_features
from spymaster_lake.stages.market import Market, market_of
from spymaster_lake.stages.session_profile import in_session
from spymaster_lake.stages.sources import work
from spymaster_lake.stages.spec import SessionInputs, SessionResult, SessionStage, StageContext
from spymaster_lake.stages.tables import array_of, build_table, objects
from spymaster_lake.stages.work_arrays import event_queries

_BARRIER = (
    "barrier_state", "barrier_delta_liq", "barrier_replenishment_ratio", "wall_ratio",
    "barrier_zone_coverage", "facing_depth", "facing_depth_ratio",
    "barrier_added", "barrier_canceled", "barrier_filled",
)  # fmt: skip


def physics_columns(
    market: Market, queries: Queries, context: StageContext, zone_half_width: F64
) -> dict[str, Any]:
    """The session-local physics columns of event or state rows, by name."""
    bands, barrier = context.profile.bands, context.profile.barrier
    tick = context.profile.tick_size
    zone = zone_features(market.seconds, queries, tick=tick, zone_half_width=bands.barrier_zone)
    flows = barrier_flows(
        market.flow, market.seconds, queries, tick=tick, zone_half_width=bands.barrier_zone
    )
    state = barrier_state(
        flows,
        coverage=zone["barrier_zone_coverage"],
        depth=zone["barrier_depth_current"],
        delta_threshold=barrier.delta_threshold,
        vacuum_ratio=barrier.vacuum_ratio,
        wall_ratio=barrier.wall_ratio,
        weak_depth=barrier.weak_depth,
        min_coverage=barrier.min_coverage,
    )
    wall = wall_ratio(
        market.seconds, queries, tick=tick,
        zone_half_width=bands.barrier_zone, min_coverage=barrier.min_coverage,
    )  # fmt: skip
    book: dict[str, Any] = {"barrier_state": state}
    book |= flows | wall | zone | facing_features(market.seconds, queries)
    tape = tape_features(
        market.trades, queries,
        zone_half_width=zone_half_width, tape_band=bands.tape_band, tick_size=tick,
    )  # fmt: skip
    return {name: book[name] for name in _BARRIER} | tape | gamma_columns(market, queries, context)


def gamma_columns(market: Market, queries: Queries, context: StageContext) -> dict[str, Any]:
    """gamma_exposure and the tides; all null for an instrument without options."""
    options, facts = market.options, context.profile.options
    if options is None or facts is None:
        unknown = np.full(len(queries), np.nan)
        return {"gamma_exposure": unknown, "call_tide": unknown, "put_tide": unknown}
    return dict(gamma_and_tide(
        options.trades, queries,
        expires_today=options.trade_expires_today,
        session_start_ns=market.clock.record_start_ns,
        strike_range=context.profile.bands.fuel_strike_range,
        multiplier=facts.multiplier,
    ))  # fmt: skip


def source_times(market: Market, queries: Queries) -> np.ndarray[Any, Any]:
    """Latest event time of any record before each instant: the as-of proof column (08 B27).

    Records are prints, book updates, option prints, option definitions, open interest and prints of
    the options' futures.
    """
    latest = np.full(len(queries), NO_TIME, dtype=np.int64)
    for times in (market.trades.ts_ns, market.option_times):
        if len(times):
            index = np.searchsorted(times, queries.t_ns, side="left") - 1
            latest = np.maximum(latest, np.where(index >= 0, times[np.maximum(index, 0)], NO_TIME))
    rows = np.searchsorted(market.seconds.second_ns, queries.t_ns, side="left")
    inside = rows < len(market.seconds)
    state = market.seconds.state_ts_ns[np.minimum(rows, len(market.seconds) - 1)]
    return np.maximum(latest, np.where(inside, state, NO_TIME))


def run(inputs: SessionInputs, context: StageContext) -> SessionResult:
    """work/physics and work/sweep_clusters of one session."""
    events, context = inputs.table("events"), in_session(inputs, context)
    market, queries = market_of(inputs, context), event_queries(events)
    half_width = array_of(events, "zone_half_width")
    columns = physics_columns(market, queries, context, half_width)
    columns |= {"event_id": objects(events, "event_id"), "date": inputs.day}
    columns["src_max_ts_ns"] = np.ma.masked_equal(source_times(market, queries), NO_TIME)
    clusters = sweep_clusters(
        market.trades, queries, zone_half_width=half_width, tick_size=context.profile.tick_size
    )
    tables = {
        PHYSICS_TABLE.dataset: build_table(PHYSICS_TABLE, columns, rows=len(queries)),
        SWEEP_CLUSTERS.dataset: _cluster_table(clusters, events, inputs),
    }
    return SessionResult(tables, {"events": len(queries), "sweep_clusters": len(clusters)})


def _cluster_table(clusters: SweepClusters, events: Any, inputs: SessionInputs) -> Any:
    return build_table(
        SWEEP_CLUSTERS,
        {
            "date": inputs.day,
            "event_id": objects(events, "event_id")[clusters.query],
            "cluster_start_ns": clusters.start_ns,
            "size": clusters.size,
            "side": clusters.side,
            "n_ticks": clusters.n_ticks,
        },
        rows=len(clusters),
    )


STAGE = SessionStage(
    "compute_physics",
    (
        work("sessions"),
        work("events"),
        work("trades"),
        work("book_seconds"),
        work("flow_seconds"),
        work("option_trades_greeks"),
        work("option_contracts"),
        work("underlying_seconds"),
        work("open_interest"),
    ),
    (PHYSICS_TABLE, SWEEP_CLUSTERS),
    run,
)
