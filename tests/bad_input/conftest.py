"""A fresh copy of the small lake for each test, and the command line over it."""

from __future__ import annotations

from pathlib import Path

import pytest

from spymaster_lake.commands import common
from spymaster_lake.orchestration import execute
from tests.bad_input.command import Command
from tests.laws import small_lake
from tests.laws.small_lake import SmallLake


@pytest.fixture
def lake(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> SmallLake:
    """A copy of the small lake to spoil."""
    return small_lake.copy_of(small_lake.base(tmp_path_factory), tmp_path / "lake")


@pytest.fixture
def command(
    lake: SmallLake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """The console command with stages in this process."""
    build = common.make_environment
    monkeypatch.delenv("SPYMASTER_DATA_ROOT", raising=False)
    monkeypatch.setattr(
        common, "make_environment", lambda *a, **k: small_lake.without_spark(build(*a, **k))
    )
    monkeypatch.setattr(execute, "map_sessions", small_lake.here)
    return Command(lake, monkeypatch, capsys)
