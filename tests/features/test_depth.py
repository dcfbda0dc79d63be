"""Zone depth and coverage, the facing side, and how they changed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from spymaster_lake.features.arrays import NS, BookSeconds
from spymaster_lake.features.book_seconds import book_seconds
from spymaster_lake.features.depth import (
    facing_baseline,
    facing_features,
    wall_ratio,
    zone_features,
)
from spymaster_lake.features.grid import price_zone
from tests.features.book_oracle import Row
from tests.features.book_samples import START, contiguous, queries, to_states

T = START + 2000 * NS
L = 6000.0
UP, DOWN = 1, -1


def book(seconds: float, best_ask: float, *, size: int = 50, spread: int = 1) -> Row:
    """A contiguous ten-level book at T + seconds whose best ask is `best_ask` points."""
    ask = round(best_ask * 4)
    bids, asks = contiguous(-1, ask - spread, size), contiguous(1, ask, size)
    return Row(T + round(seconds * NS), bids, asks)


def grid(rows: list[Row], *, levels: int = 10) -> BookSeconds:
    """The book on START .. T + 60 s."""
    return book_seconds(to_states(rows, levels=levels), start_ns=START, end_ns=T + 60 * NS)


def one(columns: dict[str, np.ndarray]) -> dict[str, float | None]:
    """The only row of each column, None for null."""
    return {
        name: None if math.isnan(column[0]) else float(column[0])
        for name, column in columns.items()
    }


@pytest.mark.parametrize(
    ("level", "low", "high", "width"),
    [
        pytest.param(6000.0, 23992, 24008, 17, id="on the grid"),
        pytest.param(6000.125, 23993, 24008, 16, id="on a half tick"),
        pytest.param(6000.1, 23993, 24008, 16, id="off the grid"),
        pytest.param(1.1 + 2.2 - 3.3 + 6000.0, 23992, 24008, 17, id="on the grid but for rounding"),
    ],
)
def test_price_zone__whole_ticks(level: float, low: int, high: int, width: int) -> None:
    """Ceil and floor with a tolerance; the bid side is the same zone turned round."""
    levels, sigma = np.array([level, level]), np.array([1, -1], np.int8)
    zone = price_zone(levels, sigma, half_width=2.0, tick=0.25)
    assert zone.low.tolist() == [low, -high]
    assert zone.high.tolist() == [high, -low]
    assert zone.width.tolist() == [width, width]


def test_price_zone__unknown_without_level_or_direction() -> None:
    """NaN and sigma 0 give an empty zone."""
    zone = price_zone(
        np.array([math.nan, 6000.0]), np.array([1, 0], np.int8), half_width=2.0, tick=0.25
    )
    assert zone.known.tolist() == [False, False]
    assert zone.width.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("best_asks", "coverage", "depth"),
    [
        pytest.param([5994.25, 5997.00, 5996.00], 2 / 17, 100.0, id="golden: 2 of 17"),
        pytest.param([5994.25, 5997.25, 5997.25], 7 / 17, 350.0, id="golden: 7 of 17"),
        pytest.param([5994.25], 0.0, None, id="zone out of sight: depth unknown, not 0"),
        pytest.param([6003.00], 1.0, 0.0, id="zone in sight and empty"),
    ],
)
def test_zone_features__coverage_and_depth(
    best_asks: list[float], coverage: float, depth: float | None
) -> None:
    """Coverage is the visible share of 17 prices; depth is null when nothing is visible."""
    seconds = grid([book(i, ask) for i, ask in enumerate(best_asks)])
    found = one(
        zone_features(seconds, queries((T + 3 * NS, L, UP)), tick=0.25, zone_half_width=2.0)
    )
    assert found["barrier_zone_coverage"] == coverage
    assert found["barrier_depth_current"] == depth


def test_zone_features__golden_evolution_is_null() -> None:
    """5997 at 0 s, 5996 at 120 s, 5994.25 at 180 s: nothing is commonly visible after it."""
    seconds = grid([book(-180, 5997.00), book(-60, 5996.00), book(0, 5994.25)])
    found = one(zone_features(seconds, queries((T + NS, L, UP)), tick=0.25, zone_half_width=2.0))
    coverage = found.pop("barrier_zone_coverage")
    assert coverage == 0.0
    assert len(found) == 9
    assert set(found.values()) == {None}


def test_zone_features__change_on_commonly_visible_prices() -> None:
    """Scrolling into view is no growth: only prices seen at both instants are compared."""
    seconds = grid([book(-61, 5996.00), book(-1, 5997.00, size=60)])
    found = one(zone_features(seconds, queries((T, L, UP)), tick=0.25, zone_half_width=2.0))
    # then 5998.00 and 5998.25 were visible with 50 each; now they hold 60 each
    assert found["barrier_depth_current"] == 6 * 60
    assert found["barrier_delta_1min"] == 20.0
    assert found["barrier_pct_change_1min"] == 0.2
    assert found["barrier_delta_2min"] is None


def test_zone_features__pct_change_is_null_from_an_empty_zone() -> None:
    """A past depth of 0 has no percentage."""
    seconds = grid([book(-61, 6003.00), book(-1, 5999.00)])
    found = one(zone_features(seconds, queries((T, L, UP)), tick=0.25, zone_half_width=2.0))
    assert found["barrier_delta_1min"] == 10 * 50
    assert found["barrier_pct_change_1min"] is None


@pytest.mark.parametrize(
    ("age", "known"), [(5.0, True), (5.000000001, False)], ids=["5 s old", "older than 5 s"]
)
def test_zone_features__stale_state_is_unknown(age: float, *, known: bool) -> None:
    """A state older than 5 s at t, or at t - W, nulls what it would have said."""
    now = one(
        zone_features(
            grid([book(-age, 5999.0)]), queries((T, L, UP)), tick=0.25, zone_half_width=2.0
        )
    )
    assert (now["barrier_zone_coverage"] is not None) is known
    assert (now["barrier_depth_current"] is not None) is known
    then = grid([book(-60 - age, 5999.0), book(-1, 5999.0)])
    found = one(zone_features(then, queries((T, L, UP)), tick=0.25, zone_half_width=2.0))
    assert (found["barrier_delta_1min"] is not None) is known
    facing = one(facing_features(then, queries((T, L, UP))))
    assert (facing["facing_depth_delta_1min"] is not None) is known


def test_zone_features__support_test_reads_the_bid_side() -> None:
    """Approached from above, the bids at and below the touch defend the level."""
    seconds = grid([book(0, 6003.25)])  # bids 6003.00 .. 6000.75: six of them in the zone
    found = one(zone_features(seconds, queries((T + NS, L, DOWN)), tick=0.25, zone_half_width=2.0))
    assert found["barrier_zone_coverage"] == 6 / 17
    assert found["barrier_depth_current"] == 300.0


def test_facing_features__depth_needs_no_level() -> None:
    """The ten sizes of the defending side, with or without an active level."""
    row = Row(T, contiguous(-1, 23990, 7), contiguous(1, 23991, 9))
    asked = queries((T + NS, math.nan, UP), (T + NS, math.nan, DOWN), (T + NS, L, 0))
    found = facing_features(grid([row]), asked)["facing_depth"]
    np.testing.assert_array_equal(found, [90.0, 70.0, math.nan])


def test_facing_features__delta_inside_the_common_bound() -> None:
    """The smaller of the two tenth asks bounds both states; a thin side is unbounded."""
    thin = Row(T - 1, {}, {23999: 4, 24030: 6})
    # then: asks 24000 .. 24009 of 50; now: asks 24002 .. 24011 of 60, or the thin book
    full = [book(-60.5, 6000.0), book(-0.5, 6000.5, size=60)]
    assert one(facing_features(grid(full), queries((T, L, UP))))["facing_depth_delta_1min"] == (
        8 * 60 - 10 * 50
    )
    found = one(facing_features(grid([full[0], thin]), queries((T, L, UP))))
    assert found["facing_depth_delta_1min"] == 4 - 10 * 50


def every_second(count: int, *, size: int, last: float = -0.5) -> list[Row]:
    """One book a second, the last at T + `last`."""
    return [book(last - back, 6000.0, size=size) for back in reversed(range(count))]


@pytest.mark.parametrize(
    ("count", "expected"), [(296, None), (297, 1.0)], ids=["299 samples", "300 samples"]
)
def test_facing_features__baseline_needs_300_samples(count: int, expected: float | None) -> None:
    """A state serves as sample at every grid second up to 5 s after it, never at t itself."""
    # the first book is seen from t - count - 3 s on, the last one, of t - 4.5 s, up to t
    seconds = grid(every_second(count, size=50, last=-4.5))
    found = one(facing_features(seconds, queries((T, L, UP))))
    assert found["facing_depth_ratio"] == expected


def test_facing_baseline__window_is_t_minus_1800_to_t_minus_1() -> None:
    """A thick book at the instants t - 1801 s and t stays out of the mean."""
    thick = [book(-1801.5, 6000.0, size=999), book(-0.5, 6000.0, size=999)]
    rows = [thick[0], *every_second(1800, size=50, last=-1.5), thick[1]]
    baseline = facing_baseline(grid(rows), queries((T, L, UP)))
    assert baseline.mean_depth.tolist() == [500.0]
    assert baseline.mean_size_per_level.tolist() == [50.0]


def test_facing_baseline__levels_are_pooled() -> None:
    """Mean size per level is total size over present levels, not a mean of means."""
    one_level = [Row(T - k * NS - 1, {}, {24000: 400}) for k in range(400, 200, -1)]
    rows = [*one_level, *every_second(200, size=50)]
    baseline = facing_baseline(grid(rows), queries((T, L, UP)))
    # grid instants t - 400 .. t - 200 show one level, t - 199 .. t - 1 ten levels
    assert baseline.mean_size_per_level[0] == (201 * 400 + 199 * 500) / (201 + 199 * 10)


def test_wall_ratio__mean_visible_size_over_mean_level() -> None:
    """Seven visible zone prices of 80 against a usual level of 50."""
    rows = [*every_second(400, size=50, last=-1.5), book(-0.5, 5997.25, size=80)]
    found = one(wall_ratio(grid(rows), queries((T, L, UP)), tick=0.25, zone_half_width=2.0))
    assert found["wall_ratio"] == 80 / 50


@pytest.mark.parametrize(
    ("best_ask", "known"),
    [(5996.50, False), (5996.75, True)],
    ids=["4 of 17 visible", "5 of 17 visible"],
)
def test_wall_ratio__needs_a_quarter_of_the_zone(best_ask: float, *, known: bool) -> None:
    """Below a coverage of 0.25 the wall is unknown."""
    rows = [*every_second(400, size=50, last=-1.5), book(-0.5, best_ask)]
    found = one(wall_ratio(grid(rows), queries((T, L, UP)), tick=0.25, zone_half_width=2.0))
    assert (found["wall_ratio"] is not None) is known
