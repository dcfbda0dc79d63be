"""Which prints count: the rule by condition, alone and together."""

from __future__ import annotations

import pytest

from spymaster_lake.ingest.sale_conditions import (
    LEAN_BITS,
    POLYGON_CODES,
    Rule,
    lean_verdict,
    polygon_verdict,
)


@pytest.mark.parametrize(
    ("lean", "polygon", "price", "extended", "volume", "aggressor"),
    [
        ("1", "", True, True, True, True),
        ("0", "0", True, True, True, True),
        ("20", "14", True, True, True, True),
        ("20000020", "14,41", True, True, True, True),
        ("2000", "12", False, True, True, True),
        ("20002020", "12,14,41", False, True, True, True),
        ("80000000", "37", False, False, True, True),
        ("40", "25", True, True, True, False),
        ("200000", "9", True, True, True, False),
        ("20100200", "2,10,41", False, False, True, False),
        ("4800", "32", False, False, True, False),
        ("2000000", "22", False, False, True, False),
        ("4000000", "16", False, False, False, False),
        ("1000000", "15", False, False, False, False),
        ("80002000", "12,37", False, False, True, True),
    ],
)
def test_verdict__both_vendors(lean, polygon, price, extended, volume, aggressor):
    """The same condition has the same effect whichever vendor writes it."""
    for verdict in (lean_verdict(lean), polygon_verdict(polygon)):
        found = (verdict.price, verdict.price_extended, verdict.volume, verdict.aggressor)
        assert found == (price, extended, volume, aggressor)
        assert verdict.unknown == ()


@pytest.mark.parametrize("verdict", [lean_verdict(f"{1 << 30:x}"), polygon_verdict("14,99")])
def test_verdict__unknown_condition(verdict):
    """A condition that no table holds counts for volume only and is named."""
    assert (verdict.price, verdict.price_extended, verdict.volume) == (False, False, True)
    assert verdict.unknown in ((30,), (99,))


@pytest.mark.parametrize(
    ("verdict", "text"), [(lean_verdict, "xyz"), (lean_verdict, "-1"), (polygon_verdict, "12;37")]
)
def test_verdict__unreadable(verdict, text):
    """A field that is no condition is an error."""
    with pytest.raises(ValueError, match=r"xyz|-1|12;37"):
        verdict(text)


def test_tables__agree_by_name():
    """Conditions that both vendors name alike have one rule."""
    lean = dict(LEAN_BITS.values())
    for name, rule in POLYGON_CODES.values():
        assert lean.get(name, rule) is rule
    assert {r.value.price for r in Rule} == {True, False, None}
