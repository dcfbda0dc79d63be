"""Which rows are book states, and the book on the grid of whole seconds."""

from __future__ import annotations

import numpy as np
import pytest

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.features.arrays import (
    NO_COMMON_ASK,
    NO_COMMON_BID,
    NO_TICK,
    NO_TIME,
    NS,
    UNBOUNDED,
)
from spymaster_lake.features.book import BookStates, collapse_states
from spymaster_lake.features.book_seconds import book_seconds
from tests.features.book_oracle import Row
from tests.features.book_samples import START, complete, contiguous, to_states

S = START


def ask_only(ts: int, best: int, *, done: bool = True, levels: int = 2) -> Row:
    """A row whose ask side starts at `best`; its bid side is empty."""
    return Row(ts, {}, contiguous(1, best, levels=levels), complete=done)


def test_collapse_states__keeps_the_last_finished_row_of_a_timestamp() -> None:
    """Unfinished rows are no states; of equal timestamps the last finished one counts."""
    rows = [
        ask_only(S + 1, 10),
        ask_only(S + 1, 11),  # last finished row of its time
        ask_only(S + 1, 12, done=False),
        ask_only(S + 2, 13, done=False),  # a timestamp without a finished row
        ask_only(S + 3, 14),
    ]
    states = collapse_states(to_states(rows, levels=2), complete(rows))
    assert states.ts_ns.tolist() == [S + 1, S + 3]
    assert states.ask_ticks[:, 0].tolist() == [11, 14]
    assert states.ask_size.tolist() == [[50, 50], [50, 50]]
    assert states.bid_ticks.tolist() == [[NO_TICK] * 2] * 2
    assert states.ask_ticks.flags.f_contiguous


def test_collapse_states__refuses_rows_out_of_order() -> None:
    """Rows that go back in time are an input error that says where."""
    rows = [ask_only(S + 2, 10), ask_only(S + 1, 10)]
    with pytest.raises(DataError, match=f"1 rows go back in time, the first at ts_ns {S + 1}"):
        collapse_states(to_states(rows, levels=2), complete(rows))


def test_book_states__refuse_other_types_and_shapes() -> None:
    """Unsigned sizes would wrap around when subtracted, so they are refused by name."""
    ticks = np.zeros((1, 2), np.int32)
    with pytest.raises(DataError, match=r"bid_size: found uint32\[1, 2\], allowed int32 or int64"):
        BookStates(np.array([S]), ticks, ticks.astype(np.uint32), ticks, ticks)
    with pytest.raises(DataError, match=r"ask_ticks: found int32\[1, 1\]"):
        BookStates(np.array([S]), ticks, ticks, ticks[:, :1], ticks)


def test_book_seconds__state_strictly_before_each_second() -> None:
    """A state at tau itself holds only from tau + 1 s on; counts belong to [tau - 1 s, tau)."""
    rows = [
        ask_only(S - 3 * NS, 9),  # only says what held at the start
        ask_only(S + NS // 2, 10),
        ask_only(S + NS - 1, 11),
        ask_only(S + NS, 12),  # at the second: not yet visible there
        ask_only(S + 3 * NS, 13),  # at the end: outside the grid
    ]
    grid = book_seconds(to_states(rows, levels=2), start_ns=S, end_ns=S + 3 * NS)
    # tau - S in seconds:                                0    1   2   3
    assert ((grid.second_ns - S) // NS).tolist() == [0, 1, 2, 3]
    assert grid.ask_ticks[:, 0].tolist() == [9, 11, 12, 12]
    assert grid.n_updates.tolist() == [0, 2, 1, 0]
    assert (grid.state_ts_ns - S).tolist() == [-3 * NS, NS - 1, NS, NS]
    assert grid.first_ts_ns.tolist() == [NO_TIME, S + NS // 2, S + NS, NO_TIME]
    assert grid.last_ts_ns.tolist() == [NO_TIME, S + NS - 1, S + NS, NO_TIME]


def test_book_seconds__before_the_first_state_nothing_is_known() -> None:
    """Seconds before the first state hold absent prices, size 0 and no time."""
    grid = book_seconds(to_states([ask_only(S + NS, 10)], levels=2), start_ns=S, end_ns=S + 2 * NS)
    assert grid.state_ts_ns.tolist() == [NO_TIME, NO_TIME, S + NS]
    assert grid.ask_ticks.tolist() == [[NO_TICK] * 2, [NO_TICK] * 2, [10, 11]]
    assert grid.ask_size.tolist() == [[0, 0], [0, 0], [50, 50]]


def test_book_seconds__common_visibility_of_the_pairs_of_a_second() -> None:
    """The widest pair of a second counts; the first state alone makes no pair."""
    rows = [
        ask_only(S + 1, 10),
        ask_only(S + NS + 1, 20),  # pair bound min(11, 21) = 11
        ask_only(S + NS + 2, 18),  # pair bound min(21, 19) = 19, the widest of the second
        ask_only(S + 2 * NS + 1, 18, levels=1),  # one level: unbounded, pair bound 19
        ask_only(S + 3 * NS + 1, 30, levels=1),  # both unbounded
    ]
    grid = book_seconds(to_states(rows, levels=2), start_ns=S, end_ns=S + 4 * NS)
    assert grid.ask_common.tolist() == [NO_COMMON_ASK, NO_COMMON_ASK, 19, 19, UNBOUNDED]
    # the bid side is empty throughout, so all of it is visible in every pair
    unbounded = -int(UNBOUNDED)
    assert grid.bid_common.tolist() == [NO_COMMON_BID, NO_COMMON_BID, *[unbounded] * 3]


@pytest.mark.parametrize(
    ("start_ns", "end_ns"),
    [
        pytest.param(S + 1, S + NS, id="start inside a second"),
        pytest.param(S, S + 1, id="end inside a second"),
        pytest.param(S + NS, S, id="end before start"),
    ],
)
def test_book_seconds__refuses_a_grid_off_the_whole_seconds(start_ns: int, end_ns: int) -> None:
    """A grid is made of whole seconds, else windows of cells would not be exact."""
    with pytest.raises(DataError, match="whole seconds"):
        book_seconds(to_states([], levels=2), start_ns=start_ns, end_ns=end_ns)
