"""One simulated lake for all proofs; nothing here needs Spark."""

from __future__ import annotations

import pytest

from tests.proof.futures_apart import WholeSession, whole_session
from tests.proof.harness import core_pipeline
from tests.proof.simulated_lake import HALF_DAY, ROLL_DAY, SimulatedLake, build_lake, run_all


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> SimulatedLake:
    """35 simulated sessions and the tables of the 32 that can be run."""
    root = tmp_path_factory.mktemp("lake")
    build_lake(root)
    return run_all(root, core_pipeline())


@pytest.fixture(scope="session")
def whole(lake: SimulatedLake) -> tuple[WholeSession, ...]:
    """A roll day and a half day, with jumps of price and calibrated columns."""
    return tuple(whole_session(lake, day, seed=0) for day in (ROLL_DAY, HALF_DAY))
