"""Approach, clock and normalised distances."""

from __future__ import annotations

import numpy as np
import pytest

from spymaster_lake.features.approach import (
    approach_features,
    distance_to_tested_level,
    log_columns,
    normalised,
    sgn_log,
    time_since_open,
)
from spymaster_lake.features.arrays import NS, Bars, Queries
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

CENTRE = 6000.125

CLOSES = [5985, 5986, 5986.5, 5986.25, 5988, 5989, 5990.5, 5992, 5993.25, 5995.5, 5996.75]
GOLDEN = closes([(60 * i, 60 * i - 1, c) for i, c in enumerate(CLOSES, start=-9)], width_s=60)
"""Closes of 02 section 12; the last bar ends at T0 + 60 s."""


def run(bars: Bars, asked: Queries) -> dict[str, object]:
    """Columns as lists, NaN as None."""
    found = approach_features(bars, asked, tick_size=TICK)
    return {k: [None if x is None or np.isnan(x) else x for x in v] for k, v in found.items()}


@pytest.mark.parametrize(
    ("sigma", "velocity", "distance", "run_length"),
    [
        pytest.param(1, 1.175, 11.75, 7, id="towards a resistance"),
        pytest.param(-1, -1.175, -11.75, 0, id="away from a support"),
        pytest.param(0, None, None, None, id="inactive level"),
    ],
)
def test_approach__golden_vector(
    sigma: int, velocity: float | None, distance: float | None, run_length: int | None
) -> None:
    """The closes of 02 section 12, as-of, give its NEW numbers."""
    assert run(GOLDEN, queries([(60, 6000.0, sigma)])) == {
        "approach_velocity": [velocity],
        "approach_distance": [distance],
        "approach_bars": [run_length],
    }


@pytest.mark.parametrize(
    ("path", "run_length"),
    [
        pytest.param(list(range(11)), 10, id="ten strict moves"),
        pytest.param([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9], 0, id="a standstill ends the run"),
        pytest.param([5, 4, 3, 2, 1, 0, 1, 1, 2, 3, 4], 3, id="counted back to the standstill"),
    ],
)
def test_approach_bars__trailing_run(path: list[int], run_length: int) -> None:
    """Only strict moves in the direction of the approach count, back from the newest."""
    bars = closes([(60 * i, 60 * i - 1, 6000.0 + c) for i, c in enumerate(path)], width_s=60)
    assert run(bars, queries([(600, 6100.0, 1)]))["approach_bars"] == [run_length]


def test_approach__unknown_close_nulls_the_row() -> None:
    """A minute without trades leaves its close too old once 60 s have passed."""
    kept = [i for i in range(11) if i != 5]
    late = closes([(60 * i, 60 * i, 6000.0 + i) for i in kept], width_s=60)
    early = closes([(60 * i, 60 * i - 1, 6000.0 + i) for i in kept], width_s=60)
    asked = queries([(600, 6100.0, 1)])
    assert run(late, asked)["approach_velocity"] == [1.0]
    assert run(early, asked) == {
        "approach_velocity": [None],
        "approach_distance": [None],
        "approach_bars": [None],
    }


def test_approach__equals_slow_oracle() -> None:
    """Rows agree with a reading of the definition close by close."""
    bars, asked = (
        bars_of(random_session(31, n=900), width_s=60),
        random_queries(32, 60, first_s=500),
    )
    found = run(bars, asked)
    for row in range(len(asked)):
        sigma, c = int(asked.sigma[row]), []
        for j in range(11):
            g = int(asked.t_ns[row]) - j * 60 * NS
            ended = [k for k in range(len(bars)) if bars.end_ns[k] <= g]
            fresh = ended and g - bars.close_ts_ns[ended[-1]] <= 60 * NS
            c.append(float(bars.close[ended[-1]]) * TICK if fresh else None)
        known = [x for x in c if x is not None]
        if len(known) < 11 or sigma == 0:
            assert [found[name][row] for name in found] == [None, None, None]  # type: ignore[index]
            continue
        length = 0
        while length < 10 and sigma * (known[length] - known[length + 1]) > 0:
            length += 1
        distance = sigma * (known[0] - known[10])
        assert [found[name][row] for name in found] == [distance / 10, distance, length]  # type: ignore[index]
    assert sum(v is not None for v in found["approach_velocity"]) > 20  # type: ignore[attr-defined]


def test_approach__batch_equals_single() -> None:
    """A row has the same bits whatever else is asked."""
    bars, asked = bars_of(random_session(3), width_s=60), random_queries(4, 40)
    batch = approach_features(bars, asked, tick_size=TICK)
    for row in range(len(asked)):
        single = approach_features(bars, rows_of(asked, slice(row, row + 1)), tick_size=TICK)
        assert_same_bits(single, {name: v[row : row + 1] for name, v in batch.items()})


def test_approach__mirror_law() -> None:
    """Reflected prices and directions leave the approach-signed columns unchanged."""
    trades, asked = random_session(5), random_queries(6, 50)
    mirrored = bars_of(reflect(trades, centre=CENTRE), width_s=60)
    assert run(mirrored, reflect_queries(asked, centre=CENTRE)) == run(
        bars_of(trades, width_s=60), asked
    )


@pytest.mark.parametrize("change", [truncated, scrambled])
def test_approach__ignores_the_future(change: object) -> None:
    """Deleting or scrambling everything at t and after changes nothing."""
    trades, t_ns = random_session(7), T0 + 1503 * NS
    asked = Queries(np.array([t_ns]), np.array([6000.0]), np.array([1], np.int8))
    assert callable(change)
    found = run(bars_of(change(trades, t_ns), width_s=60), asked)
    assert found == run(bars_of(trades, width_s=60), asked)
    assert found["approach_bars"] != [None]


def test_time_since_open__at_the_anchor() -> None:
    """Minutes are exact, bars are the complete ones, warm-up rows are null."""
    seconds = np.array([-30, 0, 30, 60, 90, 10_800], np.int64)
    found = time_since_open(T0 + seconds * NS, open_ns=T0)
    assert np.isnan(found["minutes_since_open"][0])
    assert found["minutes_since_open"].tolist()[1:] == [0.0, 0.5, 1.0, 1.5, 180.0]
    assert found["bars_since_open"].tolist() == [None, 0, 0, 1, 1, 180]


def test_distance_to_tested_level__plain_division() -> None:
    """The golden row of 02 section 12 without its epsilons; null or zero divisors give null."""
    found = distance_to_tested_level(
        spot=np.array([5996.75, 5996.75, 5996.75, 5996.75, np.nan]),
        level=np.array([6000.0, 6000.0, 6000.0, np.nan, 6000.0]),
        atr=np.array([4.0, np.nan, 0.0, 4.0, 4.0]),
    )
    nan = np.nan
    np.testing.assert_array_equal(found["distance_signed"], [-3.25, -3.25, -3.25, nan, nan])
    np.testing.assert_array_equal(found["distance_signed_atr"], [-0.8125, nan, nan, nan, nan])
    frac = -3.25 / 5996.75
    np.testing.assert_array_equal(found["distance_signed_frac"], [frac, frac, frac, nan, nan])


def test_normalised__approach_distance() -> None:
    """A distance of 11.75 at ATR 4 and spot 5996.75."""
    found = normalised(
        "approach_distance", np.array([11.75]), spot=np.array([5996.75]), atr=np.array([4.0])
    )
    assert {k: v.tolist() for k, v in found.items()} == {
        "approach_distance": [11.75],
        "approach_distance_atr": [2.9375],
        "approach_distance_frac": [11.75 / 5996.75],
    }


def test_log_columns__golden_values() -> None:
    """Ratio 2.5 and -120 contracts as in 02 section 12; zero stays zero, null stays null."""
    found = log_columns(
        wall_ratio=np.array([2.5, 0.0, np.nan]), barrier_delta_liq=np.array([-120.0, 0.0, np.nan])
    )
    assert found["wall_ratio_log"][0] == pytest.approx(1.2527630, abs=5e-8)
    assert found["barrier_delta_liq_log"][0] == pytest.approx(-4.7957905, abs=5e-8)
    for values in found.values():
        assert values[1] == 0.0
        assert np.isnan(values[2])


def test_sgn_log__bits_do_not_depend_on_the_batch() -> None:
    """A value has the same logarithm alone and in any position of a longer array."""
    values = np.random.default_rng(1).normal(scale=300, size=37)
    alone = np.array([sgn_log(values[i : i + 1])[0] for i in range(len(values))])
    assert sgn_log(values).tobytes() == alone.tobytes()
