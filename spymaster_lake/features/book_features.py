"""All columns that read the book, for event rows and state rows alike (08 A1, A12)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.features.arrays import BookSeconds, FlowCells, OfiCells, Queries
from spymaster_lake.features.barrier import barrier_flows, barrier_state
from spymaster_lake.features.depth import facing_features, wall_ratio, zone_features
from spymaster_lake.features.ofi_windows import ofi_windows


def book_features(
    seconds: BookSeconds,
    flow: FlowCells,
    ofi: OfiCells,
    queries: Queries,
    *,
    tick: float,
    barrier_zone: float,
    near_level_band: float,
    delta_threshold: float,
    vacuum_ratio: float,
    wall_ratio_threshold: float,
    weak_depth: float,
    min_coverage: float,
) -> dict[str, NDArray[Any]]:
    """Every book column of 08 section C.

    Args:
        seconds: per-second states of the session.
        flow: its flow cells.
        ofi: its OFI cells.
        queries: m questions; t must be a whole second of the grid.
        tick: points per tick.
        barrier_zone: half width of the barrier zone, points.
        near_level_band: half width of the near-level OFI band, points.
        delta_threshold: threshold of the barrier state, contracts; see `barrier_state`.
        vacuum_ratio: likewise, a ratio.
        wall_ratio_threshold: likewise, a ratio.
        weak_depth: likewise, contracts.
        min_coverage: smallest zone coverage for `barrier_state` and `wall_ratio`.

    Returns:
        Arrays of length m by column name: float64, NaN where null; `barrier_state` object, None
        where null. 32 columns.

    Raises:
        DataError: a query lies off the grid.
    """
    zone = zone_features(seconds, queries, tick=tick, zone_half_width=barrier_zone)
    flows = barrier_flows(flow, seconds, queries, tick=tick, zone_half_width=barrier_zone)
    wall = wall_ratio(
        seconds, queries, tick=tick, zone_half_width=barrier_zone, min_coverage=min_coverage
    )
    state = barrier_state(
        flows,
        coverage=zone["barrier_zone_coverage"],
        depth=zone["barrier_depth_current"],
        delta_threshold=delta_threshold,
        vacuum_ratio=vacuum_ratio,
        wall_ratio=wall_ratio_threshold,
        weak_depth=weak_depth,
        min_coverage=min_coverage,
    )
    columns: dict[str, NDArray[Any]] = {"barrier_state": np.asarray(state)}
    columns |= flows | wall | zone | facing_features(seconds, queries)
    return columns | ofi_windows(ofi, seconds, queries, tick=tick, near_band=near_level_band)
