"""All book columns against the slow oracle, and the laws every column obeys."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from spymaster_lake.features.arrays import NS, Queries
from spymaster_lake.features.book import BookStates, collapse_states
from spymaster_lake.features.book_cells import book_cells
from spymaster_lake.features.book_features import book_features
from tests.features.book_oracle import Oracle, Print, Row
from tests.features.book_samples import (
    START,
    complete,
    queries,
    random_session,
    to_states,
    to_trades,
)

CENTRE = 24_000
EXACT_RATIO = 1e-12


def computed(
    rows: list[Row], prints: list[Print], asked: Queries, *, levels: int, seconds: int
) -> dict[str, np.ndarray]:
    """The kernels' columns for rows and prints of a sample session."""
    states = collapse_states(to_states(rows, levels=levels), complete(rows))
    cells = book_cells(
        [states],
        to_trades(prints),
        start_ns=START,
        end_ns=START + seconds * NS,
        levels=levels,
    )
    return book_features(
        *cells,
        asked,
        tick=0.25,
        barrier_zone=2.0,
        near_level_band=5.0,
        delta_threshold=100.0,
        vacuum_ratio=0.3,
        wall_ratio_threshold=1.5,
        weak_depth=50.0,
        min_coverage=0.25,
    )


def sample_queries(seed: int, *, first: int, last: int, n: int) -> Queries:
    """Random instants, levels on and off the grid around the price, both directions."""
    rng = np.random.default_rng(seed)
    t_ns = START + NS * rng.integers(first, last + 1, n)
    level = CENTRE * 0.25 + rng.integers(-60, 61, n) * 0.125 + rng.choice([0, 0.03], n)
    return Queries(t_ns, level, rng.choice([-1, 1], n).astype(np.int8))


@pytest.mark.parametrize("levels", [3, 10])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_book_features__equal_the_slow_oracle(seed: int, levels: int) -> None:
    """Every column of random queries equals what a walk over the raw rows finds."""
    rows, prints = random_session(seed, n=900, levels=levels)
    seconds = (rows[-1].ts - START) // NS + 3
    oracle = Oracle(rows, prints, grid_start=START, levels=levels)
    asked = sample_queries(seed, first=0, last=seconds, n=40)
    found = computed(rows, prints, asked, levels=levels, seconds=seconds)
    for i in range(len(asked)):
        expected = oracle.features(int(asked.t_ns[i]), float(asked.level[i]), int(asked.sigma[i]))
        assert expected.keys() == found.keys()
        for name, value in expected.items():
            got = found[name][i]
            where = f"{name} of query {i}"
            if value is None:
                assert got is None or math.isnan(got), where
            elif isinstance(value, str):
                assert got == value, where
            else:
                assert got == pytest.approx(value, rel=EXACT_RATIO, abs=0), where


def test_book_features__oracle_cases_are_not_all_null() -> None:
    """The random sessions exercise every column: none is null or constant throughout."""
    rows, prints = random_session(1, n=900, levels=10)
    seconds = (rows[-1].ts - START) // NS + 3
    asked = sample_queries(7, first=300, last=seconds, n=300)
    found = computed(rows, prints, asked, levels=10, seconds=seconds)
    assert len(found) == 32
    for name, column in found.items():
        values = {value for value in column.tolist() if str(value) not in {"None", "nan"}}
        assert len(values) > 2, name


def test_book_features__without_a_level_only_level_free_columns_remain() -> None:
    """A NaN level nulls zone columns; sigma 0 nulls the facing side too; OFI needs neither."""
    rows, prints = random_session(12, n=900, levels=10)
    t = START + 430 * NS
    asked = queries((t, math.nan, 1), (t, 6000.0, 0), (t, 6000.0, 1))
    found = computed(rows, prints, asked, levels=10, seconds=500)
    assert np.isnan(found["barrier_zone_coverage"]).tolist() == [True, True, False]
    assert np.isnan(found["facing_depth"]).tolist() == [False, True, False]
    assert np.isnan(found["barrier_added"]).tolist() == [True, True, False]
    assert found["barrier_state"][:2].tolist() == [None, None]
    assert np.isnan(found["ofi_near_level_300s"]).tolist() == [True, False, False]
    assert np.isnan(found["ofi_300s"]).tolist() == [False, False, False]


@pytest.mark.parametrize("change", ["deleted", "scrambled"])
def test_book_features__truncation(change: str) -> None:
    """Records at or after t change nothing, bit for bit."""
    rows, prints = random_session(5, n=900, levels=10)
    other_rows, other_prints = random_session(6, n=900, levels=10)
    for second in (290, 333, 401):
        t = START + second * NS
        asked = queries(*((t, 5990 + 0.5 * i, sigma) for i in range(40) for sigma in (-1, 1)))
        kept_rows = [row for row in rows if row.ts < t]
        kept_prints = [trade for trade in prints if trade.ts < t]
        if change == "scrambled":
            kept_rows += [replace(row, ts=row.ts + t - START) for row in other_rows]
            kept_prints += [replace(trade, ts=trade.ts + t - START) for trade in other_prints]
        full = computed(rows, prints, asked, levels=10, seconds=500)
        cut = computed(kept_rows, kept_prints, asked, levels=10, seconds=500)
        for name, column in full.items():
            np.testing.assert_array_equal(column, cut[name], err_msg=name)


def test_book_features__mirror() -> None:
    """Reflected about a half-tick level, unsigned columns stay and market-frame ones negate."""
    rows, prints = random_session(8, n=900, levels=10)
    t_all = [START + second * NS for second in range(300, 420, 3)]
    for half_tick in (5998.125, 6000.125, 6002.125):
        twice = round(2 * half_tick / 0.25)
        mirrored_rows = [
            Row(
                row.ts,
                {twice - tick: size for tick, size in row.asks.items()},
                {twice - tick: size for tick, size in row.bids.items()},
                complete=row.complete,
            )
            for row in rows
        ]
        mirrored_prints = [
            Print(trade.ts, twice - trade.tick, trade.size, -trade.side) for trade in prints
        ]
        asked = queries(*((t, half_tick, sigma) for t in t_all for sigma in (-1, 1)))
        turned = Queries(asked.t_ns, asked.level, -asked.sigma)
        original = computed(rows, prints, asked, levels=10, seconds=500)
        mirror = computed(mirrored_rows, mirrored_prints, turned, levels=10, seconds=500)
        for name, column in original.items():
            expected = -column if name.startswith("ofi_") else column
            np.testing.assert_array_equal(mirror[name], expected, err_msg=name)


def test_book_features__order_of_queries_does_not_matter() -> None:
    """A row's value depends on its own question only: alone, or among others in any order."""
    rows, prints = random_session(9, n=900, levels=10)
    asked = sample_queries(3, first=0, last=500, n=50)
    together = computed(rows, prints, asked, levels=10, seconds=500)
    backwards = Queries(asked.t_ns[::-1], asked.level[::-1], asked.sigma[::-1])
    reversed_columns = computed(rows, prints, backwards, levels=10, seconds=500)
    alone = computed(
        rows,
        prints,
        Queries(asked.t_ns[17:18], asked.level[17:18], asked.sigma[17:18]),
        levels=10,
        seconds=500,
    )
    for name, column in together.items():
        np.testing.assert_array_equal(column, reversed_columns[name][::-1], err_msg=name)
        np.testing.assert_array_equal(column[17:18], alone[name], err_msg=name)


def test_book_features__empty_book() -> None:
    """A session without a state gives nulls, except that a short empty OFI window sums to 0."""
    empty = BookStates(np.empty(0, np.int64), *(np.empty((0, 10), np.int32) for _ in range(4)))
    cells = book_cells([empty], to_trades([]), start_ns=START, end_ns=START + 600 * NS, levels=10)
    found = book_features(
        *cells,
        queries((START + 500 * NS, 6000.0, 1)),
        tick=0.25,
        barrier_zone=2.0,
        near_level_band=5.0,
        delta_threshold=100.0,
        vacuum_ratio=0.3,
        wall_ratio_threshold=1.5,
        weak_depth=50.0,
        min_coverage=0.25,
    )
    known = {name: column[0] for name, column in found.items() if column[0] == column[0]}
    assert known == {"barrier_state": None, "ofi_30s": 0.0, "ofi_60s": 0.0}
