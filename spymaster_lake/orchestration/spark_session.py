"""The one place that builds a Spark session, for jobs, notebooks and tests.

A session that exists already (the platform's own) is used as it is. Delta's JARs are part of the
installation, so no package is ever resolved at run time.
"""

from __future__ import annotations

import os
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import spymaster_lake
from spymaster_lake.contracts.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PACKAGE = Path(spymaster_lake.__file__).resolve().parent
_LOCAL_PREFIXES = ("local", "spark://127.0.0.1", "spark://localhost")
_SUBMITTED = "PYSPARK_GATEWAY_PORT"
_DAEMON = "spymaster_lake.orchestration.python_daemon"

COMMON_CONF: dict[str, str] = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.databricks.delta.snapshotPartitions": "1",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}


def get_spark(settings: Settings, *, app_name: str = "spymaster-lake") -> SparkSession:
    """The running session, else a new one with Delta, in UTC.

    Args:
        settings: `settings.spark` is applied to a new session only.
        app_name: name of a new application.
    """
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    active = SparkSession.getActiveSession()
    if active is not None:
        return active
    if SparkContext._active_spark_context is not None:  # noqa: SLF001 - another thread's session
        return SparkSession.builder.getOrCreate()
    builder = SparkSession.builder.appName(app_name)
    master = settings.spark.master or _submitted_master() or "local[*]"
    for key, value in session_conf(settings, master).items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    if not master.startswith("local"):
        ship_package(spark)
    return spark


def session_conf(settings: Settings, master: str) -> dict[str, str]:
    """The configuration of a new session on `master`; pure, so that it can be tested."""
    conf = {
        **COMMON_CONF,
        "spark.master": master,
        "spark.sql.shuffle.partitions": str(settings.spark.shuffle_partitions),
    }
    if master.startswith(_LOCAL_PREFIXES):
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
        conf["spark.driver.host"] = "127.0.0.1"
        conf["spark.driver.bindAddress"] = "127.0.0.1"
        conf["spark.pyspark.python"] = os.environ["PYSPARK_PYTHON"]
        conf["spark.executorEnv.PYTHONPATH"] = _python_path()
    if master.startswith("local"):
        conf["spark.python.daemon.module"] = _DAEMON
    if _SUBMITTED not in os.environ:
        conf["spark.driver.memory"] = settings.spark.driver_memory
    return {**conf, **settings.spark.conf}


def ship_package(spark: SparkSession) -> Path:
    """Send this package as a zip to the workers of a cluster that does not have it installed.

    Returns:
        The zip file; profiles travel inside the pickled stage context, so no conf folder is needed.
    """
    target = Path(tempfile.mkdtemp(prefix="spymaster-")) / f"{PACKAGE.name}.zip"
    write_package(target)
    spark.sparkContext.addPyFile(str(target))
    return target


def write_package(target: Path) -> None:
    """Zip the package's sources, in a fixed order with fixed times: equal code, equal bytes."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(PACKAGE.rglob("*")):
            if path.suffix in {".py", ".typed"}:
                name = f"{PACKAGE.name}/{path.relative_to(PACKAGE).as_posix()}"
                archive.writestr(zipfile.ZipInfo(name), path.read_bytes())


def _python_path() -> str:
    """PYTHONPATH with the folder of this package, for workers on this machine."""
    given = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    return os.pathsep.join(dict.fromkeys([str(PACKAGE.parent), *given]))


def _submitted_master() -> str | None:
    """The master that spark-submit chose; None outside spark-submit."""
    if _SUBMITTED not in os.environ:
        return None
    from pyspark import SparkConf, SparkContext

    SparkContext._ensure_initialized()  # noqa: SLF001 - connects to spark-submit's JVM
    master: str | None = SparkConf().get("spark.master", None)
    return master
