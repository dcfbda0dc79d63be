"""Gzip CSV files of a stock market vendor, written whole, the same rows as the same bytes."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import cast

import pyarrow as pa
import pyarrow.csv as pc

_GZIP_LEVEL = 1
_BLOCK_ROWS = 1 << 17


def write_csv(path: Path, table: pa.Table) -> int:
    """Write a file with a header beside its place and move it there; the number of rows.

    Null is blank; texts with a comma are quoted.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    with (
        partial.open("wb") as raw,
        gzip.GzipFile("", "wb", _GZIP_LEVEL, raw, mtime=0) as stream,
        pc.CSVWriter(
            cast("pa.NativeFile", stream),
            table.schema,
            write_options=pc.WriteOptions(quoting_style="needed"),
        ) as writer,
    ):
        for batch in table.to_batches(_BLOCK_ROWS):
            writer.write_batch(batch)
    partial.replace(path)
    return int(table.num_rows)
