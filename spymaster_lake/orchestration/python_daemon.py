"""The process that forks Spark's Python workers on this machine, without archives on its path.

Before every task a worker calls `importlib.invalidate_caches()`, and since Python 3.10 that reads
the whole directory of each archive on `sys.path` anew, in Python: tenths of a second a task for
Spark's own `pyspark.zip` and core JAR, neither of which is needed, because the environment has
pyspark unpacked. Spark starts this module through `spark.python.daemon.module`.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import PurePath

REDUNDANT = ("pyspark.zip", "py4j-", "spark-core_")
"""Names of archives that Spark adds and whose Python packages the environment has unpacked."""


def without_redundant_archives(path: list[str]) -> list[str]:
    """Import path without Spark's own archives; other entries keep their order."""
    return [
        entry
        for entry in path
        if not (entry.endswith((".zip", ".jar")) and PurePath(entry).name.startswith(REDUNDANT))
    ]


def main() -> None:
    """Clean the import path, then be Spark's own daemon."""
    for entry in set(sys.path) - set(cleaned := without_redundant_archives(sys.path)):
        sys.path_importer_cache.pop(entry, None)
    sys.path[:] = cleaned
    importlib.import_module("pyspark.daemon").manager()


if __name__ == "__main__":
    main()
