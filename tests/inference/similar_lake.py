"""A lake with a month of synthetic episodes and an index as of the last session."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spymaster_lake.contracts.episodes import (
    METADATA,
    REJECTED,
    SEQUENCE_CHANNELS,
    SEQUENCE_LENGTH,
    SEQUENCES,
    VECTORS,
)
from spymaster_lake.contracts.table import TableContract
from spymaster_lake.lake.delta_replace import replace_table
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.index_store import publish_index
from spymaster_lake.lake.paths import LakePathResolver
from spymaster_lake.stages.index_building.build_indices import run
from spymaster_lake.stages.tables import build_table
from tests.bench.retrieval_corpus import context, corpus

VERSION = "4.5.0"
SESSIONS, PER_DAY = 30, 24
REJECTED_EVENT = "2005-02-11_PM_HIGH_rejected_UP"


def write_lake(root: Path) -> tuple[LakePathResolver, pa.Table]:
    """Episode tables and the index below `root`.

    Returns:
        Its paths, and the metadata of all episodes.
    """
    resolver, filesystem = LakePathResolver(str(root)), LakeFileSystem.of(str(root))
    tables = corpus(SESSIONS * PER_DAY, per_day=PER_DAY, one_partition=True)
    metadata = tables["metadata"]
    last = last_day(metadata)
    rejected = build_table(
        REJECTED,
        {"event_id": [REJECTED_EVENT], "date": [last], "reason": ["atr"]},
        rows=1,
    )
    for contract, rows in (
        (METADATA, metadata),
        (VECTORS, tables["vectors"]),
        (SEQUENCES, sequences(metadata)),
        (REJECTED, rejected),
    ):
        replace_table(table_path(resolver, contract), contract, rows, commit={})
    publish_index(
        filesystem,
        resolver.index_root("es", VERSION),
        run(tables, context(min_partition_size=60), last),
        source_versions={},
        run_id="r",
    )
    return resolver, metadata


def table_path(resolver: LakePathResolver, contract: TableContract) -> str:
    """Where a table of episodes stands."""
    return resolver.gold_table("es", "episode_construction", VERSION, contract.dataset)


def last_day(metadata: pa.Table) -> date:
    """The last session date."""
    return pc.max(metadata.column("date")).as_py()


def sequences(metadata: pa.Table) -> pa.Table:
    """Straight approaches from a random distance to the level; the first step is unknown."""
    n, rng = metadata.num_rows, np.random.default_rng(1)
    steps = SEQUENCE_LENGTH // len(SEQUENCE_CHANNELS)
    values = np.zeros((n, steps, len(SEQUENCE_CHANNELS)), np.float32)
    start = rng.uniform(1, 6, n)
    values[:, :, 0] = -start[:, None] * np.linspace(1, 0.1, steps)
    mask = np.ones(values.shape, np.int8)
    mask[:, 0, :] = 0
    columns = {name: metadata.column(name) for name in ("event_id", "date", "anchor_ts_ns")}
    for name, array in (("sequence", values), ("sequence_mask", mask)):
        kind = SEQUENCES.column(name).arrow_field.type
        offsets = pa.array(np.arange(n + 1, dtype=np.int32) * SEQUENCE_LENGTH)
        columns[name] = pa.ListArray.from_arrays(offsets, pa.array(array.ravel()), type=kind)
    return build_table(SEQUENCES, columns, rows=n)
