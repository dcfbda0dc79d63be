"""Order-flow imbalance: cells of updates and windows of rows."""

from __future__ import annotations

import math

import numpy as np
import pytest

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.features.arrays import NO_MID, NS, BookSeconds, OfiCells
from spymaster_lake.features.book import collapse_states
from spymaster_lake.features.book_seconds import book_seconds
from spymaster_lake.features.ofi import ofi_cells
from spymaster_lake.features.ofi_windows import has_gap, ofi_windows
from tests.features.book_oracle import Row
from tests.features.book_samples import START, complete, queries, random_session, to_states

T = START + 1000 * NS


def top(seconds: float, bid: float, bid_size: int, ask: float, ask_size: int) -> Row:
    """A book of one level a side, at T + seconds."""
    return Row(T + round(seconds * NS), {round(bid * 4): bid_size}, {round(ask * 4): ask_size})


GOLDEN = [
    top(-100, 5994.75, 40, 5995.00, 30),
    top(-90, 5994.75, 55, 5995.00, 20),
    top(-45, 5995.00, 10, 5995.25, 35),
    top(-20, 5994.75, 60, 5995.00, 25),
    top(0, 5994.75, 45, 5995.25, 15),
]


def tables(rows: list[Row], *, levels: int = 1) -> tuple[OfiCells, BookSeconds]:
    """OFI cells and the grid START .. T + 10 s of rows."""
    states = collapse_states(to_states(rows, levels=levels), complete(rows))
    grid = book_seconds(states, start_ns=START, end_ns=T + 10 * NS)
    return ofi_cells(states, previous=None), grid


def windows(rows: list[Row], *asked: tuple[int, float, int]) -> dict[str, list[float | None]]:
    """OFI columns with None for null."""
    cells, grid = tables(rows)
    found = ofi_windows(cells, grid, queries(*asked), tick=0.25, near_band=5.0)
    return {
        name: [None if math.isnan(value) else value for value in column.tolist()]
        for name, column in found.items()
    }


def test_ofi_cells__golden_vector() -> None:
    """Values e = 25, 30, -35, 10, stamped with the later update and its mid."""
    cells, _ = tables(GOLDEN)
    assert cells.ofi.tolist() == [25, 30, -35, 10]
    assert ((cells.second_ns - T) // NS).tolist() == [-89, -44, -19, 1]
    assert (cells.mid_half_ticks / 8).tolist() == [5994.875, 5995.125, 5994.875, 5995.0]
    assert cells.n_updates.tolist() == [1, 1, 1, 1]


def test_ofi_windows__golden_vector() -> None:
    """At t the update at t is not yet known; 300 s are null by the gap rule."""
    assert windows(GOLDEN, (T, 6000.0, 1)) == {
        "ofi_30s": [-35.0],
        "ofi_near_level_30s": [None],
        "ofi_60s": [-5.0],
        "ofi_near_level_60s": [30.0],
        "ofi_120s": [20.0],
        "ofi_near_level_120s": [30.0],
        "ofi_300s": [None],
        "ofi_near_level_300s": [None],
        "ofi_acceleration": [-35 / 30 - 20 / 120],
    }


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(({10: 5}, {11: 7}), ({10: 9}, {11: 7}), 4, id="bid grew"),
        pytest.param(({10: 5}, {12: 7}), ({11: 9}, {12: 7}), 9, id="bid improved"),
        pytest.param(({10: 5}, {12: 7}), ({9: 8}, {12: 7}), -5, id="bid worsened"),
        pytest.param(({10: 5}, {12: 7}), ({10: 5}, {12: 9}), -2, id="ask grew"),
        pytest.param(({10: 5}, {12: 7}), ({10: 5}, {11: 3}), -3, id="ask improved"),
        pytest.param(({10: 5}, {12: 7}), ({10: 5}, {13: 3}), 7, id="ask worsened"),
        pytest.param(({10: 5}, {12: 7}), ({10: 5}, {}), 7, id="ask vanished"),
        pytest.param(({10: 5}, {}), ({10: 5}, {12: 7}), -7, id="ask appeared"),
        pytest.param(({10: 5}, {12: 7}), ({}, {12: 7}), -5, id="bid vanished"),
        pytest.param(({}, {12: 7}), ({10: 5}, {12: 7}), 5, id="bid appeared"),
        pytest.param(({}, {}), ({}, {}), 0, id="empty before and after"),
    ],
)
def test_ofi_cells__of_one_update(
    before: tuple[dict[int, int], dict[int, int]],
    after: tuple[dict[int, int], dict[int, int]],
    expected: int,
) -> None:
    """Each case of the definition; an empty side is the worst price, with size 0."""
    cells, _ = tables([Row(T, *before), Row(T + 1, *after)])
    assert cells.ofi.tolist() == [expected]
    both_sides = bool(after[0]) and bool(after[1])
    mid = max(after[0]) + min(after[1]) if both_sides else NO_MID
    assert cells.mid_half_ticks.tolist() == [mid]


def test_ofi_cells__merge_updates_of_equal_second_and_mid() -> None:
    """Sums and counts per (second, mid), sorted; updates without flow are counted."""
    rows = [
        top(0, 10, 5, 10.5, 5),
        top(0.1, 10, 9, 10.5, 5),  # +4, mid 10.25
        top(0.2, 9.75, 9, 10.5, 5),  # -9, mid 10.125
        top(0.3, 10, 6, 10.5, 5),  # +6, mid 10.25
        top(0.4, 10, 6, 10.5, 5),  # 0, mid 10.25
        top(1.0, 10, 7, 10.5, 5),  # +1 in the next second
    ]
    cells, _ = tables(rows)
    found = zip(
        ((cells.second_ns - T) // NS).tolist(),
        cells.mid_half_ticks.tolist(),
        cells.ofi.tolist(),
        cells.n_updates.tolist(),
        strict=True,
    )
    assert list(found) == [(1, 81, -9, 1), (1, 82, 10, 3), (2, 82, 1, 1)]


def test_ofi_windows__near_level_band_is_closed() -> None:
    """A mid exactly 5 points away is near, half a tick farther is not."""
    rows = [top(-20, 99.75, 5, 100.25, 5), top(-10, 99.75, 8, 100.25, 5)]
    asked = [(T, level, 1) for level in (105.0, 105.125, 95.0, 94.875, math.nan)]
    assert windows(rows, *asked)["ofi_near_level_30s"] == [3.0, None, 3.0, None, None]


def test_ofi_windows__empty_window_is_zero_and_near_is_null() -> None:
    """No update in the last 30 s, but a live stream: net flow 0, nothing near the level."""
    rows = [top(-45, 100, 5, 100.25, 5), top(-40, 100, 8, 100.25, 5)]
    found = windows(rows, (T, 100.0, 1))
    assert (found["ofi_30s"], found["ofi_near_level_30s"]) == ([0.0], [None])
    assert (found["ofi_60s"], found["ofi_near_level_60s"]) == ([3.0], [3.0])


@pytest.mark.parametrize(
    ("updates", "window", "gap"),
    [
        pytest.param([-80, -20], 60, False, id="60 s exactly is allowed"),
        pytest.param([-60.1, -0.05], 30, True, id="60.05 s between updates"),
        pytest.param([-90, -29], 30, True, id="interval begins before the window"),
        pytest.param([-100, -30], 30, False, id="interval ends at the left edge"),
        pytest.param([-61], 30, True, id="t ends the last interval"),
        pytest.param([-60], 30, False, id="last update 60 s before t"),
        pytest.param([-29], 30, False, id="nothing before: starts at the left edge"),
        pytest.param([], 60, False, id="no update at all, 60 s window"),
        pytest.param([], 120, True, id="no update at all, 120 s window"),
        pytest.param([-300, -250, -180, -130, -80, -20], 120, False, id="old gap does not meet"),
        pytest.param([-300, -250, -180, -130, -80, -20], 300, True, id="old gap inside"),
        pytest.param([-50, -20, 0], 60, False, id="an update at t is not seen"),
    ],
)
def test_has_gap__interval_rule(updates: list[float], window: int, *, gap: bool) -> None:
    """Null if an interval that overlaps [t - W, t) is longer than 60 s."""
    _, grid = tables([top(at, 100, 5, 100.25, 5) for at in updates])
    found = has_gap(grid, np.array([T]), window_s=window, max_gap_s=60)
    assert found.tolist() == [gap]


def test_has_gap__window_before_the_grid_is_unknown() -> None:
    """Nothing is known of the time before the grid, so such a window is null."""
    _, grid = tables([top(at, 100, 5, 100.25, 5) for at in range(-1000, -900, 10)])
    t_ns = START + NS * np.array([29, 30, 31])
    assert has_gap(grid, t_ns, window_s=30, max_gap_s=60).tolist() == [True, False, False]


def test_ofi_windows__add_up_exactly() -> None:
    """The sum over 120 s is the sum over its halves, to the last bit."""
    rows, _ = random_session(31, n=900, levels=2)
    cells, grid = tables(rows, levels=2)
    at = [START + second * NS for second in range(400, 480, 7)]
    now = ofi_windows(cells, grid, queries(*((t, 6000.0, 1) for t in at)), tick=0.25, near_band=5.0)
    earlier = ofi_windows(
        cells, grid, queries(*((t - 60 * NS, 6000.0, 1) for t in at)), tick=0.25, near_band=5.0
    )
    assert not np.isnan(now["ofi_120s"]).any()
    np.testing.assert_array_equal(now["ofi_120s"], earlier["ofi_60s"] + now["ofi_60s"])


@pytest.mark.parametrize("t_ns", [T + 1, T + 11 * NS], ids=["off the second", "after the grid"])
def test_ofi_windows__refuse_instants_off_the_grid(t_ns: int) -> None:
    """Cells are exact for whole seconds of the grid only."""
    with pytest.raises(DataError, match="no whole seconds and"):
        windows(GOLDEN, (t_ns, 6000.0, 1))
