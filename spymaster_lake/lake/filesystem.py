"""One file-system layer over fsspec: everything the lake reads or writes outside Delta.

Paths are those of `LakePathResolver`. Writes are atomic: on a local disk a temporary name and a
rename, on an object store the single put that the store makes visible as a whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import fsspec
from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from spymaster_lake.contracts.errors import MissingInputError, PathError

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class FileInfo:
    """One file: its path in the form the lake uses (with protocol, if the root has one), bytes."""

    path: str
    size: int


class LakeFileSystem:
    """Reads and writes files below one root.

    Attributes:
        root: the root as given, without trailing slash.
        fs: the fsspec file system behind it.
    """

    def __init__(self, root: str, fs: AbstractFileSystem) -> None:
        self.root = root.rstrip("/")
        self.fs = fs

    @classmethod
    def of(cls, root: str, **options: object) -> LakeFileSystem:
        """The layer for `root`, a local path or a URI; `options` go to the fsspec driver."""
        fs, _ = fsspec.core.url_to_fs(root, **options)
        return cls(root, fs)

    @property
    def is_local(self) -> bool:
        """Whether files lie on a local disk, where memory mapping and rename work."""
        return isinstance(self.fs, LocalFileSystem)

    def _strip(self, path: str) -> str:
        return cast("str", self.fs._strip_protocol(path))  # noqa: SLF001 - fsspec's own idiom

    def _restore(self, stripped: str) -> str:
        """A path of fsspec in the form of the root (relative roots stay relative)."""
        base = self._strip(self.root)
        if stripped != base and not stripped.startswith(f"{base}/"):
            return cast("str", self.fs.unstrip_protocol(stripped))
        return self.root + stripped[len(base) :]

    def local_path(self, path: str) -> Path:
        """The path on the local disk.

        Raises:
            PathError: the root is no local disk.
        """
        if not self.is_local:
            raise PathError(f"{path}: lies on no local disk")
        return Path(self._strip(path))

    def exists(self, path: str) -> bool:
        """Whether a file or directory exists."""
        return bool(self.fs.exists(path))

    def is_dir(self, path: str) -> bool:
        """Whether `path` is a directory (on object stores: a non-empty prefix)."""
        return bool(self.fs.isdir(path))

    def size(self, path: str) -> int:
        """Bytes of a file."""
        return int(self.fs.size(path))

    def open(self, path: str, mode: str = "rb") -> IO[bytes]:
        """An open binary file; writing makes the parent directories. Not atomic by itself."""
        if "w" in mode:
            self.fs.makedirs(self._parent(path), exist_ok=True)
        return cast("IO[bytes]", self.fs.open(path, mode))

    def read_bytes(self, path: str) -> bytes:
        """The whole file.

        Raises:
            MissingInputError: if it does not exist.
        """
        try:
            return cast("bytes", self.fs.cat_file(path))
        except FileNotFoundError as exc:
            raise MissingInputError(f"File {path} does not exist") from exc

    def read_text(self, path: str) -> str:
        """The whole file as UTF-8 text."""
        return self.read_bytes(path).decode("utf-8")

    def read_json(self, path: str) -> Any:
        """The whole file as JSON."""
        return json.loads(self.read_text(path))

    def write_bytes(self, path: str, data: bytes) -> None:
        """Write a file atomically: a reader sees the old content or the new one, never a part."""
        self.fs.makedirs(self._parent(path), exist_ok=True)
        if not self.is_local:
            self.fs.pipe_file(path, data)
            return
        temporary = f"{self._parent(path)}/.{path.rsplit('/', 1)[1]}.{uuid.uuid4().hex}.tmp"
        try:
            self.fs.pipe_file(temporary, data)
            os.replace(self._strip(temporary), self._strip(path))  # noqa: PTH105 - atomic on POSIX
        finally:
            if self.fs.exists(temporary):
                self.fs.rm_file(temporary)

    def write_text(self, path: str, text: str) -> None:
        """Write UTF-8 text atomically."""
        self.write_bytes(path, text.encode("utf-8"))

    def write_json(self, path: str, value: Mapping[str, object] | list[object]) -> None:
        """Write JSON atomically: sorted keys, two spaces, a final newline."""
        text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
        self.write_text(path, f"{text}\n")

    def list_dir(self, path: str) -> list[str]:
        """Names directly below a directory, sorted; a missing directory is empty."""
        try:
            found = self.fs.ls(path, detail=False, refresh=True)
        except FileNotFoundError:
            return []
        return sorted(name.rstrip("/").rsplit("/", 1)[-1] for name in found)

    def find(self, path: str) -> list[FileInfo]:
        """All files below a directory, sorted by path; a missing directory is empty."""
        self.fs.invalidate_cache()
        found = self.fs.find(path, detail=True)
        files = [FileInfo(self._restore(name), int(info["size"])) for name, info in found.items()]
        return sorted(files, key=lambda file: file.path)

    def sha256(self, path: str) -> str:
        """Hexadecimal sha256 of a file, read in chunks."""
        digest = hashlib.sha256()
        try:
            with self.open(path) as stream:
                while chunk := stream.read(_CHUNK):
                    digest.update(chunk)
        except FileNotFoundError as exc:
            raise MissingInputError(f"File {path} does not exist") from exc
        return digest.hexdigest()

    def remove(self, path: str) -> None:
        """Remove one file; a missing file is fine."""
        if self.fs.exists(path):
            self.fs.rm_file(path)

    def remove_tree(self, path: str) -> None:
        """Remove a directory and everything in it; a missing directory is fine.

        Raises:
            ValueError: if `path` is the root itself.
        """
        if self._strip(path) == self._strip(self.root):
            raise ValueError(f"Refusing to remove the root {self.root}")
        if self.fs.exists(path):
            self.fs.rm(path, recursive=True)

    def remove_empty_dir(self, path: str) -> None:
        """Remove a directory if nothing is in it; object stores have no such directories."""
        if self.is_local and self.fs.isdir(path) and not self.list_dir(path):
            self.fs.rmdir(path)

    def move_file(self, source: str, target: str) -> None:
        """Move a file over `target`; atomic on a local disk."""
        self.fs.makedirs(self._parent(target), exist_ok=True)
        if self.is_local:
            os.replace(self._strip(source), self._strip(target))  # noqa: PTH105 - atomic on POSIX
        else:
            self.fs.mv(source, target)

    def replace_dir(self, source: str, target: str) -> None:
        """Put directory `source` in the place of `target`; the old one goes after the new is there.

        On a local disk two renames; on an object store the files are moved over one by one, so
        readers must verify hashes from a manifest that is written last (08 B26).
        """
        if not self.is_local:
            before = {self._strip(f.path) for f in self.find(target)}
            for file in self.find(source):
                moved = f"{target}{self._strip(file.path)[len(self._strip(source)) :]}"
                self.fs.makedirs(self._parent(moved), exist_ok=True)
                self.fs.mv(file.path, moved)
                before.discard(self._strip(moved))
            for stale in sorted(before):
                self.fs.rm_file(stale)
            self.remove_tree(source)
            return
        old = f"{target}.old-{uuid.uuid4().hex}"
        self.fs.makedirs(self._parent(target), exist_ok=True)
        had_old = self.exists(target)
        if had_old:
            os.rename(self._strip(target), self._strip(old))  # noqa: PTH104
        try:
            os.rename(self._strip(source), self._strip(target))  # noqa: PTH104
        except OSError:
            if had_old:
                os.rename(self._strip(old), self._strip(target))  # noqa: PTH104
            raise
        if had_old:
            self.remove_tree(old)

    @staticmethod
    def _parent(path: str) -> str:
        return path.rsplit("/", 1)[0]
