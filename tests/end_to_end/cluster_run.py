"""A driver process of its own: runs a pipeline on a cluster and tells where the workers ran.

Usage: python cluster_run.py {data root} {home} {master URL}; prints one line of JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from spymaster_lake.contracts.settings import SparkSettings
from tests.end_to_end.lakes import FEATURES, Lake


def where(_: int) -> tuple[str, str, int]:
    """File of the package, working folder and process of the executor, seen by a worker."""
    import os

    import spymaster_lake

    return str(spymaster_lake.__file__), str(Path.cwd()), os.getppid()


def main(root: str, home: str, master: str) -> None:
    """Run feature_engineering over all days."""
    settings = SparkSettings(
        master=master,
        driver_memory="1g",
        conf={
            "spark.executor.memory": "700m",
            "spark.executorEnv.PYTHONPATH": "",  # the workers do not see the checkout
        },
    )
    lake = Lake(Path(root), Path(home), settings)
    record = lake.run(FEATURES, run_id="cluster")
    context = lake.env.spark.sparkContext
    places = context.parallelize(range(8), 8).map(where).distinct().collect()
    found = {
        "status": record.status.value,
        "master": context.master,
        "executors": int(context._jsc.sc().getExecutorMemoryStatus().size()) - 1,
        "packages": sorted({package for package, _, _ in places}),
        "folders": sorted({folder for _, folder, _ in places}),
    }
    print(json.dumps(found), flush=True)
    lake.env.spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
