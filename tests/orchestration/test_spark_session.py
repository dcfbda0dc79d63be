"""The Spark configuration, as data; no session is started here."""

from __future__ import annotations

import os
import sys
import zipfile
from pathlib import Path

import pytest

from spymaster_lake.orchestration.spark_session import session_conf, write_package


@pytest.fixture
def settings(env, monkeypatch):
    """Settings, with nothing said about Spark by the environment."""
    for name in ("PYSPARK_GATEWAY_PORT", "PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON"):
        monkeypatch.delenv(name, raising=False)
    return env.settings


@pytest.mark.parametrize("master", ["local[*]", "local[2]", "spark://127.0.0.1:7077"])
def test_session_conf__this_machine(settings, master):
    """On this machine: loopback, the running interpreter, and the package on the workers' path."""
    conf = session_conf(settings, master)
    assert conf["spark.driver.host"] == conf["spark.driver.bindAddress"] == "127.0.0.1"
    assert conf["spark.pyspark.python"] == sys.executable
    assert any(
        Path(p, "spymaster_lake").is_dir()
        for p in conf["spark.executorEnv.PYTHONPATH"].split(os.pathsep)
    )
    assert conf["spark.master"] == master


def test_session_conf__cluster_keeps_its_own_addresses(settings):
    """On a real cluster neither addresses nor interpreters are set."""
    conf = session_conf(settings, "spark://head:7077")
    assert not {"spark.driver.host", "spark.pyspark.python", "spark.executorEnv.PYTHONPATH"} & set(
        conf
    )


def test_session_conf__delta_and_utc_everywhere(settings):
    """Delta, UTC, one snapshot partition, no console progress, whatever the master."""
    conf = session_conf(settings, "spark://head:7077")
    assert conf["spark.sql.extensions"] == "io.delta.sql.DeltaSparkSessionExtension"
    assert conf["spark.sql.session.timeZone"] == "UTC"
    assert conf["spark.databricks.delta.snapshotPartitions"] == "1"
    assert conf["spark.ui.showConsoleProgress"] == "false"
    assert not any("packages" in key for key in conf)


def test_session_conf__memory_only_before_the_jvm(settings, monkeypatch):
    """Driver memory is set where this process starts the JVM, and left to spark-submit elsewhere."""
    assert session_conf(settings, "local[*]")["spark.driver.memory"] == "4g"
    monkeypatch.setenv("PYSPARK_GATEWAY_PORT", "1")
    assert "spark.driver.memory" not in session_conf(settings, "local[*]")


def test_session_conf__settings_win(settings):
    """Settings of the project come last."""
    spark = settings.spark.model_copy(update={"conf": {"spark.ui.enabled": "true"}})
    changed = settings.model_copy(update={"spark": spark})
    assert session_conf(changed, "local[*]")["spark.ui.enabled"] == "true"


def test_write_package__holds_the_sources_and_is_deterministic(tmp_path):
    """The zip that workers import has every module, and equal code gives equal bytes."""
    one, two = tmp_path / "one.zip", tmp_path / "two.zip"
    write_package(one)
    write_package(two)
    assert one.read_bytes() == two.read_bytes()
    names = set(zipfile.ZipFile(one).namelist())
    assert {"spymaster_lake/__init__.py", "spymaster_lake/stages/spec.py"} <= names
    assert not any(name.endswith(".pyc") for name in names)
