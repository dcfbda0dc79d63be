"""Added, canceled and filled contracts per second, side and price."""

from __future__ import annotations

import numpy as np
import pytest

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.features.arrays import ASK, BID, NS, FlowCells
from spymaster_lake.features.book_flow import flow_cells
from tests.features.book_oracle import Print, Row
from tests.features.book_samples import START, contiguous, to_states, to_trades

S = START


def cells(rows: list[Row], prints: list[Print], *, levels: int = 3) -> list[tuple[int, ...]]:
    """Flow cells as rows (tau - S in seconds, side, tick, added, canceled, filled)."""
    flow = flow_cells(to_states(rows, levels=levels), previous=None, trades=to_trades(prints))
    return as_rows(flow)


def as_rows(flow: FlowCells) -> list[tuple[int, ...]]:
    """The columns of flow cells side by side."""
    columns = (
        (flow.second_ns - S) // NS,
        flow.side,
        flow.ticks,
        flow.added,
        flow.canceled,
        flow.filled,
    )
    return list(zip(*(column.tolist() for column in columns), strict=True))


def asks(ts: int, **by_tick: int) -> Row:
    """A row with these asks (`t12=50` is 50 at tick 12) and no bids."""
    return Row(ts, {}, {int(name[1:]): size for name, size in by_tick.items()})


def test_flow_cells__gain_and_loss_at_a_standing_price() -> None:
    """A gain is added; a loss without a trade is canceled; no change leaves no cell."""
    rows = [
        asks(S, t10=50, t11=50, t12=50),
        asks(S + 1, t10=50, t11=70, t12=50),
        asks(S + 2, t10=45, t11=70, t12=50),
    ]
    #                            tau side tick added canceled filled
    assert cells(rows, []) == [(1, 1, 10, 0, 5, 0), (1, 1, 11, 20, 0, 0)]


@pytest.mark.parametrize(
    ("trade", "canceled", "filled"),
    [
        pytest.param(Print(S + 5, 10, 12, +1), 18, 12, id="part of the loss traded"),
        pytest.param(Print(S + 5, 10, 99, +1), 0, 30, id="no more filled than lost"),
        pytest.param(Print(S + 10, 10, 12, +1), 18, 12, id="trade at the later state counts"),
        pytest.param(Print(S, 10, 12, +1), 30, 0, id="trade at the earlier state does not"),
        pytest.param(Print(S + 11, 10, 12, +1), 30, 0, id="trade after the pair"),
        pytest.param(Print(S + 5, 10, 12, -1), 30, 0, id="sellers do not hit asks"),
        pytest.param(Print(S + 5, 10, 12, 0), 30, 0, id="unknown aggressor fills nothing"),
        pytest.param(Print(S + 5, 11, 12, +1), 30, 0, id="trade at another price"),
    ],
)
def test_flow_cells__a_loss_is_filled_as_far_as_trades_reach(
    trade: Print, canceled: int, filled: int
) -> None:
    """Passive volume in (earlier state, later state] at that price fills, the rest is canceled."""
    rows = [asks(S, t10=50, t11=50, t12=50), asks(S + 10, t10=20, t11=50, t12=50)]
    assert cells(rows, [trade]) == [(1, 1, 10, 0, canceled, filled)]


def test_flow_cells__several_trades_of_a_pair_add_up() -> None:
    """Volume at one price between two states is summed before it is compared with the loss."""
    rows = [asks(S, t10=50, t11=50, t12=50), asks(S + 10, t10=20, t11=50, t12=50)]
    prints = [Print(S + 2, 10, 5, 1), Print(S + 2, 10, 6, 1), Print(S + 9, 10, 7, 1)]
    assert cells(rows, prints) == [(1, 1, 10, 0, 12, 18)]


def test_flow_cells__scrolling_is_no_flow() -> None:
    """Prices that enter or leave the visible range are not counted, only common ones."""
    rows = [
        asks(S, t10=50, t11=50, t12=50),
        asks(S + 1, t11=50, t12=50, t13=50),  # 10 vanished; 13 was not visible before
        asks(S + 2, t9=5, t11=50, t12=50),  # 9 appeared: visible before, with size 0
    ]
    assert cells(rows, []) == [(1, 1, 9, 5, 0, 0), (1, 1, 10, 0, 50, 0)]


def test_flow_cells__fewer_levels_bound_nothing() -> None:
    """A side with fewer than k levels is wholly visible, so a far price can be added."""
    rows = [asks(S, t10=50), asks(S + 1, t10=50, t90=7), asks(S + 2, t10=50, t11=1, t12=2)]
    # in the last pair k levels bound the later state at 12: the loss at 90 is out of sight
    assert cells(rows, []) == [(1, 1, 11, 1, 0, 0), (1, 1, 12, 2, 0, 0), (1, 1, 90, 7, 0, 0)]


def test_flow_cells__bids_mirror_asks() -> None:
    """On the bid side larger prices are nearer, sellers fill, and cells sort before asks."""
    rows = [
        Row(S, {10: 50, 9: 50, 8: 50}, {11: 5}),
        Row(S + NS, {9: 30, 8: 50, 7: 50}, {11: 6}),
    ]
    prints = [Print(S + 1, 10, 40, -1), Print(S + 1, 9, 40, 1)]
    assert cells(rows, prints) == [
        (2, -1, 9, 0, 20, 0),
        (2, -1, 10, 0, 10, 40),
        (2, 1, 11, 1, 0, 0),
    ]


def test_flow_cells__an_empty_side_is_a_vanished_one() -> None:
    """When a side empties, every price of it was lost, within the bound of the earlier state."""
    rows = [asks(S, t10=1, t11=2, t12=3), asks(S + 1), asks(S + 2, t10=4)]
    assert cells(rows, []) == [(1, 1, 10, 4, 1, 0), (1, 1, 11, 0, 2, 0), (1, 1, 12, 0, 3, 0)]


def test_flow_cells__pair_with_the_state_before() -> None:
    """With a previous state the first state of a chunk has a pair, else it has none."""
    rows = [asks(S, t10=50, t11=50, t12=50), asks(S + 5, t10=20, t11=50, t12=50)]
    states, trades = to_states(rows, levels=3), to_trades([Print(S + 1, 10, 9, 1)])
    alone = flow_cells(states.rows(1, 2), previous=None, trades=trades)
    paired = flow_cells(states.rows(1, 2), previous=states.rows(0, 1), trades=trades)
    assert as_rows(alone) == []
    assert as_rows(paired) == [(1, 1, 10, 0, 21, 9)]


def test_flow_cells__empty_input_has_typed_columns() -> None:
    """No states give no cells, in the declared types."""
    flow = flow_cells(to_states([], levels=3), previous=None, trades=to_trades([]))
    assert len(flow) == 0
    types = [str(column.dtype) for column in (flow.side, flow.ticks, flow.added)]
    assert types == ["int8", "int32", "int64"]


def test_flow_cells__refuse_equal_timestamps() -> None:
    """Two states of one time must be collapsed first."""
    with pytest.raises(DataError, match="collapsed to one per timestamp"):
        cells([asks(S, t10=1), asks(S, t10=2)], [])


def test_flow_cells__conserve_size() -> None:
    """With everything visible, added - canceled - filled is the change of size at each price."""
    rng = np.random.default_rng(5)
    rows = [
        Row(
            S + i * NS // 3,
            dict.fromkeys(rng.choice(20, 4, replace=False).tolist(), int(rng.integers(1, 9))),
            dict.fromkeys(range(30, 34 - i % 2), int(rng.integers(1, 9))),
        )
        for i in range(200)
    ]
    prints = [
        Print(S + i * NS // 7, int(rng.integers(50)), 3, int(rng.choice([-1, 1])))
        for i in range(400)
    ]
    flow = flow_cells(to_states(rows, levels=5), previous=None, trades=to_trades(prints))
    assert flow.filled.sum() > 0
    for side, first, last in (
        (BID, rows[0].bids, rows[-1].bids),
        (ASK, rows[0].asks, rows[-1].asks),
    ):
        for tick in set(flow.ticks[flow.side == side].tolist()):
            at = (flow.side == side) & (flow.ticks == tick)
            net = (flow.added - flow.canceled - flow.filled)[at].sum()
            assert net == last.get(tick, 0) - first.get(tick, 0)


def test_flow_cells__matrices_in_row_order_give_the_same() -> None:
    """Memory order is a matter of speed only, and so is the width of sizes."""
    rows = [
        Row(S + i, contiguous(-1, 9 - i % 2), contiguous(1, 10 + i % 3, 40 + i % 5))
        for i in range(50)
    ]
    states = to_states(rows)
    wide = type(states)(
        states.ts_ns,
        np.asfortranarray(states.bid_ticks),
        np.asfortranarray(states.bid_size.astype(np.int64)),
        np.asfortranarray(states.ask_ticks),
        np.asfortranarray(states.ask_size.astype(np.int64)),
    )
    none = to_trades([])
    assert as_rows(flow_cells(states, previous=None, trades=none)) == as_rows(
        flow_cells(wide, previous=None, trades=none)
    )
