"""Parts that Bronze holds already, from earlier runs of the same raw bytes."""

from __future__ import annotations

from collections.abc import Sequence

from spymaster_lake.ingest.raw_file import FileOutcome
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.paths import LakePathResolver

_HASH_DIGITS = 16


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
