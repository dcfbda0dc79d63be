"""National best bid and offer: two kinds of quote files, and how long quotes were unusable."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spymaster_lake.features.national_best import (
    QuoteRows,
    best_over_exchanges,
    detect_kind,
    quote_faults,
    tape_best,
)


def rows(*lines):
    """Rows of (time, exchange, side, price, size); side "b", "a", or "0" withdraws both."""
    time = np.array([line[0] for line in lines], np.int64)
    exchange = np.array([line[1] for line in lines], np.int64)
    side = np.array([line[2] for line in lines], "U1")
    price = np.array([line[3] for line in lines], np.int64)
    size = np.array([line[4] for line in lines], np.int64)
    bid, ask, none = side == "b", side == "a", side == "0"
    return QuoteRows(
        ts_ns=time, bid=np.where(bid, price, 0), bid_size=np.where(bid, size, 0),
        ask=np.where(ask, price, 0), ask_size=np.where(ask, size, 0), says_bid=bid | none,
        says_ask=ask | none, exchange=exchange, bid_exchange=exchange, ask_exchange=exchange,
    )  # fmt: skip


def states(best):
    """((bid, size, exchange), (ask, size, exchange)) after each row."""
    bids = zip(best.bid.tolist(), best.bid_size.tolist(), best.bid_exchange.tolist(), strict=True)
    asks = zip(best.ask.tolist(), best.ask_size.tolist(), best.ask_exchange.tolist(), strict=True)
    return list(zip(bids, asks, strict=True))


NONE = (0, 0, -1)

TAPE = rows(
    (1, 0, "b", 100, 3), (1, 1, "a", 105, 2), (2, 1, "b", 99, 4), (2, 1, "a", 105, 2), (3, 0, "b", 101, 1),
)  # fmt: skip


def test_tape_best__newest_row_of_a_side():
    """A lower bid of another exchange replaces the best: the first one is gone."""
    assert states(tape_best(TAPE)) == [
        ((100, 3, 0), NONE), ((100, 3, 0), (105, 2, 1)), ((99, 4, 1), (105, 2, 1)),
        ((99, 4, 1), (105, 2, 1)), ((101, 1, 0), (105, 2, 1)),
    ]  # fmt: skip


def test_best_over_exchanges__holds_every_exchange():
    """The highest bid and lowest offer; sizes add up; the larger quote gives the exchange."""
    found = best_over_exchanges(
        rows(
            (1, 0, "b", 100, 3),
            (2, 1, "b", 99, 9),
            (3, 1, "b", 100, 5),
            (4, 2, "a", 103, 1),
            (5, 1, "b", 98, 1),
            (6, 0, "b", 100, 0),
            (7, 1, "0", 0, 0),
            (8, 2, "0", 0, 0),
        )
    )
    assert states(found) == [
        ((100, 3, 0), NONE), ((100, 3, 0), NONE), ((100, 8, 1), NONE), ((100, 8, 1), (103, 1, 2)),
        ((100, 3, 0), (103, 1, 2)), ((98, 1, 1), (103, 1, 2)), (NONE, (103, 1, 2)), (NONE, NONE),
    ]  # fmt: skip


def test_best_over_exchanges__old_quotes_expire():
    """With a largest age a quote no longer counts once it is older."""
    lines = rows((0, 0, "b", 100, 3), (10, 1, "b", 99, 2), (11, 1, "b", 99, 2))
    assert [b for b, _ in states(best_over_exchanges(lines, max_age_ns=10))] == [
        (100, 3, 0), (100, 3, 0), (99, 2, 1),
    ]  # fmt: skip


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from("ba0"), st.integers(95, 105), st.integers(0, 4)),
        min_size=1, max_size=30,
    ),
    st.none() | st.integers(0, 6),
)  # fmt: skip
def test_best_over_exchanges__equals_a_dictionary_of_quotes(lines, age):
    """The vectorised best equals a walk with one dictionary a side."""
    table = [(i, e, s, p, n) for i, (e, s, p, n) in enumerate(lines)]
    books, expected = {"b": {}, "a": {}}, []
    for t, e, s, p, n in table:
        for side in "ba" if s == "0" else s:
            books[side][e] = (p, 0 if s == "0" else n, t)
        state = []
        for side, best in (("b", max), ("a", min)):
            live = {k: (q, m) for k, (q, m, at) in books[side].items()
                    if m > 0 and (age is None or t - at <= age)}  # fmt: skip
            if not live:
                state.append(NONE)
                continue
            top = best(q for q, _ in live.values())
            there = {k: m for k, (q, m) in live.items() if q == top}
            whose = min(there, key=lambda k: (-there[k], k))
            state.append((top, sum(there.values()), whose))
        expected.append(tuple(state))
    assert states(best_over_exchanges(rows(*table), max_age_ns=age)) == expected


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        pytest.param([(1, 0, "b", 9, 1), (1, 1, "a", 11, 1)] * 5, "national", id="pairs of two"),
        pytest.param([(1, 0, "b", 9, 1), (1, 0, "a", 11, 1)] * 5, "exchange", id="pairs of one"),
        pytest.param([(1, 0, "b", 9, 1), (2, 1, "a", 11, 1)] * 5, "exchange", id="other times"),
        pytest.param([(1, 0, "b", 9, 1), (1, 1, "b", 8, 1)] * 5, "exchange", id="one side"),
        pytest.param([], "exchange", id="no rows"),
        pytest.param(
            [(0, 2, "a", 11, 1), *[(1, 0, "b", 9, 1), (1, 1, "a", 11, 1)] * 60], "national",
            id="a row alone among pairs",
        ),
    ],
)  # fmt: skip
def test_detect_kind__by_form(lines, kind):
    """Pairs of one time that name two exchanges cannot be one exchange's quotes."""
    assert detect_kind(rows(*lines)) == kind


@pytest.mark.parametrize(
    ("quotes", "crossed", "one_sided"),
    [
        ([(0, 9, 10)], 0, 0),
        ([(20, 9, 10)], 0, 10),
        ([], 0, 90),
        ([(0, 9, 10), (30, 11, 10), (35, 9, 10), (50, 12, 10), (62, 9, 10)], 12, 0),
        ([(0, 9, 10), (30, 11, 10), (35, 12, 10), (50, 9, 10)], 20, 0),
        ([(0, 9, 10), (30, 0, 10), (40, 9, 0), (45, 9, 10)], 0, 15),
        ([(0, 9, 10), (95, 11, 10)], 5, 0),
        ([(0, 11, 10), (12, 9, 10)], 2, 0),
        ([(0, 9, 10), (99, 9, 9)], 0, 0),
    ],
)
def test_quote_faults__longest_run(quotes, crossed, one_sided):
    """In [10, 100) a state lasts until the next; a locked quote is no fault."""
    table = np.array(quotes, np.int64).reshape(-1, 3)
    found = quote_faults(table[:, 0], table[:, 1], table[:, 2], start_ns=10, end_ns=100)
    assert (found.crossed_ns, found.one_sided_ns) == (crossed, one_sided)
