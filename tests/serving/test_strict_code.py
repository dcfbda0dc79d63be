"""What no inference path may contain: fills, defaults, positions, clocks (04 2.3, 7.4-1)."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "spymaster_lake"
INFERENCE = sorted(
    [
        *(PACKAGE / "serving").rglob("*.py"),
        *(PACKAGE / "inference").rglob("*.py"),
        PACKAGE / "features" / "model_matrix.py",
    ]
)
FILLS = {
    *("fillna", "fill_null", "fill_nan", "fill_null_forward", "fill_null_backward"),
    *("nan_to_num", "ffill", "bfill", "interpolate", "reindex"),
}
CLOCKS = {"now", "utcnow", "today", "time_ns"}
POSITIONS = {"iloc", "iat", "get_loc"}


def _of_mask_or_position(call: ast.Call) -> bool:
    """`fill_null` of a mask (unknown is not selected) or of positions (-1 is not found)."""
    values = [*call.args[1:], *(k.value for k in call.keywords)]
    of_mask = any(isinstance(v, ast.Constant) and v.value is False for v in values)
    first = call.args[0] if call.args else None
    of_position = isinstance(first, ast.Call) and getattr(first.func, "attr", "") == "index_in"
    return of_mask or of_position


def violations(source: str) -> list[str]:
    """Forbidden constructs of a module, with their lines."""
    found = []
    for node in ast.walk(ast.parse(source)):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = node.func.attr
            is_default = name == "get" and len(node.args) > 1  # a default is positional
            if is_default or (name in FILLS and not _of_mask_or_position(node)):
                found.append(f"{line}: .{name}(")
            if name in CLOCKS:
                found.append(f"{line}: .{name}( as a clock")
            first = node.args[0] if node.args else None
            if name in {"column", "field"} and isinstance(first, ast.Constant):
                found += [f"{line}: .{name}({first.value})"] * isinstance(first.value, int)
        if isinstance(node, ast.Attribute) and node.attr in POSITIONS:
            found.append(f"{line}: .{node.attr}")
        if isinstance(node, ast.ExceptHandler):
            silent = all(isinstance(n, ast.Pass | ast.Continue) for n in node.body)
            if node.type is None or silent:
                found.append(f"{line}: an exception is swallowed")
    return found


@pytest.mark.parametrize("path", INFERENCE, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_inference__no_forbidden_construct(path):
    """No fill, default, position, swallowed exception or clock in any inference module."""
    assert violations(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "line",
    [
        "frame.fillna(0)",
        "frame.reindex(columns=names, fill_value=0)",
        "row.get('atr', 0.0)",
        "pc.fill_null(values, 0)",
        "np.nan_to_num(x)",
        "frame.iloc[:, 0]",
        "frame.column(0)",
        "datetime.now(UTC)",
        "try:\n    x()\nexcept:\n    raise",
        "try:\n    x()\nexcept ValueError:\n    pass",
    ],
)
def test_gate__can_fail(line):
    """The gate finds each construct."""
    assert violations(line)


LITERAL = re.compile(r"es|tsla|ES[FGHJKMNQUVXZ]\d|\d+\.\d+\.\d+")


@pytest.mark.parametrize("path", INFERENCE, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_inference__no_literal_instrument_or_version(path):
    """No string constant of an inference module is an instrument, a contract or a version."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    texts = [n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    assert [t for t in texts if LITERAL.fullmatch(t)] == []
