"""(g) One retrieval query on an index of 100,000 episodes; (h) the index of a million episodes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.bench.lakes import BUILD
from tests.bench.processes import Watched, run_module
from tests.bench.results import Measurement

QUERY_LIMIT_MS, BUILD_LIMIT_SECONDS, BUILD_LIMIT_GIB = 2.0, 600.0, 8.0
EPISODES, QUERIES, MANY_EPISODES = 100_000, 10_000, 1_000_000
QUICK_EPISODES, QUICK_QUERIES = 5_000, 200

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def measure_query(*, quick: bool) -> list[Measurement]:
    """Single queries on one core: median over an index of 32 entries a vector."""
    episodes, queries = (QUICK_EPISODES, QUICK_QUERIES) if quick else (EPISODES, QUERIES)
    sizes = ("--episodes", str(episodes), "--queries", str(queries))
    with _scratch() as root:
        spread = run_module(
            "tests.bench.retrieval_query", "--root", root, *sizes, env=ONE_THREAD
        ).answer
    with _scratch() as root:
        single = run_module(
            "tests.bench.retrieval_query", "--root", root, *sizes, "--one-partition", env=ONE_THREAD
        ).answer
    what = f"one of {queries:,} queries, {episodes:,} episodes at {spread['index_dim']}-D, median"
    return [
        Measurement(
            "g", what, spread["median_ms"], "ms", QUERY_LIMIT_MS, judged=not quick, detail=spread
        ),
        Measurement("g", f"{what}; all in one partition", single["median_ms"], "ms", detail=single),
    ]


def measure_build(*, quick: bool) -> list[Measurement]:
    """Indices of synthetic episodes, built and published."""
    episodes = QUICK_EPISODES if quick else MANY_EPISODES
    with _scratch() as root:
        built = run_module(
            "tests.bench.retrieval_build", "--root", root, "--episodes", str(episodes)
        )
    return build_measurements(built, episodes, judged=not quick)


def build_measurements(built: Watched, episodes: int, *, judged: bool) -> list[Measurement]:
    """Time and memory of one build."""
    detail: dict[str, Any] = {**built.answer, "process_cpu_seconds": round(built.cpu_seconds, 1)}
    what = f"indices of {episodes:,} episodes"
    return [
        Measurement(
            "h", f"{what}, built and published", built.answer["seconds"], "s", BUILD_LIMIT_SECONDS,
            judged=judged, detail=detail,
        ),
        Measurement(
            "h", f"{what}, peak memory, episodes included", built.peak_bytes / 2**30, "GiB",
            BUILD_LIMIT_GIB, judged=judged,
        ),
    ]  # fmt: skip


@contextmanager
def _scratch() -> Iterator[str]:
    BUILD.mkdir(parents=True, exist_ok=True)
    root = tempfile.mkdtemp(prefix="bench-retrieval-", dir=BUILD)
    try:
        yield root
    finally:
        shutil.rmtree(root)
