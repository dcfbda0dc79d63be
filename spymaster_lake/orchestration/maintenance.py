"""Compacts and vacuums the Delta tables of an instrument (00 section 3).

Safe to repeat: a table whose dates have one file each is left alone, files are removed only when
they left the table longer ago than the retention, and the rows stay the same bit for bit.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from spymaster_lake.contracts.errors import ConfigError
from spymaster_lake.contracts.manifest import DatasetRef, parse_manifest
from spymaster_lake.lake.delta_maintenance import compact, vacuum
from spymaster_lake.lake.delta_tables import TableSnapshot
from spymaster_lake.orchestration.inputs import Inventory
from spymaster_lake.orchestration.logs import get_logger
from spymaster_lake.orchestration.manifests import ManifestStore
from spymaster_lake.orchestration.types import Environment

MIN_RETENTION_HOURS = 168.0
"""Delta's own safety limit: a reader or a time travel may need files this long."""


@dataclass(frozen=True, slots=True)
class TableMaintenance:
    """What was done to one table: active files and bytes before and after, versions, the plan."""

    table: str
    fragmented_dates: int
    files_before: int
    files_after: int
    bytes_before: int
    bytes_after: int
    version_before: int
    version_after: int

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def maintain(
    env: Environment,
    instrument: str,
    *,
    retention_hours: float = MIN_RETENTION_HOURS,
    dry_run: bool = False,
) -> list[TableMaintenance]:
    """Compact dates with several files, then remove files that left a table long ago.

    Args:
        env: the environment.
        instrument: whose tables; those that its manifests declare as outputs.
        retention_hours: at least 168.
        dry_run: only report fragmented dates.

    Raises:
        ConfigError: a retention below the limit.
        DataError: a table has other rows after compaction; vacuum was not run on it.
    """
    if retention_hours < MIN_RETENTION_HOURS:
        raise ConfigError(
            f"retention_hours: must be at least {MIN_RETENTION_HOURS:g} (found {retention_hours:g})"
        )
    env.profiles[instrument]
    results = []
    for ref in _tables(env, instrument):
        before = Inventory(env).table(ref.layer, instrument, ref.key)
        if before is None:
            continue
        if not dry_run:
            _maintain(env, before, retention_hours)
        after = Inventory(env).table(ref.layer, instrument, ref.key)
        results.append(_result(ref, before, after or before))
    return results


def _maintain(env: Environment, table: TableSnapshot, retention_hours: float) -> None:
    if fragmented(table):
        compact(table)
    vacuum(table.path, retention_hours)
    get_logger(table=env.resolver.relative(table.path)).info("maintained")


def fragmented(table: TableSnapshot) -> int:
    """Number of dates that have more than one file."""
    return sum(1 for n in Counter(f.day for f in table.files).values() if n > 1)


def _result(ref: DatasetRef, before: TableSnapshot, after: TableSnapshot) -> TableMaintenance:
    return TableMaintenance(
        table=str(ref),
        fragmented_dates=fragmented(before),
        files_before=len(before.files),
        files_after=len(after.files),
        bytes_before=sum(f.size for f in before.files),
        bytes_after=sum(f.size for f in after.files),
        version_before=before.version,
        version_after=after.version,
    )


def _tables(env: Environment, instrument: str) -> list[DatasetRef]:
    refs: dict[tuple[str, str, str, str], DatasetRef] = {}
    for file in ManifestStore(env.settings.manifests_dir):
        if file.instrument == instrument:
            manifest, _ = parse_manifest(file.path.read_text(encoding="utf-8"), source=file.source)
            for ref in manifest.outputs if manifest else ():
                if ref.dataset != "indices":
                    refs.setdefault(ref.key, ref)
    return [refs[key] for key in sorted(refs)]
