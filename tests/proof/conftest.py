"""One simulated lake for all proofs, made by two processes; nothing here needs Spark."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor

import pytest

from tests.proof.futures_apart import WholeSession, whole_session
from tests.proof.harness import core_pipeline
from tests.proof.simulated_lake import HALF_DAY, ROLL_DAY, SimulatedLake, build_lake, run_all


@pytest.fixture(scope="session")
def workers() -> Iterator[Executor]:
    """Two processes."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory, workers: Executor) -> SimulatedLake:
    """35 simulated sessions and the tables of the 32 that can be run."""
    root = tmp_path_factory.mktemp("lake")
    build_lake(root)
    return run_all(root, core_pipeline(), workers)


@pytest.fixture(scope="session")
def whole(lake: SimulatedLake) -> tuple[WholeSession, ...]:
    """A roll day and a half day with jumps of price; the seeds are such that sweeps occur."""
    return (whole_session(lake, ROLL_DAY, seed=0), whole_session(lake, HALF_DAY, seed=1))
