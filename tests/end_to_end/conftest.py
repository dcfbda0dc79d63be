"""Lakes that several tests read: built by a pipeline run each, and never written into again.

All of them hold every market side by side, in one data root. A test sees that of its `market`: ES,
or those that it is parametrised over.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import cache

import pyarrow as pa
import pytest

from tests.end_to_end.lakes import EPISODES, FEATURES, INDICES, REPOSITORY, Lake
from tests.end_to_end.many_episodes import AS_OF, multiply_episodes
from tests.markets import ES, MARKETS, Market


@pytest.fixture
def market(request: pytest.FixtureRequest) -> Market:
    """The market of a test."""
    return MARKETS[getattr(request, "param", ES.instrument)]


@pytest.fixture(scope="session")
def built(bronze_lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Silver and Gold of all days of every market, each pipeline as one run over the range."""
    root = tmp_path_factory.mktemp("built_lake") / "lake"
    shutil.copytree(bronze_lake.root, root)
    for market in MARKETS.values():
        lake = bronze_lake.at(root).seen_by(market)
        lake.run(FEATURES, run_id="features")
        lake.run(EPISODES, run_id="episodes")
    return bronze_lake.at(root)


@pytest.fixture
def built_lake(built: Lake, market: Market) -> Lake:
    """Silver and Gold of all days as one market sees them."""
    return built.seen_by(market)


@pytest.fixture(scope="session")
def tables_of(built: Lake) -> Callable[[Market], dict[str, pa.Table]]:
    """Every table that a market has in the built lake, canonical, read once."""
    return cache(lambda market: built.seen_by(market).tables())


@pytest.fixture
def built_tables(
    tables_of: Callable[[Market], dict[str, pa.Table]], market: Market
) -> dict[str, pa.Table]:
    """Every table of the market in the built lake, canonical."""
    return tables_of(market)


@pytest.fixture(scope="session")
def indexed(built: Lake, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The built lake, its episodes multiplied over many dates, and an index over them a market."""
    root = tmp_path_factory.mktemp("indexed_lake") / "lake"
    shutil.copytree(built.root, root)
    for market in MARKETS.values():
        lake = built.at(root).of(REPOSITORY).seen_by(market)
        multiply_episodes(lake)
        lake.run(
            INDICES,
            (AS_OF,),
            run_id="indices",
            overrides={"build_indices.min_partition_size": 30},
        )
    return built.at(root).of(REPOSITORY)


@pytest.fixture
def indexed_lake(indexed: Lake, market: Market) -> Lake:
    """The lake with indices as one market sees it."""
    return indexed.seen_by(market)
