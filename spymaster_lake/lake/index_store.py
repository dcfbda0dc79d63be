"""Publish an index as a whole, and load it only if every byte is as its manifest says (08 B26)."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import ValidationError

from spymaster_lake.contracts.errors import (
    IndexArtifactError,
    MissingInputError,
    UnknownNameError,
)
from spymaster_lake.contracts.index_artifact import IndexArtifact
from spymaster_lake.contracts.index_manifest import (
    INDEX_FILE,
    MANIFEST_FILE,
    PARTITION_FILES,
    ROWS_FILE,
    VECTORS_FILE,
    IndexManifest,
    PartitionRecord,
)
from spymaster_lake.contracts.model import describe
from spymaster_lake.features.vector_index import IndexPlan, index_mismatch, index_of
from spymaster_lake.lake.filesystem import LakeFileSystem


@dataclass(frozen=True)
class LoadedPartition:
    """One verified partition in memory.

    Attributes:
        key: `{KIND}/{DIRECTION}/{BUCKET}`.
        record: its entry in the manifest.
        plan: how it is indexed.
        index: the FAISS index, dimension `plan.padded_dim`; FAISS id = row.
        vectors: float32[n, d], unit vectors, not padded.
        rows: `id` and the metadata, sorted by (date, anchor, event_id).
    """

    key: str
    record: PartitionRecord
    plan: IndexPlan
    index: Any
    vectors: NDArray[np.float32]
    rows: pa.Table


@dataclass(frozen=True)
class LoadedIndex:
    """A verified index in memory; caches are keyed by `manifest.content_sha256` (D48).

    Attributes:
        manifest: the manifest.
        partitions: by key; keys that are absent were not built, or not asked for.
    """

    manifest: IndexManifest
    partitions: Mapping[str, LoadedPartition]


def publish_index(
    filesystem: LakeFileSystem,
    root: str,
    artifact: IndexArtifact,
    *,
    source_versions: Mapping[str, int],
    run_id: str,
    created_at: str | None = None,
) -> int:
    """Put an index in the place of the one at `root`.

    All files go to a staging sibling and are read back there. A local disk swaps directories by
    rename. On an object store the files move one by one and the manifest is written last: until
    then a reader finds no manifest, or hashes that differ, and refuses.

    Args:
        filesystem: the lake's files.
        root: directory of the index.
        artifact: what to publish.
        source_versions: Delta version by dataset that was read.
        run_id: recorded, and part of the staging name.
        created_at: UTC time to record; now when None.

    Returns:
        Episodes in the index.

    Raises:
        IndexArtifactError: a staged file does not read back as it was made.
    """
    manifest = IndexManifest.seal(
        artifact.content,
        created_at=created_at or datetime.now(UTC).isoformat(timespec="seconds"),
        run_id=run_id,
        source_versions=dict(source_versions),
    )
    staging = f"{root}.staging-{run_id}"
    filesystem.remove_tree(staging)
    try:
        for key, record in manifest.partitions.items():
            for name in PARTITION_FILES:
                filesystem.write_bytes(f"{staging}/{key}/{name}", artifact.files[key][name])
                _verified(filesystem, f"{staging}/{key}/{name}", record.files[name].sha256)
        _swap(filesystem, staging, root, manifest)
    finally:
        filesystem.remove_tree(staging)
    return manifest.corpus.n_indexed


def _swap(filesystem: LakeFileSystem, staging: str, root: str, manifest: IndexManifest) -> None:
    content = manifest.model_dump(mode="json")
    if filesystem.is_local:
        filesystem.write_json(f"{staging}/{MANIFEST_FILE}", content)
        filesystem.replace_dir(staging, root)
        return
    filesystem.remove(f"{root}/{MANIFEST_FILE}")
    filesystem.replace_dir(staging, root)
    filesystem.write_json(f"{root}/{MANIFEST_FILE}", content)


def read_manifest(
    filesystem: LakeFileSystem,
    root: str,
    *,
    instrument: str | None = None,
    pipeline_version: str | None = None,
    index_dim: int | None = None,
) -> IndexManifest:
    """The manifest of the index at `root`.

    Args:
        filesystem: the lake's files.
        root: directory of the index.
        instrument: what it must say; anything when None.
        pipeline_version: likewise.
        index_dim: likewise.

    Raises:
        IndexArtifactError: it is missing, malformed, of another schema version, its content has
            another hash than it says, or it says something else than asked for.
    """
    path = f"{root}/{MANIFEST_FILE}"
    manifest = _parsed_manifest(filesystem, path)
    for what, said, wanted in (
        ("instrument", manifest.instrument, instrument),
        ("pipeline_version", manifest.pipeline_version, pipeline_version),
        ("index_dim", manifest.index_dim, index_dim),
    ):
        if wanted is not None and said != wanted:
            raise IndexArtifactError(f"{path}: {what} is {said!r}, needed {wanted!r}")
    return manifest


def _parsed_manifest(filesystem: LakeFileSystem, path: str) -> IndexManifest:
    try:
        return IndexManifest.model_validate(filesystem.read_json(path))
    except MissingInputError as exc:
        raise IndexArtifactError(f"{path}: missing; no complete index was published here") from exc
    except (json.JSONDecodeError, UnicodeDecodeError) as exc:
        raise IndexArtifactError(f"{path}: is not JSON: {exc}") from exc
    except ValidationError as exc:
        raise IndexArtifactError(f"{path}: {describe(exc)}") from exc


def load_index(
    filesystem: LakeFileSystem,
    root: str,
    *,
    keys: Collection[str] | None = None,
    instrument: str | None = None,
    pipeline_version: str | None = None,
    index_dim: int | None = None,
) -> LoadedIndex:
    """Load an index strictly.

    Args:
        filesystem: the lake's files.
        root: directory of the index.
        keys: partitions to load; all when None.
        instrument: whose index it must be, anybody's when None.
        pipeline_version: version that the manifest must have, any when None.
        index_dim: vector length that the manifest must have, any when None.

    Raises:
        IndexArtifactError: a file is missing, unreadable, or has another hash, dimension or row
            count than the manifest says; the manifest is of another instrument, version or
            dimension than asked for. Names the file.
        UnknownNameError: a key that the manifest does not have.
    """
    manifest = read_manifest(
        filesystem,
        root,
        instrument=instrument,
        pipeline_version=pipeline_version,
        index_dim=index_dim,
    )
    wanted_keys = sorted(manifest.partitions if keys is None else keys)
    for key in wanted_keys:
        if key not in manifest.partitions:
            raise UnknownNameError("index partition", key, manifest.partitions)
    return LoadedIndex(
        manifest, {key: _load_partition(filesystem, root, key, manifest) for key in wanted_keys}
    )


def _verified(filesystem: LakeFileSystem, path: str, sha256: str) -> bytes:
    try:
        data = filesystem.read_bytes(path)
    except MissingInputError as exc:
        raise IndexArtifactError(f"{path}: missing, but the manifest lists it") from exc
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise IndexArtifactError(f"{path}: sha256 is {found}, manifest says {sha256}")
    return data


def _load_partition(
    filesystem: LakeFileSystem, root: str, key: str, manifest: IndexManifest
) -> LoadedPartition:
    record, folder = manifest.partitions[key], f"{root}/{key}"
    data = {
        name: _verified(filesystem, f"{folder}/{name}", record.files[name].sha256)
        for name in PARTITION_FILES
    }
    plan = IndexPlan(record.index_type, record.padded_dim, record.nlist, record.nprobe, record.pq_m)
    try:
        index = index_of(data[INDEX_FILE])
    except IndexArtifactError as exc:
        raise IndexArtifactError(f"{folder}/{INDEX_FILE}: {exc}") from exc
    vectors, rows = _vectors(folder, data[VECTORS_FILE]), _rows(folder, data[ROWS_FILE])
    shape = (record.n, manifest.index_dim)
    problems = {
        INDEX_FILE: index_mismatch(index, plan, record.n),
        VECTORS_FILE: ""
        if vectors.shape == shape and vectors.dtype == np.float32
        else f"{vectors.dtype}{list(vectors.shape)}, manifest says float32{list(shape)}",
        ROWS_FILE: ""
        if rows.num_rows == record.n
        else f"{rows.num_rows} rows, manifest says {record.n}",
    }
    for name, problem in problems.items():
        if problem:
            raise IndexArtifactError(f"{folder}/{name}: {problem}")
    return LoadedPartition(key, record, plan, index, vectors, rows)


def _vectors(folder: str, data: bytes) -> NDArray[np.float32]:
    try:
        return np.load(io.BytesIO(data), allow_pickle=False)  # type: ignore[no-any-return]
    except (ValueError, EOFError) as exc:
        raise IndexArtifactError(f"{folder}/{VECTORS_FILE}: unreadable: {exc}") from exc


def _rows(folder: str, data: bytes) -> pa.Table:
    try:
        return pq.read_table(io.BytesIO(data))
    except (OSError, pa.ArrowInvalid) as exc:
        raise IndexArtifactError(f"{folder}/{ROWS_FILE}: unreadable: {exc}") from exc
