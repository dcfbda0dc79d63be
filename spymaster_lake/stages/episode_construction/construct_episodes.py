"""construct_episodes: raw vectors, sequences and metadata of every event (03 section 2, 08 B).

Features come from `signals` and `state_table`, outcomes from `work/anchors` into the metadata and
nowhere else. Gold stores raw vectors: what normalises them is fitted on earlier dates by the index.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from spymaster_lake.contracts.enums import time_bucket_of
from spymaster_lake.contracts.episodes import METADATA, REJECTED, SEQUENCES, VECTORS
from spymaster_lake.contracts.errors import DataError
from spymaster_lake.contracts.profile import QualityProfile
from spymaster_lake.contracts.table import TableContract
from spymaster_lake.features.arrays import F64
from spymaster_lake.features.episode_metadata import (
    emission_weight,
    episode_ids,
    gates,
    trajectory_facts,
)
from spymaster_lake.features.episode_sequence import sequences
from spymaster_lake.features.episode_vector import EVENT_SOURCES, missing_reason, raw_vectors
from spymaster_lake.features.trajectory import Windows, trajectory_windows
from spymaster_lake.stages.episode_construction.anchor_rows import (
    event_anchors,
    require_equal_rows,
    state_series,
)
from spymaster_lake.stages.episode_construction.columns import kernel_columns, numbers
from spymaster_lake.stages.join import aligned
from spymaster_lake.stages.session_profile import in_session
from spymaster_lake.stages.sources import EPISODE_CONSTRUCTION, silver, work
from spymaster_lake.stages.spec import SessionInputs, SessionResult, SessionStage, StageContext
from spymaster_lake.stages.tables import array_of, build_table, objects

_MICROSECOND_NS = 1_000


def run(inputs: SessionInputs, context: StageContext) -> SessionResult:
    """The four episode tables of one session; a session without events gives empty ones.

    Raises:
        DataError: anchors and signals disagree, an anchor has no state row, an event row differs
            from its state row, or too many events are rejected.
    """
    context = in_session(inputs, context)
    signals, state = inputs.table("signals"), inputs.table("state_table")
    anchors = aligned(signals, inputs.table("anchors"))
    require_equal_rows(signals, state)
    windows = trajectory_windows(state_series(state), event_anchors(signals))
    vectors = raw_vectors(kernel_columns(signals, EVENT_SOURCES), windows)
    reasons = [missing_reason(vector) for vector in vectors]
    _require_few_rejected(inputs, context.profile.quality, signals, reasons)
    keep = np.array([reason is None for reason in reasons], dtype=np.bool_)
    missing = np.isnan(vectors).sum(axis=1).astype(np.int32)
    facts = _metadata(inputs, context, signals, windows)
    facts |= {name: anchors.column(name) for name in anchors.column_names}
    keys = {name: signals.column(name) for name in ("event_id", "date", "anchor_ts_ns")}
    values, mask = sequences(windows)
    tables = {
        c.dataset: _kept(c, columns, keep)
        for c, columns in (
            (VECTORS, {**keys, "vector_raw": _lists(vectors), "n_missing": missing}),
            (METADATA, {**facts, "n_missing": missing}),
            (SEQUENCES, {**keys, "sequence": _lists(values), "sequence_mask": _masks(mask)}),
        )
    }
    tables[REJECTED.dataset] = _rejected(signals, reasons, ~keep)
    return SessionResult(tables, _metrics(keep, missing))


def _metadata(
    inputs: SessionInputs, context: StageContext, signals: pa.Table, windows: Windows
) -> dict[str, Any]:
    """What an episode is beside its event's own columns: names, weight, gates, trajectory facts."""
    number = {
        name: numbers(signals, name)
        for name in ("spot", "atr", "approach_velocity", "approach_bars", "ofi_60s")
    }
    minutes = numbers(signals, "minutes_since_open")
    times = array_of(signals, "anchor_ts_ns") // _MICROSECOND_NS
    return {
        "episode_id": episode_ids(
            day=inputs.day.isoformat(),
            level_kind=objects(signals, "level_kind"),
            direction=objects(signals, "direction"),
            attempt_cluster_id=array_of(signals, "attempt_cluster_id"),
        ),
        "timestamp": pa.array(times, pa.timestamp("us", tz="UTC")),
        "time_bucket": np.array([time_bucket_of(float(m)) for m in minutes], dtype=object),
        "time_since_last_touch_sec": numbers(signals, "time_since_prev_event_s"),
        "emission_weight": emission_weight(
            spot=number["spot"],
            level=numbers(signals, "level_price"),
            atr=number["atr"],
            approach_velocity=number["approach_velocity"],
            ofi_60s=number["ofi_60s"],
            full_speed=context.profile.bands.full_speed,
        ),
        **gates(
            distance_signed_atr=numbers(signals, "distance_signed_atr"),
            approach_bars=number["approach_bars"],
            approach_velocity=number["approach_velocity"],
            atr=number["atr"],
        ),
        **trajectory_facts(windows.n_observed),
        "pipeline_version": context.config["PIPELINE_VERSION"],
    }


def _lists(values: F64) -> pa.Array[Any]:
    """float64[n, k] as array<float>(k); NaN stays an element (08 B22)."""
    flat = pa.array(values.astype(np.float32).reshape(-1))
    return _nested(flat, values.shape[1], VECTORS.by_name["vector_raw"].arrow_field.type)


def _masks(values: np.ndarray[Any, Any]) -> pa.Array[Any]:
    flat = pa.array(values.reshape(-1))
    return _nested(flat, values.shape[1], SEQUENCES.by_name["sequence_mask"].arrow_field.type)


def _nested(flat: Any, length: int, kind: pa.DataType) -> pa.Array[Any]:
    offsets = pa.array(np.arange(0, len(flat) + 1, length), pa.int32())
    nested: pa.Array[Any] = pa.ListArray.from_arrays(offsets, flat, type=kind)
    return nested


def _kept(contract: TableContract, columns: dict[str, Any], keep: np.ndarray[Any, Any]) -> pa.Table:
    table = build_table(contract, columns, rows=len(keep))
    return table.filter(pa.array(keep))


def _rejected(signals: pa.Table, reasons: list[str | None], gone: np.ndarray[Any, Any]) -> pa.Table:
    chosen = signals.select(["event_id", "date"]).filter(pa.array(gone))
    texts = np.array([reason for reason in reasons if reason is not None], dtype=object)
    columns = {**{n: chosen.column(n) for n in chosen.column_names}, "reason": texts}
    return build_table(REJECTED, columns, rows=chosen.num_rows)


def _require_few_rejected(
    inputs: SessionInputs, quality: QualityProfile, signals: pa.Table, reasons: list[str | None]
) -> None:
    """A date fails with more rejections than the profile allows (08 B2)."""
    bad = [i for i, reason in enumerate(reasons) if reason is not None]
    allowed = max(quality.max_rejected_events, quality.max_rejected_share * len(reasons))
    if len(bad) > allowed:
        events = objects(signals, "event_id")
        shown = ", ".join(f"{events[i]} ({reasons[i]})" for i in bad[:3])
        raise DataError(
            f"episodes, {inputs.day}: {len(bad)} of {len(reasons)} events rejected, allowed are "
            f"{allowed:g}; such as {shown}"
        )


def _metrics(keep: np.ndarray[Any, Any], missing: np.ndarray[Any, Any]) -> dict[str, Any]:
    kept = missing[keep]
    return {
        "episodes": int(keep.sum()),
        "rejected": int((~keep).sum()),
        "mean_n_missing": float(kept.mean()) if len(kept) else None,
    }


_GOLD = (VECTORS, METADATA, SEQUENCES, REJECTED)

STAGE = SessionStage(
    "construct_episodes",
    (
        work("sessions"),
        silver("signals"),
        silver("state_table", EPISODE_CONSTRUCTION),
        replace(silver("work/anchors", EPISODE_CONSTRUCTION), alias="anchors"),
    ),
    _GOLD,
    run,
    output_layer={contract.dataset: "gold" for contract in _GOLD},
)
