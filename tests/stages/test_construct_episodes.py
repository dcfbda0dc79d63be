"""construct_episodes: the four Gold tables, the equality of event and state rows, rejections."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from spymaster_lake.contracts.episodes import METADATA, REJECTED, SEQUENCES, VECTORS
from spymaster_lake.contracts.errors import DataError
from spymaster_lake.contracts.labels import LABELS
from spymaster_lake.contracts.signals import SIGNALS
from spymaster_lake.contracts.table import Role
from spymaster_lake.contracts.vector import VECTOR_FEATURES, Rows, Transform, vector_index
from spymaster_lake.features.arrays import NS
from spymaster_lake.lake.checks import check_table
from spymaster_lake.stages.episode_construction.construct_episodes import STAGE
from spymaster_lake.stages.spec import SessionResult
from tests.features import episode_oracle as oracle
from tests.stages.synthetic_market import scrambled, truncated
from tests.stages.synthetic_session import DAY, build, session


def run(**replaced: pa.Table) -> SessionResult:
    """The stage on the synthetic session."""
    built = session()
    return STAGE.run(built.inputs(STAGE, **replaced), built.context)


def changed(table: pa.Table, column: str, values: dict[int, Any]) -> pa.Table:
    """`table` with new values of `column` by row."""
    listed = table.column(column).to_pylist()
    for row, value in values.items():
        listed[row] = value
    kind = table.schema.field(column)
    return table.set_column(table.column_names.index(column), kind, pa.array(listed, kind.type))


def vectors(table: pa.Table) -> np.ndarray:
    """float32[n, 149]."""
    flat = table.column("vector_raw").combine_chunks().flatten()
    return np.asarray(flat.to_numpy(zero_copy_only=False)).reshape(-1, 149)


def assert_same_bytes(found: pa.Table, expected: pa.Table) -> None:
    """Equal columns; arrays by their bytes, because NaN elements are not equal to each other."""
    assert found.column_names == expected.column_names
    for name in expected.column_names:
        left, right = (x.column(name).combine_chunks() for x in (found, expected))
        if pa.types.is_list(left.type):
            assert left.offsets.equals(right.offsets), name
            assert np.asarray(left.flatten()).tobytes() == np.asarray(right.flatten()).tobytes(), (
                name
            )
        else:
            assert left.equals(right), name


@pytest.fixture(scope="module")
def made() -> dict[str, pa.Table]:
    """All tables of the synthetic session."""
    return session().tables


def test_episodes__one_row_per_event_in_each_table(made: dict[str, pa.Table]) -> None:
    """The three tables have the same keys as signals, and no array element is null."""
    events = made["signals"].column("event_id").to_pylist()
    assert len(events) > 20
    for contract in (VECTORS, METADATA, SEQUENCES):
        table = made[contract.dataset]
        check_table(contract, table)
        assert table.column("event_id").to_pylist() == events
    for name, column in (("vectors", "vector_raw"), ("sequences", "sequence")):
        assert made[f"episodes/{name}"].column(column).combine_chunks().flatten().null_count == 0
    assert made["episodes/rejected"].num_rows == 0


def test_episodes__vectors_match_the_oracle(made: dict[str, pa.Table]) -> None:
    """Vectors, missing counts and sequences of real stage tables, by the plain-Python oracle."""
    state = made["state_table"].to_pylist()
    found = vectors(made["episodes/vectors"])
    signals = made["signals"].to_pylist()
    for i in range(0, len(signals), 4):
        expected = np.array(
            [np.nan if x is None else x for x in oracle.vector(signals[i], state).values()]
        )
        np.testing.assert_allclose(found[i], expected.astype(np.float32), rtol=2e-6, atol=1e-6)
        assert made["episodes/vectors"].column("n_missing")[i].as_py() == int(
            np.isnan(expected).sum()
        )
        values, mask = oracle.sequence(signals[i], state)
        row = made["episodes/sequences"].slice(i, 1).to_pylist()[0]
        np.testing.assert_allclose(row["sequence"], values, rtol=2e-6, atol=1e-7)
        assert row["sequence_mask"] == mask


def test_episodes__copied_entries_are_the_columns_of_signals(made: dict[str, pa.Table]) -> None:
    """Every entry that is a plain copy equals its column as float32, NaN for null."""
    found = vectors(made["episodes/vectors"])
    for entry in VECTOR_FEATURES:
        if entry.rows is Rows.ANCHOR and entry.transform is Transform.IDENTITY:
            column = made["signals"].column(entry.sources[0])
            values = np.array([np.nan if x is None else x for x in column.to_pylist()], np.float32)
            np.testing.assert_array_equal(found[:, entry.index], values, err_msg=entry.name)


def test_equality__is_not_vacuous(made: dict[str, pa.Table]) -> None:
    """Events exist with equal and with unequal level, with equal and with unequal direction."""
    state = {(r["level_kind"], r["ts_ns"]): r for r in made["state_table"].to_pylist()}
    agree = [
        (e["level_price"] == s["level_price"], e["direction"] == s["direction"])
        for e in made["signals"].to_pylist()
        for s in [state[e["level_kind"], e["anchor_ts_ns"]]]
    ]
    assert agree.count((True, True)) > 10
    assert {level for level, _ in agree} == {direction for _, direction in agree} == {True, False}


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("ofi_60s", 1e6),
        ("tape_velocity", None),
        ("spot", 1.0),
        ("velocity_5min", 9.0),
        ("tape_buy_vol", 10**6),
        ("level_stacking_5pt", 99),
        ("gex_asymmetry", 1.0),
        ("fuel_effect", None),
        ("barrier_state", "WALL"),
        ("attempt_index", 50),
    ],
)
def test_equality__a_difference_fails_the_session(
    made: dict[str, pa.Table], column: str, value: Any
) -> None:
    """One event value that differs from its state row is named (08 B3)."""
    row = _agreeing_event(made)
    other = changed(made["signals"], column, {row: value})
    event = made["signals"].column("event_id")[row].as_py()
    with pytest.raises(DataError, match=rf"{column}: 1 events.*{event}"):
        run(signals=other)


def _agreeing_event(made: dict[str, pa.Table]) -> int:
    """Row of an event whose level and direction are those of its state row."""
    state = {(r["level_kind"], r["ts_ns"]): r for r in made["state_table"].to_pylist()}
    for row, event in enumerate(made["signals"].to_pylist()):
        at = state[event["level_kind"], event["anchor_ts_ns"]]
        same = at["level_price"] == event["level_price"] and at["direction"] == event["direction"]
        if same and event["barrier_state"] != "WALL":
            return row
    raise AssertionError


def test_equality__other_direction_leaves_its_columns_alone(made: dict[str, pa.Table]) -> None:
    """Where the directions differ, kinematics may differ and level columns may not."""
    state = {(r["level_kind"], r["ts_ns"]): r for r in made["state_table"].to_pylist()}
    row = next(
        i
        for i, e in enumerate(made["signals"].to_pylist())
        if state[e["level_kind"], e["anchor_ts_ns"]]["direction"] != e["direction"]
    )
    run(signals=changed(made["signals"], "velocity_5min", {row: 9.0}))
    with pytest.raises(DataError, match="ofi_300s: 1 events"):
        run(signals=changed(made["signals"], "ofi_300s", {row: 1e6}))


def test_equality__an_anchor_without_a_state_row(made: dict[str, pa.Table]) -> None:
    """A state table that lacks an anchor names kind and instant."""
    anchor = made["signals"].column("anchor_ts_ns")[0]
    cut = made["state_table"].filter(pc.not_equal(made["state_table"].column("ts_ns"), anchor))
    with pytest.raises(DataError, match=r"no row at [12] anchors"):
        run(state_table=cut)


def test_metadata__columns_by_their_definition(made: dict[str, pa.Table]) -> None:
    """Names, times, gates and trajectory facts of every episode."""
    signals = made["signals"].to_pylist()
    for meta, event in zip(made["episodes/metadata"].to_pylist(), signals, strict=True):
        parts = ("level_kind", "direction", "attempt_cluster_id")
        assert meta["episode_id"] == "_".join(["2025-12-16", *(str(event[p]) for p in parts)])
        assert round(meta["timestamp"].timestamp()) * NS == meta["anchor_ts_ns"]
        assert meta["time_since_last_touch_sec"] == event["time_since_prev_event_s"]
        assert meta["gate_zone"] == (abs(event["distance_signed_atr"]) <= 2.0)
        assert meta["gate_bars"] == (event["approach_bars"] >= 2)
        assert meta["gate_velocity"] == (event["approach_velocity"] / event["atr"] >= 0.1)
        assert meta["traj_padded"] == (meta["traj_n_observed"] < 20)
        assert 0 < meta["emission_weight"] <= 1
        assert meta["pipeline_version"] == "4.5.0"
        for name in ("spot", "atr", "level_price", "prior_touches", "src_max_ts_ns"):
            assert meta[name] == event[name]


def test_metadata__outcomes_are_those_of_labels(made: dict[str, pa.Table]) -> None:
    """Each of the 20 label columns stands with its own event."""
    labels = {r["event_id"]: r for r in made["labels"].to_pylist()}
    outcomes = [c.name for c in METADATA.of_role(Role.LABEL)]
    assert len(outcomes) == 20
    for meta in made["episodes/metadata"].to_pylist():
        assert {n: meta[n] for n in outcomes} == {n: labels[meta["event_id"]][n] for n in outcomes}


def test_labels__never_enter_vectors_or_sequences(made: dict[str, pa.Table]) -> None:
    """With all outcomes gone, vectors, sequences and rejections keep their bytes."""
    anchors = made["work/anchors"]
    for column in METADATA.of_role(Role.LABEL):
        if column.nullable:
            anchors = changed(anchors, column.name, dict.fromkeys(range(anchors.num_rows)))
    found = run(anchors=anchors).tables
    for contract in (VECTORS, SEQUENCES, REJECTED):
        assert_same_bytes(found[contract.dataset], made[contract.dataset])
    assert not found["episodes/metadata"].equals(made["episodes/metadata"])
    sources = {name for entry in VECTOR_FEATURES for name in entry.sources}
    assert not sources & {c.name for c in LABELS.of_role(Role.LABEL)}
    assert {s.alias for s in STAGE.sources} == {"sessions", "signals", "state_table", "anchors"}


def _lonely_event(made: dict[str, pa.Table]) -> int:
    """Row of an event that is the last of its kind, more than 3 minutes after the one before."""
    last: dict[str, int] = {}
    for row, event in enumerate(made["signals"].to_pylist()):
        if (event["time_since_prev_event_s"] or 0) > 180:
            last[event["level_kind"]] = row
        else:
            last.pop(event["level_kind"], None)
    return next(iter(last.values()))


def _without_atr(made: dict[str, pa.Table], event_row: int, samples: int) -> pa.Table:
    """The state table without the ATR in the last `samples` rows before one anchor."""
    state, event = made["state_table"], made["signals"].slice(event_row, 1).to_pylist()[0]
    times = {event["anchor_ts_ns"] - 30 * NS * k for k in range(1, 1 + samples)}
    rows = [
        i
        for i, r in enumerate(state.select(["level_kind", "ts_ns"]).to_pylist())
        if r["level_kind"] == event["level_kind"] and r["ts_ns"] in times
    ]
    for column in ("atr", "distance_signed_atr"):
        state = changed(state, column, dict.fromkeys(rows))
    return state


def test_rejection__four_unknown_distances_are_held(made: dict[str, pa.Table]) -> None:
    """Up to 4 of 40 unknown samples do not reject an event (08 B1)."""
    row = _lonely_event(made)
    result = run(state_table=_without_atr(made, row, 4))
    assert result.metrics["rejected"] == 0
    observed = result.tables["episodes/metadata"].column("traj_n_observed").to_pylist()
    assert [n for i, n in enumerate(observed) if i != row] == [40] * (len(observed) - 1)
    assert observed[row] == 36


def test_rejection__a_rejected_event_leaves_all_three_tables(made: dict[str, pa.Table]) -> None:
    """Five unknown samples reject; the event is named with its reason and the others stay."""
    row = _lonely_event(made)
    result = run(state_table=_without_atr(made, row, 5))
    events = made["signals"].column("event_id").to_pylist()
    gone = {"event_id": events[row], "date": DAY, "reason": "dct_d_atr_c0 is unknown"}
    assert result.tables["episodes/rejected"].to_pylist() == [gone]
    for contract in STAGE.outputs:
        check_table(contract, result.tables[contract.dataset])
    for contract in (VECTORS, METADATA, SEQUENCES):
        kept = result.tables[contract.dataset].column("event_id").to_pylist()
        assert kept == [e for e in events if e != events[row]]
    assert (result.metrics["episodes"], result.metrics["rejected"]) == (len(events) - 1, 1)


def test_rejection__too_many_fail_the_date(made: dict[str, pa.Table]) -> None:
    """More than max(2, 10 %) rejections fail the session and show some of them (08 B2)."""
    everything = changed(
        made["state_table"],
        "distance_signed_atr",
        dict.fromkeys(range(made["state_table"].num_rows)),
    )
    averages = [k.as_py() in {"SMA_90", "EMA_20"} for k in made["signals"].column("level_kind")]
    assert sum(averages) > max(2, 0.1 * len(averages))
    signals = made["signals"].filter(pa.array(averages))
    anchors = made["work/anchors"].filter(pa.array(averages))
    with pytest.raises(DataError, match="distance_signed_atr"):
        run(state_table=everything, signals=signals, anchors=anchors)
    early = _before_anchors(made, signals)
    with pytest.raises(DataError, match="events rejected, allowed are 2"):
        run(state_table=early, signals=signals, anchors=anchors)


def _before_anchors(made: dict[str, pa.Table], signals: pa.Table) -> pa.Table:
    """The state table with unknown distances everywhere but at anchors."""
    state = made["state_table"]
    pairs = zip(
        signals.column("level_kind").to_pylist(),
        signals.column("anchor_ts_ns").to_pylist(),
        strict=True,
    )
    anchors = set(pairs)
    rows = [
        i
        for i, r in enumerate(state.select(["level_kind", "ts_ns"]).to_pylist())
        if (r["level_kind"], r["ts_ns"]) not in anchors
    ]
    return changed(state, "distance_signed_atr", dict.fromkeys(rows))


def test_episodes__no_events(made: dict[str, pa.Table]) -> None:
    """A session without events gives four empty tables that fulfil their contracts."""
    result = run(signals=made["signals"].slice(0, 0), anchors=made["work/anchors"].slice(0, 0))
    for contract in STAGE.outputs:
        check_table(contract, result.tables[contract.dataset])
        assert result.tables[contract.dataset].num_rows == 0
        assert STAGE.layer_of(contract.dataset) == "gold"


@pytest.mark.parametrize("change", [truncated, scrambled], ids=["deleted", "noise"])
def test_episodes__truncation_law(change: Any) -> None:
    """Vectors and sequences of events up to t keep their bytes whatever happens from t on."""
    built = session()
    t = built.market.clock.open_ns + 95 * 60 * NS
    other = build(change(built.market, t), history=built.tables, episodes=True)
    for name in ("episodes/vectors", "episodes/sequences"):
        expected, found = (
            table.filter(pc.less_equal(table.column("anchor_ts_ns"), t))
            for table in (built.tables[name], other.tables[name])
        )
        assert 10 < expected.num_rows < built.tables[name].num_rows
        assert_same_bytes(found, expected)


def test_vector__anchor_distance_is_that_of_the_event(made: dict[str, pa.Table]) -> None:
    """Lag 0 is the event's own distance, also where its level differs from the state row's."""
    own = np.array(made["signals"].column("distance_signed_atr").to_pylist(), np.float32)
    found = vectors(made["episodes/vectors"])[:, vector_index("d_atr_lag0")]
    np.testing.assert_array_equal(found, own)
    assert "vector_raw" not in SIGNALS.names
