"""Which prints count for price, which for volume, and which can have an aggressor.

The rule, one line a condition. A print counts for price if **every** condition allows it and for
volume likewise. `EXTENDED` conditions mark trading outside regular hours: they count for price
there (it is the only trading there is) and not inside (a late report of an earlier print).

* price: regular sales, sweeps, opening, reopening and closing prints of a market center, crosses.
* volume only: late or out of sequence reports, average, derived, prior reference and contingent
  prices, odd settlement, odd lots, price variations.
* neither: official opening and closing prices of a market center, which repeat shares already
  printed, and anything the vendor marks as suspicious.
* aggressor: none for single-priced auctions and crosses, and for prices not made in the market.

Sources: the consolidated tapes' rules on which conditions update last, high and low; stricter where
they let a price through that was not made at its time (derived and prior reference prices, late
reports), because features at an instant must rest on prices of that instant. A condition that is
not in a table counts for volume only and is named in the run's warnings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Effect:
    """What a condition allows: bool price (None: outside regular hours only), volume, aggressor."""

    price: bool | None
    volume: bool
    aggressor: bool


class Rule(Enum):
    """The effects that occur."""

    REGULAR = Effect(price=True, volume=True, aggressor=True)
    AUCTION = Effect(price=True, volume=True, aggressor=False)
    EXTENDED = Effect(price=None, volume=True, aggressor=True)
    ODD_LOT = Effect(price=False, volume=True, aggressor=True)
    VOLUME_ONLY = Effect(price=False, volume=True, aggressor=False)
    NOT_A_TRADE = Effect(price=False, volume=False, aggressor=False)


LEAN_BITS: Mapping[int, tuple[str, Rule]] = {
    0: ("regular", Rule.REGULAR),
    1: ("cash settlement", Rule.VOLUME_ONLY),
    2: ("next-day settlement", Rule.VOLUME_ONLY),
    3: ("seller's option", Rule.VOLUME_ONLY),
    4: ("yellow flag", Rule.REGULAR),
    5: ("intermarket sweep", Rule.REGULAR),
    6: ("opening print", Rule.AUCTION),
    7: ("closing print", Rule.AUCTION),
    8: ("reopening print", Rule.AUCTION),
    9: ("derivatively priced", Rule.VOLUME_ONLY),
    10: ("form T", Rule.EXTENDED),
    11: ("sold last, late in sequence", Rule.VOLUME_ONLY),
    12: ("stopped stock", Rule.VOLUME_ONLY),
    13: ("extended hours", Rule.EXTENDED),
    14: ("out of sequence", Rule.VOLUME_ONLY),
    15: ("split trade", Rule.REGULAR),
    16: ("acquisition", Rule.AUCTION),
    17: ("bunched", Rule.REGULAR),
    18: ("stock of a stock-option trade", Rule.VOLUME_ONLY),
    19: ("distribution", Rule.AUCTION),
    20: ("average price", Rule.VOLUME_ONLY),
    21: ("cross", Rule.AUCTION),
    22: ("price variation", Rule.VOLUME_ONLY),
    23: ("rule 155 or 127", Rule.AUCTION),
    24: ("official close of a market center", Rule.NOT_A_TRADE),
    25: ("prior reference price", Rule.VOLUME_ONLY),
    26: ("official open of a market center", Rule.NOT_A_TRADE),
    27: ("CAP election", Rule.VOLUME_ONLY),
    28: ("automatic execution", Rule.REGULAR),
    29: ("trade-through exempt", Rule.REGULAR),
    31: ("odd lot", Rule.ODD_LOT),
}
"""Lean's bit field (hexadecimal in the file), by bit number; bit 30 is undocumented."""

POLYGON_CODES: Mapping[int, tuple[str, Rule]] = {
    0: ("regular", Rule.REGULAR),
    1: ("acquisition", Rule.AUCTION),
    2: ("average price", Rule.VOLUME_ONLY),
    3: ("automatic execution", Rule.REGULAR),
    4: ("bunched", Rule.REGULAR),
    5: ("bunched sold, late", Rule.VOLUME_ONLY),
    6: ("CAP election", Rule.VOLUME_ONLY),
    7: ("cash settlement", Rule.VOLUME_ONLY),
    8: ("closing print", Rule.AUCTION),
    9: ("cross", Rule.AUCTION),
    10: ("derivatively priced", Rule.VOLUME_ONLY),
    11: ("distribution", Rule.AUCTION),
    12: ("form T, extended hours", Rule.EXTENDED),
    13: ("extended hours, out of sequence", Rule.VOLUME_ONLY),
    14: ("intermarket sweep", Rule.REGULAR),
    15: ("official close of a market center", Rule.NOT_A_TRADE),
    16: ("official open of a market center", Rule.NOT_A_TRADE),
    17: ("market center opening trade", Rule.AUCTION),
    18: ("market center reopening trade", Rule.AUCTION),
    19: ("market center closing trade", Rule.AUCTION),
    20: ("next-day settlement", Rule.VOLUME_ONLY),
    21: ("price variation", Rule.VOLUME_ONLY),
    22: ("prior reference price", Rule.VOLUME_ONLY),
    23: ("rule 155", Rule.AUCTION),
    24: ("rule 127", Rule.AUCTION),
    25: ("opening print", Rule.AUCTION),
    27: ("stopped stock", Rule.VOLUME_ONLY),
    28: ("reopening print", Rule.AUCTION),
    29: ("seller's option", Rule.VOLUME_ONLY),
    30: ("sold last, late in sequence", Rule.VOLUME_ONLY),
    31: ("sold last and stopped", Rule.VOLUME_ONLY),
    32: ("out of sequence", Rule.VOLUME_ONLY),
    33: ("out of sequence and stopped", Rule.VOLUME_ONLY),
    34: ("split trade", Rule.REGULAR),
    35: ("stock of a stock-option trade", Rule.VOLUME_ONLY),
    36: ("yellow flag", Rule.REGULAR),
    37: ("odd lot", Rule.ODD_LOT),
    38: ("corrected consolidated close", Rule.NOT_A_TRADE),
    41: ("trade-through exempt", Rule.REGULAR),
    52: ("contingent", Rule.VOLUME_ONLY),
    53: ("qualified contingent", Rule.VOLUME_ONLY),
    55: ("opening or reopening trade detail", Rule.AUCTION),
    57: ("short sale restriction activated", Rule.REGULAR),
    58: ("short sale restriction continued", Rule.REGULAR),
    59: ("short sale restriction deactivated", Rule.REGULAR),
    60: ("short sale restriction in effect", Rule.REGULAR),
}
"""Polygon's numbers (comma separated in the file)."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What all conditions of a print allow together.

    Attributes:
        price, price_extended: counts for price inside and outside regular hours.
        volume: counts for volume.
        aggressor: can have an aggressor.
        unknown: conditions that are in no table.
    """

    price: bool
    price_extended: bool
    volume: bool
    aggressor: bool
    unknown: tuple[int, ...] = ()


def _verdict(codes: Iterable[int], table: Mapping[int, tuple[str, Rule]]) -> Verdict:
    rules = {code: table[code][1] if code in table else Rule.VOLUME_ONLY for code in codes}
    effects = [rule.value for rule in rules.values()]
    return Verdict(
        price=all(e.price is True for e in effects),
        price_extended=all(e.price is not False for e in effects),
        volume=all(e.volume for e in effects),
        aggressor=all(e.aggressor for e in effects),
        unknown=tuple(sorted(code for code in rules if code not in table)),
    )


def lean_verdict(text: str) -> Verdict:
    """Verdict of Lean's condition field, such as "20002020"; empty or 0 is a regular print.

    Raises:
        ValueError: the field is no hexadecimal number.
    """
    bits = int(text, 16) if text else 0
    if bits < 0:
        raise ValueError(f"{text!r} is no bit field")
    return _verdict([bit for bit in range(bits.bit_length()) if bits >> bit & 1], LEAN_BITS)


def polygon_verdict(text: str) -> Verdict:
    """Verdict of Polygon's condition field, such as "12,37"; empty is a regular print.

    Raises:
        ValueError: the field is no list of numbers.
    """
    return _verdict([int(code) for code in text.split(",") if code.strip()], POLYGON_CODES)
