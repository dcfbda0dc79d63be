"""When event row and state row must agree."""

from __future__ import annotations

import numpy as np
import pytest

from spymaster_lake.contracts.signals import SIGNALS
from spymaster_lake.contracts.state_table import STATE_TABLE
from spymaster_lake.contracts.table import Frame, Role
from spymaster_lake.features.episode_anchor import (
    ALWAYS,
    BY_DIRECTION,
    BY_LEVEL,
    COMPARED,
    mismatches,
)

TEXT = ("barrier_state", "fuel_effect")


def columns(value: float = 1.0, **changed: list[object]) -> dict[str, np.ndarray]:
    """Two rows in which every compared column is `value`."""
    out = {n: np.full(2, value) for n in COMPARED}
    out |= {n: np.array(["WALL", None], object) for n in TEXT}
    return out | {n: np.array(v, object if n in TEXT else float) for n, v in changed.items()}


def differing(changed: str, *, level: bool, direction: bool) -> list[str]:
    """Columns reported when `changed` differs in the second row."""
    new: list[object] = ["WALL", "WEAK"] if changed in TEXT else [1.0, 2.0]
    found = mismatches(
        columns(**{changed: new}),
        columns(),
        same_level=np.array([True, level]),
        same_direction=np.array([True, direction]),
    )
    assert all(m.count == 1 and m.first_row == 1 for m in found)
    return [m.column for m in found]


def test_compared__every_feature_of_both_tables() -> None:
    """Every feature that both tables have is compared, and so is spot."""
    shared = {c.name for c in STATE_TABLE.of_role(Role.FEATURE)} & set(SIGNALS.names)
    assert set(COMPARED) == shared | {"spot"}
    assert len(COMPARED) == 99 - 11, "all but keys, context and recency"


def test_compared__groups_do_not_overlap() -> None:
    """A column depends on nothing, on the level, on the direction, or on both."""
    groups = (*ALWAYS, *BY_DIRECTION, *BY_LEVEL)
    assert len(set(groups)) == len(groups)
    assert set(groups) <= set(COMPARED)
    both = [n for n in COMPARED if n not in groups]
    assert all(n.startswith(("barrier_", "wall_")) for n in both)
    approach = {c.name for c in SIGNALS.columns if c.frame is Frame.APPROACH}
    assert approach & set(COMPARED) <= set(BY_DIRECTION)


@pytest.mark.parametrize(
    ("column", "level", "direction", "reported"),
    [
        ("ofi_60s", False, False, True),
        ("prior_touches", False, False, True),
        ("velocity_3min", False, True, True),
        ("velocity_3min", True, False, False),
        ("gamma_exposure", True, False, True),
        ("gamma_exposure", False, True, False),
        ("barrier_state", True, True, True),
        ("barrier_state", False, True, False),
        ("barrier_state", True, False, False),
    ],
)
def test_mismatches__what_a_column_depends_on(
    column: str, level: bool, direction: bool, reported: bool
) -> None:
    """A difference counts only where what the column depends on agrees (08 B3)."""
    assert differing(column, level=level, direction=direction) == ([column] if reported else [])


def test_mismatches__unknown_equals_unknown() -> None:
    """Two nulls agree, a null and a number do not."""
    same = np.ones(2, np.bool_)
    event = columns(tape_imbalance=[np.nan, np.nan])
    state = columns(tape_imbalance=[np.nan, 0.5])
    found = mismatches(event, state, same_level=same, same_direction=same)
    assert [(m.column, m.first_row) for m in found] == [("tape_imbalance", 1)]
    assert "tape_imbalance: 1 events" in str(found[0])
