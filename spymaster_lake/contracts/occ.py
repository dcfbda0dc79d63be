"""The OCC option symbol: root, expiry, right, strike in 21 characters (`ABC   250221C00250000`)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Literal, cast

from spymaster_lake.contracts.errors import SymbolError

_OCC = re.compile(r"(?P<root>[A-Z]{1,5}\d?) *(?P<day>\d{6})(?P<right>[CP])(?P<strike>\d{8})")
_ROOT_WIDTH = 6
_STRIKE_UNITS = 1000


@dataclass(frozen=True, slots=True)
class OccSymbol:
    """An option contract as its symbol names it.

    Attributes:
        root: the symbol's root; a digit at its end marks a contract adjusted for a corporate
            action, whose deliverable is not 100 shares.
        expiry: last day on which it can be exercised.
        right: "C" or "P".
        strike: points.
    """

    root: str
    expiry: date
    right: Literal["C", "P"]
    strike: float

    @property
    def underlying(self) -> str:
        """The root without the mark of an adjusted contract."""
        return self.root.rstrip("0123456789")

    @property
    def is_adjusted(self) -> bool:
        """Whether a corporate action changed what the contract delivers."""
        return self.root != self.underlying

    @property
    def text(self) -> str:
        """The symbol in 21 characters."""
        strike = round(self.strike * _STRIKE_UNITS)
        return f"{self.root:<{_ROOT_WIDTH}}{self.expiry:%y%m%d}{self.right}{strike:08d}"


def parse_occ(symbol: str) -> OccSymbol:
    """The contract of an OCC symbol, padded or not, with or without a vendor's prefix `O:`.

    Raises:
        SymbolError: it is none, or names a day that does not exist.
    """
    found = _OCC.fullmatch(symbol.removeprefix("O:"))
    if found is None:
        raise SymbolError(
            f"{symbol!r} is no OCC option symbol; allowed: root, yymmdd, C or P, strike in "
            "thousandths, such as 'ABC   250221C00250000'"
        )
    digits = found["day"]
    try:
        expiry = date(2000 + int(digits[:2]), int(digits[2:4]), int(digits[4:]))
    except ValueError as exc:
        raise SymbolError(f"{symbol!r}: {digits} is no day (yymmdd)") from exc
    right = cast("Literal['C', 'P']", found["right"])
    return OccSymbol(found["root"], expiry, right, int(found["strike"]) / _STRIKE_UNITS)
