"""Raw symbols to instruments."""

from __future__ import annotations

from pathlib import Path

import pytest

from spymaster_lake.contracts.errors import ConfigError, SymbolError, UnknownNameError
from spymaster_lake.lake.instruments import InstrumentResolver, SymbolKind, load_profiles

CONF = Path(__file__).parents[2] / "conf"
PROFILES = load_profiles(CONF)
RESOLVER = InstrumentResolver(PROFILES)


@pytest.mark.parametrize(
    ("symbol", "kind", "instrument"),
    [
        ("ESZ5", SymbolKind.OUTRIGHT, "es"),
        ("ESH6", SymbolKind.OUTRIGHT, "es"),
        ("ES", SymbolKind.UNDERLYING, "es"),
        ("TSLA", SymbolKind.EQUITY, "tsla"),
        ("ESZ5 C6850", SymbolKind.OPTION, "es"),
        ("EWZ5 P6850", SymbolKind.OPTION, "es"),
        ("EW3Z5 P6850", SymbolKind.OPTION, "es"),
        ("E3AZ5 C6850", SymbolKind.OPTION, "es"),
        ("E1DF6  C6852.5", SymbolKind.OPTION, "es"),
        ("TSLA  250221C00250000", SymbolKind.OPTION, "tsla"),
        ("ESU4-ESZ4", SymbolKind.SPREAD, "es"),
        ("ES:BF U4-Z4-H5", SymbolKind.SPREAD, "es"),
        ("ESZ25", SymbolKind.SPREAD, "es"),
        ("ESF5", SymbolKind.SPREAD, "es"),
        ("UD:1V: SG 2875114", SymbolKind.USER_DEFINED, None),
    ],
)
def test_resolve__kinds(symbol: str, kind: SymbolKind, instrument: str | None) -> None:
    """Each form of symbol has its kind and instrument."""
    resolved = RESOLVER.resolve(symbol)
    assert (resolved.kind, resolved.instrument) == (kind, instrument)


@pytest.mark.parametrize("symbol", ["NQU4", "NQU4-NQZ4", "MESZ5", "E3AZ5", "AAPL", "", "ESTX50 C1"])
def test_resolve__unknown(symbol: str) -> None:
    """A symbol that no profile claims is an error that names what is known."""
    with pytest.raises(SymbolError, match=r"belongs to no instrument.*ES, IBM, TSLA"):
        RESOLVER.resolve(symbol)


def test_resolve__near_matches() -> None:
    """A root that looks like one of ours is pointed out."""
    with pytest.raises(SymbolError, match="Near matches: ES"):
        RESOLVER.resolve("MESZ5")
    with pytest.raises(SymbolError, match="Near matches: TSLA"):
        RESOLVER.resolve("TLSA")


def test_require__foreign() -> None:
    """A symbol of another instrument is refused by name; a user-defined one names none."""
    with pytest.raises(SymbolError, match="'TSLA' belongs to instrument 'tsla', not to 'es'"):
        RESOLVER.require("TSLA", "es")
    assert RESOLVER.require("UD:1V: SG 1", "es").kind is SymbolKind.USER_DEFINED
    with pytest.raises(SymbolError, match="names no instrument"):
        RESOLVER.instrument_of("UD:1V: SG 1")
    assert RESOLVER.instrument_of("ESZ5") == "es"


def test_resolver__two_profiles_claim_one_root() -> None:
    """A root that two profiles claim is a configuration error."""
    twin = PROFILES["es"].model_copy(update={"instrument": "es2"})
    with pytest.raises(ConfigError, match="'es' and 'es2' both claim the futures root 'ES'"):
        InstrumentResolver({"es": PROFILES["es"], "es2": twin})


def test_profile__unknown_instrument() -> None:
    """An unknown instrument lists near matches."""
    with pytest.raises(UnknownNameError, match="Did you mean 'tsla'"):
        RESOLVER.profile("tslaa")


def test_load_profiles__errors(tmp_path: Path) -> None:
    """A folder without profiles, and a file that is not called like its instrument, are refused."""
    with pytest.raises(ConfigError, match="No instrument profile"):
        load_profiles(tmp_path)
    (tmp_path / "instruments").mkdir()
    (tmp_path / "instruments" / "spx.yaml").write_text((CONF / "instruments/es.yaml").read_text())
    with pytest.raises(ConfigError, match=r"spx\.yaml: instrument is 'es'; allowed: 'spx'"):
        load_profiles(tmp_path)
