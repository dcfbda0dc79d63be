"""Fixtures of the law suite: the small lake, and one copy that its tests may change and restore."""

from __future__ import annotations

import pytest

from tests.laws import small_lake
from tests.laws.small_lake import SmallLake


@pytest.fixture(scope="session")
def base_lake(tmp_path_factory: pytest.TempPathFactory) -> SmallLake:
    """The small lake, as it was built."""
    return small_lake.base(tmp_path_factory)


@pytest.fixture(scope="module")
def lake(base_lake: SmallLake, tmp_path_factory: pytest.TempPathFactory) -> SmallLake:
    """A copy of the small lake for one module."""
    return small_lake.copy_of(base_lake, tmp_path_factory.mktemp("copy"))
