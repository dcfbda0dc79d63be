"""Tape volumes, imbalance and velocity: golden vector, slow oracle, and the laws."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spymaster_lake.features.arrays import F64, NS, Queries, Trades
from spymaster_lake.features.columns import Columns
from spymaster_lake.features.tape import ols_slope_ticks, tape_features, ticks_within
from tests.features.kernel_market import (
    BUY,
    SELL,
    TICK,
    UNKNOWN,
    assert_same_bits,
    prints,
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

GOLDEN = prints(
    [
        (0, 5999.50, 100, BUY),
        (1, 5999.75, 200, BUY),
        (2, 6000.00, 150, SELL),
        (3, 6000.25, 100, SELL),
        (4, 6000.75, 300, BUY),
        (60, 6000.50, 50, BUY),
        (61, 6000.50, 999, BUY),
    ]
)


def run(trades: Trades, asked: Queries, zone: F64 | None = None) -> Columns:
    """Tape columns with the widths of the index future."""
    width = np.full(len(asked), 5.0) if zone is None else zone
    return tape_features(trades, asked, zone_half_width=width, tape_band=0.5, tick_size=TICK)


def oracle(trades: Trades, t_ns: int, level: float, zone: float) -> dict[str, object]:
    """02 N-7e trade by trade, the slope in exact fractions."""
    volume = {"": {1: 0, -1: 0, 0: 0}, "zone_": {1: 0, -1: 0, 0: 0}}
    x: list[Fraction] = []
    p: list[Fraction] = []
    rows = zip(
        trades.ts_ns.tolist(),
        trades.ticks.tolist(),
        trades.size.tolist(),
        trades.side.tolist(),
        strict=True,
    )
    for ts, tick, size, side in rows:
        if not t_ns - 60 * NS <= ts < t_ns:
            continue
        x.append(Fraction(ts - t_ns, NS))
        p.append(tick * Fraction(1, 4))
        for name, band in (("", 0.5), ("zone_", zone)):
            if abs(tick * TICK - level) <= band + 1e-9:
                volume[name][side] += size
    out: dict[str, object] = {}
    for name, by_side in volume.items():
        active, total = not np.isnan(level), by_side[1] + by_side[-1]
        out[f"tape_{name}buy_vol"] = by_side[1] if active else None
        out[f"tape_{name}sell_vol"] = by_side[-1] if active else None
        out[f"tape_{name}imbalance"] = (by_side[1] - by_side[-1]) / total if total else None
    n = len(x)
    spread = n * sum(v * v for v in x) - sum(x) ** 2
    top = n * sum(a * b for a, b in zip(x, p, strict=True)) - sum(x) * sum(p)
    out["tape_velocity"] = float(top / spread) if spread else None
    return out


def test_tape__golden_vector_half_open() -> None:
    """The prints of 02 section 12 over [0, 60): the print at 60 s is not yet seen."""
    found = run(GOLDEN, queries([(60, 6000.0, 1)]))
    assert found["tape_buy_vol"].tolist() == [300]
    assert found["tape_sell_vol"].tolist() == [250]
    assert found["tape_imbalance"].tolist() == [50 / 550]
    assert found["tape_zone_buy_vol"].tolist() == [600]
    assert found["tape_zone_imbalance"].tolist() == [350 / 850]
    # Slope of 0, 0.25, 0.5, 0.75, 1.25 on 0..4 s.
    assert found["tape_velocity"].tolist() == [0.3]


def test_tape__left_edge_is_closed() -> None:
    """At 61 s the print of 0 s has left the window, that of 1 s has not."""
    found = run(GOLDEN, queries([(61, 6000.0, 1)]))
    assert found["tape_buy_vol"].tolist() == [250]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param([], (0, 0, None, None), id="no print"),
        pytest.param([(1, 6000.0, 7, UNKNOWN)], (0, 0, None, None), id="unknown side, one time"),
        pytest.param(
            [(1, 6000.0, 7, BUY), (1, 6001.0, 2, SELL)], (7, 0, 1.0, None), id="one distinct time"
        ),
        pytest.param(
            [(1, 6100.0, 7, UNKNOWN), (3, 6101.0, 2, SELL)], (0, 0, None, 0.5), id="far from level"
        ),
    ],
)
def test_tape__nulls(
    rows: list[tuple[float, float, int, int]],
    expected: tuple[int, int, float | None, float | None],
) -> None:
    """Zero is a legal volume; imbalance and velocity are null where they are undefined."""
    found = run(prints(rows), queries([(60, 6000.0, 1)]))
    nullable = [
        None if np.isnan(found[n][0]) else found[n][0] for n in ("tape_imbalance", "tape_velocity")
    ]
    assert (found["tape_buy_vol"][0], found["tape_sell_vol"][0], *nullable) == expected


def test_tape__inactive_level() -> None:
    """Without a level the volumes are null and the velocity, which needs none, is not."""
    found = run(GOLDEN, queries([(60, None, 0)]))
    assert found["tape_velocity"].tolist() == [0.3]
    for name in ("buy_vol", "sell_vol", "zone_buy_vol", "zone_sell_vol"):
        assert found[f"tape_{name}"].tolist() == [None]
    assert np.isnan(found["tape_imbalance"][0])
    assert np.isnan(found["tape_zone_imbalance"][0])


def test_tape__equals_slow_oracle() -> None:
    """Every column agrees with a trade-by-trade reading of the definition."""
    trades, asked = random_session(11), random_queries(12, 80)
    zone = np.random.default_rng(13).choice([0.0, 0.3, 5.0, 7.125], len(asked))
    found = run(trades, asked, zone)
    for row in range(len(asked)):
        expected = oracle(trades, int(asked.t_ns[row]), float(asked.level[row]), float(zone[row]))
        for name, value in expected.items():
            actual = found[name][row]
            if isinstance(value, float):
                assert actual == pytest.approx(value, rel=1e-14, abs=1e-300), name
            else:
                assert (None if actual is None or actual != actual else actual) == value, name


def test_tape__batch_equals_single() -> None:
    """A row has the same bits whatever else is asked."""
    trades, asked = random_session(3), random_queries(4, 60)
    batch = run(trades, asked)
    for row in range(len(asked)):
        single = run(trades, rows_of(asked, slice(row, row + 1)))
        assert_same_bits(single, {name: v[row : row + 1] for name, v in batch.items()})


def test_tape__mirror_law() -> None:
    """Reflection negates the market-frame columns and swaps buying and selling."""
    trades, asked = random_session(5), random_queries(6, 50)
    found = run(trades, asked)
    mirror = run(reflect(trades, centre=CENTRE), reflect_queries(asked, centre=CENTRE))
    for zone in ("", "zone_"):
        assert mirror[f"tape_{zone}buy_vol"].tolist() == found[f"tape_{zone}sell_vol"].tolist()
        np.testing.assert_array_equal(
            mirror[f"tape_{zone}imbalance"], -found[f"tape_{zone}imbalance"]
        )
    np.testing.assert_array_equal(mirror["tape_velocity"], -found["tape_velocity"])


@pytest.mark.parametrize("change", [truncated, scrambled])
def test_tape__ignores_the_future(change: object) -> None:
    """Deleting or scrambling everything at t and after changes no bit."""
    trades = random_session(7)
    t_ns = int(trades.ts_ns[2500])
    asked = Queries(np.array([t_ns]), np.array([6000.0]), np.array([1], np.int8))
    assert callable(change)
    assert_same_bits(run(change(trades, t_ns), asked), run(trades, asked))


@given(
    level=st.integers(-80, 80).map(lambda k: 6000.0 + k * 0.0125),
    half_width=st.sampled_from([0.0, 0.5, 2.0, 5.0, 5.0125]),
)
def test_ticks_within__equals_band_test(level: float, half_width: float) -> None:
    """The tick range holds exactly the grid prices that pass abs(p - L) <= band + 1e-9."""
    first, last = ticks_within(np.array([level]), np.array([half_width]), tick_size=TICK)
    grid = range(23_950, 24_051)
    expected = [k for k in grid if abs(k * TICK - level) <= half_width + 1e-9]
    assert list(range(int(first[0]), int(last[0]) + 1)) == expected


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 60 * NS - 1), st.integers(20_000, 28_000)), min_size=1, max_size=30
    ),
    shift=st.integers(0, NS),
)
def test_ols_slope__exact_for_any_origin(rows: list[tuple[int, int]], shift: int) -> None:
    """The slope is the correctly rounded exact value, wherever time starts."""
    x = np.array([a for a, _ in rows], np.int64)
    p = np.array([b for _, b in rows], np.int64)
    n, sx, sp = len(rows), sum(a for a, _ in rows), sum(b for _, b in rows)
    spread = n * sum(a * a for a, _ in rows) - sx * sx
    found = ols_slope_ticks(x + shift, p)
    if spread == 0:
        assert np.isnan(found)
    else:
        assert found == float(Fraction((n * sum(a * b for a, b in rows) - sx * sp) * NS, spread))
