"""One engine over sessions in this process or several; prints seconds and keeps the rows.

The engine is imported before the clock starts, as in a worker that has run before.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from multiprocessing import get_context
from pathlib import Path

import numpy as np


def main(arguments: list[str] | None = None) -> int:
    """Every task in turn, a few rounds each."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--engine", required=True, choices=("ours", "polars"))
    parser.add_argument("--root", required=True)
    parser.add_argument("--days", required=True, nargs="+", type=date.fromisoformat)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", required=True, type=Path)
    asked = parser.parse_args(arguments)
    names, seconds, cpu = _tasks(asked.engine), {}, {}
    asked.keep.mkdir(parents=True, exist_ok=True)
    for name in names:
        work = [(asked.engine, name, asked.root, day) for day in asked.days]
        seconds[name], cpu[name] = [], []
        for _ in range(asked.rounds):
            began = time.perf_counter()
            used = _round(work, asked.processes)
            seconds[name].append(round(time.perf_counter() - began, 3))
            cpu[name].append(round(used, 3))
        rows = _run(*work[0])[0]
        np.savez(asked.keep / f"{asked.engine}-{name}.npz", **rows)
    print(json.dumps({"seconds": seconds, "cpu": cpu}))
    return 0


def _tasks(engine: str) -> list[str]:
    return list(_module(engine).TASKS)


def _module(engine: str):
    if engine == "polars":
        from tests.bench import wide_book_polars as module
    else:
        from tests.bench import wide_book_tasks as module
    return module


def _run(engine: str, name: str, root: str, day: date):
    from tests.bench.wide_book_tasks import session_of

    before = time.process_time()
    rows = _module(engine).TASKS[name](session_of(root, day))
    return rows, time.process_time() - before


def _cpu(job: tuple) -> float:
    return _run(*job)[1]


_pools: dict[int, ProcessPoolExecutor] = {}


def _round(work: list[tuple], processes: int) -> float:
    """CPU seconds of all sessions; each process takes a session, results stay where they are."""
    if processes == 1:
        return sum(_cpu(job) for job in work)
    if processes not in _pools:
        _pools[processes] = ProcessPoolExecutor(processes, mp_context=get_context("fork"))
        list(_pools[processes].map(_tasks, [work[0][0]] * processes))
    return sum(_pools[processes].map(_cpu, work))


if __name__ == "__main__":
    sys.exit(main())
