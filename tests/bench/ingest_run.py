"""One Spark application that ingests vendor files twice into an empty lake; prints its times."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    """The first round pays for new Python workers; the second one is what a long range sees."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", required=True)
    parser.add_argument("--instrument", required=True)
    parser.add_argument("--files", nargs="+", required=True)
    asked = parser.parse_args(arguments)
    from spymaster_lake.contracts.settings import load_settings
    from spymaster_lake.ingest.job import IngestRequest, ingest
    from spymaster_lake.orchestration.environment import build_environment

    env = build_environment(load_settings(data_root=asked.root))
    env.spark  # noqa: B018 - the property starts it
    seconds, rows = [], 0
    for _ in range(2):
        shutil.rmtree(Path(asked.root), ignore_errors=True)
        request = IngestRequest(asked.root, asked.instrument, "futures", files=tuple(asked.files))
        before = time.perf_counter()
        summary = ingest(env.spark, request, dict(env.profiles))
        seconds.append(round(time.perf_counter() - before, 2))
        rows = sum(file.rows_in for file in summary.files)
    print(json.dumps({"seconds": seconds, "rows": rows, "files": len(asked.files)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
