"""Fixtures of the orchestration tests: a small project in a temporary folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from spymaster_lake.orchestration.types import Environment
from tests.orchestration.small_project import (
    MONDAY,
    TUESDAY,
    FakeExecution,
    add_bronze,
    make_environment,
)


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """The small project with Bronze for Monday and Tuesday."""
    monkeypatch.delenv("SPYMASTER_DATA_ROOT", raising=False)
    monkeypatch.delenv("SPYMASTER_HOME", raising=False)
    made = make_environment(tmp_path)
    add_bronze(made, MONDAY, TUESDAY)
    return made


@pytest.fixture
def execution() -> FakeExecution:
    """An execution that succeeds."""
    return FakeExecution()
