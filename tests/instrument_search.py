"""What gives an instrument away in source text: its names and codes, and numbers of its market.

What is looked for is taken from the profiles themselves, so another instrument is looked for as
soon as it has one.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from spymaster_lake.contracts.profile import InstrumentProfile

Hit = tuple[str, int]
"""(what was found, line)."""

_MONTH = "[FGHJKMNQUVXZ]"
_WORD = re.compile(r"\w+")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
"""Parts of a name: `is_abc`, `AbcStage` and `ABC_TICK` have the part abc."""


def instrument_words(profile: InstrumentProfile, text: str) -> list[Hit]:
    """Names, tickers, roots, contract codes and feeds of an instrument, and words made with them."""
    names, codes, feed = _names(profile), _codes(profile), None
    if profile.simulation and profile.simulation.vendor_dataset:
        feed = profile.simulation.vendor_dataset
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        for word in _WORD.findall(line):
            parts = {part.lower() for part in _PART.findall(word)}
            if parts & names or any(codes.fullmatch(part) for part in word.split("_")):
                found.append((word, number))
        if feed is not None and feed in line:
            found.append((feed, number))
    return found


def _names(profile: InstrumentProfile) -> set[str]:
    names = {profile.instrument, profile.equity_symbol}
    names |= {profile.futures.root} if profile.futures else set()
    names |= {profile.options.underlying} if profile.options else set()
    return {name.lower() for name in names if name}


def _codes(profile: InstrumentProfile) -> re.Pattern[str]:
    roots = [re.escape(profile.futures.root)] if profile.futures else []
    if profile.options and profile.options.root_pattern:
        roots.append(profile.options.root_pattern.strip("^$"))
    return re.compile(rf"(?:{'|'.join(roots) or '(?!)'}){_MONTH}[0-9]{{1,2}}")


def profile_numbers(folder: Path) -> set[str]:
    """Names of all numbers that profiles give, those left out that are everyday words elsewhere."""
    names = {
        name
        for path in folder.glob("*.yaml")
        for name in _numbers(yaml.safe_load(path.read_text(encoding="utf-8")))
    }
    return names - {
        "schema_version", "price", "gap", "new", "old", "amount", "shares", "rate", "book_levels",
    }  # fmt: skip


def _numbers(node: Any) -> Iterator[str]:
    for name, value in node.items() if isinstance(node, dict) else ():
        first = value[0] if isinstance(value, list) and value else value
        if isinstance(first, int | float) and not isinstance(first, bool):
            yield str(name)
        else:
            yield from _numbers(value)


_OF_A_MARKET = {
    "price", "prices", "tick", "ticks", "strike", "strikes", "premium", "premiums", "multiplier",
    "point", "points", "pt", "spot", "zone", "band", "bands",
}  # fmt: skip
"""A number bound to a name with such a part, or reckoned with one, is suspected to be a fact of a
market: nearly all of those come from the profile."""


def _is_number(node: ast.expr | None) -> bool:
    """A literal number but 0, its negative, or a literal tuple or list of such."""
    if isinstance(node, ast.UnaryOp):
        return _is_number(node.operand)
    if isinstance(node, ast.Tuple | ast.List):
        return bool(node.elts) and all(_is_number(item) for item in node.elts)
    return isinstance(node, ast.Constant) and type(node.value) in (int, float) and node.value != 0


def _bound(tree: ast.AST) -> Iterator[Hit]:
    """Names that a literal number is given to: assignments, defaults, keyword arguments."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            yield from ((name, node.lineno) for t in node.targets for name in _given(t, node.value))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            values = [node.value]
            if isinstance(node.value, ast.Call):
                values += [k.value for k in node.value.keywords if k.arg == "default"]
            if any(_is_number(value) for value in values):
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


def _given(target: ast.expr, value: ast.expr) -> Iterator[str]:
    """Names that a literal number is assigned to, those of an unpacked tuple one by one."""
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for name, number in zip(target.elts, value.elts, strict=False):
            yield from _given(name, number)
    elif isinstance(target, ast.Name | ast.Attribute) and _is_number(value):
        yield target.id if isinstance(target, ast.Name) else target.attr


def named_numbers(tree: ast.AST, known: set[str]) -> list[Hit]:
    """Literals bound to a name that profiles give, or that speaks of prices."""
    names = {name.lower() for name in known}
    return [
        (name, line)
        for name, line in _bound(tree)
        if name.lower().strip("_") in names or _speaks_of_prices(name)
    ]


def _speaks_of_prices(name: str) -> bool:
    return any(part.lower() in _OF_A_MARKET for part in _PART.findall(name))


_HARMLESS = {1, 2, -1, -2, 0.5, 1_000_000_000}
"""Signs, neighbours, middles, and units of time and of fixed-point prices."""
_CHOOSING = {"max", "min", "maximum", "minimum", "fmax", "fmin", "clip"}
"""Functions that compare their arguments or choose among them."""
_SMALLEST = 1e-6
"""Literals up to here are tolerances of floats."""


def reckoned_numbers(tree: ast.AST) -> list[Hit]:
    """Literals that are added to, multiplied with or compared with something named after prices."""
    found = []
    for node in ast.walk(tree):
        sides: list[ast.expr] = []
        if isinstance(node, ast.BinOp) and not isinstance(node.op, ast.Mod | ast.BitOr):
            sides = [node.left, node.right]
        elif isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
        elif isinstance(node, ast.Call) and _name(node.func) in _CHOOSING:
            sides = node.args
        numbers = [side for side in sides if _is_number(side) and not _is_harmless(side)]
        others = [side for side in sides if not _is_number(side)]
        if numbers and any(_reads_prices(side) for side in others):
            found.append((ast.unparse(node), node.lineno))
    return found


def _name(node: ast.expr) -> str:
    """The last part of a function's name."""
    return ast.unparse(node).rpartition(".")[2]


def _is_harmless(node: ast.expr) -> bool:
    value = ast.literal_eval(node)
    return isinstance(value, int | float) and (value in _HARMLESS or abs(value) <= _SMALLEST)


def _reads_prices(node: ast.expr) -> bool:
    """Whether a name in it speaks of prices; the length of something is none."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) in {"len", "type"}:
        return False
    names = [n.id for n in ast.walk(node) if isinstance(n, ast.Name)]
    names += [n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)]
    names += [
        n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)
    ]
    return any(map(_speaks_of_prices, names))
