"""Compact and vacuum one Delta table, without a Spark job: Spark takes seconds a table, this none."""

from __future__ import annotations

import math

import deltalake

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.lake.delta_tables import TableSnapshot

FILE_BYTES = 1 << 30
"""Files of a date are merged up to this size; a date has a few megabytes."""


def compact(table: TableSnapshot) -> None:
    """Merge the files of each date that has several.

    Raises:
        DataError: the table has another number of rows than before.
    """
    opened = deltalake.DeltaTable(table.path)
    rows = opened.count()
    opened.optimize.compact(
        target_size=FILE_BYTES, writer_properties=deltalake.WriterProperties(compression="ZSTD")
    )
    left = deltalake.DeltaTable(table.path).count()
    if left != rows:
        raise DataError(
            f"{table.path}: {rows} rows before compaction, {left} after; restore version "
            f"{table.version}"
        )


def vacuum(path: str, retention_hours: float) -> None:
    """Remove files that left the table, or never came into it, longer ago than the retention."""
    table = deltalake.DeltaTable(path)
    table.vacuum(math.ceil(retention_hours), dry_run=False, full=True)
