"""The import path of Spark's Python workers."""

from __future__ import annotations

from spymaster_lake.orchestration.python_daemon import without_redundant_archives


def test_import_path__loses_sparks_own_archives_only() -> None:
    """Spark's zip files and core JAR go; shipped packages, folders and their order stay."""
    path = [
        "/job/spymaster_lake.zip",
        "/spark/python/lib/pyspark.zip",
        "/spark/python/lib/py4j-0.10.9.9-src.zip",
        "/spark/jars/spark-core_2.13-4.1.1.jar",
        "/job/other.jar",
        "/environment/site-packages",
    ]
    assert without_redundant_archives(path) == [path[0], path[4], path[5]]
