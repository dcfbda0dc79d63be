"""Which instrument a raw vendor symbol belongs to (00 section 3): by profiles, never by literals.

A symbol is one of: an outright future (`ABCZ5`), an option (`AB3Z5 C6850`, `ABC   250221C00250000`),
a combination (`ABCU4-ABCZ4`, `ABC:BF U4-Z4-H5`), a user-defined instrument (`UD:1V: SG 2875114`), or
an equity or underlying (`ABC`).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from spymaster_lake.contracts.errors import ConfigError, SymbolError, UnknownNameError
from spymaster_lake.contracts.profile import InstrumentProfile

_FUTURE = re.compile(r"(?P<root>[A-Z0-9]{1,5}?)(?P<month>[FGHJKMNQUVXZ])(?P<year>\d{1,2})")
_CME_OPTION = re.compile(
    r"(?P<root>[A-Z0-9]{1,5}?)[FGHJKMNQUVXZ]\d{1,2} +(?P<right>[CP])(?P<strike>\d+(?:\.\d+)?)"
)
_OSI_OPTION = re.compile(r"(?P<root>[A-Z]{1,6}\d?) *\d{6}[CP]\d{8}")
_LEG = re.compile(r"[A-Z0-9]+")


class SymbolKind(StrEnum):
    """What kind of thing a raw symbol names."""

    OUTRIGHT = "outright"
    OPTION = "option"
    EQUITY = "equity"
    UNDERLYING = "underlying"
    SPREAD = "spread"
    USER_DEFINED = "user-defined"


PRODUCT_OF_KIND: dict[SymbolKind, str] = {
    SymbolKind.OUTRIGHT: "futures",
    SymbolKind.OPTION: "options",
    SymbolKind.EQUITY: "equities",
}


@dataclass(frozen=True, slots=True)
class ResolvedSymbol:
    """A raw symbol with its instrument; None for a user-defined one, whose symbol names no root."""

    symbol: str
    kind: SymbolKind
    instrument: str | None


class InstrumentResolver:
    """Maps raw symbols to instruments.

    Args:
        profiles: instrument profiles by name.

    Raises:
        ConfigError: if two profiles claim the same futures root, underlying or equity symbol.
    """

    def __init__(self, profiles: Mapping[str, InstrumentProfile]) -> None:
        self.profiles = dict(profiles)
        self._futures: dict[str, str] = {}
        self._outright: dict[str, re.Pattern[str]] = {}
        self._underlyings: dict[str, str] = {}
        self._option_roots: dict[str, re.Pattern[str]] = {}
        self._equities: dict[str, str] = {}
        self._cache: dict[str, ResolvedSymbol] = {}
        for name, profile in sorted(self.profiles.items()):
            self._add(name, profile)

    def _add(self, name: str, profile: InstrumentProfile) -> None:
        if profile.futures is not None:
            self._claim(self._futures, profile.futures.root, name, "futures root")
            self._outright[name] = re.compile(profile.futures.contract_pattern)
        if profile.options is not None:
            self._claim(self._underlyings, profile.options.underlying, name, "option underlying")
            pattern = profile.options.root_pattern or re.escape(profile.options.underlying)
            self._option_roots[name] = re.compile(pattern)
        if profile.equity_symbol:
            self._claim(self._equities, profile.equity_symbol, name, "equity symbol")

    @staticmethod
    def _claim(table: dict[str, str], symbol: str, name: str, what: str) -> None:
        if symbol in table:
            raise ConfigError(
                f"Profiles {table[symbol]!r} and {name!r} both claim the {what} {symbol!r}"
            )
        table[symbol] = name

    def profile(self, instrument: str) -> InstrumentProfile:
        """The profile of an instrument; an unknown name lists near matches."""
        if instrument not in self.profiles:
            raise UnknownNameError("instrument", instrument, self.profiles)
        return self.profiles[instrument]

    def instrument_of(self, symbol: str) -> str:
        """The instrument of a raw symbol or option underlying.

        Raises:
            SymbolError: no profile claims it, or it is user-defined and names no root.
        """
        resolved = self.resolve(symbol)
        if resolved.instrument is None:
            raise SymbolError(f"Symbol {symbol!r} is user-defined and names no instrument")
        return resolved.instrument

    def require(self, symbol: str, instrument: str) -> ResolvedSymbol:
        """`symbol` resolved, if it may occur in the files of `instrument`.

        Raises:
            SymbolError: it belongs to another instrument, or to none.
        """
        resolved = self.resolve(symbol)
        if resolved.instrument not in (None, instrument):
            raise SymbolError(
                f"Symbol {symbol!r} belongs to instrument {resolved.instrument!r}, "
                f"not to {instrument!r}"
            )
        return resolved

    def resolve(self, symbol: str) -> ResolvedSymbol:
        """Kind and instrument of a raw symbol (memoised).

        Raises:
            SymbolError: no profile claims it; names near matches.
        """
        found = self._cache.get(symbol)
        if found is None:
            kind, instrument = self._classify(symbol)
            found = self._cache[symbol] = ResolvedSymbol(symbol, kind, instrument)
        return found

    def _classify(self, symbol: str) -> tuple[SymbolKind, str | None]:
        if symbol.startswith("UD:"):
            return SymbolKind.USER_DEFINED, None
        if symbol in self._equities:
            return SymbolKind.EQUITY, self._equities[symbol]
        if symbol in self._underlyings:
            return SymbolKind.UNDERLYING, self._underlyings[symbol]
        found = self._future(symbol) or self._option(symbol) or self._combination(symbol)
        if found is None:
            raise SymbolError(self._unknown(symbol))
        return found

    def _future(self, symbol: str) -> tuple[SymbolKind, str] | None:
        future = _FUTURE.fullmatch(symbol)
        name = self._futures.get(future["root"]) if future else None
        if name is None:
            return None
        outright = self._outright[name].fullmatch(symbol) is not None
        return (SymbolKind.OUTRIGHT if outright else SymbolKind.SPREAD), name

    def _option(self, symbol: str) -> tuple[SymbolKind, str] | None:
        option = _CME_OPTION.fullmatch(symbol) or _OSI_OPTION.fullmatch(symbol)
        names = [n for n, p in self._option_roots.items() if option and p.fullmatch(option["root"])]
        if len(names) > 1:
            raise ConfigError(f"Option symbol {symbol!r} is claimed by profiles {names}")
        return (SymbolKind.OPTION, names[0]) if names else None

    def _combination(self, symbol: str) -> tuple[SymbolKind, str] | None:
        """A combination belongs to the first of our roots among its legs."""
        if "-" not in symbol and ":" not in symbol:
            return None
        for leg in _LEG.findall(symbol):
            future = _FUTURE.fullmatch(leg)
            name = self._futures.get(leg) or (self._futures.get(future["root"]) if future else None)
            if name is not None:
                return SymbolKind.SPREAD, name
        return None

    def _unknown(self, symbol: str) -> str:
        known = sorted({*self._futures, *self._underlyings, *self._equities})
        future = _FUTURE.fullmatch(symbol)
        guess = future["root"] if future else symbol.split(" ", maxsplit=1)[0]
        near = difflib.get_close_matches(guess, known, n=3, cutoff=0.5)
        hint = f" Near matches: {', '.join(near)}." if near else ""
        return (
            f"Symbol {symbol!r} belongs to no instrument.{hint} "
            f"Known roots and symbols: {', '.join(known) or 'none'}."
        )


def load_profiles(conf_dir: str | Path) -> dict[str, InstrumentProfile]:
    """All profiles of `{conf_dir}/instruments/*.yaml`, by instrument name.

    Raises:
        ConfigError: the directory has none, a file is invalid, or its name is not its instrument.
    """
    folder = Path(conf_dir) / "instruments"
    files = sorted(folder.glob("*.yaml"))
    if not files:
        raise ConfigError(f"No instrument profile: expected {folder}/*.yaml")
    profiles: dict[str, InstrumentProfile] = {}
    for file in files:
        profile = InstrumentProfile.from_yaml(file)
        if profile.instrument != file.stem:
            raise ConfigError(
                f"{file.name}: instrument is {profile.instrument!r}; allowed: {file.stem!r}"
            )
        profiles[profile.instrument] = profile
    return profiles
