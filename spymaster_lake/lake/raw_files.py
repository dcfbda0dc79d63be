"""Vendor files below `raw/`: what there is, and which of it is not a data file. Never modified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spymaster_lake.contracts.errors import MissingInputError
from spymaster_lake.lake.filesystem import FileInfo, LakeFileSystem
from spymaster_lake.lake.paths import LakePathResolver

_DATA_MARKS: dict[str, tuple[str, ...]] = {
    "databento": (".dbn", ".dbz"),
    "lean": (".zip", ".csv"),
    "polygon": (".csv",),
}


@dataclass(frozen=True, slots=True)
class RawListing:
    """Files of one raw directory.

    Attributes:
        data: files that claim to hold records, sorted by path.
        ignored: everything else (side files of a download, hidden files); reported, never read.
    """

    data: tuple[FileInfo, ...]
    ignored: tuple[FileInfo, ...]


def list_raw(
    paths: LakePathResolver,
    filesystem: LakeFileSystem,
    *,
    instrument: str,
    product: str,
    source: str,
) -> RawListing:
    """The files of `raw/{instrument}/{product}/{source}/`, at any depth.

    Raises:
        MissingInputError: the directory does not exist or holds no data file.
    """
    folder = paths.raw_dir(instrument, product, source)
    marks = _DATA_MARKS.get(source, ("",))
    data: list[FileInfo] = []
    ignored: list[FileInfo] = []
    for file in filesystem.find(folder):
        name = file.path.rsplit("/", 1)[-1]
        plain = name.lower()
        is_data = not name.startswith((".", "_")) and any(mark in plain for mark in marks)
        (data if is_data else ignored).append(file)
    if not data:
        raise MissingInputError(
            f"No vendor file below {folder} (looked for names with {' or '.join(marks)}; "
            f"{len(ignored)} other files)"
        )
    return RawListing(tuple(data), tuple(ignored))


def raw_sources(
    paths: LakePathResolver, filesystem: LakeFileSystem, *, instrument: str, product: str
) -> tuple[str, ...]:
    """Names of the vendor folders in `raw/{instrument}/{product}/`, sorted; hidden ones left out."""
    folder = paths.raw_product(instrument, product)
    names = filesystem.list_dir(folder)
    return tuple(n for n in names if n[0] not in "._" and filesystem.is_dir(f"{folder}/{n}"))


def raw_files_of(files: Sequence[str]) -> RawListing:
    """Explicitly named vendor files; they may lie outside the lake.

    Raises:
        MissingInputError: one of them does not exist; all missing ones are listed.
    """
    wanted = [(file, LakeFileSystem.of(file)) for file in sorted(set(files))]
    missing = [file for file, filesystem in wanted if not filesystem.exists(file)]
    if missing:
        raise MissingInputError(f"Vendor files do not exist: {', '.join(missing)}")
    return RawListing(tuple(FileInfo(f, filesystem.size(f)) for f, filesystem in wanted), ())
