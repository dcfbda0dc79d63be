"""What an entry of the episode vector is: sections, transforms, methods, codes (03 2.4, 2.5)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

VECTOR_DIMENSION = 149
HISTORY_STEPS = 5
"""State rows of the micro-history, lag 4 (two minutes before) to lag 0 (the anchor row)."""
TRAJECTORY_STEPS = 40
"""State rows of the trajectory, oldest first; the last is the anchor row."""
DCT_COEFFICIENTS = 8

SECTIONS: dict[str, tuple[int, int]] = {
    "context_regime": (0, 25),
    "multiscale_dynamics": (25, 65),
    "micro_history": (65, 100),
    "derived_physics": (100, 113),
    "online_trends": (113, 117),
    "trajectory_basis": (117, 149),
}
"""Half-open index range of each section."""

FUEL_EFFECT_CODES: dict[str, int] = {"AMPLIFY": 1, "NEUTRAL": 0, "DAMPEN": -1}
"""Entry 17 (02 N-7h)."""

BARRIER_STATE_CODES: dict[str, int] = {
    "VACUUM": -2,
    "CONSUMED": -1,
    "WEAK": -1,
    "NEUTRAL": 0,
    "ABSORPTION": 1,
    "WALL": 2,
}
"""Entry 105 (03 2.4 D); the streams use their own codes."""

RECENCY_CAP_S = 900.0
"""Entry 15: cap, and value for the first event of a kind (08 B20)."""


class Method(StrEnum):
    """How the index normalises an entry (03 2.5, 08 B13, B14)."""

    MIN_MAX = "M"
    Z_SCORE = "Z"
    ROBUST = "R"
    PASS = "P"  # noqa: S105 - a letter of the specification


class Rows(StrEnum):
    """Which rows an entry reads."""

    ANCHOR = "anchor"
    HISTORY = "history"
    TRAJECTORY = "trajectory"


class Transform(StrEnum):
    """What is done to the source columns; null in, NaN out unless stated."""

    IDENTITY = "x"
    OR_ACTIVE = "1 if x >= 15 else 0"
    ZERO_BEFORE_OR = "x, 0 while minutes_since_open < 15"
    RECENCY = "min(x, 900), 900 if null"
    FUEL_CODE = "AMPLIFY +1, NEUTRAL 0, DAMPEN -1"
    BARRIER_CODE = "VACUUM -2, CONSUMED -1, WEAK -1, NEUTRAL 0, ABSORPTION +1, WALL +2"
    BOOLEAN = "1 if true else 0"
    SIGNED_LOG = "sign(x) ln(1 + abs x)"
    LOG1P = "ln(1 + x)"
    LOG1P_ABS = "ln(1 + abs x)"
    FORCE_PROXY = "x / (1 + ln(1 + abs y))"
    LOG_RATIO = "ln((x + 1) / (y + 1))"
    LOG_TOTAL = "ln(x + y + 2)"
    FLOW_ALIGNMENT = "-x sign(y)"
    DCT = "orthonormal DCT-II of x"
    DCT_SIGNED_LOG = "orthonormal DCT-II of sign(x) ln(1 + abs x)"


@dataclass(frozen=True, slots=True)
class VectorFeature:
    """One entry of the episode vector.

    Attributes:
        index: position, 0 to 148.
        name: unique name.
        section: key of `SECTIONS`.
        sources: source columns, x then y of the transform; of `signals` for anchor rows, of
            `state_table` (the anchor row overlaid, 08 B3) for history and trajectory rows.
        transform: what is done to them.
        method: normalisation.
        rows: which rows are read.
        low, high: fixed range of method M; None for the others.
        step: lag of a history entry (4 to 0), coefficient of a trajectory entry (0 to 7).
    """

    index: int
    name: str
    section: str
    sources: tuple[str, ...]
    transform: Transform
    method: Method
    rows: Rows = Rows.ANCHOR
    low: float | None = None
    high: float | None = None
    step: int | None = None
