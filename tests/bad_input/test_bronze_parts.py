"""Bronze that was changed after its ingest: rows and files that break a rule stop the session."""

from __future__ import annotations

import os

import pytest

from tests.bad_input.command import edit, first, on, one_part
from tests.laws.small_lake import DAY, FRONT, NEXT, replace_file

ROWS = {
    "trade off the tick grid": (
        ("futures", "trades", FRONT), "price", lambda v: first(v, 3, lambda p: p + 0.1),
        r"futures trades ESZ5 2025-11-28: 3 prices off the 0.25 tick grid, such as \[\d",
    ),
    "trade price not above zero": (
        ("futures", "trades", FRONT), "price", lambda v: first(v, 2, lambda p: -p),
        r"futures trades ESZ5 2025-11-28: 2 values of price below 0.25, such as \[-",
    ),
    "negative size": (
        ("futures", "trades", FRONT), "size", lambda v: first(v, 2, lambda s: -s),
        r"futures trades ESZ5 2025-11-28: 2 values of size below 1, such as \[-",
    ),
    "size zero": (
        ("futures", "trades", FRONT), "size", lambda v: first(v, 1, lambda _: 0),
        r"1 values of size below 1, such as \[0\]",
    ),
    "foreign contract": (
        ("futures", "trades", FRONT), "symbol", lambda v: first(v, 2, lambda _: "NQZ5"),
        r"rows of other contracts than ESZ5: \{'NQZ5': 2\}",
    ),
    "book price off the tick grid": (
        ("futures", "mbp10", FRONT), "bid_px_1", lambda v: [p + 0.1 for p in v],
        r"mbp10.bid_px_1: \d+ prices off the 0.25 tick grid, such as \[\d",
    ),
    "negative book size": (
        ("futures", "mbp10", FRONT), "ask_sz_2", lambda v: [-1 for _ in v],
        r"mbp10: \d+ ask sizes below 0, such as -1",
    ),
    "crossed book": (
        ("futures", "mbp10", FRONT), "bid_px_1", lambda v: [p + 1.0 for p in v],
        r"2025-11-28: \d+ of \d+ book states in regular hours are crossed; .* a share of 0.001",
    ),
    "negative option premium": (
        ("options", "trades", "ES"), "price", lambda v: first(v, 2, lambda p: -p - 1),
        r"options trades 2025-11-28: 2 values of price below 0, such as \[-",
    ),
    "negative option size": (
        ("options", "trades", "ES"), "size", lambda v: first(v, 1, lambda s: -s),
        r"options trades 2025-11-28: 1 values of size below 1, such as \[-",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("part", "column", "change", "said"), ROWS.values(), ids=ROWS)
def test_rows__that_break_a_rule(lake, command, part, column, change, said):
    """The error names dataset, rule, count and examples; nothing is published."""
    edit(one_part(lake, *part), column, change)
    command.stage_refused("load_bronze", said=said)


def test_price_out_of_bounds__is_a_warning(lake, command):
    """Bounds of plausibility never stop a session: the record says what was seen (08 A16)."""
    edit(
        one_part(lake, "futures", "trades", FRONT), "price",
        lambda v: first(v, 2, lambda _: 25_000.0),
    )  # fmt: skip
    code, out, _ = command.stage("load_bronze", *on(DAY), "--json")
    assert code == 0
    (stage,) = command.record(out)["stages"]
    said = "2025-11-28: 2 prices outside [1000.0, 20000.0], such as [25000.0, 25000.0]"
    assert said in stage["warnings"]


@pytest.mark.parametrize(
    ("part", "what"),
    [
        (("futures", "trades", FRONT), "futures trades ESZ5 2025-11-28"),
        (("futures", "mbp10", FRONT), "futures mbp10 ESZ5"),
        (("options", "trades", "ES"), "options trades 2025-11-28"),
    ],
    ids=lambda v: v[1] if isinstance(v, tuple) else "",
)
def test_copied_part__its_rows_are_found_twice(lake, command, part, what):
    """The identity of a raw row is (file, row): a part under a second name is no new data."""
    path = one_part(lake, *part)
    os.link(path, path.with_name("part-copy.parquet"))
    said = rf"{what}: \d+ rows are in Bronze more than once, such as \(src_file, src_row\) \[\('"
    command.stage_refused("load_bronze", said=said)


def test_equal_prints__of_different_rows_are_kept(lake, command):
    """Equal time, sequence, price and size are legal; only the same raw row is a duplicate."""
    path = one_part(lake, "futures", "trades", FRONT)
    for column in ("ts_event_ns", "seq", "price", "size"):
        edit(path, column, lambda v: first(v, 2, lambda _, v=v: v[0]))
    assert command.stage("load_bronze")[0] == 0
    (row,) = lake.read("work/sessions", DAY).to_pylist()
    assert row["n_equal_rows"] >= 1


BROKEN = {
    "cut short": lambda content: content[: len(content) // 2],
    "not Parquet": lambda _: b"these are no rows",
    "empty": lambda _: b"",
}


@pytest.mark.parametrize("spoil", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("dataset", ["trades", "mbp10"])
def test_corrupt_part__is_named(lake, command, dataset, spoil):
    """A part that cannot be read stops the session; other contracts' parts do not matter."""
    path = one_part(lake, "futures", dataset, FRONT)
    replace_file(path, spoil(path.read_bytes()))
    command.stage_refused("load_bronze", said=rf"DataError: .*{path.name}: unreadable Bronze file")


def test_corrupt_part__of_the_back_month_book_is_not_read(lake, command):
    """Only the front contract's book is read."""
    path = one_part(lake, "futures", "mbp10", NEXT)
    replace_file(path, b"these are no rows")
    assert command.stage("load_bronze")[0] == 0
