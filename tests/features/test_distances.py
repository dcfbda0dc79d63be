"""Distances to the six levels and stacking."""

from __future__ import annotations

import numpy as np
import pytest

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.contracts.profile import LEVEL_KIND_CODES, LEVEL_KINDS
from spymaster_lake.features.columns import Columns
from spymaster_lake.features.distances import kind_columns, level_distances

NAN = float("nan")

#                PM_HIGH PM_LOW  OR_HIGH OR_LOW  SMA_90  EMA_20
LEVELS = [
    [6010.0, 5990.0, 6002.0, 5998.0, 6000.0, 6005.0],
    [6010.0, 5990.0, NAN, NAN, 6000.0, 6005.0],
]


def run(kind: str, level: float, row: list[float], *, spot: float = 6001.0) -> Columns:
    """One query."""
    return level_distances(
        spot=np.array([spot]),
        atr=np.array([4.0]),
        level=np.array([level]),
        kind_code=np.array([LEVEL_KIND_CODES[kind]], np.int8),
        level_matrix=np.array([row]),
        stacking=(2.0, 5.0, 10.0),
    )


def stacking(found: Columns) -> list[int | None]:
    """The three counts of a single query."""
    return [found[f"level_stacking_{band}pt"][0] for band in (2, 5, 10)]


@pytest.mark.parametrize(
    ("kind", "level", "row", "expected"),
    [
        pytest.param("SMA_90", 6000.0, LEVELS[0], [2, 3, 5], id="all levels valid, ends closed"),
        pytest.param("SMA_90", 6000.0, LEVELS[1], [0, 1, 3], id="opening range not yet valid"),
        pytest.param("SMA_90", 6000.5, LEVELS[0], [1, 3, 4], id="moved average ignores itself"),
        pytest.param("PM_HIGH", 6000.0, [6000.0] * 6, [5, 5, 5], id="coinciding levels count"),
        pytest.param("PM_HIGH", NAN, LEVELS[0], [None, None, None], id="inactive level"),
        pytest.param(
            "PM_HIGH",
            6000.0,
            [6000.0, 6002.0 + 9e-10, NAN, NAN, NAN, 6002.0 + 1e-6],
            [1, 2, 2],
            id="tolerance",
        ),
    ],
)
def test_stacking__other_kinds_in_band(
    kind: str, level: float, row: list[float], expected: list[int | None]
) -> None:
    """Stacking counts the other kinds valid at t within the band, distance 0 included."""
    assert stacking(run(kind, level, row)) == expected


def test_distances__signs_units_and_nulls() -> None:
    """Distances are spot minus level in points, ATR and fraction of spot; nulls stay null."""
    found = run("SMA_90", 6000.0, LEVELS[1])
    names = [f"dist_to_{kind.lower()}" for kind in LEVEL_KINDS]
    np.testing.assert_array_equal([found[n][0] for n in names], [-9, 11, NAN, NAN, 1, -4])
    np.testing.assert_array_equal(
        [found[f"{n}_atr"][0] for n in names], [-2.25, 2.75, NAN, NAN, 0.25, -1]
    )
    np.testing.assert_array_equal(
        [found[f"{n}_frac"][0] for n in names],
        [-9 / 6001, 11 / 6001, NAN, NAN, 1 / 6001, -4 / 6001],
    )
    assert len(found) == 6 * 3 + 3


def test_distances__mirror_law() -> None:
    """Reflection with high and low kinds swapped negates distances and keeps stacking."""
    centre = 6000.125
    swapped = [1, 0, 3, 2, 4, 5]
    found = run("OR_HIGH", 6002.0, LEVELS[0])
    row = [2 * centre - LEVELS[0][i] for i in swapped]
    mirror = run("OR_LOW", 2 * centre - 6002.0, row, spot=2 * centre - 6001.0)
    for i, kind in enumerate(LEVEL_KINDS):
        partner = LEVEL_KINDS[swapped[i]].lower()
        name = f"dist_to_{kind.lower()}"
        assert mirror[name][0] == -found[f"dist_to_{partner}"][0]
        assert mirror[f"{name}_atr"][0] == -found[f"dist_to_{partner}_atr"][0]
    assert stacking(mirror) == stacking(found)


def test_kind_columns__codes_are_not_contiguous() -> None:
    """Codes map to positions; an unknown code is refused by name."""
    assert kind_columns(np.array([12, 0, 6, 3], np.int8)).tolist() == [5, 0, 4, 3]
    with pytest.raises(DataError, match=r"level_kind_code: found \[4, 13\], allowed \[0, 1, 2, 3"):
        kind_columns(np.array([0, 4, 13], np.int8))
