"""An index that exists for an evaluation only: shipped code, memory instead of disk (08 B6)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pyarrow as pa

from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.index_store import load_index, publish_index
from spymaster_lake.serving.search_index import SearchIndex
from spymaster_lake.stages.index_building import build_indices
from spymaster_lake.stages.spec import StageContext

_ROOT = "memory://scratch-indices"


def scratch_index(
    tables: Mapping[str, pa.Table], context: StageContext, as_of: date, *, owner: str
) -> SearchIndex:
    """The index that `spymaster run` would publish for this as-of date, loaded as it would be.

    It is written to and read from this process' memory, through the shipped store, and removed.

    Args:
        tables: `vectors` and `metadata`.
        context: parameters of build_indices.
        as_of: the index knows dates before it.
        owner: keeps evaluations in one process apart.
    """
    filesystem, root = LakeFileSystem.of(_ROOT), f"{_ROOT}/{owner}"
    artifact = build_indices.run(tables, context, as_of)
    try:
        publish_index(filesystem, root, artifact, source_versions={}, run_id=owner, created_at="")
        return SearchIndex.of(load_index(filesystem, root))
    finally:
        filesystem.remove_tree(root)
