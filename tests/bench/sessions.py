"""(b) One full session from Bronze to Gold episodes; (c) what each further one of a range costs."""

from __future__ import annotations

from typing import Any

from tests.bench.lakes import INSTRUMENT, VERSION, BenchLake, bench_lake
from tests.bench.processes import Watched, run_module
from tests.bench.results import Measurement

ONE_LIMIT_SECONDS, MEMORY_LIMIT_GIB, FURTHER_LIMIT_SECONDS = 100.0, 8.0, 20.0


def measure_one(*, quick: bool) -> list[Measurement]:
    """One session, in a new application."""
    lake = bench_lake("light" if quick else "full")
    run = _run(lake, 1)
    detail = _detail(run)
    judged = not quick
    return [
        Measurement(
            "b", f"one {lake.size} session, Bronze to Gold episodes, without Spark start",
            detail["seconds"], "s", ONE_LIMIT_SECONDS, judged=judged, detail=detail,
        ),
        Measurement(
            "b", f"one {lake.size} session, peak memory of all processes together",
            run.peak_bytes / 2**30, "GiB", MEMORY_LIMIT_GIB, judged=judged,
            detail={"parts_gib": detail["peak_parts_gib"]},
        ),
    ]  # fmt: skip


def measure_further(*, quick: bool) -> list[Measurement]:
    """A range of sessions beside one session, each in an application of its own."""
    lake = bench_lake("light" if quick else "full")
    one, many = _run(lake, 1), _run(lake, len(lake.days))
    further = (many.answer["seconds"] - one.answer["seconds"]) / (len(lake.days) - 1)
    return [
        Measurement(
            "c", f"each further {lake.size} session in a range of {len(lake.days)}",
            further, "s", FURTHER_LIMIT_SECONDS, judged=not quick,
            detail={"one": _detail(one), "range": _detail(many)},
        )
    ]  # fmt: skip


def _run(lake: BenchLake, sessions: int) -> Watched:
    lake.clear()
    return run_module(
        "tests.bench.range_run", "--root", str(lake.root), "--instrument", INSTRUMENT,
        "--version", VERSION, "--start", str(lake.days[0]), "--end", str(lake.days[sessions - 1]),
    )  # fmt: skip


def _detail(run: Watched) -> dict[str, Any]:
    parts = {name: round(size / 2**30, 2) for name, size in run.peak_parts.items()}
    return {
        **run.answer,
        "process_seconds": round(run.seconds, 2),
        "cpu_seconds": round(run.cpu_seconds, 2),
        "peak_gib": round(run.peak_bytes / 2**30, 2),
        "peak_parts_gib": parts,
    }
