"""(f) The wide-book tasks beside Polars, on the same Parquet files in the same run."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.lakes import BUILD, BenchLake, bench_lake
from tests.bench.processes import run_module
from tests.bench.results import Measurement

LIMIT_RATIO = 2.0
TASKS = {
    "last_states": "last book state per second, 10 levels",
    "ofi": "best-level OFI into 1-s cells",
    "flow": "book flow into (second, side, price) cells",
    "bars": "10-second bars of trades",
}
BOOK_TASKS = ("last_states", "ofi", "flow")


@dataclass(frozen=True, slots=True)
class Setting:
    """How many cores both engines get; Polars uses threads, this package a process per session."""

    cores: int
    sessions: int

    def __str__(self) -> str:
        plural = "s" if self.sessions > 1 else ""
        return f"{self.sessions} session{plural} on {self.cores} core{plural}"


SETTINGS = (Setting(1, 1), Setting(2, 2))


def measure(*, quick: bool) -> list[Measurement]:
    """Best seconds of both engines per task and setting; their rows must be equal."""
    lake = bench_lake("light" if quick else "full")
    keep = BUILD / "bench-wide-book"
    shutil.rmtree(keep, ignore_errors=True)
    found = []
    for setting in SETTINGS:
        days = lake.days[: setting.sessions]
        runs = {e: _run(e, lake, days, setting, keep, quick=quick) for e in ("polars", "ours")}
        assert_equal_rows(keep)
        found += [_ratio(task, setting, runs, judged=not quick) for task in TASKS]
        found.append(_one_pass(setting, runs))
    shutil.rmtree(keep)
    return found


def _run(
    engine: str,
    lake: BenchLake,
    days: Sequence[date],
    setting: Setting,
    keep: Path,
    *,
    quick: bool,
) -> dict[str, Any]:
    processes = 1 if engine == "polars" else setting.cores
    run = run_module(
        "tests.bench.wide_book_run", "--engine", engine, "--root", str(lake.root), "--days",
        *map(str, days), "--processes", str(processes), "--rounds", "1" if quick else "3",
        "--keep", str(keep), env={"POLARS_MAX_THREADS": str(setting.cores)},
    )  # fmt: skip
    return {**run.answer, "peak_gib": round(run.peak_bytes / 2**30, 2)}


def assert_equal_rows(keep: Path) -> None:
    """Both engines made the same rows.

    Raises:
        AssertionError: names the task and the columns that differ.
    """
    for task in TASKS:
        ours, theirs = (dict(np.load(keep / f"{e}-{task}.npz")) for e in ("ours", "polars"))
        differ = [n for n in ours if n not in theirs or not np.array_equal(ours[n], theirs[n])]
        if differ or not len(next(iter(ours.values()))):
            raise AssertionError(f"{task}: no rows, or columns that differ: {differ}")


def _ratio(
    task: str, setting: Setting, runs: dict[str, dict[str, Any]], *, judged: bool
) -> Measurement:
    seconds = {engine: min(run["seconds"][task]) for engine, run in runs.items()}
    cpu = {engine: min(run["cpu"][task]) for engine, run in runs.items()}
    cpu_ratio = round(cpu["ours"] / cpu["polars"], 2)
    return Measurement(
        "f", f"{TASKS[task]}, {setting}, beside Polars (processor time {cpu_ratio} x)",
        seconds["ours"] / seconds["polars"], "x", LIMIT_RATIO, judged=judged,
        detail={
            "seconds": {e: run["seconds"][task] for e, run in runs.items()},
            "best_seconds": seconds,
            "cpu_seconds": cpu,
            "cpu_ratio": cpu_ratio,
            "polars_threads": setting.cores,
            "our_processes": setting.cores,
            "peak_gib": {e: run["peak_gib"] for e, run in runs.items()},
        },
    )  # fmt: skip


def _one_pass(setting: Setting, runs: dict[str, dict[str, Any]]) -> Measurement:
    """What the pipeline really does: the three book tasks in one pass over the files."""
    ours = min(runs["ours"]["seconds"]["one_pass"])
    theirs = sum(min(runs["polars"]["seconds"][task]) for task in BOOK_TASKS)
    return Measurement(
        "f", f"all three book tasks in one pass, {setting}, beside Polars' three queries",
        ours / theirs, "x",
        detail={"best_seconds": {"ours": round(ours, 3), "polars": round(theirs, 3)}},
    )  # fmt: skip
