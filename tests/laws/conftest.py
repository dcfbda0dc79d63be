"""Fixtures of the law suite: the small lake, and a copy of it for tests that change files."""

from __future__ import annotations

import pytest

from tests.laws import small_lake
from tests.laws.small_lake import SmallLake


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> SmallLake:
    """The small lake, as it was built; not to be changed."""
    return small_lake.base(tmp_path_factory)


@pytest.fixture(scope="module")
def own_lake(lake: SmallLake, tmp_path_factory: pytest.TempPathFactory) -> SmallLake:
    """A copy of the small lake for one module, which must restore what it changes."""
    return small_lake.copy_of(lake, tmp_path_factory.mktemp("copy"))
