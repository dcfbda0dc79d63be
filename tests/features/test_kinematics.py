"""Kinematics: golden vectors, least squares as the oracle, and the laws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spymaster_lake.features.arrays import NS, Bars, Queries
from spymaster_lake.features.kinematics import WINDOWS_MIN, kinematics
from tests.features.kernel_market import (
    T0,
    TICK,
    assert_same_bits,
    bars_of,
    closes,
    queries,
    random_queries,
    random_session,
    reflect,
    reflect_queries,
    rows_of,
    scrambled,
    truncated,
)

GOLDEN = closes(
    [
        (i * 10 - 50, i * 10 - 50.5, close)
        for i, close in enumerate([5990, 5990.5, 5991.25, 5991, 5992, 5993.25, 5994])
    ],
    width_s=10,
)
"""Closes of 02 section 12, the last bar ending at T0 + 10 s."""

CENTRE = 6000.125


def oracle(bars: Bars, t_ns: int, sigma: int, minutes: int) -> dict[str, float] | None:
    """Fit by numpy.polyfit on the samples of 02 N-10a; None if a sample is unknown."""
    prices = []
    for i in range(6 * minutes):
        g = t_ns - 10 * i * NS
        ended = [k for k, end in enumerate(bars.end_ns.tolist()) if end <= g]
        if not ended or g - int(bars.close_ts_ns[ended[-1]]) > 60 * NS:
            return None
        prices.append(sigma * float(bars.close[ended[-1]]) * TICK)
    x = -10.0 * np.arange(len(prices))
    x, p = x - x.mean(), np.array(prices) - prices[0]
    return {
        "velocity": float(np.polyfit(x, p, 1)[0]),
        "acceleration": 2 * float(np.polyfit(x, p, 2)[0]),
        "jerk": 6 * float(np.polyfit(x, p, 3)[0]),
        "last_30s": float(np.polyfit(x[:3], p[:3], 1)[0]),
    }


@pytest.mark.parametrize("sigma", [1, -1])
def test_kinematics__golden_vector(sigma: int) -> None:
    """The closes of 02 section 12 give its 1-minute numbers; DOWN flips every sign."""
    found = kinematics(GOLDEN, queries([(10, 6000.0, sigma)]), tick_size=TICK)
    assert found["velocity_1min"][0] == pytest.approx(sigma * 0.07, rel=1e-12)
    assert found["acceleration_1min"][0] == pytest.approx(sigma * 0.002142857143, rel=1e-9)
    assert found["jerk_1min"][0] == pytest.approx(sigma * -2.777777778e-05, rel=1e-9)
    # Last three closes 5992, 5993.25, 5994: slope 2/20 = 0.1.
    assert found["momentum_trend_1min"][0] == pytest.approx(sigma * 0.03, rel=1e-12)
    # Seven bars only reach back to -50 s, and no close lives longer than 60 s.
    assert np.isnan(found["velocity_3min"][0])


def test_kinematics__equals_least_squares() -> None:
    """Every window agrees with a general polynomial fit, nulls included."""
    bars = bars_of(random_session(1, n=700), width_s=10)
    asked = random_queries(2, 40, first_s=600)
    found = kinematics(bars, asked, tick_size=TICK)
    known = 0
    for row in range(len(asked)):
        sigma = int(asked.sigma[row])
        fits = {w: oracle(bars, int(asked.t_ns[row]), sigma, w) for w in WINDOWS_MIN}
        for minutes, fit in fits.items():
            one = fits[1]
            if fit is None or sigma == 0 or one is None:
                names = ("velocity", "acceleration", "jerk", "momentum_trend")
                assert all(np.isnan(found[f"{n}_{minutes}min"][row]) for n in names)
                continue
            known += 1
            trend = one["last_30s"] if minutes == 1 else 2 * one["velocity"] - fit["velocity"]
            fit["momentum_trend"] = trend - one["velocity"]
            for name in ("velocity", "acceleration", "jerk", "momentum_trend"):
                value = found[f"{name}_{minutes}min"][row]
                assert value == pytest.approx(fit[name], rel=1e-6, abs=1e-11), (name, minutes)
    assert known > 100


def test_kinematics__one_stale_sample_nulls_its_windows() -> None:
    """A hole of more than 60 s nulls the windows that reach it, and no others."""
    rows = [(s, s - 0.5, 6000.0) for s in range(10, 1810, 10) if not 1500 < s <= 1580]
    found = kinematics(closes(rows, width_s=10), queries([(1800, 6000.0, 1)]), tick_size=TICK)
    known = {w: not np.isnan(found[f"velocity_{w}min"][0]) for w in WINDOWS_MIN}
    assert known == {1: True, 2: True, 3: True, 5: False, 10: False, 20: False}
    assert np.isnan(found["momentum_trend_5min"][0])
    assert found["momentum_trend_3min"][0] == 0.0


def test_kinematics__inactive_level_is_null() -> None:
    """Without a direction the approach-signed columns are unknown."""
    found = kinematics(GOLDEN, queries([(10, None, 0)]), tick_size=TICK)
    assert all(np.isnan(values).all() for values in found.values())
    assert len(found) == 24


def test_kinematics__batch_equals_single() -> None:
    """A row has the same bits whatever else is asked."""
    bars, asked = bars_of(random_session(3), width_s=10), random_queries(4, 60)
    batch = kinematics(bars, asked, tick_size=TICK)
    for row in range(len(asked)):
        single = kinematics(bars, rows_of(asked, slice(row, row + 1)), tick_size=TICK)
        assert_same_bits(single, {name: v[row : row + 1] for name, v in batch.items()})


def test_kinematics__level_drops_out() -> None:
    """Queries that differ in their level only have the same bits."""
    bars, asked = bars_of(random_session(3), width_s=10), random_queries(4, 60)
    moved = replace(asked, level=asked.level + 7.3)
    assert_same_bits(
        kinematics(bars, asked, tick_size=TICK), kinematics(bars, moved, tick_size=TICK)
    )


def test_kinematics__mirror_law() -> None:
    """Reflected prices and directions leave every approach-signed column unchanged."""
    trades, asked = random_session(5), random_queries(6, 50)
    mirrored = reflect(trades, centre=CENTRE)
    assert_same_bits(
        kinematics(
            bars_of(mirrored, width_s=10), reflect_queries(asked, centre=CENTRE), tick_size=TICK
        ),
        kinematics(bars_of(trades, width_s=10), asked, tick_size=TICK),
    )


@pytest.mark.parametrize("change", [truncated, scrambled])
def test_kinematics__ignores_the_future(change: object) -> None:
    """Deleting or scrambling everything at t and after changes no bit."""
    trades, t_ns = random_session(7), T0 + 1503 * NS
    asked = Queries(np.array([t_ns]), np.array([6000.0]), np.array([1], np.int8))
    assert callable(change)
    assert_same_bits(
        kinematics(bars_of(change(trades, t_ns), width_s=10), asked, tick_size=TICK),
        kinematics(bars_of(trades, width_s=10), asked, tick_size=TICK),
    )
