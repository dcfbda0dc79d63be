"""The grid of the state table: instants, levels, directions, unit of distance."""

from __future__ import annotations

import numpy as np
import pytest

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.contracts.profile import LEVEL_KINDS
from spymaster_lake.features.arrays import NS, Bars, Trades
from spymaster_lake.features.levels import Levels
from spymaster_lake.features.state_grid import (
    StateRows,
    atr_at,
    grid_instants,
    grid_levels,
    state_rows,
)
from tests.features.session_walks import CLOCK, EVENTS_END_NS, OPEN_NS, at

KIND = {kind: i for i, kind in enumerate(LEVEL_KINDS)}


def minute_bars(rows: list[tuple[int, int, int]]) -> Bars:
    """One-minute bars from (start ns, low, high) in points."""
    start = np.array([s for s, _, _ in rows], np.int64)
    low = np.array([x * 4 for _, x, _ in rows], np.int32)
    high = np.array([x * 4 for _, _, x in rows], np.int32)
    ones = np.ones(len(rows), np.int64)
    end = start + 60 * NS
    return Bars(start, end, end - 1, low, high, low, high, ones, ones, ones, ones)


def one_trade(price: float, ts_ns: int) -> Trades:
    """A single print."""
    return Trades(
        np.array([ts_ns], np.int64),
        np.array([round(price * 4)], np.int32),
        np.ones(1, np.int64),
        np.ones(1, np.int8),
    )


LEVELS = Levels(
    code=np.array([0, 1, 2, 3, 6, 6, 12], np.int8),
    price=np.array([6010.0, 5990.0, 6006.0, 5994.0, 6000.5, 6001.5, 5999.0]),
    valid_from_ns=np.array(
        [OPEN_NS, OPEN_NS, at(9, 45), at(9, 45), at(3), at(9, 40), at(9, 40)], np.int64
    ),
    valid_to_ns=np.array([at(17)] * 4 + [at(9, 40), at(17), at(17)], np.int64),
)
PREMARKET = minute_bars(
    [(at(3, 59), 5000, 7000), (at(4), 5995, 6005), (at(9, 12), 5990, 6004), (at(9, 29), 5991, 6010)]
)


def rows_at(*instants: int, price: float = 6000.0, atr: float = 2.0) -> StateRows:
    """State rows at the given instants, one print long before them."""
    return state_rows(
        np.array(instants, np.int64),
        trades=one_trade(price, at(4, 30)),
        bars_1min=PREMARKET,
        atr=np.full(len(PREMARKET), atr),
        levels=LEVELS,
        clock=CLOCK,
        tick=0.25,
        half_width=5.0,
        atr_fraction=0.1,
    )


def test_grid__400_instants() -> None:
    """39 warm-up instants from 09:10:30, then 361 from the open to 12:30:00, 30 s apart."""
    grid = grid_instants(open_ns=OPEN_NS, events_end_ns=EVENTS_END_NS)
    assert len(grid) == 400
    assert (grid[0], grid[38], grid[39], grid[-1]) == (
        at(9, 10, 30),
        at(9, 29, 30),
        at(9, 30),
        at(12, 30),
    )
    assert set(np.diff(grid)) == {30 * NS}


@pytest.mark.parametrize("end", [OPEN_NS, OPEN_NS - 30 * NS, OPEN_NS + 45 * NS])
def test_grid__refuses_a_window_off_the_step(end: int) -> None:
    """The last anchor must be a whole positive number of steps after the open."""
    with pytest.raises(DataError, match="positive multiples of 30 s"):
        grid_instants(open_ns=OPEN_NS, events_end_ns=end)


@pytest.mark.parametrize(
    ("t", "kind", "level"),
    [
        pytest.param(at(3, 30), "PM_HIGH", None, id="premarket has no ended bar yet"),
        pytest.param(at(9, 12, 30), "PM_HIGH", 6005.0, id="the bar from 09:12 has not ended"),
        pytest.param(at(9, 13), "PM_LOW", 5990.0, id="it ends at 09:13:00 inclusive"),
        pytest.param(at(9, 29, 30), "PM_HIGH", 6005.0, id="running extreme of the warm-up grid"),
        pytest.param(at(9, 30), "PM_HIGH", 6010.0, id="final from the open on"),
        pytest.param(at(9, 44, 30), "OR_HIGH", None, id="opening range not over"),
        pytest.param(at(9, 45), "OR_HIGH", 6006.0, id="known at 09:45:00 inclusive"),
        pytest.param(at(9, 39, 30), "SMA_90", 6000.5, id="average of the bar before"),
        pytest.param(at(9, 40), "SMA_90", 6001.5, id="average known at its bar's end"),
        pytest.param(at(9, 39, 30), "EMA_20", None, id="average not known yet"),
    ],
)
def test_grid_levels__known_at_t(t: int, kind: str, level: float | None) -> None:
    """A level is what was known at t; None where it was not."""
    matrix = grid_levels(
        np.array([t], np.int64), levels=LEVELS, bars_1min=PREMARKET, clock=CLOCK, tick=0.25
    )
    found = matrix[0, KIND[kind]]
    assert (None if np.isnan(found) else found) == level


def test_state_rows__kind_major() -> None:
    """All instants of the first kind come first; codes are those of the kinds."""
    rows = rows_at(at(9, 50), at(9, 50, 30))
    assert len(rows) == 12
    assert rows.kind_code.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 6, 6, 12, 12]
    assert rows.t_ns.tolist() == [at(9, 50), at(9, 50, 30)] * 6
    assert rows.level[::2].tolist() == [6010.0, 5990.0, 6006.0, 5994.0, 6001.5, 5999.0]
    assert rows.level_matrix[3].tolist() == rows.level[1::2].tolist()


@pytest.mark.parametrize(
    ("price", "sigma"),
    [
        pytest.param(6005.75, 1, id="below the level: UP"),
        pytest.param(6006.0, -1, id="at the level: DOWN"),
        pytest.param(6006.25, -1, id="above the level: DOWN"),
    ],
)
def test_state_rows__direction_of_spot(price: float, sigma: int) -> None:
    """UP if spot < level, else DOWN."""
    rows = rows_at(at(9, 50), price=price)
    assert rows.sigma[KIND["OR_HIGH"]] == sigma


def test_state_rows__inactive_level_has_no_direction() -> None:
    """Without a level there is no direction, and the row is not active."""
    rows = rows_at(at(9, 44))
    assert rows.sigma[KIND["OR_LOW"]] == 0
    assert not rows.active[KIND["OR_LOW"]]
    assert rows.spot[KIND["OR_LOW"]] == 6000.0


@pytest.mark.parametrize(
    ("t", "expected"),
    [
        pytest.param(at(4, 0, 59), 1.0, id="bar from 03:59"),
        pytest.param(at(4, 1), 2.0, id="bar end inclusive"),
        pytest.param(at(9, 29, 59), 3.0, id="the bar from 09:29 has not ended"),
        pytest.param(at(3, 59, 59), None, id="before the first end"),
    ],
)
def test_atr_at__last_ended_bar(t: int, expected: float | None) -> None:
    """The ATR of the last bar with end <= t."""
    found = atr_at(PREMARKET, np.array([1.0, 2.0, 3.0, 4.0]), t_ns=np.array([t], np.int64))[0]
    assert (None if np.isnan(found) else found) == expected


def test_atr_at__refuses_other_lengths() -> None:
    """One ATR per bar."""
    with pytest.raises(DataError, match="3 ATR values for 4 bars"):
        atr_at(PREMARKET, np.zeros(3), t_ns=np.array([OPEN_NS], np.int64))


@pytest.mark.parametrize(
    ("atr", "half_width"),
    [pytest.param(2.0, 5.0, id="the minimum"), pytest.param(80.0, 8.0, id="a tenth of the ATR")],
)
def test_state_rows__zone_half_width(atr: float, half_width: float) -> None:
    """The larger of the minimum and a tenth of the ATR."""
    assert rows_at(at(9, 50), atr=atr).zone_half_width.tolist() == [half_width] * 6


def test_state_rows__zone_half_width_knows_the_atr_of_an_entry_bar() -> None:
    """Detection reads the ATR before the entry bar: that known at t - 60 s."""
    rows = state_rows(
        np.array([at(9, 30), at(9, 30, 30)], np.int64),
        trades=one_trade(6000.0, at(4, 30)),
        bars_1min=PREMARKET,
        atr=np.array([10.0, 60.0, 70.0, 90.0]),
        levels=LEVELS,
        clock=CLOCK,
        tick=0.25,
        half_width=5.0,
        atr_fraction=0.1,
    )
    assert rows.atr[:2].tolist() == [90.0, 90.0]
    assert rows.zone_half_width[:2].tolist() == pytest.approx([7.0, 7.0])


def test_state_rows__needs_a_trade_before_the_grid() -> None:
    """A session whose first print comes after the first instant is an error."""
    with pytest.raises(DataError, match="1 instants have no trade before them"):
        rows_at(at(4, 30), at(4, 30, 30))
