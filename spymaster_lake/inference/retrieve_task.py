"""Answers the episodes of one session date in a Spark worker, which loads the index once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from spymaster_lake.contracts.enums import HORIZONS, OUTCOMES
from spymaster_lake.contracts.episodes import METADATA, VECTORS
from spymaster_lake.contracts.errors import IndexArtifactError
from spymaster_lake.contracts.retrieval import RetrievalResult
from spymaster_lake.contracts.retrieval_set import RETRIEVAL_SET, SHARES, share_column
from spymaster_lake.contracts.table import TableContract
from spymaster_lake.inference.walk_forward import query_of
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.serving.engine import RetrievalEngine
from spymaster_lake.serving.index_manager import IndexManager
from spymaster_lake.stages.spec import SessionResult

if TYPE_CHECKING:
    from spymaster_lake.lake.session_map import SessionTask

_MANAGERS: dict[str, IndexManager] = {}
"""The indices of this Python worker, by data root; each is loaded once."""

OUTPUTS: tuple[TableContract, ...] = (RETRIEVAL_SET,)


@dataclass(frozen=True)
class RetrieveCall:
    """What a task may know; picklable.

    Attributes:
        data_root: of the lake.
        root: directory of the index.
        index_sha256: content hash of the index that the driver read.
        open_ns: regular open by session date, ns UTC.
    """

    data_root: str
    root: str
    index_sha256: str
    open_ns: Mapping[date, int]

    def __call__(self, _task: SessionTask, tables: Mapping[str, pa.Table]) -> SessionResult:
        """Answers of one session date; counts by status.

        Raises:
            IndexArtifactError: the index was replaced since the driver read it.
        """
        engine = RetrievalEngine(self._index(), session_open_ns=self.open_ns.__getitem__)
        rows = answers(engine, tables[METADATA.dataset], tables[VECTORS.dataset])
        counts = Counter(row["status"] for row in rows)
        table = pa.Table.from_pylist(rows, schema=RETRIEVAL_SET.arrow_schema)
        return SessionResult({RETRIEVAL_SET.dataset: table}, dict(counts))

    def _index(self) -> Any:
        if self.data_root not in _MANAGERS:
            _MANAGERS[self.data_root] = IndexManager(LakeFileSystem.of(self.data_root))
        index = _MANAGERS[self.data_root].get(self.root)
        if index.manifest.content_sha256 != self.index_sha256:
            raise IndexArtifactError(
                f"{self.root}: content {index.manifest.content_sha256}, the job began with "
                f"{self.index_sha256}; the index was replaced meanwhile, run the job again"
            )
        return index


def answers(engine: RetrievalEngine, metadata: pa.Table, vectors: pa.Table) -> list[dict[str, Any]]:
    """One row of RETRIEVAL_SET per episode, by anchor and event.

    Args:
        engine: over the index.
        metadata: episodes/metadata.
        vectors: episodes/vectors of the same events.
    """
    raw = {
        row["event_id"]: np.array(row["vector_raw"], dtype=np.float32)
        for row in vectors.select(["event_id", "vector_raw"]).to_pylist()
    }
    ordered = metadata.sort_by([("anchor_ts_ns", "ascending"), ("event_id", "ascending")])
    return [
        {
            "date": facts["date"],
            **_row(engine.query(query_of(facts, raw[facts["event_id"]]), attribution=False)),
        }
        for facts in ordered.to_pylist()
    ]


def _row(result: RetrievalResult) -> dict[str, Any]:
    trust, asked, index = result.reliability, result.query, result.index
    row: dict[str, Any] = {
        "event_id": asked.event_id,
        "anchor_ts_ns": asked.anchor_ts_ns,
        "level_kind": asked.level_kind,
        "direction": asked.direction,
        "time_bucket": asked.time_bucket,
        "status": result.status.value,
        "reasons": " ".join(code.value for code in result.reason_codes),
        "index_sha256": index.manifest_sha256,
        "asof_date": index.asof_date,
        "partition": index.partition,
        "partition_level": index.partition_level,
        "n_partition": index.n_partition,
        "n_retrieved": trust.n_retrieved,
        "n_dates": trust.n_dates,
        "effective_n": trust.effective_n,
        "entropy": trust.entropy,
        "avg_similarity": trust.avg_similarity,
        "expected_favorable": result.expected_excursions.favorable,
        "expected_adverse": result.expected_excursions.adverse,
    }
    for horizon in HORIZONS:
        found = result.outcomes[horizon]
        row[f"n_valid_{horizon}"] = found.n_valid
        for block in SHARES:
            shares = getattr(found, block)
            row |= {share_column(block, name, horizon): shares[name] for name in OUTCOMES}
    return row
