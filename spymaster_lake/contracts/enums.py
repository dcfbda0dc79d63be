"""The closed enumerations of every table, once: no other module spells one of these values.

An unknown name in data is an error, never a default category (02 D-35, 00 section 6).
"""

from __future__ import annotations

from spymaster_lake.contracts.errors import UnknownNameError

DIRECTIONS: tuple[str, ...] = ("UP", "DOWN")
"""UP: price comes from below, the ask side defends. DOWN: from above, the bid side defends."""

DIRECTION_SIGNS: dict[str, int] = {"UP": 1, "DOWN": -1}
"""The sign sigma that turns market-frame values into approach-frame ones."""

BARRIER_STATES: tuple[str, ...] = (
    "VACUUM",
    "WALL",
    "CONSUMED",
    "ABSORPTION",
    "WEAK",
    "NEUTRAL",
)
"""States of the barrier machine, in the order its rules are tried (02 1.4, N-7c)."""

FUEL_EFFECTS: tuple[str, ...] = ("AMPLIFY", "NEUTRAL", "DAMPEN")
"""AMPLIFY: dealers are short gamma and chase. DAMPEN: they are long gamma and fade (02 N-7h)."""

OUTCOMES: tuple[str, ...] = ("BREAK", "REJECT", "CHOP", "NO_TEST")
"""Outcomes of the race from the test of the level (01 2.7, 08 B4)."""

ENTRY_OUTCOMES: tuple[str, ...] = ("BREAK", "REJECT", "CHOP")
"""Outcomes of the race from the anchor; it needs no test."""

LABEL_STATUSES: tuple[str, ...] = ("COMPLETE", "INCOMPLETE")
"""COMPLETE iff all three horizons are complete (08 A18)."""

ENTRY_STATUSES: tuple[str, ...] = ("COMPLETE", "INCOMPLETE", "ALREADY_THROUGH")
"""As LABEL_STATUSES, or price stood at or beyond the break barrier at the anchor (08 A3)."""

HORIZONS: dict[str, int] = {"2min": 120, "4min": 240, "8min": 480}
"""Label horizons in seconds by column suffix."""

PRIMARY_HORIZON = "4min"

TIME_BUCKET_BOUNDS: dict[str, tuple[int, int]] = {
    "T0_15": (0, 15),
    "T15_30": (15, 30),
    "T30_60": (30, 60),
    "T60_120": (60, 120),
    "T120_180": (120, 180),
}
"""Minutes since the open, half-open except that the last bucket contains 180 (03 section 0)."""

TIME_BUCKETS: tuple[str, ...] = tuple(TIME_BUCKET_BOUNDS)


def time_bucket_of(minutes: float) -> str:
    """The time bucket of an instant.

    Args:
        minutes: minutes since the open, in [0, 180].

    Raises:
        UnknownNameError: `minutes` is NaN or outside [0, 180] (03 D46).
    """
    for name, (low, high) in TIME_BUCKET_BOUNDS.items():
        if low <= minutes < high or (minutes == high and name == TIME_BUCKETS[-1]):
            return name
    raise UnknownNameError("time bucket of minutes since the open", str(minutes), TIME_BUCKETS)
