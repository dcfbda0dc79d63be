"""The machine, the versions and the commit that a bench file belongs to."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.bench.lakes import HOME

_PACKAGES = ("pyspark", "delta-spark", "deltalake", "pyarrow", "numpy", "polars", "databento-dbn")


def bench_facts() -> dict[str, Any]:
    """Facts about this machine and this checkout."""
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "git_sha": _git("rev-parse", "HEAD"),
        "git_changed": bool(_git("--no-optional-locks", "status", "--porcelain")),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "processor": _processor(),
        "load_average_before": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "java": _java(),
        "packages": {name: version(name) for name in _PACKAGES},
    }


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=HOME, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _java() -> str:
    done = subprocess.run(["java", "-version"], capture_output=True, text=True, check=True)
    return done.stderr.splitlines()[0]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()
