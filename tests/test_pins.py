"""The environment is the pinned one: what runs here is what runs on the platform."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (ROOT / "conf" / "requirements.lock").read_text(encoding="utf-8")
DIRECT = sorted(
    re.match(r"[A-Za-z0-9-]+", line)[0]
    for group in (
        PROJECT["dependencies"],
        *map(PROJECT["optional-dependencies"].get, ("local", "sequence", "dev")),
    )
    for line in group
)


def locked(name: str) -> set[str]:
    """The versions of a package in the lock; one for each platform or Python."""
    return set(re.findall(rf"(?im)^{re.escape(name)}==([^ ;\\]+)", LOCK))


def test_python__is_supported() -> None:
    """Python is one that the project declares."""
    assert PROJECT["requires-python"] == ">=3.11,<3.14"
    assert (3, 11) <= sys.version_info[:2] <= (3, 13)


@pytest.mark.parametrize(("name", "pin"), [("pyspark", "4.1.1"), ("delta-spark", "4.2.0")])
def test_platform_pair__is_pinned_and_installed(name: str, pin: str) -> None:
    """Spark and Delta are the pair of the platform, in the project, in the lock and here."""
    assert f"{name}=={pin}" in PROJECT["optional-dependencies"]["local"]
    assert locked(name) == {pin}
    assert version(name) == pin


def test_delta_jars__are_of_the_pinned_delta() -> None:
    """Set-up fetches the JARs of the same Delta release, for the same Spark line."""
    setup = (ROOT / "conf" / "setup" / "delta_jars.py").read_text(encoding="utf-8")
    assert '"delta-spark_4.1_2.13", "4.2.0"' in setup


def test_pandas__is_below_3() -> None:
    """Spark 4.1 does not support pandas 3."""
    assert int(version("pandas").split(".")[0]) < 3


@pytest.mark.parametrize("name", DIRECT)
def test_direct_dependency__is_the_locked_one(name: str) -> None:
    """What is installed is what the lock says."""
    assert version(name) in locked(name)


def test_lock__has_hashes() -> None:
    """Every locked package carries hashes."""
    packages = re.findall(r"(?m)^[A-Za-z0-9._-]+==.*(?:\n    .*)*", LOCK)
    assert packages
    assert [p.split()[0] for p in packages if "--hash=sha256:" not in p] == []
