"""The files of one model's registry: exclusive lock, atomic replacement, append-only history.

Changes need a local disk: `flock` and `rename` are what makes them safe, and fsspec offers no
conditional put that all stores share. On any other file system reading works and every change is
refused; two hosts over one network disk are only as safe as its `flock`.
"""

from __future__ import annotations

import fcntl
import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError

from spymaster_lake.contracts.bundle import json_bytes
from spymaster_lake.contracts.errors import ContractError, RegistryError
from spymaster_lake.contracts.model import describe
from spymaster_lake.contracts.model_registry import (
    REGISTRY_DATASET,
    REGISTRY_SCHEMA_VERSION,
    HistoryEntry,
    Registry,
    registry_schema_text,
)
from spymaster_lake.lake.durable import append_synced, replace_synced, write_synced
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.paths import LakePathResolver

LOCK_SECONDS = 30.0
_POLL_SECONDS = 0.02


class RegistryFiles:
    """Reads and replaces the files of one registry; knows no rule of promotion."""

    def __init__(
        self, filesystem: LakeFileSystem, resolver: LakePathResolver, instrument: str, model_id: str
    ) -> None:
        self.path = resolver.registry_json(instrument, model_id)
        self._owner = (instrument, model_id)
        self._filesystem, self._resolver = filesystem, resolver
        self._history = resolver.registry_history(instrument, model_id)
        self._lock = resolver.registry_lock(instrument, model_id)

    def read(self) -> Registry | None:
        """The registry as it stands; None if there is none.

        Raises:
            ContractError: it is malformed; lists every violation. Or it is the registry of another
                instrument or model, put in this place.
        """
        if not self._filesystem.exists(self.path):
            return None
        found = self.parse(self._filesystem.read_bytes(self.path))
        if (found.instrument, found.model_id) != self._owner:
            raise ContractError(
                f"{self.path}: is the registry of {found.model_id!r} of {found.instrument!r}, "
                f"needed {self._owner[1]!r} of {self._owner[0]!r}"
            )
        return found

    def parse(self, data: bytes) -> Registry:
        """Validate the text of a registry, strictly as JSON, and where its bundles lie."""
        try:
            found = Registry.model_validate_json(data, strict=True)
        except ValidationError as exc:
            raise ContractError(f"{self.path}: {describe(exc)}") from exc
        for version in found.versions:
            root = self._resolver.model_dir(found.instrument, found.model_id, version.model_version)
            if version.artifact_path != self._resolver.relative(root):
                raise ContractError(
                    f"{self.path}: artifact_path of {version.model_version} is "
                    f"{version.artifact_path!r}, must be {self._resolver.relative(root)!r}"
                )
        return found

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the exclusive lock; also publishes the schema and removes what a crash left.

        Raises:
            RegistryError: no local disk, or the lock is not free within LOCK_SECONDS.
        """
        if not self._filesystem.is_local:
            raise RegistryError(
                f"{self.path}: changes need an exclusive lock, and this file system has none; "
                "run registry commands where DATA_ROOT is a local disk"
            )
        lock = self._filesystem.local_path(self._lock)
        lock.parent.mkdir(parents=True, exist_ok=True)
        with lock.open("ab") as handle:
            self._acquire(handle.fileno())
            self._publish_schema()
            self._clear_leftovers()
            yield

    def _acquire(self, handle: int) -> None:
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as exc:
                if time.monotonic() > deadline:
                    raise RegistryError(
                        f"{self._lock}: held by another process for {LOCK_SECONDS:.0f} s"
                    ) from exc
                time.sleep(_POLL_SECONDS)
            else:
                return

    def _publish_schema(self) -> None:
        path = self._resolver.schema_json(REGISTRY_DATASET, REGISTRY_SCHEMA_VERSION)
        text = registry_schema_text()
        if not self._filesystem.exists(path):
            self._filesystem.write_text(path, text)
        elif self._filesystem.read_text(path) != text:
            raise ContractError(
                f"{path}: the published schema differs from this package's; "
                "a changed registry needs a new schema version"
            )

    def _clear_leftovers(self) -> None:
        """Temporary files of killed writers; nobody else writes while the lock is held."""
        target = self._filesystem.local_path(self.path)
        for stale in target.parent.glob(f"{target.name}.tmp-*"):
            stale.unlink()

    def replace(self, registry: Registry, entry: HistoryEntry) -> None:
        """Put a new revision in place and add its line to the history; the lock must be held."""
        self._repair_history(registry.revision - 1, entry.when)
        data = json_bytes(registry.model_dump(mode="json"))
        self.parse(data)
        target = self._filesystem.local_path(self.path)
        temporary = target.with_name(f"{target.name}.tmp-{uuid.uuid4().hex}")
        write_synced(temporary, data)
        replace_synced(temporary, target)
        self._append(entry)

    def _append(self, entry: HistoryEntry) -> None:
        line = json.dumps(entry.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
        append_synced(self._filesystem.local_path(self._history), f"{line}\n".encode())

    def _repair_history(self, revision: int, when: str) -> None:
        """Name a revision that its process did not live to record."""
        path = self._filesystem.local_path(self._history)
        if path.exists() and not (data := path.read_bytes()).endswith(b"\n") and data:
            fresh = path.with_name(f"{path.name}.tmp-{uuid.uuid4().hex}")
            write_synced(fresh, data[: data.rfind(b"\n") + 1])
            replace_synced(fresh, path)
        recorded = self.history()
        last = recorded[-1].revision if recorded else 0
        for missing in range(last + 1, revision + 1):
            self._append(
                HistoryEntry(
                    revision=missing,
                    op="unrecorded",
                    before=None,
                    after=None,
                    who="registry",
                    when=when,
                )
            )

    def history(self) -> tuple[HistoryEntry, ...]:
        """Every recorded change, oldest first; empty if there is none."""
        if not self._filesystem.exists(self._history):
            return ()
        lines = self._filesystem.read_text(self._history).split("\n")[:-1]
        try:
            return tuple(HistoryEntry.model_validate_json(line, strict=True) for line in lines)
        except ValidationError as exc:
            raise ContractError(f"{self._history}: {describe(exc)}") from exc
