"""Registry of one model's versions: register, promote, retire as compare-and-swap (04 section 3).

A change takes the exclusive lock, reads again, requires the revision that the caller had read,
checks its rules, and replaces the file atomically. There is no implicit latest: readers name a
version or an alias.
"""

from __future__ import annotations

import getpass
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from spymaster_lake.contracts.bundle import BUNDLE_FILE, METRICS_FILE, plain_sha256
from spymaster_lake.contracts.errors import (
    BundleIdentityError,
    PromotionRefusedError,
    RegistryConflictError,
    RegistryError,
    UnknownNameError,
)
from spymaster_lake.contracts.model_registry import (
    ALIASES,
    HistoryEntry,
    Operation,
    Pointer,
    Pointers,
    Registry,
    RegistryVersion,
)
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.model_store import BundleFiles, check_heads, parse_bundle, read_bundle
from spymaster_lake.lake.paths import LakePathResolver
from spymaster_lake.lake.promotion_gates import refusals
from spymaster_lake.lake.registry_files import RegistryFiles
from spymaster_lake.lake.registry_lookup import find_version, known_alias, model_ids, named_by

ATTEMPTS = 5
_JITTER = random.SystemRandom()
_SAME = ("pipeline_version", "feature_set_id", "label_version", "mlflow_run_id", "git_sha")
"""Fields that a registry entry repeats of its bundle."""


@dataclass(frozen=True, slots=True)
class _Change:
    """What an operation does to the registry, and how the history tells it."""

    op: Operation
    update: dict[str, Any]
    before: dict[str, Any] | None
    after: dict[str, Any]


class ModelRegistry:
    """The registry of one (instrument, model_id)."""

    def __init__(
        self, filesystem: LakeFileSystem, resolver: LakePathResolver, instrument: str, model_id: str
    ) -> None:
        self.instrument, self.model_id = instrument, model_id
        self._filesystem, self._resolver = filesystem, resolver
        self._files = RegistryFiles(filesystem, resolver, instrument, model_id)

    def read(self) -> Registry:
        """The registry as it stands.

        Raises:
            UnknownNameError: this instrument has no such model; lists near matches.
            ContractError: the file breaks its schema; lists every violation.
        """
        registry = self._files.read()
        if registry is None:
            known = model_ids(self._filesystem, self._resolver, self.instrument)
            what = f"model of {self.instrument!r} (no {self._files.path})"
            raise UnknownNameError(what, self.model_id, known)
        return registry

    def revision(self) -> int:
        """The revision to expect; 0 before the first registration."""
        registry = self._files.read()
        return 0 if registry is None else registry.revision

    def history(self) -> tuple[HistoryEntry, ...]:
        """Every recorded change, oldest first."""
        return self._files.history()

    def register(
        self, version: RegistryVersion, *, who: str | None = None, expected: int | None = None
    ) -> Registry:
        """Add a version whose bundle is published.

        Args:
            version: its entry; state "registered".
            who: recorded; the user of this process when None.
            expected: revision that the caller had read; None reads it and tries again on a lost
                race.

        Raises:
            RegistryError: the version is registered already, or on no local disk.
            RegistryConflictError: `expected` is not the revision, or five races were lost.
            ArtifactIntegrityError: the bundle is missing or corrupt, or its hash differs.
            BundleIdentityError: the entry says something else than its bundle.json.
        """

        def change(registry: Registry | None) -> _Change:
            if registry is not None and registry.find(version.model_version) is not None:
                raise RegistryError(f"{version.model_version} is registered already")
            if version.state != "registered":
                raise RegistryError(f"{version.model_version}: state must be 'registered'")
            self._verify(version)
            versions = (*(registry.versions if registry else ()), version)
            after = {"model_version": version.model_version, "bundle": version.bundle_sha256}
            return _Change("register", {"versions": versions}, None, after)

        return self._apply(change, who, expected)

    def promote(
        self,
        alias: str,
        model_version: str,
        *,
        reason: str,
        who: str | None = None,
        expected: int | None = None,
    ) -> Registry:
        """Point an alias at a version; nothing else changes. Rollback promotes the previous one.

        Raises:
            UnknownNameError: no such alias or version; lists near matches.
            PromotionRefusedError: gates that the version does not pass, with figures.
            RegistryError: the version is retired, or the alias names it already.
            ArtifactIntegrityError: its bundle is missing or corrupt.
            RegistryConflictError: as for `register`.
        """
        known_alias(alias)

        def change(registry: Registry | None) -> _Change:
            standing = registry or self.read()
            version = find_version(standing, model_version)
            if version.state != "registered":
                raise RegistryError(f"{model_version} is {version.state}; it cannot be promoted")
            before = standing.pointers.get_alias(alias)
            if before is not None and before.model_version == model_version:
                raise RegistryError(f"{alias} names {model_version} already")
            stored = self._verify(version)
            record = self._run_record(version.run_id)
            if found := refusals(version, _verdicts(stored), record):
                raise PromotionRefusedError(model_version, found)
            pointer = Pointer(
                model_version=model_version,
                set_at=_now(),
                set_by=_user(who),
                previous=None if before is None else before.model_version,
                reason=reason,
            )
            pointers = standing.pointers.model_copy(update={alias: pointer})
            return _Change(
                "promote",
                {"pointers": pointers},
                _pointing(alias, before),
                _pointing(alias, pointer),
            )

        return self._apply(change, who, expected)

    def retire(
        self, model_version: str, *, who: str | None = None, expected: int | None = None
    ) -> Registry:
        """Mark a version as retired; its bundle stays.

        Raises:
            UnknownNameError: no such version; lists near matches.
            RegistryError: an alias names it, or it is retired already.
            RegistryConflictError: as for `register`.
        """

        def change(registry: Registry | None) -> _Change:
            standing = registry or self.read()
            version = find_version(standing, model_version)
            if version.state == "retired":
                raise RegistryError(f"{model_version} is retired already")
            named = [a for a in ALIASES if named_by(standing, a) == model_version]
            if named:
                raise RegistryError(
                    f"{model_version} is what {' and '.join(named)} names; promote another first"
                )
            gone = version.model_copy(update={"state": "retired"})
            versions = tuple(gone if v is version else v for v in standing.versions)
            state = {"model_version": model_version}
            return _Change(
                "retire",
                {"versions": versions},
                {**state, "state": version.state},
                {**state, "state": "retired"},
            )

        return self._apply(change, who, expected)

    def _apply(
        self,
        change: Callable[[Registry | None], _Change],
        who: str | None,
        expected: int | None,
    ) -> Registry:
        if expected is not None:
            return self._swap(change, _user(who), expected)
        return with_retry(lambda: self._swap(change, _user(who), self.revision()))

    def _swap(
        self, change: Callable[[Registry | None], _Change], who: str, expected: int
    ) -> Registry:
        with self._files.locked():
            standing = self._files.read()
            found = 0 if standing is None else standing.revision
            if found != expected:
                raise RegistryConflictError(self.model_id, expected, found)
            done, when = change(standing), _now()
            base = standing or Registry(
                schema_version=1,
                instrument=self.instrument,
                model_id=self.model_id,
                revision=1,
                updated_at=when,
                versions=(),
                pointers=Pointers(production=None, candidate=None),
            )
            update = {**done.update, "revision": found + 1, "updated_at": when}
            fresh = base.model_copy(update=update)
            entry = HistoryEntry(
                revision=fresh.revision,
                op=done.op,
                before=done.before,
                after=done.after,
                who=who,
                when=when,
            )
            self._files.replace(fresh, entry)
            return fresh

    def _verify(self, version: RegistryVersion) -> BundleFiles:
        """The bundle stands at its path, every hash matches, and it says what the entry says."""
        root = self._resolver.model_dir(self.instrument, self.model_id, version.model_version)
        if self._resolver.relative(root) != version.artifact_path:
            wanted = self._resolver.relative(root)
            raise BundleIdentityError("artifact_path", wanted, version.artifact_path)
        stored = read_bundle(
            self._filesystem,
            self._resolver,
            self.instrument,
            self.model_id,
            version.model_version,
            bundle_sha256=version.bundle_sha256,
        )
        bundle = parse_bundle(stored.read(BUNDLE_FILE), root)
        check_heads(bundle, stored.files, root)
        for field in _SAME:
            said, stands = getattr(version, field), getattr(bundle, field)
            if said != stands:
                raise BundleIdentityError(field, said, stands)
        said, stands = version.feature_set_sha256, bundle.feature_set_sha256
        if plain_sha256(said) != plain_sha256(stands):
            raise BundleIdentityError("feature_set_sha256", said, stands)
        return stored

    def _run_record(self, run_id: str) -> Any | None:
        path = self._resolver.run_json(self.instrument, run_id)
        return self._filesystem.read_json(path) if self._filesystem.exists(path) else None


def _verdicts(stored: BundleFiles) -> dict[str, Any]:
    """The gates of metrics.json; empty if the bundle decided none."""
    return dict(json.loads(stored.read(METRICS_FILE)).get("gates") or {})


def with_retry(attempt: Callable[[], Registry]) -> Registry:
    """Call `attempt`, which reads anew each time, up to five times while races are lost.

    Raises:
        RegistryConflictError: of the last race.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return attempt()
        except RegistryConflictError:
            time.sleep(_JITTER.uniform(0.01, 0.2))
    return attempt()


def _pointing(alias: str, pointer: Pointer | None) -> dict[str, Any]:
    return {"alias": alias, "model_version": None if pointer is None else pointer.model_version}


def _user(who: str | None) -> str:
    return who or getpass.getuser()


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
