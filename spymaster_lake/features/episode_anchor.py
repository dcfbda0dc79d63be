"""Event row against state row: two ways to the same numbers must agree to the bit (08 B3).

An event's level is that of its bar's start and its direction that of the previous close; the state
row at the anchor has the level and direction of the anchor itself. What a column depends on decides
when the two must be equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.features import (
    FORCE_MASS,
    GEX,
    KINEMATICS,
    OFI_WINDOWS_S,
    STACKING_BANDS_PT,
)
from spymaster_lake.contracts.signals import SIGNALS
from spymaster_lake.contracts.state_table import CARRIED, LEVEL_FREE, STATE_TABLE
from spymaster_lake.contracts.table import Role
from spymaster_lake.features.arrays import Bool

COMPARED: tuple[str, ...] = (
    "spot",
    *(c.name for c in STATE_TABLE.of_role(Role.FEATURE) if c.name in SIGNALS.names),
)
"""Columns that both tables have."""

ALWAYS: tuple[str, ...] = ("spot", "minutes_since_open", "bars_since_open", *LEVEL_FREE, *CARRIED)
"""Columns that depend neither on the level nor on the direction."""

BY_DIRECTION: tuple[str, ...] = (
    *(c.name for c in KINEMATICS),
    *("approach_velocity", "approach_bars", "approach_distance_atr"),
    *(c.name for c in FORCE_MASS),
)
"""Columns that depend on the direction only."""

BY_LEVEL: tuple[str, ...] = (
    "distance_signed_atr",
    *(f"level_stacking_{band}pt" for band in STACKING_BANDS_PT),
    *(f"ofi_near_level_{seconds}s" for seconds in OFI_WINDOWS_S),
    *("tape_imbalance", "tape_buy_vol", "tape_sell_vol", "sweep_detected"),
    *("gamma_exposure", "fuel_effect", "call_tide", "put_tide"),
    *(c.name for c in GEX if c.name in STATE_TABLE.names),
)
"""Columns that depend on the level only; the others depend on both."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A column in which event rows and state rows differ.

    Attributes:
        column: its name.
        count: events concerned.
        first_row: the first of them.
        event, state: the two values there.
    """

    column: str
    count: int
    first_row: int
    event: object
    state: object

    def __str__(self) -> str:
        return f"{self.column}: {self.count} events, first {self.event!r} against {self.state!r}"


def mismatches(
    event: Mapping[str, NDArray[Any]],
    state: Mapping[str, NDArray[Any]],
    *,
    same_level: Bool,
    same_direction: Bool,
) -> tuple[Mismatch, ...]:
    """Columns that must be equal and are not; equal means the same bits or both unknown.

    Args:
        event: COMPARED columns of `signals`, [e].
        state: the same columns of the state rows at the anchors, [e], of equal dtypes.
        same_level: bool[e], both rows have one level price.
        same_direction: bool[e], both rows have one direction.

    Returns:
        One entry per differing column, in the order of COMPARED.
    """
    always = np.ones(len(same_level), np.bool_)
    found = []
    for name in COMPARED:
        required = always if name in ALWAYS else same_level & same_direction
        required = same_level if name in BY_LEVEL else required
        required = same_direction if name in BY_DIRECTION else required
        rows = np.flatnonzero(required & ~_equal(event[name], state[name]))
        if len(rows):
            row = int(rows[0])
            found.append(
                Mismatch(name, len(rows), row, _plain(event[name][row]), _plain(state[name][row]))
            )
    return tuple(found)


def _plain(value: object) -> object:
    """A NumPy scalar as a Python value, for messages."""
    return value.item() if isinstance(value, np.generic) else value


def _equal(left: NDArray[Any], right: NDArray[Any]) -> Bool:
    """Elementwise equality in which unknown equals unknown."""
    equal = np.asarray(left == right, np.bool_)
    if left.dtype.kind == "f" and right.dtype.kind == "f":
        equal |= np.isnan(left) & np.isnan(right)
    return equal
