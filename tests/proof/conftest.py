"""One simulated lake a market for all proofs, made by two processes; nothing here needs Spark."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import cache

import pytest

from tests.proof.futures_apart import WholeSession, whole_session
from tests.proof.markets import SETUPS
from tests.proof.simulated_lake import HALF_DAY, ROLL_DAY, SimulatedLake, build_lake, run_all


@pytest.fixture(scope="session")
def workers() -> Iterator[Executor]:
    """Two processes."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.fixture(scope="session")
def lakes(
    tmp_path_factory: pytest.TempPathFactory, workers: Executor
) -> Callable[[str], SimulatedLake]:
    """The lake of a market, made at the first call."""

    @cache
    def made(market: str) -> SimulatedLake:
        root, setup = tmp_path_factory.mktemp("lake"), SETUPS[market]
        build_lake(root, setup)
        return run_all(root, setup, workers)

    return made


@pytest.fixture(scope="session", params=SETUPS)
def lake(request: pytest.FixtureRequest, lakes: Callable[[str], SimulatedLake]) -> SimulatedLake:
    """35 simulated sessions of each market and the tables of the 32 that can be run."""
    return lakes(request.param)


@pytest.fixture(scope="session")
def whole_sessions() -> Callable[[SimulatedLake], tuple[WholeSession, ...]]:
    """The whole sessions of a lake, made at the first call."""
    made: dict[str, tuple[WholeSession, ...]] = {}

    def sessions(lake: SimulatedLake) -> tuple[WholeSession, ...]:
        instrument, seeds = lake.setup.market.instrument, lake.setup.liveliness.seeds
        if instrument not in made:
            made[instrument] = tuple(
                whole_session(lake, day, seed=seed)
                for day, seed in zip((ROLL_DAY, HALF_DAY), seeds, strict=True)
            )
        return made[instrument]

    return sessions


@pytest.fixture(scope="session")
def whole(
    lake: SimulatedLake, whole_sessions: Callable[[SimulatedLake], tuple[WholeSession, ...]]
) -> tuple[WholeSession, ...]:
    """A roll day and a half day, livelier than they were."""
    return whole_sessions(lake)
