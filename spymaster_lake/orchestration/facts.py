"""Facts about the code and configuration that a run record keeps."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from spymaster_lake.contracts.profile import InstrumentProfile
from spymaster_lake.contracts.run_record import GitState
from spymaster_lake.orchestration.fingerprints import contract_hash, sha256_json
from spymaster_lake.orchestration.types import BoundStage, Environment
from spymaster_lake.stages.spec import CorpusStage

_CODE = Path(__file__).resolve().parents[2]


def git_state(home: Path) -> GitState:
    """Commit of the code that runs, and whether tracked or new files differ from it.

    Args:
        home: folder with conf/ and manifests/; asked where the package is in no checkout of its own.
    """
    folder = _CODE if (_CODE / ".git").exists() else home
    sha = _git(folder, "rev-parse", "HEAD")
    if sha is None:
        return GitState()
    changes = _git(folder, "status", "--porcelain")
    return GitState(sha=sha, dirty=None if changes is None else bool(changes))


def versions() -> dict[str, str | None]:
    """Versions of Python, Spark, Delta and this package; null where not installed."""
    return {
        "python": platform.python_version(),
        "spark": _version("pyspark"),
        "delta": _version("delta-spark"),
        "numpy": _version("numpy"),
        "pyarrow": _version("pyarrow"),
        "spymaster_lake": _version("spymaster-lake"),
    }


def ingest_provenance(env: Environment, instrument: str) -> dict[str, Any]:
    """What the record of an ingest run says of code and configuration (00 section 5)."""
    return {
        "git": git_state(env.settings.home).model_dump(),
        "config_hash": sha256_json(env.profiles[instrument]),
        "versions": versions(),
    }


def definition_hash(bound: BoundStage, profile: InstrumentProfile) -> str:
    """sha256 of what defines a stage's result beside its inputs."""
    corpus = isinstance(bound.stage, CorpusStage)
    contracts = () if isinstance(bound.stage, CorpusStage) else bound.stage.outputs
    return sha256_json(
        {
            "stage_id": bound.stage_id,
            "instrument": bound.instrument,
            "pipeline": [bound.pipeline_id, bound.pipeline_version],
            "params": dict(bound.params),
            "profile": profile,
            "outputs": bound.stage.artifact if corpus else contract_hash(contracts),  # type: ignore[union-attr]
        }
    )


def config_hash(
    *,
    profile: InstrumentProfile,
    manifest_hash: str,
    overrides: Mapping[str, Any],
    on_bad_date: str,
) -> str:
    """sha256 of everything configured that may change a result; no path, no host, no clock."""
    return sha256_json(
        {
            "profile": profile,
            "manifest": manifest_hash,
            "overrides": dict(overrides),
            "on_bad_date": on_bad_date,
        }
    )


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
