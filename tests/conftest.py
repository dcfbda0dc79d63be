"""Fixtures for tests that need Spark: one JVM and one small simulated lake for the whole run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from tests.end_to_end.lakes import Lake

SPARK_OF_TESTS = {"master": "local[2]", "driver_memory": "2g", "conf": {"spark.log.level": "ERROR"}}


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """The one Spark session of the run, built as the product builds it."""
    from spymaster_lake.contracts.settings import SparkSettings, load_settings
    from spymaster_lake.orchestration.spark_session import get_spark

    settings = SparkSettings(**SPARK_OF_TESTS)
    warehouse = str(tmp_path_factory.mktemp("warehouse"))
    settings = settings.model_copy(
        update={"conf": {**settings.conf, "spark.sql.warehouse.dir": warehouse}}
    )
    before = dict(os.environ)
    session = get_spark(load_settings(spark=settings), app_name="tests")
    yield session
    session.stop()
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def bronze_lake(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Six light sessions of each market in one lake, ingested; three can be run. Copy it, never write."""
    from tests.end_to_end.lakes import simulated_lake

    return simulated_lake(tmp_path_factory.mktemp("bronze_lake"))


@pytest.fixture
def copy_of(tmp_path: Path) -> Iterator[Callable[[Lake], Lake]]:
    """Makes a copy of a lake that a test may change."""
    made: list[Path] = []

    def copy(lake: Lake) -> Lake:
        root = tmp_path / f"lake{len(made)}"
        shutil.copytree(lake.root, root, ignore=shutil.ignore_patterns("raw"))
        made.append(root)
        return lake.at(root)

    yield copy
    for root in made:
        shutil.rmtree(root, ignore_errors=True)
