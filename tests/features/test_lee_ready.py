"""Lee and Ready's rule: quote strictly before the print, then the tick test."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spymaster_lake.features.lee_ready import SOURCES, Quotes, lee_ready, tick_test


def quotes(*rows: tuple[int, int, int]) -> Quotes:
    """(time, bid, ask) rows; 0 is an absent side."""
    table = np.array(rows, np.int64).reshape(-1, 3)
    return Quotes(table[:, 0], table[:, 1], table[:, 2])


def judged(prints, book, reference=None, sided=None):
    """(side, source) of (time, price) prints."""
    table = np.array(prints, np.int64).reshape(-1, 2)
    yes = np.ones(len(table), np.bool_)
    found = lee_ready(
        table[:, 0],
        table[:, 1],
        book,
        reference=yes if reference is None else np.array(reference),
        sided=yes if sided is None else np.array(sided),
    )
    return [(int(a), SOURCES[b]) for a, b in zip(found.side, found.source, strict=True)]


BOOK = quotes((10, 100, 110))


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        (111, (1, "quote")),
        (110, (1, "quote")),
        (106, (1, "quote")),
        (104, (-1, "quote")),
        (100, (-1, "quote")),
        (99, (-1, "quote")),
        (105, (0, "unknown")),
    ],
)
def test_lee_ready__quote_rule(price, expected):
    """Above the midpoint is a buy, below a sell, also outside the quote; the midpoint is open."""
    assert judged([(11, price)], BOOK) == [expected]


def test_lee_ready__quote_of_the_same_instant_is_invisible():
    """A quote of the print's own time may be its consequence."""
    book = quotes((10, 100, 110), (20, 200, 210))
    assert judged([(20, 110)], book) == [(1, "quote")]
    assert judged([(21, 110)], book) == [(-1, "quote")]


@pytest.mark.parametrize("book", [quotes(), quotes((30, 1, 2)), quotes((1, 0, 110)),
                                  quotes((1, 100, 0)), quotes((1, 105, 105)), quotes((1, 9, 8))])  # fmt: skip
def test_lee_ready__without_a_usable_quote_the_tick_test_decides(book):
    """No quote, a later one, one-sided, locked or crossed: compare with the last other price."""
    prints = [(5, 105), (6, 106), (7, 106), (8, 104)]
    expected = [(0, "unknown"), (1, "tick"), (1, "tick"), (-1, "tick")]
    assert judged(prints, book) == expected


def test_lee_ready__midpoint_after_a_move():
    """At the midpoint the last different price decides."""
    assert judged([(11, 108), (12, 105)], BOOK)[1] == (-1, "tick")
    assert judged([(11, 102), (12, 105), (13, 105)], BOOK)[2] == (1, "tick")


def test_lee_ready__irregular_prints_are_no_reference():
    """A price that was not made in the market is nothing to compare with, but is compared itself."""
    prints = [(1, 100), (2, 500), (3, 101)]
    found = judged(prints, quotes(), reference=[True, False, True])
    assert found == [(0, "unknown"), (1, "tick"), (1, "tick")]


def test_lee_ready__auctions_have_no_aggressor():
    """A print that cannot have one stays unknown, whatever the quote says."""
    assert judged([(11, 110)], BOOK, sided=[False]) == [(0, "unknown")]


def test_tick_test__nothing_to_compare_with():
    """No print, or no reference print: unknown."""
    assert tick_test(np.array([], np.int64), np.array([], np.bool_)).tolist() == []
    assert tick_test(np.array([5, 6]), np.array([False, False])).tolist() == [0, 0]


def oracle(prints, book, reference, sided):
    """The rule word for word, print by print."""
    answers = []
    for i, (t, p) in enumerate(prints):
        side, source = 0, "unknown"
        before = [q for q in book if q[0] < t]
        if before and before[-1][1] > 0 < before[-1][2] and before[-1][1] < before[-1][2]:
            middle = (before[-1][1] + before[-1][2]) / 2
            side = (p > middle) - (p < middle)
            source = "quote" if side else "unknown"
        if not side:
            for _, other in (x for x, r in zip(prints[i - 1 :: -1] if i else [],
                                               reference[i - 1 :: -1] if i else [], strict=True) if r):  # fmt: skip
                if other != p:
                    side, source = (1 if p > other else -1), "tick"
                    break
        answers.append((side, source) if side and sided[i] else (0, "unknown"))
    return answers


@given(
    st.lists(
        st.tuples(st.integers(0, 12), st.integers(95, 115), st.booleans(), st.booleans()),
        max_size=25,
    ),
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 110), st.integers(0, 110)), max_size=8),
)
def test_lee_ready__equals_the_rule_word_for_word(prints, book):
    """The kernel agrees with a plain loop on any tape."""
    prints = sorted(prints, key=lambda row: row[0])
    book = sorted({row[0]: row for row in book}.values())
    tape = [(t, p) for t, p, _, _ in prints]
    reference, sided = [r for *_, r, _ in prints], [s for *_, s in prints]
    assert judged(tape, quotes(*book), np.array(reference, bool), np.array(sided, bool)) == oracle(
        tape, book, reference, sided
    )


def test_lee_ready__mirror_and_truncation():
    """Turned prices turn every side; later prints and quotes change nothing."""
    rng = np.random.default_rng(3)
    times = np.sort(rng.integers(0, 200, 300))
    price = 1000 + np.cumsum(rng.integers(-2, 3, 300))
    at = np.unique(rng.integers(0, 200, 90))
    bid = 1000 + rng.integers(-20, 20, len(at))
    book = Quotes(at, bid, bid + rng.integers(0, 4, len(at)))
    yes = np.ones(300, np.bool_)
    whole = lee_ready(times, price, book, reference=yes, sided=yes)
    turned = Quotes(at, 2000 - book.ask, 2000 - book.bid)
    mirror = lee_ready(times, 2000 - price, turned, reference=yes, sided=yes)
    np.testing.assert_array_equal(mirror.side, -whole.side)
    cut, early = int(np.searchsorted(times, 120)), at < 120
    part = lee_ready(
        times[:cut], price[:cut], Quotes(at[early], book.bid[early], book.ask[early]),
        reference=yes[:cut], sided=yes[:cut],
    )  # fmt: skip
    np.testing.assert_array_equal(part.side, whole.side[:cut])
    np.testing.assert_array_equal(part.source, whole.source[:cut])
