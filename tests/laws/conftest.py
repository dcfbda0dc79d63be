"""Fixtures of the law suite: the small lake of a market, and a copy of it for tests that change files.

Tests are parametrised over `market`, the name of an instrument, and what its manifests bind.
"""

from __future__ import annotations

import pytest

from tests.laws import small_lake
from tests.laws.small_lake import SmallLake
from tests.markets import MARKETS


@pytest.fixture
def lake(market: str, tmp_path_factory: pytest.TempPathFactory) -> SmallLake:
    """The small lake of a market, as it was built; not to be changed."""
    return small_lake.base(tmp_path_factory, MARKETS[market])


@pytest.fixture(scope="module")
def copies() -> dict[str, SmallLake]:
    """The copies of a module by market."""
    return {}


@pytest.fixture
def own_lake(
    market: str,
    lake: SmallLake,
    copies: dict[str, SmallLake],
    tmp_path_factory: pytest.TempPathFactory,
) -> SmallLake:
    """A copy of the small lake for one module, which must restore what it changes."""
    if market not in copies:
        copies[market] = small_lake.copy_of(lake, tmp_path_factory.mktemp("copy"))
    return copies[market]
