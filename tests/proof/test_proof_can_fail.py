"""Features that look ahead, on purpose: the look-ahead proof catches each of them (02 10.4).

Every double is a fault of a kind that has been seen in practice, and says which other future must
uncover it: an interval that is closed on the right shows only where something happens exactly at
the instant.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from spymaster_lake.contracts.vector import VECTOR_NAMES
from spymaster_lake.features.arrays import NS
from spymaster_lake.stages.episode_construction import construct_episodes, materialize_state_table
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

ENTRY = 16
"""Entry of the vector that a double spoils."""

Double = Callable[[SessionInputs, StageContext], SessionResult]


def _with_column(stage: SessionStage, name: str, change: Callable[..., np.ndarray]) -> Double:
    """The stage with one column of its first output computed by `change(values, table, inputs)`."""
    dataset = stage.outputs[0].dataset

    def run(inputs: SessionInputs, context: StageContext) -> SessionResult:
        made = stage.run(inputs, context)
        table = made.tables[dataset]
        place, field = table.column_names.index(name), table.schema.field(name)
        values: Any = change(array_of(table, name), table, inputs)
        column = pa.array(values, field.type, from_pandas=True)
        return SessionResult({**made.tables, dataset: table.set_column(place, field, column)})

    return run


def _closed_window(values: np.ndarray, _: pa.Table, inputs: SessionInputs) -> np.ndarray:
    """Volume up to and including the anchor: `<=` instead of `<`."""
    times = array_of(inputs.table("trades"), "ts_event_ns")
    anchors = array_of(inputs.table("events"), "anchor_ts_ns")
    return values + np.searchsorted(times, anchors, "right") - np.searchsorted(times, anchors)


def _session_baseline(values: np.ndarray, _: pa.Table, inputs: SessionInputs) -> np.ndarray:
    """Divided by a mean over the whole session instead of the last half hour."""
    return values / array_of(inputs.table("trades"), "size").mean()


def _unfinished_bar(values: np.ndarray, _: pa.Table, inputs: SessionInputs) -> np.ndarray:
    """The close of the bar that begins at the anchor."""
    bars, anchors = inputs.table("bars_1min"), array_of(inputs.table("events"), "anchor_ts_ns")
    starts = array_of(bars, "bar_start_ns")
    at = np.minimum(np.searchsorted(starts, anchors), len(starts) - 1)
    return array_of(bars, "close")[at]


def _closed_state(values: np.ndarray, table: pa.Table, inputs: SessionInputs) -> np.ndarray:
    """A print exactly at the instant of a state row moves its value."""
    times, at = array_of(inputs.table("trades"), "ts_event_ns"), array_of(table, "ts_ns")
    return values + np.searchsorted(times, at, "right") - np.searchsorted(times, at)


def _outcome_in_vector(inputs: SessionInputs, context: StageContext) -> SessionResult:
    """An entry of the vector that tells how the event ended."""
    made = construct_episodes.run(inputs, context)
    vectors = made.tables["episodes/vectors"]
    rows = vectors.column("vector_raw").to_pylist()
    known = made.tables["episodes/metadata"].column("t_reject_s_8min").to_pylist()
    for row, seconds in zip(rows, known, strict=True):
        row[ENTRY] = float("nan") if seconds is None else seconds
    place, field = vectors.column_names.index("vector_raw"), vectors.schema.field("vector_raw")
    spoiled = vectors.set_column(place, field, pa.array(rows, field.type))
    return SessionResult({**made.tables, "episodes/vectors": spoiled})


def _known_later(inputs: SessionInputs, context: StageContext) -> SessionResult:
    """Only events after which somebody trades within half a minute."""
    made = detect_interaction_zones.run(inputs, context)
    events = made.tables["work/events"]
    times = np.append(array_of(inputs.table("trades"), "ts_event_ns"), 2**62)
    anchors = array_of(events, "anchor_ts_ns")
    soon = times[np.searchsorted(times, anchors)] - anchors <= 30 * NS
    return SessionResult({"work/events": events.filter(pa.array(soon))})


@dataclass(frozen=True)
class Spoiled:
    """A double: the stage it stands for, where it shows, and which other futures uncover it."""

    stage: SessionStage
    run: Double
    dataset: str
    column: str
    caught_by: frozenset[str] = frozenset(KINDS)


def _spoiled_column(
    stage: SessionStage,
    dataset: str,
    column: str,
    change: Callable[..., np.ndarray],
    *caught_by: str,
) -> Spoiled:
    run = _with_column(stage, column, change)
    return Spoiled(stage, run, dataset, column, frozenset(caught_by or KINDS))


DOUBLES: dict[str, Spoiled] = {
    "closed window": _spoiled_column(
        compute_physics.STAGE, "signals", "tape_zone_buy_vol", _closed_window, "scrambled"
    ),
    "session baseline": _spoiled_column(
        compute_physics.STAGE, "signals", "facing_depth_ratio", _session_baseline
    ),
    "unfinished bar": _spoiled_column(
        compute_approach_features.STAGE, "signals", "approach_distance", _unfinished_bar
    ),
    "rows chosen later": Spoiled(
        detect_interaction_zones.STAGE,
        _known_later,
        "signals",
        "event_id",
        frozenset({"truncated"}),
    ),
    "closed window of states": _spoiled_column(
        materialize_state_table.STAGE, "state_table", "tape_velocity", _closed_state, "scrambled"
    ),
    "outcome in the vector": Spoiled(
        construct_episodes.STAGE,
        _outcome_in_vector,
        "episodes/vectors",
        f"vector_raw[{ENTRY}] {VECTOR_NAMES[ENTRY]}",
    ),
}

LAST_STAGE = {
    "signals": "filter_rth_and_write_silver_signals",
    "state_table": "materialize_state_table",
    "episodes/vectors": "construct_episodes",
}
"""Where the pipeline of a double stops: later stages refuse rows that contradict each other."""


def _accused(
    lake: SimulatedLake, session: WholeSession, double: Spoiled, kind: str
) -> set[tuple[str, str]]:
    """(dataset, column) that the proof accuses at three anchors of a session."""
    stages = lake.pipeline.stages
    last = [b.stage.stage_id for b in stages].index(LAST_STAGE[double.dataset])
    pipeline = Pipeline(lake.pipeline.profile, stages[: last + 1])
    pipeline = pipeline.with_double(double.stage.stage_id, double.run)
    spoiled = rerun(session, pipeline)
    anchors = np.unique(array_of(spoiled.tables["signals"], "anchor_ts_ns"))
    times = anchors[len(anchors) // 2 :: len(anchors) // 6].tolist()
    return set(evidence_of([spoiled], kind, pipeline, times=times[:3]).faults)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", DOUBLES)
def test_proof_can_fail__double(
    lake: SimulatedLake, whole: tuple[WholeSession, ...], name: str, kind: str
) -> None:
    """A stage that looks ahead is found in the column it spoils, where its fault can show."""
    double = DOUBLES[name]
    found = (double.dataset, double.column) in _accused(lake, whole[1], double, kind)
    assert found == (kind in double.caught_by)


def test_proof_can_fail__only_the_double(
    lake: SimulatedLake, whole: tuple[WholeSession, ...]
) -> None:
    """Columns that do not read the spoiled one are not accused."""
    found = _accused(lake, whole[1], DOUBLES["session baseline"], "truncated")
    assert found == {("signals", "facing_depth_ratio")}
