"""Build the indices of many synthetic episodes and publish them; the last line printed is JSON."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.index_store import publish_index
from spymaster_lake.stages.index_building.build_indices import run
from tests.bench.retrieval_corpus import context, corpus


def main(arguments: Sequence[str] | None = None) -> int:
    """The time of making the episodes is not counted; their memory is."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--episodes", type=int, required=True)
    asked = parser.parse_args(arguments)
    tables = corpus(asked.episodes)
    as_of = tables["metadata"].column("date")[-1].as_py() + timedelta(days=1)
    began, used = time.perf_counter(), time.process_time()
    artifact = run(tables, context(), as_of)
    built = time.perf_counter() - began
    indexed = publish_index(
        LakeFileSystem.of(str(asked.root)),
        f"{asked.root}/indices",
        artifact,
        source_versions={},
        run_id="bench",
    )
    print(
        json.dumps(
            {
                "seconds": time.perf_counter() - began,
                "build_seconds": built,
                "build_cpu_seconds": time.process_time() - used,
                "episodes": indexed,
                "partitions": len(artifact.content.partitions),
                "bytes": sum(
                    len(data) for part in artifact.files.values() for data in part.values()
                ),
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
