"""Prices in points of integer ticks."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

import spymaster_lake
from spymaster_lake.features.arrays import Bars, points
from spymaster_lake.features.averages import sma
from spymaster_lake.features.true_range import atr


@pytest.mark.parametrize(
    ("tick", "ticks", "price"),
    [
        (0.25, 27_197, 6_799.25),
        (0.25, -3, -0.75),
        (0.01, 18_270, 182.7),  # 18270 * 0.01 is 182.70000000000002
        (0.01, 7, 0.07),
        (0.005, 36_541, 182.705),
        (1 / 64, 8_193, 128.015625),
        (1.0, 182, 182.0),
        (2.5, 3, 7.5),
    ],
)
def test_points__are_the_nearest_decimal(tick: float, ticks: int, price: float) -> None:
    """No digits appear that the price does not have."""
    assert points(np.asarray([ticks]), tick=tick).tolist() == [price]


def test_points__every_cent() -> None:
    """All prices of a share up to 500 dollars are the doubles that their decimals denote."""
    ticks = np.arange(50_000)
    expected = [float(f"{t // 100}.{t % 100:02d}") for t in ticks.tolist()]
    assert points(ticks, tick=0.01).tolist() == expected


@pytest.mark.parametrize("tick", [0.25, 0.5, 0.03125, 1.0])
def test_points__binary_ticks_are_products(tick: float) -> None:
    """Where the tick is a power of two, division gives the product bit for bit, of any number."""
    ticks = np.random.default_rng(3).normal(27_000, 900, 10_000)
    np.testing.assert_array_equal(points(ticks, tick=tick), ticks * tick)
    whole = ticks.astype(np.int64)
    np.testing.assert_array_equal(points(whole, tick=tick), whole * tick)


def test_points__a_mean_on_the_grid_is_the_price() -> None:
    """A moving average of one price is that price, and so is the range of bars of one height."""
    n = 120
    close, start = np.full(n, 18_270, np.int32), np.arange(n, dtype=np.int64)
    assert sma(close, tick=0.01)[-1] == 182.7
    fields = dict.fromkeys(("volume", "n_trades", "buy_volume", "sell_volume"), start)
    bars = Bars(
        start, start + 1, start, open=close, high=close + 7, low=close, close=close, **fields
    )
    assert atr(bars, tick=0.01)[-1] == 0.07


class _Products(ast.NodeVisitor):
    """Products with a tick size as a factor."""

    def __init__(self) -> None:
        self.lines: list[int] = []

    def visit_BinOp(self, node: ast.BinOp) -> None:
        factors = [node.left, node.right] if isinstance(node.op, ast.Mult) else []
        names = [getattr(f, "attr", getattr(f, "id", "")) for f in factors]
        if {"tick", "tick_size"} & set(names):
            self.lines.append(node.lineno)
        self.generic_visit(node)


@pytest.mark.parametrize("package", ["features", "stages"])
def test_points__are_made_in_one_place(package: str) -> None:
    """No kernel and no stage multiplies by a tick size itself."""
    root = Path(spymaster_lake.__file__).parent
    found = []
    for path in sorted((root / package).rglob("*.py")):
        if path == root / "features" / "arrays.py":
            continue
        visitor = _Products()
        visitor.visit(ast.parse(path.read_text()))
        found += [f"{path.relative_to(root)}:{line}" for line in visitor.lines]
    assert found == []
