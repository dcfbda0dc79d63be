"""Model bundles: published as a whole, read only if every byte is as recorded (04 section 3).

A version directory is immutable. On a local disk it appears by one rename; on an object store the
files are put one by one and `SHA256SUMS` last, and a directory without it is no bundle.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from spymaster_lake.contracts.bundle import (
    BUNDLE_FILE,
    SUMS_FILE,
    Bundle,
    plain_sha256,
    sha256_hex,
)
from spymaster_lake.contracts.errors import (
    ArtifactIntegrityError,
    BundleIdentityError,
    BundleSchemaError,
    MissingInputError,
    PublishError,
)
from spymaster_lake.contracts.model import describe
from spymaster_lake.lake.durable import rename_synced, sync_tree, write_synced
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.paths import LakePathResolver

_PATH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


@dataclass(frozen=True)
class BundleFiles:
    """A verified bundle in memory; picklable, so that Spark can broadcast it.

    Attributes:
        path: the version directory.
        files: contents by path in the bundle, without SHA256SUMS.
        bundle_sha256: sha256 of SHA256SUMS (08 B29).
    """

    path: str
    files: Mapping[str, bytes]
    bundle_sha256: str

    def read(self, name: str) -> bytes:
        """One file.

        Raises:
            ArtifactIntegrityError: the bundle has no such file.
        """
        if name not in self.files:
            raise ArtifactIntegrityError(f"{self.path}/{name}", "missing")
        return self.files[name]


def sums_of(files: Mapping[str, bytes]) -> bytes:
    """SHA256SUMS: one line a file, "{hash}  {path}", sorted by path; `sha256sum -c` reads it."""
    return "".join(f"{sha256_hex(files[name])}  {name}\n" for name in sorted(files)).encode()


def publish_bundle(
    filesystem: LakeFileSystem,
    resolver: LakePathResolver,
    instrument: str,
    model_id: str,
    model_version: str,
    files: Mapping[str, bytes],
) -> str:
    """Write a bundle, read it back, and give it its name in one step.

    Args:
        filesystem: the lake's files.
        resolver: the lake's paths.
        instrument: such as "abc".
        model_id: such as "level_trees".
        model_version: as in bundle.json.
        files: contents by path in the bundle; `bundle.json` among them, SHA256SUMS not.

    Returns:
        bundle_sha256: sha256 of SHA256SUMS.

    Raises:
        PublishError: the version exists, or a path is not allowed; nothing was changed.
        BundleSchemaError: bundle.json is malformed or contradicts the files.
        BundleIdentityError: bundle.json is of another instrument, model or version.
        ArtifactIntegrityError: a file does not read back as it was given.
    """
    target = resolver.model_dir(instrument, model_id, model_version)
    _check_files(files)
    bundle = parse_bundle(files[BUNDLE_FILE], target)
    for field, wanted in (
        ("instrument", instrument),
        ("model_id", model_id),
        ("model_version", model_version),
    ):
        if (found := getattr(bundle, field)) != wanted:
            raise BundleIdentityError(field, wanted, found)
    check_heads(bundle, files, target)
    if filesystem.exists(target):
        raise PublishError(f"{target}: exists; a version is immutable")
    complete = {**files, SUMS_FILE: sums_of(files)}
    if filesystem.is_local:
        staging = resolver.model_staging(instrument, model_id, uuid.uuid4().hex)
        _publish_locally(filesystem, staging, target, complete)
    else:
        for name in sorted(files):
            filesystem.write_bytes(f"{target}/{name}", files[name])
            _require_same(filesystem, f"{target}/{name}", files[name])
        filesystem.write_bytes(f"{target}/{SUMS_FILE}", complete[SUMS_FILE])
    return sha256_hex(complete[SUMS_FILE])


def _check_files(files: Mapping[str, bytes]) -> None:
    wrong = sorted(n for n in files if not _PATH.fullmatch(n) or n == SUMS_FILE)
    if wrong:
        raise PublishError(f"Bundle files {wrong}: allowed are plain relative paths")
    if BUNDLE_FILE not in files:
        raise PublishError(f"Bundle has no {BUNDLE_FILE}")


def _publish_locally(
    filesystem: LakeFileSystem, staging: str, target: str, files: Mapping[str, bytes]
) -> None:
    folder = filesystem.local_path(staging)
    try:
        for name in sorted(files):
            write_synced(folder / name, files[name])
        sync_tree(folder)
        for name in sorted(files):
            _require_same(filesystem, f"{staging}/{name}", files[name])
        try:
            rename_synced(folder, filesystem.local_path(target))
        except OSError as exc:
            raise PublishError(f"{target}: cannot be published: {exc}") from exc
    finally:
        filesystem.remove_tree(staging)


def _require_same(filesystem: LakeFileSystem, path: str, data: bytes) -> None:
    if sha256_hex(filesystem.read_bytes(path)) != sha256_hex(data):
        raise ArtifactIntegrityError(path, "does not read back as it was written")


def read_bundle(
    filesystem: LakeFileSystem,
    resolver: LakePathResolver,
    instrument: str,
    model_id: str,
    model_version: str,
    *,
    bundle_sha256: str | None = None,
) -> BundleFiles:
    """All files of a bundle, each with the hash that SHA256SUMS says.

    Args:
        filesystem: the lake's files.
        resolver: the lake's paths.
        instrument: whose bundle.
        model_id: of which model.
        model_version: of which version.
        bundle_sha256: hash that SHA256SUMS must have (the registry's); any when None.

    Raises:
        ArtifactIntegrityError: the directory, SHA256SUMS or a listed file is missing, a hash
            differs, or a file is not listed; carries the path.
    """
    root = resolver.model_dir(instrument, model_id, model_version)
    sums = _listed_sums(filesystem, root)
    digest = sha256_hex(sums)
    if bundle_sha256 is not None and plain_sha256(bundle_sha256) != digest:
        wanted = plain_sha256(bundle_sha256)
        raise ArtifactIntegrityError(
            f"{root}/{SUMS_FILE}", f"sha256 is {digest}, the registry says {wanted}"
        )
    listed = _parse_sums(sums, root)
    present = {file.path.removeprefix(f"{root}/") for file in filesystem.find(root)}
    if extra := sorted(present - set(listed) - {SUMS_FILE}):
        raise ArtifactIntegrityError(f"{root}/{extra[0]}", f"is not listed in {SUMS_FILE}")
    files = {name: _verified(filesystem, f"{root}/{name}", sha) for name, sha in listed.items()}
    return BundleFiles(root, files, digest)


def _listed_sums(filesystem: LakeFileSystem, root: str) -> bytes:
    if not filesystem.is_dir(root):
        raise ArtifactIntegrityError(root, "no such bundle directory")
    try:
        return filesystem.read_bytes(f"{root}/{SUMS_FILE}")
    except MissingInputError as exc:
        raise ArtifactIntegrityError(f"{root}/{SUMS_FILE}", "missing; no complete bundle") from exc


def _parse_sums(sums: bytes, root: str) -> dict[str, str]:
    lines = [_LINE.fullmatch(line) for line in sums.decode("utf-8", "replace").splitlines()]
    listed = {m.group(2): m.group(1) for m in lines if m is not None}
    if len(listed) != len(lines) or not all(_PATH.fullmatch(name) for name in listed):
        raise ArtifactIntegrityError(f"{root}/{SUMS_FILE}", "is malformed")
    return listed


def _verified(filesystem: LakeFileSystem, path: str, sha256: str) -> bytes:
    try:
        data = filesystem.read_bytes(path)
    except MissingInputError as exc:
        raise ArtifactIntegrityError(path, f"missing, but {SUMS_FILE} lists it") from exc
    if (found := sha256_hex(data)) != sha256:
        raise ArtifactIntegrityError(path, f"sha256 is {found}, {SUMS_FILE} says {sha256}")
    return data


def parse_bundle(data: bytes, root: str) -> Bundle:
    """`bundle.json` of the bundle at `root`.

    Raises:
        BundleSchemaError: it is no JSON, or breaks its schema; lists every violation.
    """
    try:
        return Bundle.model_validate_json(data, strict=True)
    except ValidationError as exc:
        raise BundleSchemaError(f"{root}/{BUNDLE_FILE}: {describe(exc)}") from exc


def check_heads(bundle: Bundle, files: Mapping[str, bytes], root: str) -> None:
    """Hold the heads that bundle.json names against the files.

    Raises:
        ArtifactIntegrityError: a head's file is missing or has another hash than bundle.json says.
    """
    for head in bundle.heads.values():
        if head.file is None or head.sha256 is None:
            continue
        path = f"{root}/{head.file}"
        if head.file not in files:
            raise ArtifactIntegrityError(path, f"missing, but {BUNDLE_FILE} names it")
        if (found := sha256_hex(files[head.file])) != plain_sha256(head.sha256):
            raise ArtifactIntegrityError(path, f"sha256 is {found}, {BUNDLE_FILE} says otherwise")
