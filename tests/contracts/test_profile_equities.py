"""Profiles of shares: widths that follow the price, splits, dividends, OCC symbols."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from spymaster_lake.contracts.errors import DataError, SymbolError
from spymaster_lake.contracts.occ import parse_occ
from spymaster_lake.contracts.profile import InstrumentProfile
from spymaster_lake.sessions.price_basis import SplitTable

CONF = Path(__file__).parents[2] / "conf" / "instruments"
ES, IBM, TSLA = (
    InstrumentProfile.from_yaml(CONF / f"{name}.yaml") for name in ("es", "ibm", "tsla")
)
SPLITS = SplitTable.of(TSLA)
BEFORE, SPLIT_5, SPLIT_3 = date(2020, 8, 28), date(2020, 8, 31), date(2022, 8, 25)


def test_bands__fixed_points_stay():
    """An instrument of fixed widths is the same object at any price."""
    assert ES.at_price(1.0) is ES
    assert ES.bands.stacking == (2.0, 5.0, 10.0)


def test_bands__follow_the_price():
    """At the reference price the widths are those of the file; at half of it, half of them."""
    there, half = IBM.at_price(182.0), IBM.at_price(91.0)
    assert there.bands.zone_half_width == IBM.bands.zone_half_width == 0.05
    assert half.bands.near_level_band == 0.05
    assert half.bands.stacking == (0.02, 0.05, 0.10)
    assert half.bands.zone_atr_fraction == IBM.bands.zone_atr_fraction
    assert half.quality.max_distance_points == IBM.quality.max_distance_points / 2
    assert half.at_price(500.0) is half


def test_bands__whole_ticks_and_at_least_one():
    """However cheap the share, a width is a whole number of ticks, not zero."""
    bands = IBM.at_price(1.0).bands
    assert {bands.tape_band, bands.touch_band, bands.zone_half_width} == {0.01}
    for price in (33.3, 77.7, 412.9):
        for width in IBM.at_price(price).bands.stacking:
            assert round(width / 0.01) * 0.01 == pytest.approx(width, abs=1e-12)


def test_bands__impossible_price():
    """Widths of a price that is not positive do not exist."""
    with pytest.raises(ValueError, match="must be positive; found 0"):
        IBM.at_price(0.0)


def changed(block, **values):
    """The profile of tsla with one block changed, validated anew."""
    plain = TSLA.model_dump()
    plain[block] = {**plain[block], **values} if isinstance(plain[block], dict) else values["to"]
    return InstrumentProfile.model_validate(plain)


@pytest.mark.parametrize(
    ("block", "values", "message"),
    [
        ("book_levels", {"to": 10}, "one level a side: book_levels must be 1"),
        ("book", {"quote_rows": "guess"}, "quote_rows"),
        ("bands", {"reference_price": 0}, "reference_price"),
        (
            "corporate_actions",
            {"splits": [{"ex_date": "2022-08-25", "new": 3, "old": 1}, {"ex_date": "2020-08-31", "new": 5, "old": 1}]},
            "splits: ex_date must be given once each, oldest first",
        ),
        ("corporate_actions", {"splits": [{"ex_date": "2022-08-25", "new": 0, "old": 1}]}, "new"),
        ("options", {"style": "asian"}, "style"),
    ],
)  # fmt: skip
def test_profile__contradictions(block, values, message):
    """A profile that contradicts itself is refused by field."""
    with pytest.raises(ValidationError, match=message):
        changed(block, **values)


def test_profile__dividends_between():
    """Cash dividends are dated inputs: after the first day, up to and with the last."""
    days = [date(2024, 2, 7), date(2024, 5, 8), date(2024, 8, 7)]
    profile = changed("corporate_actions", dividends=[{"ex_date": d, "amount": 1.5} for d in days])
    found = profile.dividends_after(date(2024, 2, 7), date(2024, 8, 7))
    assert [step.ex_date for step in found] == days[1:]


@pytest.mark.parametrize(
    ("start", "end", "factor"),
    [
        (BEFORE, BEFORE, 1.0),
        (BEFORE, SPLIT_5, 1 / 5),
        (SPLIT_5, BEFORE, 5.0),
        (SPLIT_5, date(2022, 8, 24), 1.0),
        (BEFORE, SPLIT_3, 1 / 15),
        (SPLIT_3, BEFORE, 15.0),
    ],
)
def test_splits__factor(start, end, factor):
    """What a price of one session is multiplied by to stand on another's basis."""
    assert SPLITS.factor(start, end) == pytest.approx(factor, rel=1e-15)


def test_splits__basis_and_mixing():
    """Sessions of one basis may be compared; a split between them is an error that names it."""
    assert SPLITS.basis(BEFORE) is None
    assert SPLITS.basis(SPLIT_5) == SPLIT_5 == SPLITS.basis(date(2022, 8, 24))
    SPLITS.require_same([SPLIT_5, date(2021, 1, 4), date(2022, 8, 24)])
    SPLITS.require_same([])
    with pytest.raises(DataError, match=r"2022-08-24 and 2022-08-25 .*split on 2022-08-25"):
        SPLITS.require_same([SPLIT_3, date(2022, 8, 24), date(2022, 8, 23)])


def test_splits__the_table_explains_the_step():
    """Known splits and ordinary gaps pass."""
    SPLITS.check_step(BEFORE, 2213.4, SPLIT_5, 444.61)
    SPLITS.check_step(date(2024, 7, 23), 246.38, date(2024, 7, 24), 225.42)


@pytest.mark.parametrize(
    ("table", "last", "first", "message"),
    [
        (SplitTable("tsla"), 2213.4, 444.61, "lacks a split"),
        (SplitTable("tsla"), 44.4, 221.3, "lacks a split"),
        (SPLITS, 442.7, 444.61, "a split that the files do not show"),
        (SPLITS, 0.0, 444.61, "must be positive"),
    ],
)
def test_splits__a_step_without_explanation(table, last, first, message):
    """A session beside a split fails if the table lacks it, or if the files undo it already."""
    with pytest.raises(DataError, match=message):
        table.check_step(BEFORE, last, SPLIT_5, first)


@pytest.mark.parametrize(
    "text", ["TSLA  250221C00250000", "TSLA250221C00250000", "O:TSLA250221C00250000"]
)
def test_occ__forms(text):
    """Padded, plain and with the vendor's prefix: one contract."""
    found = parse_occ(text)
    assert (found.root, found.expiry, found.right, found.strike) == (
        "TSLA", date(2025, 2, 21), "C", 250.0,
    )  # fmt: skip
    assert found.text == "TSLA  250221C00250000"


def test_occ__adjusted_and_fractional():
    """A digit marks an adjusted contract; strikes have thousandths."""
    found = parse_occ("O:TSLA1240119P00016670")
    assert (found.underlying, found.is_adjusted, found.strike) == ("TSLA", True, 16.67)
    assert parse_occ(found.text) == found


@pytest.mark.parametrize("text", ["", "TSLA", "TSLA250221X00250000", "TSLA251321C00250000", "O:tsla250221C00250000"])  # fmt: skip
def test_occ__refused(text):
    """Anything else is an error that shows the text."""
    with pytest.raises(SymbolError, match=r"OCC|no day"):
        parse_occ(text)
