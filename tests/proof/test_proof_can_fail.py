"""Features that look ahead, on purpose: the look-ahead proof catches each of them (02 10.4).

Every double is a fault of a kind that has been seen in practice. `CATCHES` says which other future
must uncover it: an interval that is closed on the right shows only where something happens exactly
at the instant.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from spymaster_lake.features.arrays import NS
from spymaster_lake.stages.feature_engineering import (
    compute_approach_features,
    compute_physics,
    detect_interaction_zones,
)
from spymaster_lake.stages.spec import SessionInputs, SessionResult, SessionStage, StageContext
from spymaster_lake.stages.tables import array_of
from tests.proof.futures_apart import KINDS, WholeSession, evidence_of, rerun
from tests.proof.harness import Pipeline
from tests.proof.simulated_lake import SimulatedLake

Double = Callable[[SessionInputs, StageContext], SessionResult]


def _with_column(stage: SessionStage, name: str, change: Callable[..., np.ndarray]) -> Double:
    """The stage with one column of its first output computed by `change(values, inputs)`."""
    dataset = stage.outputs[0].dataset

    def run(inputs: SessionInputs, context: StageContext) -> SessionResult:
        made = stage.run(inputs, context)
        table = made.tables[dataset]
        place, field = table.column_names.index(name), table.schema.field(name)
        values: Any = change(array_of(table, name), inputs)
        column = pa.array(values, field.type, from_pandas=True)
        return SessionResult({**made.tables, dataset: table.set_column(place, field, column)})

    return run


def _closed_window(values: np.ndarray, inputs: SessionInputs) -> np.ndarray:
    """Volume up to and including the anchor: `<=` instead of `<`."""
    times = array_of(inputs.table("trades"), "ts_event_ns")
    anchors = array_of(inputs.table("events"), "anchor_ts_ns")
    return values + np.searchsorted(times, anchors, "right") - np.searchsorted(times, anchors)


def _session_baseline(values: np.ndarray, inputs: SessionInputs) -> np.ndarray:
    """Divided by a mean over the whole session instead of the last half hour."""
    return values / array_of(inputs.table("trades"), "size").mean()


def _unfinished_bar(values: np.ndarray, inputs: SessionInputs) -> np.ndarray:
    """The close of the bar that begins at the anchor."""
    bars, anchors = inputs.table("bars_1min"), array_of(inputs.table("events"), "anchor_ts_ns")
    starts = array_of(bars, "bar_start_ns")
    at = np.minimum(np.searchsorted(starts, anchors), len(starts) - 1)
    return array_of(bars, "close")[at]


def _known_later(inputs: SessionInputs, context: StageContext) -> SessionResult:
    """Only events after which somebody trades within half a minute."""
    made = detect_interaction_zones.run(inputs, context)
    events = made.tables["work/events"]
    times = np.append(array_of(inputs.table("trades"), "ts_event_ns"), 2**62)
    anchors = array_of(events, "anchor_ts_ns")
    soon = times[np.searchsorted(times, anchors)] - anchors <= 30 * NS
    return SessionResult({"work/events": events.filter(pa.array(soon))})


DOUBLES: dict[str, tuple[SessionStage, Double, str]] = {
    "closed window": (
        compute_physics.STAGE,
        _with_column(compute_physics.STAGE, "tape_zone_buy_vol", _closed_window),
        "tape_zone_buy_vol",
    ),
    "session baseline": (
        compute_physics.STAGE,
        _with_column(compute_physics.STAGE, "facing_depth_ratio", _session_baseline),
        "facing_depth_ratio",
    ),
    "unfinished bar": (
        compute_approach_features.STAGE,
        _with_column(compute_approach_features.STAGE, "approach_distance", _unfinished_bar),
        "approach_distance",
    ),
    "rows chosen later": (detect_interaction_zones.STAGE, _known_later, "event_id"),
}
CATCHES = {
    "closed window": {"scrambled"},
    "session baseline": {"truncated", "scrambled"},
    "unfinished bar": {"truncated", "scrambled"},
    "rows chosen later": {"truncated"},
}


def _features_only(pipeline: Pipeline) -> Pipeline:
    chosen = [b for b in pipeline.stages if b.context.config["PIPELINE_ID"].startswith("feature")]
    return Pipeline(pipeline.profile, tuple(chosen))


def _caught(lake: SimulatedLake, session: WholeSession, name: str, kind: str) -> set[str]:
    """Columns of `signals` that the proof accuses at three anchors of a session."""
    stage, double, _ = DOUBLES[name]
    pipeline = _features_only(lake.pipeline).with_double(stage.stage_id, double)
    spoiled = rerun(session, pipeline)
    anchors = np.unique(array_of(spoiled.tables["signals"], "anchor_ts_ns"))
    times = anchors[len(anchors) // 2 :: len(anchors) // 6].tolist()
    evidence = evidence_of([spoiled], kind, pipeline, times=times[:3])
    return {column for dataset, column in evidence.faults if dataset == "signals"}


@pytest.mark.parametrize("name", DOUBLES)
def test_proof_can_fail__double_is_caught(
    lake: SimulatedLake, whole: tuple[WholeSession, ...], name: str
) -> None:
    """A stage that looks ahead is found, in the column it spoils."""
    column = DOUBLES[name][2]
    caught = {kind for kind in KINDS if column in _caught(lake, whole[1], name, kind)}
    assert caught == CATCHES[name]


def test_proof_can_fail__only_the_double(
    lake: SimulatedLake, whole: tuple[WholeSession, ...]
) -> None:
    """Columns that do not read the spoiled one are not accused."""
    found = _caught(lake, whole[1], "session baseline", "truncated")
    assert found == {"facing_depth_ratio"}
