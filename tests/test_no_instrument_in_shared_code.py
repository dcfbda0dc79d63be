"""Shared code names no instrument: names, codes and numbers of one live in its profile alone.

Everything below `spymaster_lake` is shared but `spymaster_lake/instruments`, where definitions that
differ for one instrument may stand; so are the doors in `jobs`.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from spymaster_lake.contracts.profile import InstrumentProfile
from tests.instrument_search import (
    instrument_words,
    named_numbers,
    profile_numbers,
    reckoned_numbers,
)

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "spymaster_lake"
PROFILES_DIR = ROOT / "conf" / "instruments"
FILES = sorted(
    path
    for folder in (PACKAGE, ROOT / "jobs")
    for path in folder.rglob("*")
    if path.is_file()
    and path.suffix
    in {".py", ".css", ".html", ".js", ".json", ".md", ".sql", ".toml", ".txt", ".yaml"}
    and not path.is_relative_to(PACKAGE / "instruments")
)
MODULES = {
    path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for path in FILES
    if path.suffix == ".py" and path.is_relative_to(PACKAGE)
}
PROFILES = {
    path.stem: InstrumentProfile.from_yaml(path) for path in sorted(PROFILES_DIR.glob("*.yaml"))
}
PROFILE_NUMBERS = profile_numbers(PROFILES_DIR)

PRESENTATION = (
    "inference/evaluation_page.py", "inference/page_parts.py", "inference/page_sections.py",
    "inference/similar_plot.py", "inference/similar_table.py", "inference/svg_charts.py",
)  # fmt: skip
"""Modules that draw: numbers beside a tick there are lengths on paper."""


def test_profiles__are_found():
    """What is looked for comes from at least a future and a share, and is not little."""
    assert {p.product for p in PROFILES.values()} >= {"futures", "equities"}
    assert {
        "tick_size",
        "multiplier",
        "zone_half_width",
        "price_min",
        "price_max",
    } < PROFILE_NUMBERS
    assert len(MODULES) > 300


@pytest.mark.parametrize("instrument", list(PROFILES))
def test_shared_code__names_no_instrument(instrument):
    """No file, docstrings and comments included, has the name, a code or a feed of an instrument."""
    hits = [
        f"{path.relative_to(ROOT)}:{line}: {word}"
        for path in FILES
        for word, line in instrument_words(PROFILES[instrument], path.read_text(encoding="utf-8"))
    ]
    assert not hits


ALLOWED = {
    ("contracts/profile.py", "max_crossed_seconds"): "seconds",
    ("contracts/profile.py", "max_one_sided_seconds"): "seconds",
    ("contracts/profile.py", "max_off_quote_share"): "a share of the prints",
    ("contracts/profile.py", "max_rejected_share"): "a share of the events",
    ("contracts/profile.py", "max_trade_distance"): "a share of the price",
    ("contracts/features_levels.py", "STACKING_BANDS_PT"): "names of columns; widths are profile's",
    ("features/distances.py", "STACKING_BANDS_PT"): "names of columns; widths are the profile's",
    ("contracts/features_levels.py", "STRIKE_BANDS"): "numbers of strikes",
    ("features/gex_bands.py", "BANDS"): "numbers of strikes",
    ("contracts/occ.py", "_STRIKE_UNITS"): "the OCC's format: thousandths of a point",
    ("ingest/lean.py", "_UNITS_PER_PRICE"): "the vendor's format: ten-thousandths of a point",
    ("features/arrays.py", "BAND_TOLERANCE"): "a tolerance of floats",
    ("features/grid.py", "_ZONE_TOLERANCE_TICKS"): "a tolerance of floats",
    ("features/implied_vol.py", "MAX_PRICE_ERROR"): "a tolerance of the root search",
    ("features/implied_vol.py", "_PRICE_EPS"): "a tolerance of the root search",
    ("features/book_flow.py", "_TICK_BITS"): "bits of a packed key",
    ("features/episode_metadata.py", "GATE_ZONE_ATR"): "in units of the ATR",
    ("features/sweeps.py", "MIN_TICKS"): "a count of distinct prices",
    ("ingest/quarantine.py", "UNDEFINED_PRICE"): "an enumeration",
    ("ingest/quarantine.py", "NON_POSITIVE_PRICE"): "an enumeration",
    ("ingest/quarantine.py", "NEGATIVE_PRICE"): "an enumeration",
    ("ingest/quarantine.py", "OFF_TICK"): "an enumeration",
    ("ingest/quarantine.py", "IMPLAUSIBLE_PRICE"): "an enumeration",
    ("simulator/equity_book.py", "_SPREAD_OF_PRICE"): "a share of the price",
    ("simulator/equity_tape.py", "_SUB_TICKS"): "parts of a tick",
    ("simulator/market.py", "_SPREAD_OF_PRICE"): "a share of the price",
    ("simulator/market.py", "_RANGE_OF_PRICE"): "a share of the price",
    ("simulator/option_market.py", "STRIKE_SPREAD"): "in steps of the strikes",
    ("simulator/option_market.py", "NEAR_STRIKES"): "numbers of strikes",
    ("simulator/option_market.py", "FAR_STRIKES"): "numbers of strikes",
}
"""Numbers under such names that no price, tick or contract of an instrument enters, each with what
it is."""


def test_shared_code__gives_no_number_of_a_profile():
    """No literal is bound to a name whose value a profile gives, or that speaks of prices."""
    hits = {
        (file, name): f"{file}:{line}: {name}"
        for file, tree in MODULES.items()
        for name, line in named_numbers(tree, PROFILE_NUMBERS)
    }
    assert sorted(text for place, text in hits.items() if place not in ALLOWED) == []
    assert sorted(set(ALLOWED) - set(hits)) == [], "allowed, but no longer there"


RECKONED = {
    ("simulator/equity_faults.py", "task.facts.price_max / 1000"): "a share of the profile's bound",
}
"""Expressions with a number that is no fact of a market, each with what it is."""


def test_shared_code__reckons_with_no_number_of_a_market():
    """No price, tick, strike, width or premium is combined or compared with a literal number."""
    hits = [
        f"{file}:{line}: {text}"
        for file, tree in MODULES.items()
        if file not in PRESENTATION
        for text, line in reckoned_numbers(tree)
        if (file, text) not in RECKONED
    ]
    assert hits == []


PLANTED_WORDS = [
    ("es", "instrument = 'es'"),
    ("es", "path = f'{root}/bronze/es/futures'"),
    ("es", '"""Runs for ES, see the profile."""'),
    ("es", "# only ES rolls"),
    ("es", "ES_TICK = tick"),
    ("es", "class EsLevels: ..."),
    ("es", "is_es = True"),
    ("es", "contract == 'ESZ5'"),
    ("es", "symbol = 'contract=ESH26/date=x'"),
    ("es", "root = 'E3AZ5'"),
    ("es", "series = 'EW2F6 C6800'"),
    ("es", "dataset = 'GLBX.MDP3'"),
    ("tsla", "if profile.instrument == 'tsla': ..."),
    ("tsla", "symbol = 'TSLA  251219C00250000'"),
    ("tsla", "ticker = 'O:TSLA251219C00250000'"),
    ("tsla", "def tsla_bands(): ..."),
    ("ibm", "file = '20131007_ibm_Trade_Tick.csv'"),
]
"""What no shared file may hold, by the instrument that gives itself away."""


@pytest.mark.parametrize(("instrument", "line"), PLANTED_WORDS)
def test_the_search__finds_planted_words(instrument, line):
    """A name, a code or a feed is found in strings, comments, paths and as a part of a name."""
    assert instrument_words(PROFILES[instrument], f"import os\n{line}\n")[0][1] == 2


@pytest.mark.parametrize(
    "line", ["edges = yes * series", "resolve(des)", "H.E.S.", "'EST', 'ESTX50'"]
)
def test_the_search__finds_no_part_of_a_word(line):
    """Other words that hold the letters are left alone."""
    assert instrument_words(PROFILES["es"], line) == []


NAMED = [
    "def f(*, multiplier=50.0): ...", "tick_size = 0.25", "PRICE_MAX = 20_000",
    "STACKING_BANDS_PT = (2, 5, 10)", "f(zone_half_width=2.0)", "weak_depth: float = Field(default=50.0)",
    "LOWEST_PRICE, HIGHEST_PRICE = 1000.0, 20000.0", "self.tick = 0.25", "_TICK: float = 0.25",
    "def g(strikes=(20, 200)): ...", "MIN_PRICE = -5.0", "usd_per_point = 50",
]  # fmt: skip
"""Constants of an instrument under a name."""


@pytest.mark.parametrize("line", NAMED)
def test_the_search__finds_planted_constants(line):
    """A planted constant of an instrument is found."""
    assert named_numbers(ast.parse(line), PROFILE_NUMBERS)


RECKONINGS = [
    "ok = price > 1000.0", "ok = 1000 < row['price'] < 20000", "usd = ticks * 12.5",
    "usd = points * 50.0", "n = price / 0.25", "near = abs(spot - level_price) <= 5.0",
    "strike = round(strike / 5) * 5", "width = max(zone, 4)", "np.abs(event.spot - 6800)",
]  # fmt: skip
"""Numbers of an instrument without a name."""


@pytest.mark.parametrize("line", RECKONINGS)
def test_the_search__finds_planted_reckonings(line):
    """A planted bound, tick, multiplier or width is found where it is used."""
    assert reckoned_numbers(ast.parse(line))


@pytest.mark.parametrize(
    "line",
    [
        "middle = 0.5 * (bid_price + ask_price)", "price > 0", "ticks + 1", "len(strikes) < 20",
        "abs(price - other) <= 1e-9", "seconds > 300", "price > profile.quality.price_max",
    ],
)  # fmt: skip
def test_the_search__leaves_the_rest_alone(line):
    """Signs, middles, tolerances, counts and values of the profile are no constants."""
    assert reckoned_numbers(ast.parse(line)) == []
