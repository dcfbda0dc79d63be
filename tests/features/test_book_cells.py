"""One pass over a session in chunks gives what one big chunk gives."""

from __future__ import annotations

from dataclasses import fields
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.features.arrays import NS, BookSeconds, FlowCells, OfiCells
from spymaster_lake.features.book import BookStates, collapse_states
from spymaster_lake.features.book_cells import book_cells
from spymaster_lake.features.book_flow import flow_cells
from spymaster_lake.features.book_seconds import book_seconds
from spymaster_lake.features.ofi import ofi_cells
from tests.features.book_oracle import Print
from tests.features.book_samples import START, complete, random_session, to_states, to_trades

ROWS, PRINTS = random_session(21, n=400, levels=4)
STATES = collapse_states(to_states(ROWS, levels=4), complete(ROWS))
TRADES = to_trades(PRINTS)
END = START + 150 * NS

Table = BookSeconds | FlowCells | OfiCells | BookStates


def columns(table: Table) -> dict[str, np.ndarray]:
    """The arrays of a table by name."""
    return {field.name: getattr(table, field.name) for field in fields(table)}


def assert_same(first: Table, second: Table) -> None:
    """Equal types and values, column by column."""
    for name, column in columns(first).items():
        other = columns(second)[name]
        assert column.dtype == other.dtype, name
        np.testing.assert_array_equal(column, other, err_msg=name)


@settings(max_examples=60, deadline=None)
@given(
    cuts=st.lists(st.integers(0, len(STATES)), max_size=8).map(sorted),
    start=st.sampled_from([START - 5 * NS, START, START + 40 * NS]),
)
def test_book_cells__do_not_depend_on_chunks(cuts: list[int], start: int) -> None:
    """Cut anywhere, also inside a second and into empty chunks, the tables are equal."""
    chunks = [STATES.rows(a, b) for a, b in pairwise([0, *cuts, len(STATES)])]
    whole = book_cells([STATES], TRADES, start_ns=start, end_ns=END, levels=4)
    parts = book_cells(chunks, TRADES, start_ns=start, end_ns=END, levels=4)
    assert len(whole[1]) > 0
    assert_same(whole[0], parts[0])
    assert_same(whole[1], parts[1])
    assert_same(whole[2], parts[2])


def test_book_cells__equal_the_single_kernels() -> None:
    """Without a cut at either end the tables are those of the three kernels."""
    end = START + ((ROWS[-1].ts - START) // NS + 1) * NS
    seconds, flow, ofi = book_cells([STATES], TRADES, start_ns=START, end_ns=end, levels=4)
    assert_same(seconds, book_seconds(STATES, start_ns=START, end_ns=end))
    assert_same(flow, flow_cells(STATES, previous=None, trades=TRADES))
    assert_same(ofi, ofi_cells(STATES, previous=None))


def test_book_cells__lie_on_the_grid() -> None:
    """States before the first second only seed it; states at or after the end leave no cell."""
    start = START + 30 * NS
    seconds, flow, ofi = book_cells([STATES], TRADES, start_ns=start, end_ns=END, levels=4)
    for cells in (flow, ofi):
        assert cells.second_ns.min() >= start
        assert cells.second_ns.max() <= END
    inside = (STATES.ts_ns >= start - NS) & (STATES.ts_ns < END)
    assert seconds.n_updates.sum() == inside.sum() == ofi.n_updates.sum()


def test_book_cells__no_chunk_at_all() -> None:
    """A session without book rows has a full grid of unknown states and no cells."""
    seconds, flow, ofi = book_cells([], TRADES, start_ns=START, end_ns=END, levels=4)
    assert (len(seconds), len(flow), len(ofi)) == (151, 0, 0)


@pytest.mark.parametrize(
    ("chunks", "rule"),
    [
        pytest.param([(0, 50), (49, 90)], "may not split a timestamp", id="shared timestamp"),
        pytest.param([(50, 90), (0, 50)], "chunks must be in order", id="wrong order"),
    ],
)
def test_book_cells__refuse_chunks_that_overlap(chunks: list[tuple[int, int]], rule: str) -> None:
    """A timestamp belongs to one chunk, and chunks come in order of time."""
    parts = [STATES.rows(a, b) for a, b in chunks]
    with pytest.raises(DataError, match=rule):
        book_cells(parts, TRADES, start_ns=START, end_ns=END, levels=4)


def test_book_cells__refuse_another_number_of_levels() -> None:
    """The instrument's number of visible levels decides what is unbounded, so it must agree."""
    with pytest.raises(DataError, match="found 4 levels, allowed 10"):
        book_cells([STATES], TRADES, start_ns=START, end_ns=END, levels=10)


def test_book_cells__refuse_unsorted_prints() -> None:
    """Prints out of order would be matched with the wrong pair."""
    prints = to_trades([Print(START + 2, 1, 1, 1), Print(START + 1, 1, 1, 1)])
    with pytest.raises(DataError, match="1 prints go back in time"):
        book_cells([STATES], prints, start_ns=START, end_ns=END, levels=4)


def test_book_states__last_does_not_hold_its_chunk() -> None:
    """The state carried over a border owns its memory."""
    last = STATES.last()
    assert isinstance(last, BookStates)
    assert last.ts_ns.tolist() == [ROWS[-1].ts if ROWS[-1].complete else STATES.ts_ns[-1]]
    assert all(column.base is None for column in columns(last).values())
