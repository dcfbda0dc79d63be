"""Emission weight, gates, trajectory facts and names of episodes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from spymaster_lake.features.episode_metadata import (
    emission_weight,
    episode_ids,
    gates,
    trajectory_facts,
)

NAN = float("nan")


def one(value: float) -> np.ndarray:
    """An array of one value."""
    return np.array([value], np.float64)


@pytest.mark.parametrize(
    ("spot", "level", "atr", "velocity", "ofi", "expected"),
    [
        pytest.param(99, 100, 2, 1, 5, 0.3583, id="golden: flow with the approach"),
        pytest.param(101, 100, 2, 1, 5, 0.2150, id="golden: flow against it"),
        pytest.param(101, 100, 2, 1, -5, 0.3583, id="mirrored"),
        pytest.param(99, 100, 2, 1, 0, 0.3583, id="no flow counts as agreement"),
        pytest.param(100, 100, 2, 1, -5, 0.5, id="at the level there is no approach sign"),
        pytest.param(100, 100, 2, -9, 0, 1.0, id="speed is capped at 1, either sign"),
        pytest.param(100, 100, 2, 0, 0, 0.2, id="speed has a floor"),
        pytest.param(97, 100, 2, 2, 1, math.exp(-1), id="one and a half ATR away"),
        pytest.param(99, 100, NAN, 1, 5, None, id="no ATR"),
        pytest.param(99, 100, 2, NAN, 5, None, id="no velocity"),
        pytest.param(99, 100, 2, 1, NAN, None, id="no flow known"),
    ],
)
def test_emission_weight(
    spot: float, level: float, atr: float, velocity: float, ofi: float, expected: float | None
) -> None:
    """03 2.7 with 08 B31: null in, null out."""
    found = emission_weight(
        spot=one(spot),
        level=one(level),
        atr=one(atr),
        approach_velocity=one(velocity),
        ofi_60s=one(ofi),
        full_speed=2.0,
    )[0]
    assert np.isnan(found) if expected is None else found == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize(
    ("gate", "distance", "bars", "velocity", "atr", "expected"),
    [
        ("gate_zone", -2.0, 0, 0, 1, True),
        ("gate_zone", 2.01, 0, 0, 1, False),
        ("gate_zone", NAN, 0, 0, 1, None),
        ("gate_bars", 0, 2, 0, 1, True),
        ("gate_bars", 0, 1, 0, 1, False),
        ("gate_bars", 0, NAN, 0, 1, None),
        ("gate_velocity", 0, 0, 0.5, 5, True),
        ("gate_velocity", 0, 0, 0.49, 5, False),
        ("gate_velocity", 0, 0, -5, 5, False),
        ("gate_velocity", 0, 0, NAN, 5, None),
    ],
)
def test_gates(
    gate: str, distance: float, bars: float, velocity: float, atr: float, expected: bool | None
) -> None:
    """The three gates of 03 2.1; unknown input, unknown gate."""
    found = gates(
        distance_signed_atr=one(distance),
        approach_bars=one(bars),
        approach_velocity=one(velocity),
        atr=one(atr),
    )
    assert found[gate].tolist() == [expected]


def test_trajectory_facts__padded_below_20() -> None:
    """Fewer than 20 observed samples make a trajectory padded."""
    found = trajectory_facts(np.array([0, 19, 20, 40], np.int64))
    assert found["traj_padded"].tolist() == [True, True, False, False]
    assert found["traj_n_observed"].dtype == np.int32


def test_episode_ids__date_kind_direction_cluster() -> None:
    """Attempts of one cluster share the id."""
    found = episode_ids(
        day="2025-12-16",
        level_kind=np.array(["OR_LOW", "OR_LOW"], object),
        direction=np.array(["DOWN", "DOWN"], object),
        attempt_cluster_id=np.array([2, 2], np.int64),
    )
    assert found.tolist() == ["2025-12-16_OR_LOW_DOWN_2"] * 2
