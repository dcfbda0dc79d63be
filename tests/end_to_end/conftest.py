"""Lakes that several tests read: built by a pipeline run each, and never written into again."""

from __future__ import annotations

import shutil

import pyarrow as pa
import pytest

from tests.end_to_end.lakes import EPISODES, FEATURES, INDICES, REPOSITORY, Lake
from tests.end_to_end.many_episodes import AS_OF, multiply_episodes


@pytest.fixture(scope="session")
def built_lake(bronze_lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Silver and Gold of all days, each pipeline as one run over the range."""
    root = tmp_path_factory.mktemp("built_lake") / "lake"
    shutil.copytree(bronze_lake.root, root)
    lake = bronze_lake.at(root)
    lake.run(FEATURES, run_id="features")
    lake.run(EPISODES, run_id="episodes")
    return lake


@pytest.fixture(scope="session")
def built_tables(built_lake: Lake) -> dict[str, pa.Table]:
    """Every table of the built lake, canonical."""
    return built_lake.tables()


@pytest.fixture(scope="session")
def indexed_lake(built_lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The built lake, its episodes multiplied over many dates, and an index over them."""
    root = tmp_path_factory.mktemp("indexed_lake") / "lake"
    shutil.copytree(built_lake.root, root)
    lake = built_lake.at(root).of(REPOSITORY)
    multiply_episodes(lake)
    lake.run(
        INDICES,
        (AS_OF,),
        run_id="indices",
        overrides={"build_indices.min_partition_size": 30},
    )
    return lake
