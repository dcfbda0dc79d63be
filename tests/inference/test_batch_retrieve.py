"""Batch retrieval: the engine that answers one query answers a range, row by row, twice the same."""

from __future__ import annotations

from datetime import date, timedelta

import pyarrow as pa
import pytest

from spymaster_lake.contracts.enums import HORIZONS, OUTCOMES
from spymaster_lake.contracts.episodes import METADATA, VECTORS
from spymaster_lake.contracts.errors import IndexArtifactError
from spymaster_lake.contracts.retrieval_set import RETRIEVAL_SET, SHARES, share_column
from spymaster_lake.inference import retrieve_task
from spymaster_lake.inference.retrieve_task import OUTPUTS, RetrieveCall, answers
from spymaster_lake.inference.walk_forward import query_of
from spymaster_lake.lake.checks import check_table
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.index_store import publish_index, read_manifest
from spymaster_lake.lake.session_map import SessionTask
from spymaster_lake.serving.engine import RetrievalEngine
from spymaster_lake.stages.index_building.build_indices import run
from spymaster_lake.stages.tables import build_table
from tests.serving.toy_index import Row, at, axis, table, toy_index
from tests.stages.episode_tables import context, episodes, weekdays

NOW = date(2025, 12, 16)
OLD = [
    Row(NOW - timedelta(days=i), "BREAK" if i % 3 else "REJECT", axis(1.0, i / 50))
    for i in range(1, 41)
]
INDEX = toy_index(OLD)
"""As of NOW."""
ASKED = [
    Row(NOW, None, axis(1.0, 0.2), name="b"),
    Row(NOW, None, axis(1.0, 0.1), minutes=18.0, name="a"),
    Row(NOW, None, axis(-1.0), minutes=25.0, name="nothing like it"),
    Row(NOW - timedelta(days=3), None, axis(1.0), name="before the as-of date"),
]


def vectors(rows: list[Row]) -> pa.Table:
    """episodes/vectors of rows, in another order than the metadata."""
    rows = rows[::-1]
    return build_table(
        VECTORS,
        {
            "event_id": [r.event_id for r in rows],
            "date": [r.day for r in rows],
            "anchor_ts_ns": [at(r.day, r.minutes) for r in rows],
            "vector_raw": pa.array([r.raw.tolist() for r in rows], pa.list_(pa.float32())),
            "n_missing": [0] * len(rows),
        },
        rows=len(rows),
    )


def test_answers__are_those_of_the_engine() -> None:
    """Every row holds what a single query says, block by block; rows stand by anchor."""
    engine = RetrievalEngine(INDEX)
    rows = answers(engine, table(ASKED), vectors(ASKED))
    assert [r["event_id"] for r in rows] == [
        "before the as-of date", "a", "b", "nothing like it",
    ]  # fmt: skip
    facts = {f["event_id"]: f for f in table(ASKED).to_pylist()}
    for row in rows:
        (asked,) = [r for r in ASKED if r.event_id == row["event_id"]]
        single = engine.query(query_of(facts[row["event_id"]], asked.raw), attribution=False)
        assert row["status"] == single.status.value
        assert row["n_retrieved"] == single.reliability.n_retrieved
        for horizon in HORIZONS:
            found = single.outcomes[horizon]
            assert row[f"n_valid_{horizon}"] == found.n_valid
            for block in SHARES:
                kept = {o: row[share_column(block, o, horizon)] for o in OUTCOMES}
                assert kept == getattr(found, block)


def test_answers__a_status_without_an_answer_has_no_number() -> None:
    """An episode before the as-of date, and one like no other, get a status and nulls."""
    rows = {r["event_id"]: r for r in answers(RetrievalEngine(INDEX), table(ASKED), vectors(ASKED))}
    early, lonely, known = (rows[n] for n in ("before the as-of date", "nothing like it", "a"))
    assert (early["status"], early["reasons"]) == ("INVALID_QUERY", "ASOF_AFTER_QUERY")
    assert (lonely["status"], lonely["reasons"]) == ("NO_NEIGHBOURS", "NO_SURVIVOR")
    assert known["p_posterior_break_4min"] > known["base_rate_reject_4min"] > 0
    for row in (early, lonely):
        assert all(row[share_column(b, o, "4min")] is None for b in SHARES for o in OUTCOMES)


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A lake with an index, and a task's call over it."""
    monkeypatch.setattr(retrieve_task, "_MANAGERS", {})
    tables = episodes(24, 30, kinds=("PM_HIGH",))
    as_of = weekdays(24)[-1] + timedelta(days=1)
    filesystem, root = LakeFileSystem.of(str(tmp_path)), f"{tmp_path}/indices"
    artifact = run(tables, context(min_partition_size=60), as_of)
    publish_index(filesystem, root, artifact, source_versions={}, run_id="r1")
    sha = read_manifest(filesystem, root).content_sha256
    day = max(tables["metadata"].column("date").to_pylist())
    opens = {day: 0}
    return RetrieveCall(str(tmp_path), root, sha, opens), day, tables


def test_call__gives_rows_of_the_contract_twice_the_same(published) -> None:
    """A task's table fulfils the contract; the same task again gives the same rows."""
    call, day, tables = published
    inputs = {
        METADATA.dataset: tables["metadata"].filter(pa.compute.equal(tables["metadata"]["date"], day)),
        VECTORS.dataset: tables["vectors"],
    }  # fmt: skip
    task = SessionTask(day, {}, {}, "")
    first, again = call(task, inputs), call(task, inputs)
    (contract,) = OUTPUTS
    check_table(contract, first.tables[RETRIEVAL_SET.dataset])
    assert first.tables[RETRIEVAL_SET.dataset].equals(again.tables[RETRIEVAL_SET.dataset])
    # the index is as of the day after: it may not answer any of them
    assert first.metrics == {"INVALID_QUERY": inputs[METADATA.dataset].num_rows}


def test_call__refuses_an_index_that_was_replaced(published) -> None:
    """A worker that finds another index than the driver read stops the job."""
    call, day, tables = published
    other = RetrieveCall(call.data_root, call.root, "0" * 64, call.open_ns)
    with pytest.raises(IndexArtifactError, match="was replaced meanwhile"):
        other(SessionTask(day, {}, {}, ""), {METADATA.dataset: tables["metadata"]})
