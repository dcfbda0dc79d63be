"""(a) The demo: 60 light sessions, simulated, ingested, to indices."""

from __future__ import annotations

import json
import shutil
from typing import Any

from tests.bench.lakes import BUILD
from tests.bench.processes import run_module
from tests.bench.results import Measurement

LIMIT_SECONDS = 360.0
SESSIONS, QUICK_SESSIONS = 60, 8


def measure(*, quick: bool) -> list[Measurement]:
    """Run the command behind `make demo` in an empty lake."""
    root, sessions = BUILD / "bench-demo", QUICK_SESSIONS if quick else SESSIONS
    shutil.rmtree(root, ignore_errors=True)
    extra = ["--min-partition-size", "1"] if quick else []
    run = run_module(
        "spymaster_lake.cli", "demo", "--instrument", "es", "--pipeline-version", "4.5.0", "--data-root", str(root), "--start", "2025-10-01",
        "--sessions", str(sessions), "--json", *extra,
    )  # fmt: skip
    report = _json_of(run.output)
    seconds = report["seconds"]
    shutil.rmtree(root)
    return [
        Measurement(
            "a",
            f"demo, {sessions} light sessions, raw to indices, without Spark start",
            run.seconds - seconds["spark"],
            "s",
            LIMIT_SECONDS,
            judged=not quick,
            detail={
                **report,
                "cpu_seconds": round(run.cpu_seconds, 2),
                "peak_gib": round(run.peak_bytes / 2**30, 2),
            },
        )
    ]


def _json_of(output: str) -> dict[str, Any]:
    """The object that the output ends with."""
    return json.loads(output[output.index("{") :])
