"""The interval join of instrument ids and dates, against a loop over the intervals."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spymaster_lake.contracts.errors import RawFileError
from spymaster_lake.ingest.symbology import Symbology, symbology_of


def test_codes__id_reused_on_other_dates() -> None:
    """One id names different contracts on different dates; an interval excludes its end."""
    table = Symbology(
        ids=[7, 7, 9], first_day=[10, 20, 0], last_day=[20, 30, 5], symbols=["ESU4", "ESZ4", "ESH5"]
    )
    asked = [(7, 9), (7, 10), (7, 19), (7, 20), (7, 29), (7, 30), (9, 4), (9, 5), (8, 10)]
    codes = table.codes(np.array([i for i, _ in asked]), np.array([d for _, d in asked]))
    named = [table.symbols[c] if c >= 0 else None for c in codes.tolist()]
    assert named == [None, "ESU4", "ESU4", "ESZ4", "ESZ4", None, "ESH5", None, None]


def test_codes__no_mappings() -> None:
    """Without a mapping every record is unmapped."""
    table = Symbology(ids=[], first_day=[], last_day=[], symbols=[])
    assert table.codes(np.array([1, 2]), np.array([3, 3])).tolist() == [-1, -1]


@given(st.data())
def test_codes__equal_a_loop(data: st.DataObject) -> None:
    """Any set of disjoint intervals gives what a loop over them gives."""
    rows = []
    for number in data.draw(st.sets(st.integers(0, 2**32 - 1), max_size=5)):
        borders = sorted(data.draw(st.sets(st.integers(0, 60), min_size=2, max_size=6)))
        pairs = pairwise(borders)
        kept = [p for p in pairs if data.draw(st.booleans())]
        rows += [(number, a, b, f"S{number}-{a}") for a, b in kept]
    table = Symbology(
        ids=[r[0] for r in rows],
        first_day=[r[1] for r in rows],
        last_day=[r[2] for r in rows],
        symbols=[r[3] for r in rows],
    )
    known = [r[0] for r in rows] or [0]
    asked = data.draw(
        st.lists(st.tuples(st.sampled_from([*known, 77]), st.integers(-3, 63)), min_size=1)
    )
    codes = table.codes(np.array([i for i, _ in asked]), np.array([d for _, d in asked]))
    expected = [
        next((s for n, a, b, s in rows if n == number and a <= day < b), None)
        for number, day in asked
    ]
    assert [table.symbols[c] if c >= 0 else None for c in codes.tolist()] == expected


def _header(inner: str | None, outer: str, mappings: dict[str, str]) -> SimpleNamespace:
    interval = {"start_date": date(1970, 1, 11), "end_date": date(1970, 1, 21)}
    return SimpleNamespace(
        stype_in=inner,
        stype_out=outer,
        mappings={key: [{**interval, "symbol": value}] for key, value in mappings.items()},
    )


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(_header("raw_symbol", "instrument_id", {"ESZ5": "118"}), id="by symbol"),
        pytest.param(_header("parent", "instrument_id", {"ESZ5": "118"}), id="by parent"),
        pytest.param(_header("instrument_id", "raw_symbol", {"118": "ESZ5"}), id="by id"),
    ],
)
def test_symbology_of__both_directions(header: SimpleNamespace) -> None:
    """Symbols are found whichever side of the mapping they stand on."""
    table = symbology_of(header, "a.dbn")
    assert table.codes(np.array([118, 118]), np.array([10, 20])).tolist() == [0, -1]
    assert table.symbols == ["ESZ5"]


def test_symbology_of__continuous_symbols() -> None:
    """A continuous symbol is no contract code, so such a file is refused."""
    with pytest.raises(RawFileError, match=r"a\.dbn: .*'continuous'"):
        symbology_of(_header("continuous", "instrument_id", {"ES.c.0": "118"}), "a.dbn")
