"""Prices in points of integer ticks."""

from __future__ import annotations

import numpy as np
import pytest

from spymaster_lake.features.arrays import points


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
