"""Parts that Bronze holds already, from earlier runs: of the same raw bytes, or of others."""

from __future__ import annotations

from collections.abc import Sequence

from spymaster_lake.contracts.errors import RawFileError
from spymaster_lake.ingest.raw_file import FileOutcome
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.paths import LakePathResolver

_HASH_DIGITS = 16


def refuse_second_source(
    filesystem: LakeFileSystem, paths: LakePathResolver, outcomes: Sequence[FileOutcome]
) -> None:
    """A day of a symbol has one file of a kind; rows of another one would count twice.

    Raises:
        RawFileError: Bronze holds parts of the same hours from other raw files.
    """
    folders = {part.final.rsplit("/", 1)[0]: o for o in outcomes for part in o.parts}
    for folder, outcome in sorted(folders.items()):
        if not filesystem.exists(folder):
            continue
        own = f"part-{outcome.sha256[:_HASH_DIGITS]}-"
        names = [name for name in filesystem.list_dir(folder) if not name.startswith(own)]
        if names:
            raise RawFileError(
                f"{outcome.path}: {paths.relative(folder)} holds rows of another raw file "
                f"({names[0]}); remove what that file made before ingesting its replacement"
            )


def remove_stale(
    filesystem: LakeFileSystem,
    paths: LakePathResolver,
    outcomes: Sequence[FileOutcome],
    *,
    instrument: str,
    product: str,
) -> list[str]:
    """Remove parts that an earlier run made of the same raw bytes with other borders.

    It happens only when rules changed between the runs; the new parts are in place before.

    Returns:
        The removed paths, relative to the root.
    """
    removed: list[str] = []
    for dataset in sorted({o.dataset for o in outcomes if o.dataset}):
        made = [o for o in outcomes if o.dataset == dataset]
        current = {part.final for o in made for part in o.parts}
        prefixes = tuple(f"part-{o.sha256[:_HASH_DIGITS]}-" for o in made)
        for file in filesystem.find(paths.bronze_dataset(instrument, product, dataset)):
            name = file.path.rsplit("/", 1)[-1]
            if name.startswith(prefixes) and file.path not in current:
                filesystem.remove(file.path)
                removed.append(paths.relative(file.path))
    return removed
