"""Indices in memory, loaded strictly and kept by the hash of their content (03 D48)."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Any

from spymaster_lake.contracts.errors import ConfigError
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.index_store import load_index, read_manifest
from spymaster_lake.serving.search_index import SearchIndex


class IndexManager:
    """Loads indices and keeps the last few.

    The manifest is read at every request: an index that was replaced at the same place has another
    content hash and is loaded anew. Nothing is half-loaded: any failure is an error.
    """

    def __init__(self, filesystem: LakeFileSystem, *, keep: int = 2) -> None:
        if keep < 1:
            raise ConfigError(f"IndexManager.keep: must be >= 1 (found {keep})")
        self._filesystem, self._keep = filesystem, keep
        self._kept: OrderedDict[str, SearchIndex] = OrderedDict()
        self._lock = Lock()

    def get(
        self,
        root: str,
        *,
        instrument: str | None = None,
        pipeline_version: str | None = None,
        index_dim: int | None = None,
    ) -> SearchIndex:
        """The index at `root`.

        Args:
            root: directory with `manifest.json`.
            instrument: what the manifest must say; anything when None.
            pipeline_version: likewise.
            index_dim: likewise.

        Raises:
            IndexArtifactError: anything about the index is not as its manifest says, or not as
                asked for.
        """
        wanted: Any = {
            "instrument": instrument,
            "pipeline_version": pipeline_version,
            "index_dim": index_dim,
        }
        with self._lock:
            sha = read_manifest(self._filesystem, root, **wanted).content_sha256
            found = self._kept.get(sha)
            if found is None:
                loaded = load_index(self._filesystem, root, **wanted)
                # the index may have been replaced since its manifest was read
                sha, found = loaded.manifest.content_sha256, SearchIndex.of(loaded)
            self._kept[sha] = found
            self._kept.move_to_end(sha)
            while len(self._kept) > self._keep:
                self._kept.popitem(last=False)
            return found
