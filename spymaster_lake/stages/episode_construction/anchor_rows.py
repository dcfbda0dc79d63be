"""Event rows and the state rows at their anchors: as kernel arrays, and held against each other."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.contracts.profile import LEVEL_KIND_CODES
from spymaster_lake.features.arrays import I64
from spymaster_lake.features.episode_anchor import COMPARED, mismatches
from spymaster_lake.features.trajectory import CHANNELS, Anchors, StateSeries
from spymaster_lake.stages.episode_construction.columns import exact_columns, numbers
from spymaster_lake.stages.tables import array_of, objects
from spymaster_lake.stages.work_arrays import sigma_of


def state_series(state: pa.Table) -> StateSeries:
    """The state rows that windows are cut from."""
    kinds = objects(state, "level_kind")
    return StateSeries(
        kind_code=np.array([LEVEL_KIND_CODES[kind] for kind in kinds], dtype=np.int8),
        ts_ns=array_of(state, "ts_ns"),
        sigma=sigma_of(state),
        spot=numbers(state, "spot"),
        atr=numbers(state, "atr"),
        channels={name: numbers(state, name) for name in CHANNELS},
    )


def event_anchors(signals: pa.Table) -> Anchors:
    """The events as last samples of their windows."""
    return Anchors(
        kind_code=array_of(signals, "level_kind_code"),
        anchor_ns=array_of(signals, "anchor_ts_ns"),
        sigma=sigma_of(signals),
        level=numbers(signals, "level_price"),
        channels={name: numbers(signals, name) for name in CHANNELS},
    )


def require_equal_rows(signals: pa.Table, state: pa.Table) -> None:
    """Refuse event rows that differ from the state row at their anchor (08 B3).

    Raises:
        DataError: an anchor without a state row; or columns that must be equal and are not, all of
            them listed with an example.
    """
    rows = _rows_at_anchors(signals, state)
    at_anchor = state.take(rows)
    found = mismatches(
        exact_columns(signals, COMPARED),
        exact_columns(at_anchor, COMPARED),
        same_level=numbers(signals, "level_price") == numbers(at_anchor, "level_price"),
        same_direction=sigma_of(signals) == sigma_of(at_anchor),
    )
    if found:
        events = objects(signals, "event_id")
        listing = "\n  ".join(f"{m} ({events[m.first_row]})" for m in found)
        raise DataError(
            f"signals and state_table disagree at the anchors in {len(found)} columns; both must "
            f"come from one run of the same version:\n  {listing}"
        )


def _rows_at_anchors(signals: pa.Table, state: pa.Table) -> I64:
    keys = zip(objects(state, "level_kind"), array_of(state, "ts_ns").tolist(), strict=True)
    position = {key: row for row, key in enumerate(keys)}
    asked = list(
        zip(objects(signals, "level_kind"), array_of(signals, "anchor_ts_ns").tolist(), strict=True)
    )
    missing = [key for key in asked if key not in position]
    if missing:
        raise DataError(
            f"state_table: no row at {len(missing)} anchors, such as {missing[:3]}; every anchor "
            "lies on the grid"
        )
    return np.array([position[key] for key in asked], dtype=np.int64)
