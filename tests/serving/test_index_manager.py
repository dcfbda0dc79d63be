"""Indices are loaded strictly, whole, and once per content."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from spymaster_lake.contracts.errors import ConfigError, IndexArtifactError
from spymaster_lake.contracts.retrieval import Query
from spymaster_lake.contracts.vector import REQUIRED_ENTRIES
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.index_store import publish_index
from spymaster_lake.serving import index_manager as module
from spymaster_lake.serving.engine import RetrievalEngine
from spymaster_lake.serving.index_manager import IndexManager
from spymaster_lake.serving.search_index import SearchPartition
from spymaster_lake.stages.index_building.build_indices import run
from tests.serving.toy_index import KEY, Row, toy_index
from tests.stages.episode_tables import context, episodes, raw_of, weekdays

TABLES = episodes(24, 30, kinds=("PM_HIGH",))
AS_OF = weekdays(24)[-1] + timedelta(days=1)
ARTIFACT = run(TABLES, context(min_partition_size=60), AS_OF)


@pytest.fixture
def place(tmp_path):
    """A published index."""
    root = str(tmp_path / "lake")
    filesystem = LakeFileSystem.of(root)
    publish(filesystem, root, ARTIFACT)
    return filesystem, root


def publish(filesystem, root, artifact, run_id="r1"):
    """Publish under the root's `indices`."""
    publish_index(filesystem, f"{root}/indices", artifact, source_versions={}, run_id=run_id)


def test_get__serves_what_the_stage_built(place):
    """An index of the stage answers the episodes of the day after, from the raw vectors."""
    filesystem, root = place
    index = IndexManager(filesystem).get(f"{root}/indices", pipeline_version="4.5.0", index_dim=32)
    assert set(index.partitions) == set(ARTIFACT.content.partitions)
    engine = RetrievalEngine(index)
    raw = raw_of(TABLES)
    raw[:, list(REQUIRED_ENTRIES)] = np.nan_to_num(raw[:, list(REQUIRED_ENTRIES)])
    facts = TABLES["metadata"].to_pylist()
    levels = set()
    for row in facts[-30:]:
        query = Query(
            event_id=f"new {row['event_id']}", level_kind=row["level_kind"],
            direction=row["direction"], time_bucket=row["time_bucket"],
            anchor_ts_ns=row["anchor_ts_ns"], date=AS_OF,
            minutes_since_open=row["minutes_since_open"],
            vector_raw=raw[facts.index(row)],
        )  # fmt: skip
        result = engine.query(query, attribution=False)
        assert result.status.answered, result.reasons
        levels.add(result.index.partition_level)
        own = [n for n in result.neighbours if n.event_id == row["event_id"]]
        assert [n.similarity for n in own] == pytest.approx([1.0], abs=1e-6)
    assert levels == {"bucket", "pooled"}


def test_get__loads_once_per_content(place, monkeypatch):
    """The same content is loaded once, another content at the same place anew."""
    filesystem, root = place
    loads = []
    original = module.load_index
    monkeypatch.setattr(module, "load_index", lambda *a, **k: loads.append(1) or original(*a, **k))
    manager = IndexManager(filesystem)
    first = manager.get(f"{root}/indices")
    publish(filesystem, root, ARTIFACT, "r2")
    assert manager.get(f"{root}/indices") is first
    other = run(TABLES, context(min_partition_size=200), AS_OF)
    publish(filesystem, root, other, "r3")
    second = manager.get(f"{root}/indices")
    assert second.manifest.content_sha256 == other.content.digest != first.manifest.content_sha256
    assert len(loads) == 2


def test_get__keeps_the_last_few_only(place):
    """A bounded cache forgets the index that was longest unused."""
    filesystem, root = place
    manager = IndexManager(filesystem, keep=1)
    first = manager.get(f"{root}/indices")
    publish(filesystem, root, run(TABLES, context(min_partition_size=200), AS_OF), "r2")
    manager.get(f"{root}/indices")
    publish(filesystem, root, ARTIFACT, "r3")
    assert manager.get(f"{root}/indices") is not first
    with pytest.raises(ConfigError, match="keep"):
        IndexManager(filesystem, keep=0)


def test_get__refuses_what_is_not_as_asked_even_from_the_cache(place):
    """Expectations hold for cached indices too; a damaged or missing index is an error."""
    filesystem, root = place
    manager = IndexManager(filesystem)
    manager.get(f"{root}/indices")
    with pytest.raises(IndexArtifactError, match="pipeline_version"):
        manager.get(f"{root}/indices", pipeline_version="9.9.9")
    with pytest.raises(IndexArtifactError, match="missing"):
        manager.get(f"{root}/elsewhere")
    filesystem.write_bytes(f"{root}/indices/PM_HIGH/UP/ALL/vectors.npy", b"x")
    with pytest.raises(IndexArtifactError, match=r"vectors\.npy: sha256"):
        IndexManager(filesystem).get(f"{root}/indices")


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda rows: rows.drop_columns(["spot"]), "spot"),
        (lambda rows: rows.take(pa.array([1, 0])), "sorted"),
        (lambda rows: rows.set_column(rows.schema.get_field_index("outcome_4min"), "outcome_4min",
                                      pa.array(["BREAK", "BOUNCE"])), "BOUNCE"),
        (lambda rows: rows.set_column(rows.schema.get_field_index("date"), "date",
                                      pa.array([date(2025, 1, 6), date(2025, 1, 9)])), "before"),
    ],
)  # fmt: skip
def test_search_partition__rows_that_contradict_the_manifest(edit, said):
    """Rows without a column, out of order, with an unknown outcome or from the as-of date on."""
    index = toy_index([Row(date(2025, 1, 6)), Row(date(2025, 1, 7))])
    loaded = index.partitions[KEY].loaded
    with pytest.raises(IndexArtifactError, match=said):
        SearchPartition.of(replace(loaded, rows=edit(loaded.rows)), index.manifest)
