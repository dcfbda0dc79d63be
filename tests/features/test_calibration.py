"""Thresholds learned from earlier sessions."""

from __future__ import annotations

import numpy as np
import pytest

from spymaster_lake.features.calibration import (
    Calibrated,
    calibrate,
    fuel_effect,
    slope_through_origin,
)

RNG = np.random.default_rng(51)
GAMMA = np.concatenate([np.arange(1.0, 101.0), -np.arange(101.0, 201.0), [np.nan]])
RATIO = RNG.normal(size=201)
NOISE = RNG.normal(scale=1e-3, size=201)
SIZES = np.arange(1, 102)


def run(
    *, rows: int = 201, clusters: int = 101, sessions: int = 20, order: int | None = None
) -> dict[str, Calibrated]:
    """Calibrate on the first rows of the table above, optionally shuffled."""
    pick = np.arange(rows) if order is None else np.random.default_rng(order).permutation(rows)
    found = calibrate(
        gamma_exposure=GAMMA[pick],
        cluster_size=SIZES[:clusters],
        acceleration_1min=(0.02 * RATIO + NOISE)[pick],
        force_mass_ratio=RATIO[pick],
        n_sessions=sessions,
        required_sessions=20,
    )
    return {one.name: one for one in found}


def test_calibrate__values() -> None:
    """Percentiles interpolate linearly on absolute exposure; nulls are left out and not counted."""
    found = run()
    # 200 values 1..200: position 0.67 * 199 = 133.33 from 1.
    assert found["theta"].value == pytest.approx(134.33)
    assert found["theta"].n == 200
    assert found["q"] == Calibrated("q", 100.0, 101)
    y = 0.02 * RATIO + NOISE
    expected = np.linalg.lstsq(RATIO[:, None], y, rcond=None)[0][0]
    assert found["beta"].value == pytest.approx(expected, rel=1e-12)
    assert found["beta"].n == 201


@pytest.mark.parametrize(
    ("rows", "clusters", "sessions", "known"),
    [
        pytest.param(200, 1, 20, {"theta", "q", "beta"}, id="just enough"),
        pytest.param(199, 1, 20, {"q"}, id="too few event rows"),
        pytest.param(200, 0, 20, {"theta", "beta"}, id="no cluster"),
        pytest.param(200, 1, 19, set(), id="too few sessions"),
        pytest.param(0, 0, 0, set(), id="no history"),
    ],
)
def test_calibrate__null_until_there_is_enough(
    rows: int, clusters: int, sessions: int, known: set[str]
) -> None:
    """A threshold is null, not a guess, while sessions or rows are too few."""
    found = run(rows=rows, clusters=clusters, sessions=sessions)
    assert {name for name, one in found.items() if one.value is not None} == known
    assert found["theta"].n == min(rows, 200)


def test_calibrate__row_order_does_not_matter() -> None:
    """Shuffled rows give the same bits."""
    assert run(order=1) == run() == run(order=2)


def test_slope_through_origin__sums_rounded_once() -> None:
    """Terms that cancel leave the exact rest in any order."""
    y = np.array([1e16, 1.0, -1e16])
    for order in ([0, 1, 2], [0, 2, 1], [1, 0, 2]):
        assert slope_through_origin(np.ones(3), y[order]) == 1 / 3


def test_slope_through_origin__no_force() -> None:
    """Without any force the slope is undefined."""
    assert slope_through_origin(np.zeros(3), np.ones(3)) is None


def test_fuel_effect__strict_thresholds() -> None:
    """Only beyond the threshold; null without exposure or threshold; golden row -140 is NEUTRAL."""
    gamma = np.array([-140.0, 10_000.0, 10_000.1, -10_000.0, -10_000.1, np.nan])
    assert fuel_effect(gamma, 10_000.0).tolist() == [
        "NEUTRAL",
        "NEUTRAL",
        "DAMPEN",
        "NEUTRAL",
        "AMPLIFY",
        None,
    ]
    assert fuel_effect(gamma, None).tolist() == [None] * 6
