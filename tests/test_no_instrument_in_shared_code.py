"""Shared code names no instrument: names, codes and numbers of one live in its profile alone.

Everything below `spymaster_lake` is shared but `spymaster_lake/instruments`, where definitions that
differ for one instrument may stand. What is looked for is taken from the profiles themselves, so
another instrument is looked for as soon as it has one.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from spymaster_lake.contracts.profile import InstrumentProfile

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "spymaster_lake"
FILES = sorted(
    path
    for path in PACKAGE.rglob("*")
    if path.is_file()
    and path.suffix
    in {".py", ".css", ".html", ".js", ".json", ".md", ".sql", ".toml", ".txt", ".yaml"}
    and path.relative_to(PACKAGE).parts[0] != "instruments"
)
MODULES = [path for path in FILES if path.suffix == ".py"]
PROFILES = {
    path.stem: InstrumentProfile.from_yaml(path)
    for path in sorted((ROOT / "conf" / "instruments").glob("*.yaml"))
}
MONTH = "[FGHJKMNQUVXZ]"


def _words(profile: InstrumentProfile) -> set[str]:
    """Names, tickers, roots and feeds of an instrument, as patterns."""
    words = {profile.instrument}
    if profile.futures:
        words |= {profile.futures.root, f"{profile.futures.root}{MONTH}[0-9]{{1,2}}"}
    if profile.equity_symbol:
        words.add(profile.equity_symbol)
    if profile.options:
        words.add(profile.options.underlying)
        if profile.options.root_pattern:
            words.add(f"{profile.options.root_pattern.strip('^$')}{MONTH}[0-9]{{1,2}}")
    if profile.simulation and profile.simulation.vendor_dataset:
        words.add(re.escape(profile.simulation.vendor_dataset))
    return words


def _found(pattern: str, text: str) -> list[str]:
    """Whole words that match; an underscore or a dot beside one makes it part of another."""
    return [m.group() for m in re.finditer(rf"(?<![\w.])(?:{pattern})(?![\w])", text)]


@pytest.mark.parametrize("instrument", list(PROFILES))
def test_shared_code__names_no_instrument(instrument):
    """No file, docstrings and comments included, has the name, a code or a feed of an instrument."""
    hits = {
        f"{path.relative_to(ROOT)}: {word}"
        for path in FILES
        for pattern in _words(PROFILES[instrument])
        for word in _found(pattern, path.read_text(encoding="utf-8"))
    }
    assert not hits


def _values(node: Any) -> Iterator[tuple[str, float]]:
    """Names of all numbers in a profile's file, at any depth."""
    if isinstance(node, dict):
        for name, value in node.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                yield str(name), float(value)
            elif isinstance(value, list) and value and isinstance(value[0], int | float):
                yield from ((str(name), float(v)) for v in value)
            else:
                yield from _values(value)


PROFILE_NUMBERS = {
    name
    for path in (ROOT / "conf" / "instruments").glob("*.yaml")
    for name, _ in _values(yaml.safe_load(path.read_text(encoding="utf-8")))
} - {"schema_version", "price", "gap", "new", "old", "amount", "shares", "rate", "book_levels"}
"""Names of the numbers that profiles give, those left out that are everyday words elsewhere."""

SIBLINGS = {"multiplier", "strike_step", "tick", "tick_size", "tick_fixed", "reference_price"}
BOUNDS = re.compile(r"price_(min|max)$|(min|max)_price$|stacking_bands", re.I)


def _is_number(node: ast.expr | None) -> bool:
    """A literal number but 0, its negative, or a literal tuple or list of such."""
    if isinstance(node, ast.UnaryOp):
        return _is_number(node.operand)
    if isinstance(node, ast.Tuple | ast.List):
        return bool(node.elts) and all(_is_number(item) for item in node.elts)
    return isinstance(node, ast.Constant) and type(node.value) in (int, float) and node.value != 0


def _bound(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Names that a literal number is given to: assignments, defaults, keyword arguments."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and _is_number(node.value):
            yield from ((t.id, node.lineno) for t in node.targets if isinstance(t, ast.Name))
        elif isinstance(node, ast.AnnAssign) and _is_number(node.value):
            if isinstance(node.target, ast.Name):
                yield node.target.id, node.lineno
        elif isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Call):
            given = [k.value for k in node.value.keywords if k.arg == "default"]
            if isinstance(node.target, ast.Name) and any(map(_is_number, given)):
                yield node.target.id, node.lineno
        elif isinstance(node, ast.keyword) and node.arg and _is_number(node.value):
            yield node.arg, node.value.lineno
        elif isinstance(node, ast.arguments):
            plain = [*node.posonlyargs, *node.args]
            pairs = [
                *zip(plain[len(plain) - len(node.defaults) :], node.defaults, strict=True),
                *zip(node.kwonlyargs, node.kw_defaults, strict=True),
            ]
            yield from ((a.arg, a.lineno) for a, value in pairs if _is_number(value))


def _instrument_numbers(tree: ast.AST) -> list[tuple[str, int]]:
    names = {n.lower() for n in PROFILE_NUMBERS | SIBLINGS}
    return [
        (name, line)
        for name, line in _bound(tree)
        if name.lower().strip("_") in names or BOUNDS.search(name)
    ]


ALLOWED = {
    ("contracts/features_levels.py", "STACKING_BANDS_PT"),
    ("contracts/profile.py", "max_crossed_seconds"),
    ("contracts/profile.py", "max_off_quote_share"),
    ("contracts/profile.py", "max_one_sided_seconds"),
    ("contracts/profile.py", "max_rejected_events"),
    ("contracts/profile.py", "max_rejected_share"),
    ("contracts/profile.py", "max_trade_distance"),
    ("features/distances.py", "STACKING_BANDS_PT"),
}
"""Defaults that no price or contract enters (seconds, counts, shares of a whole), and the names of
the columns level_stacking_{2,5,10}pt, whose widths are the profile's."""


def test_shared_code__gives_no_number_of_a_profile():
    """No literal is assigned to, or a default of, a name whose value an instrument's profile gives."""
    hits = {
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in MODULES
        for name, line in _instrument_numbers(ast.parse(path.read_text(encoding="utf-8")))
        if (path.relative_to(PACKAGE).as_posix(), name) not in ALLOWED
    }
    assert not hits


def test_shared_code__compares_no_price_with_a_number():
    """No price, strike or premium is compared with a literal but 0."""
    hits = []
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare):
                sides = [node.left, *node.comparators]
                named = [
                    s for s in sides if re.search(r"price|strike|premium|spot", ast.unparse(s))
                ]
                named = [s for s in named if not isinstance(s, ast.Constant | ast.List | ast.Tuple)]
                numbers = [s for s in sides if _is_number(s)]
                if named and numbers and not _is_count(named):
                    hits.append(f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}")
    assert not hits


def _is_count(named: list[ast.expr]) -> bool:
    """Whether what is compared is the length of something."""
    return all(
        ast.unparse(side).startswith(("len(", "type(")) or "size" in ast.unparse(side)
        for side in named
    )


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("ES", "the ES future", ["ES"]), ("ES", "YES and ES_x and x.ES", []),
        (f"ES{MONTH}[0-9]{{1,2}}", "'ESZ5'", ["ESZ5"]), ("es", "instrument es.", ["es"]), ("es", "edges", []),
    ],
)  # fmt: skip
def test_the_search__finds_whole_words(pattern, text, expected):
    """The search can fail: it finds a planted word, and no part of another."""
    assert _found(pattern, text) == expected


@pytest.mark.parametrize(
    "line",
    ["def f(*, multiplier=50.0): ...", "tick_size = 0.25", "PRICE_MAX = 20_000", "STACKING_BANDS_PT = (2, 5, 10)",
     "f(zone_half_width=2.0)", "weak_depth: float = Field(default=50.0)"],
)  # fmt: skip
def test_the_search__finds_planted_numbers(line):
    """The search can fail: it finds a planted constant of an instrument."""
    assert _instrument_numbers(ast.parse(line))
