"""Everything can be imported: each module of the package, and each door in `jobs/`."""

from __future__ import annotations

import importlib
import pkgutil
import runpy
import sys
from pathlib import Path

import pytest

import spymaster_lake

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted(m.name for m in pkgutil.walk_packages(spymaster_lake.__path__, "spymaster_lake."))
DOORS = sorted(p.name for p in (ROOT / "jobs").glob("*.py"))


@pytest.mark.parametrize("name", MODULES)
def test_module__imports(name: str) -> None:
    """A module imports on its own, without a warning, and says what it is."""
    assert importlib.import_module(name).__doc__


def test_modules__are_all_found() -> None:
    """Every folder with modules is a package, so that a wheel holds it."""
    sources = (ROOT / "spymaster_lake").rglob("*.py")
    names = {".".join(p.relative_to(ROOT).with_suffix("").parts) for p in sources}
    assert {n.removesuffix(".__init__") for n in names} - {"spymaster_lake"} == set(MODULES)


@pytest.mark.parametrize("name", DOORS)
def test_door__does_nothing_when_loaded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A door loads without running anything, and is short."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    door = ROOT / "jobs" / name
    assert "main" in runpy.run_path(str(door), run_name="door")
    assert len(door.read_text(encoding="utf-8").splitlines()) < 30
