"""The file-system layer, with the same laws on a local disk and in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from spymaster_lake.contracts.errors import MissingInputError
from spymaster_lake.lake.filesystem import FileInfo, LakeFileSystem


@pytest.fixture(params=["local", "memory"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LakeFileSystem]:
    """An empty lake."""
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    yield LakeFileSystem.of(str(tmp_path) if request.param == "local" else "memory://lake")
    memory.store.clear()


def test_write__read_back(files: LakeFileSystem) -> None:
    """What is written is read; parents are made; a second write replaces the first."""
    path = f"{files.root}/a/b/c.txt"
    files.write_text(path, "one")
    files.write_text(path, "zwei ü")
    assert files.read_text(path) == "zwei ü"
    assert files.size(path) == 7
    assert files.sha256(path) == hashlib.sha256("zwei ü".encode()).hexdigest()
    assert files.list_dir(f"{files.root}/a/b") == ["c.txt"]


def test_write_json__canonical(files: LakeFileSystem) -> None:
    """Equal values give equal bytes, whatever the order of keys; NaN is refused."""
    path = f"{files.root}/x.json"
    files.write_json(path, {"b": 1, "a": [None, "é"]})
    assert files.read_text(path) == '{\n  "a": [\n    null,\n    "é"\n  ],\n  "b": 1\n}\n'
    assert files.read_json(path) == {"a": [None, "é"], "b": 1}
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(path, {"a": float("nan")})
    assert files.read_json(path)["b"] == 1


def test_read__missing_file(files: LakeFileSystem) -> None:
    """A missing file is an error that names it."""
    for read in (files.read_bytes, files.sha256):
        with pytest.raises(MissingInputError, match=r"nowhere.json"):
            read(f"{files.root}/nowhere.json")


def test_find__sorted_with_sizes(files: LakeFileSystem) -> None:
    """Files come sorted, in the form of the root, with sizes; missing folders are empty."""
    for name, text in (("d/b.txt", "22"), ("d/a.txt", "1"), ("d/e/c.txt", "")):
        files.write_text(f"{files.root}/{name}", text)
    root = files.root
    assert files.find(f"{root}/d") == [
        FileInfo(f"{root}/d/a.txt", 1),
        FileInfo(f"{root}/d/b.txt", 2),
        FileInfo(f"{root}/d/e/c.txt", 0),
    ]
    assert files.find(f"{root}/none") == []
    assert files.list_dir(f"{root}/none") == []
    assert files.list_dir(f"{root}/d") == ["a.txt", "b.txt", "e"]
    assert (files.is_dir(f"{root}/d"), files.exists(f"{root}/none")) == (True, False)


def test_move_file__replaces(files: LakeFileSystem) -> None:
    """A move over an existing file leaves the new content and no source."""
    source, target = f"{files.root}/new", f"{files.root}/deep/old"
    files.write_text(source, "new")
    files.write_text(target, "old")
    files.move_file(source, target)
    assert files.read_text(target) == "new"
    assert not files.exists(source)


def test_replace_dir__swaps(files: LakeFileSystem) -> None:
    """The new directory stands alone in the old one's place; twice gives the same."""
    root = files.root
    for number in ("1", "2"):
        files.write_text(f"{root}/staged/kept.txt", number)
        files.write_text(f"{root}/staged/only{number}.txt", number)
        files.replace_dir(f"{root}/staged", f"{root}/live")
    assert [f.path for f in files.find(root)] == [f"{root}/live/kept.txt", f"{root}/live/only2.txt"]
    assert files.read_text(f"{root}/live/kept.txt") == "2"


def test_replace_dir__missing_source(files: LakeFileSystem) -> None:
    """On a disk, a swap that cannot happen leaves the old directory as it was."""
    files.write_text(f"{files.root}/live/kept.txt", "1")
    if not files.is_local:
        pytest.skip("object stores move file by file; a missing prefix is an empty one")
    with pytest.raises(FileNotFoundError):
        files.replace_dir(f"{files.root}/nowhere", f"{files.root}/live")
    assert files.read_text(f"{files.root}/live/kept.txt") == "1"


def test_remove_tree__never_the_root(files: LakeFileSystem) -> None:
    """A tree is removed; a missing one is fine; the root itself is refused."""
    files.write_text(f"{files.root}/a/b.txt", "1")
    files.remove_tree(f"{files.root}/a")
    files.remove_tree(f"{files.root}/a")
    files.remove(f"{files.root}/a/b.txt")
    assert not files.exists(f"{files.root}/a/b.txt")
    for path in (files.root, f"{files.root}/"):
        with pytest.raises(ValueError, match="Refusing"):
            files.remove_tree(path)


def test_write__failure_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that breaks half-way leaves the old content and no temporary file."""
    files = LakeFileSystem.of(str(tmp_path))
    path = f"{tmp_path}/run.json"
    files.write_text(path, "old")

    def half(target: str, data: bytes) -> None:
        Path(target).write_bytes(data[:1])
        raise OSError("disk full")

    monkeypatch.setattr(files.fs, "pipe_file", half)
    with pytest.raises(OSError, match="disk full"):
        files.write_text(path, "new")
    assert files.read_text(path) == "old"
    assert files.list_dir(str(tmp_path)) == ["run.json"]
