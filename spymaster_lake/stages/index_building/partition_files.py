"""The three files of a partition as bytes, and its record in the manifest (08 B26)."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from spymaster_lake.contracts.enums import HORIZONS, OUTCOMES
from spymaster_lake.contracts.errors import IndexArtifactError
from spymaster_lake.contracts.index_manifest import (
    INDEX_FILE,
    ROWS_FILE,
    VECTORS_FILE,
    FileRecord,
    PartitionRecord,
)
from spymaster_lake.features.index_partitions import base_rate
from spymaster_lake.features.vector_index import (
    IndexPlan,
    build_index,
    index_bytes,
    index_of,
    self_test,
)
from spymaster_lake.stages.index_building.corpus import codes

ID = "id"
"""Column of rows.parquet: FAISS id = row of vectors.npy."""

_EPOCH = date(1970, 1, 1)


def partition_files(
    key: str, units: NDArray[np.float32], rows: pa.Table, plan: IndexPlan
) -> tuple[dict[str, bytes], PartitionRecord]:
    """Build, test and serialise one partition.

    Args:
        key: for the message.
        units: float32[n, d], unit vectors sorted by (date, anchor, event_id).
        rows: metadata of the same episodes.
        plan: kind of index.

    Raises:
        IndexArtifactError: the index, read back from its bytes, does not find its own rows.
    """
    files = {INDEX_FILE: index_bytes(build_index(units, plan))}
    try:
        self_test(index_of(files[INDEX_FILE]), units, plan)
    except IndexArtifactError as exc:
        raise IndexArtifactError(f"Partition {key}: {exc}") from exc
    files[VECTORS_FILE] = _npy(units)
    files[ROWS_FILE] = _parquet(rows)
    days = rows.column("date").cast(pa.int32()).to_numpy()
    record = PartitionRecord(
        n=len(units),
        n_dates=len(np.unique(days)),
        first_date=_EPOCH + timedelta(days=int(days.min())),
        last_date=_EPOCH + timedelta(days=int(days.max())),
        index_type=plan.index_type,
        nlist=plan.nlist,
        nprobe=plan.nprobe,
        pq_m=plan.pq_m,
        padded_dim=plan.padded_dim,
        base_rates={h: base_rate(codes(rows, f"outcome_{h}", OUTCOMES)) for h in HORIZONS},
        files=_records(files),
    )
    return files, record


def _records(files: Mapping[str, bytes]) -> dict[str, FileRecord]:
    return {
        name: FileRecord(sha256=hashlib.sha256(data).hexdigest(), n_bytes=len(data))
        for name, data in files.items()
    }


def _npy(units: NDArray[np.float32]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.ascontiguousarray(units, dtype="<f4"), allow_pickle=False)
    return stream.getvalue()


def _parquet(rows: pa.Table) -> bytes:
    ids = pa.array(np.arange(rows.num_rows, dtype=np.int64))
    stream = io.BytesIO()
    pq.write_table(rows.add_column(0, ID, ids), stream, compression="zstd")
    return stream.getvalue()
