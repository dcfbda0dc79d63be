"""Writes that survive a crash: a file or a rename is on the disk before the next step begins."""

from __future__ import annotations

import os
from pathlib import Path


def write_synced(path: Path, data: bytes) -> None:
    """Write a new file and flush it to the disk.

    Raises:
        FileExistsError: it exists.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def append_synced(path: Path, data: bytes) -> None:
    """Append to a file with one write and flush it to the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab", buffering=0) as stream:
        stream.write(data)
        os.fsync(stream.fileno())


def replace_synced(source: Path, target: Path) -> None:
    """Put a file in the place of another, atomically, and flush the directory."""
    os.replace(source, target)  # noqa: PTH105 - atomic on POSIX
    sync_dir(target.parent)


def rename_synced(source: Path, target: Path) -> None:
    """Give a directory its name, and flush the directory above it.

    Raises:
        OSError: the target exists and is not empty.
    """
    os.rename(source, target)  # noqa: PTH104 - one atomic step
    sync_dir(target.parent)


def sync_tree(root: Path) -> None:
    """Flush the directories of a tree whose files are on the disk."""
    for folder in sorted({root, *(p for p in root.rglob("*") if p.is_dir())}):
        sync_dir(folder)


def sync_dir(path: Path) -> None:
    """Flush the entries of one directory to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
