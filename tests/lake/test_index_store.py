"""Publication and strict loading of an index, on a local disk and behind a URI."""

from __future__ import annotations

import hashlib
import io
import json
import uuid
from datetime import timedelta

import numpy as np
import pyarrow.parquet as pq
import pytest

from spymaster_lake.contracts.errors import IndexArtifactError, UnknownNameError
from spymaster_lake.contracts.index_artifact import IndexArtifact
from spymaster_lake.contracts.index_manifest import VOLATILE, IndexManifest, content_hash
from spymaster_lake.features.vector_index import IndexPlan, build_index, candidates, index_bytes
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.index_store import load_index, publish_index, read_manifest
from spymaster_lake.stages.index_building.build_indices import run
from tests.stages.episode_tables import context, episodes, weekdays

TABLES = episodes(24, 30, kinds=("PM_HIGH", "OR_LOW"))
AS_OF = weekdays(24)[-1] + timedelta(days=1)
ARTIFACT = run(TABLES, context(min_partition_size=60, ivf_min_rows=150), AS_OF)
KEY = "PM_HIGH/UP/ALL"


@pytest.fixture(params=["local", "memory"])
def place(request, tmp_path):
    """A file system and an index root in it."""
    root = str(tmp_path / "lake") if request.param == "local" else f"memory://{uuid.uuid4().hex}"
    return LakeFileSystem.of(root), f"{root}/gold/es/index_building/version=4.5.0/indices"


def publish(place, artifact=ARTIFACT, run_id="run-1", created_at="2025-02-10T00:00:00+00:00"):
    """Publish at the fixture's root."""
    filesystem, root = place
    versions = {"episodes/vectors": 3, "episodes/metadata": 4}
    return publish_index(
        filesystem, root, artifact, source_versions=versions, run_id=run_id, created_at=created_at
    )


def tree(place) -> dict[str, str]:
    """Content hash of every file below the index root's parent."""
    filesystem, root = place
    parent = root.rsplit("/", 1)[0]
    return {f.path[len(parent) :]: filesystem.sha256(f.path) for f in filesystem.find(parent)}


def rewrite_manifest(place, edit) -> None:
    """Change the manifest and seal it again, so that only the files can contradict it."""
    filesystem, root = place
    plain = filesystem.read_json(f"{root}/manifest.json")
    edit(plain)
    content = {name: value for name, value in plain.items() if name not in VOLATILE}
    plain["content_sha256"] = content_hash(content)
    filesystem.write_json(f"{root}/manifest.json", plain)


def test_publish_index__loads_back_as_built(place):
    """Every partition comes back with its vectors, rows and a working index."""
    assert publish(place) == 720
    loaded = load_index(*place, pipeline_version="4.5.0", index_dim=32)
    assert set(loaded.partitions) == set(ARTIFACT.content.partitions)
    assert {p.plan.index_type for p in loaded.partitions.values()} == {"FLAT_IP", "IVF_FLAT"}
    for key, part in loaded.partitions.items():
        assert (
            part.vectors.tobytes()
            == np.load(io.BytesIO(ARTIFACT.files[key]["vectors.npy"])).tobytes()
        )
        assert part.rows.equals(pq.read_table(io.BytesIO(ARTIFACT.files[key]["rows.parquet"])))
        found = candidates(part.index, part.vectors[3], k=5, n_eligible=part.record.n)
        assert found[0] == 3
    manifest = loaded.manifest
    assert (manifest.run_id, manifest.source_versions["episodes/metadata"]) == ("run-1", 4)
    assert manifest.content_sha256 == ARTIFACT.content.digest


def test_publish_index__layout(place):
    """Three files per partition, the manifest at the root, no staging left behind."""
    publish(place)
    names = {
        f"/indices/{k}/{f}"
        for k in ARTIFACT.files
        for f in ("index.faiss", "vectors.npy", "rows.parquet")
    }
    assert set(tree(place)) == names | {"/indices/manifest.json"}


def test_publish_index__twice_differs_in_volatile_fields_only(place):
    """Another run at another time changes manifest.json alone, and not its content hash."""
    publish(place)
    first, before = tree(place), read_manifest(*place)
    publish(place, run_id="run-2", created_at="2026-01-01T00:00:00+00:00")
    second, after = tree(place), read_manifest(*place)
    assert {n for n in first if first[n] != second[n]} == {"/indices/manifest.json"}
    changed = {n for n in IndexManifest.model_fields if getattr(before, n) != getattr(after, n)}
    assert changed == {"run_id", "created_at"}


def test_publish_index__replaces_the_old_index_as_a_whole(place):
    """Partitions that the new index does not have are gone."""
    publish(place)
    smaller = run(TABLES, context(min_partition_size=170), AS_OF)
    assert set(smaller.files) < set(ARTIFACT.files)
    publish(place, smaller, run_id="run-2")
    assert set(load_index(*place).partitions) == set(smaller.files)
    assert len(tree(place)) == 3 * len(smaller.files) + 1


def test_publish_index__artefact_that_contradicts_itself_leaves_the_old_one(place):
    """A file that is not what the manifest says stops the publication; the old index stays."""
    publish(place)
    before = tree(place)
    files = {k: dict(f) for k, f in ARTIFACT.files.items()}
    files[KEY]["rows.parquet"] += b" "
    with pytest.raises(IndexArtifactError, match=r"rows\.parquet"):
        publish(place, IndexArtifact(ARTIFACT.content, files), run_id="run-2")
    assert tree(place) == before


def test_publish_index__object_store_writes_the_manifest_last(monkeypatch):
    """While files move there is no manifest, so an interrupted publication cannot be loaded."""
    root = f"memory://{uuid.uuid4().hex}"
    place = LakeFileSystem.of(root), f"{root}/indices"
    publish(place)
    seen = []
    original = LakeFileSystem.replace_dir

    def interrupted(self, source, target):
        original(self, source, target)
        seen.append(self.exists(f"{target}/manifest.json"))
        raise OSError("connection lost")

    monkeypatch.setattr(LakeFileSystem, "replace_dir", interrupted)
    with pytest.raises(OSError, match="connection lost"):
        publish(place, run_id="run-2")
    assert seen == [False]
    with pytest.raises(IndexArtifactError, match=r"manifest\.json: missing"):
        load_index(*place)


@pytest.mark.parametrize("name", ["index.faiss", "vectors.npy", "rows.parquet"])
def test_load_index__flipped_byte_is_refused(place, name):
    """One changed byte anywhere in a partition is an error that names the file."""
    publish(place)
    filesystem, root = place
    path = f"{root}/{KEY}/{name}"
    data = bytearray(filesystem.read_bytes(path))
    data[len(data) // 2] ^= 1
    filesystem.write_bytes(path, bytes(data))
    with pytest.raises(IndexArtifactError, match=rf"{KEY}/{name}: sha256"):
        load_index(*place)


@pytest.mark.parametrize("name", ["index.faiss", "vectors.npy", "rows.parquet"])
def test_load_index__missing_file_is_refused(place, name):
    """An absent file is not an empty partition."""
    publish(place)
    filesystem, root = place
    filesystem.remove(f"{root}/{KEY}/{name}")
    with pytest.raises(IndexArtifactError, match=rf"{KEY}/{name}: missing"):
        load_index(*place)


def other_index() -> bytes:
    """An index over vectors of another dimension."""
    rows = np.eye(48, 40, dtype=np.float32)
    return index_bytes(build_index(rows, IndexPlan("FLAT_IP", 40)))


def other_vectors() -> bytes:
    """Vectors of another dimension."""
    stream = io.BytesIO()
    np.save(stream, np.zeros((ARTIFACT.content.partitions[KEY].n, 40), np.float32))
    return stream.getvalue()


def fewer_rows() -> bytes:
    """rows.parquet without its last row."""
    stream = io.BytesIO()
    pq.write_table(pq.read_table(io.BytesIO(ARTIFACT.files[KEY]["rows.parquet"]))[:-1], stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "make"),
    [("index.faiss", other_index), ("vectors.npy", other_vectors), ("rows.parquet", fewer_rows),
     ("vectors.npy", lambda: b"no array"), ("rows.parquet", lambda: b"no parquet"),
     ("index.faiss", lambda: b"no index, only some text")],
)  # fmt: skip
def test_load_index__file_that_fits_its_hash_but_not_the_manifest(place, name, make):
    """Even with a matching hash, dimension, row count and format are checked; the file is named."""
    publish(place)
    filesystem, root = place
    data = make()
    filesystem.write_bytes(f"{root}/{KEY}/{name}", data)

    def edit(plain):
        record = {"sha256": hashlib.sha256(data).hexdigest(), "n_bytes": len(data)}
        plain["partitions"][KEY]["files"][name] = record

    rewrite_manifest(place, edit)
    with pytest.raises(IndexArtifactError, match=rf"{KEY}/{name}: "):
        load_index(*place)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        pytest.param(
            lambda m: m.update(asof_date="2030-01-01"), "content_sha256", id="content edited"
        ),
        pytest.param(
            lambda m: m["normalisation"].update(clip_sigma=5.0),
            "normalisation_sha256",
            id="block edited",
        ),
        pytest.param(lambda m: m.update(schema_version=2), "schema_version", id="other schema"),
        pytest.param(lambda m: m.pop("compressor"), "compressor", id="field missing"),
        pytest.param(lambda m: m.update(extra=1), "extra", id="unknown field"),
    ],
)
def test_read_manifest__edited_manifest_is_refused(place, edit, said):
    """The manifest proves itself; every violation names the field."""
    publish(place)
    filesystem, root = place
    plain = filesystem.read_json(f"{root}/manifest.json")
    edit(plain)
    filesystem.write_json(f"{root}/manifest.json", plain)
    with pytest.raises(IndexArtifactError, match=said):
        read_manifest(*place)


def test_read_manifest__no_index_and_no_json(place):
    """Nothing there, and something that is not JSON, are the same kind of error."""
    with pytest.raises(IndexArtifactError, match="missing"):
        load_index(*place)
    filesystem, root = place
    filesystem.write_text(f"{root}/manifest.json", "{")
    with pytest.raises(IndexArtifactError, match="not JSON"):
        load_index(*place)


def test_load_index__expectations_of_the_caller(place):
    """Another version or dimension than the caller needs is refused; so is an unknown partition."""
    publish(place)
    assert list(load_index(*place, keys=[KEY]).partitions) == [KEY]
    with pytest.raises(IndexArtifactError, match=r"4\.6\.0"):
        load_index(*place, pipeline_version="4.6.0")
    with pytest.raises(IndexArtifactError, match="index_dim is 32, needed 149"):
        load_index(*place, index_dim=149)
    with pytest.raises(UnknownNameError, match=KEY):
        load_index(*place, keys=["PM_HIGH/UP/ALLL"])


def test_manifest__survives_json_to_the_bit(place):
    """Floats of the normaliser and the thresholds read back exactly."""
    publish(place)
    filesystem, root = place
    manifest = read_manifest(*place)
    assert (
        IndexManifest.model_validate(json.loads(filesystem.read_text(f"{root}/manifest.json")))
        == manifest
    )
    assert manifest.normalisation == ARTIFACT.content.normalisation
    assert manifest.min_avg_similarity == ARTIFACT.content.min_avg_similarity
