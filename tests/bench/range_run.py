"""One Spark application that carries sessions from Bronze to Gold episodes; prints its times."""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import date

PIPELINES = ("feature_engineering", "episode_construction")


def main(arguments: list[str] | None = None) -> int:
    """Start Spark, then run both pipelines over the range."""
    began = time.perf_counter()
    parser = argparse.ArgumentParser()
    for name in ("--root", "--instrument", "--version"):
        parser.add_argument(name, required=True)
    for name in ("--start", "--end"):
        parser.add_argument(name, required=True, type=date.fromisoformat)
    asked = parser.parse_args(arguments)
    from spymaster_lake.contracts.settings import load_settings
    from spymaster_lake.orchestration.catalogue import build_registry
    from spymaster_lake.orchestration.dates import date_range
    from spymaster_lake.orchestration.driver import run
    from spymaster_lake.orchestration.environment import build_environment
    from spymaster_lake.orchestration.prepare import RunRequest

    env, registry = build_environment(load_settings(data_root=asked.root)), build_registry()
    imported = time.perf_counter()
    env.spark  # noqa: B018 - the property starts it
    started = time.perf_counter()
    seconds, stages, rows = {}, {}, {}
    for pipeline in PIPELINES:
        before = time.perf_counter()
        dates = date_range(None, asked.start, asked.end)
        record = run(
            env, registry, RunRequest(asked.instrument, pipeline, asked.version, asked=dates)
        )
        seconds[pipeline] = round(time.perf_counter() - before, 2)
        stages.update({stage.name: stage.seconds for stage in record.stages})
        rows.update(*[stage.rows for stage in record.stages[-1:]])
    answer = {
        "seconds": round(time.perf_counter() - started, 2),
        "imports": round(imported - began, 2),
        "spark_start": round(started - imported, 2),
        "pipelines": seconds,
        "stages": stages,
        "rows": rows,
    }
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
