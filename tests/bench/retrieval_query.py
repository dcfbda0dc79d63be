"""One core: queries one by one against a published index; the last line printed is JSON.

An answer is everything but its attribution: checks, normalisation, search, weights, posterior,
intervals at all horizons, excursions, reliability, and the checked result.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from spymaster_lake.contracts.retrieval import Query
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.index_store import publish_index
from spymaster_lake.serving.engine import RetrievalEngine
from spymaster_lake.serving.index_manager import IndexManager
from spymaster_lake.stages.index_building.build_indices import run
from tests.bench.retrieval_corpus import context, corpus, queries

WARM_UP = 100


def main(arguments: Sequence[str] | None = None) -> int:
    """Build, publish, load, ask."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--episodes", type=int, required=True)
    parser.add_argument("--queries", type=int, required=True)
    parser.add_argument("--one-partition", action="store_true")
    asked = parser.parse_args(arguments)
    tables = corpus(asked.episodes, one_partition=asked.one_partition)
    as_of = tables["metadata"].column("date")[-1].as_py() + timedelta(days=1)
    filesystem, place = LakeFileSystem.of(str(asked.root)), f"{asked.root}/indices"
    publish_index(
        filesystem, place, run(tables, context(), as_of), source_versions={}, run_id="bench"
    )
    engine = RetrievalEngine(IndexManager(filesystem).get(place, index_dim=32))
    print(json.dumps(timed(engine, queries(tables, as_of, asked.queries))))
    return 0


def timed(engine: RetrievalEngine, asked: Sequence[Query]) -> dict[str, Any]:
    """Milliseconds of one query: wall time and processor time of this process."""
    for query in asked[:WARM_UP]:
        engine.query(query, attribution=False)
    wall, cpu = np.empty(len(asked)), np.empty(len(asked))
    statuses: Counter[str] = Counter()
    for at, query in enumerate(asked):
        began, used = time.perf_counter_ns(), time.process_time_ns()
        result = engine.query(query, attribution=False)
        cpu[at] = time.process_time_ns() - used
        wall[at] = time.perf_counter_ns() - began
        statuses[str(result.status)] += 1
    index = engine.index
    return {
        "median_ms": float(np.median(wall)) / 1e6,
        "p95_ms": float(np.quantile(wall, 0.95)) / 1e6,
        "cpu_median_ms": float(np.median(cpu)) / 1e6,
        "cpu_mean_ms": float(np.mean(cpu)) / 1e6,
        "queries": len(asked),
        "statuses": dict(statuses),
        "episodes": index.manifest.corpus.n_indexed,
        "index_dim": index.manifest.index_dim,
        "partitions": len(index.partitions),
        "largest_partition": max(p.loaded.record.n for p in index.partitions.values()),
    }


if __name__ == "__main__":
    sys.exit(main())
