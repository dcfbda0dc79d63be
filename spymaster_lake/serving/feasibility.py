"""Feasibility gate: what book, fuel and tape say against or for a break (03 6.1, 04 2.4).

Four observations each shift the log-odds of P(BREAK | BREAK or REJECT) by one step, the sum capped.
Off by default until its effect is measured walk-forward. An unknown input shifts nothing, and is
named.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

STEP, CAP = 1.0, 2.5
TAPE_THRESHOLD = 0.20
GAMMA_THRESHOLD = 50_000.0
_STATE = {"WALL": -STEP, "ABSORPTION": -STEP, "VACUUM": STEP, "CONSUMED": STEP}
_FUEL = {"DAMPEN": -STEP, "AMPLIFY": STEP}


@dataclass(frozen=True, slots=True)
class GateInputs:
    """What the gate looks at; None where unknown.

    Attributes:
        barrier_state, fuel_effect: of the closed enumerations.
        tape_imbalance: approach frame: + with the approach (market frame times the sign).
        gamma_exposure: as in the feature table.
    """

    barrier_state: str | None
    fuel_effect: str | None
    tape_imbalance: float | None
    gamma_exposure: float | None

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the unknown inputs."""
        return tuple(n for n in self.__slots__ if getattr(self, n) is None)


def logit_shift(inputs: GateInputs) -> float:
    """Shift of the log-odds, in [-2.5, 2.5]."""
    shift = 0.0
    for table, value in ((_STATE, inputs.barrier_state), (_FUEL, inputs.fuel_effect)):
        if value in table:  # the other states, NEUTRAL and null say nothing
            shift += table[value]
    tape = inputs.tape_imbalance
    if tape is not None and abs(tape) > TAPE_THRESHOLD:
        shift += math.copysign(STEP, tape)
    gamma = inputs.gamma_exposure
    if gamma is not None and abs(gamma) > GAMMA_THRESHOLD:
        if gamma < 0 and inputs.fuel_effect == "AMPLIFY":
            shift += STEP
        elif gamma > 0 and inputs.fuel_effect == "DAMPEN":
            shift -= STEP
    return max(-CAP, min(CAP, shift))


def gated(p_break: float, p_reject: float, shift: float) -> tuple[float, float]:
    """P(BREAK) and P(REJECT) after the shift; their sum stays, certainty stays certain."""
    total = p_break + p_reject
    if p_break == 0.0 or p_reject == 0.0 or shift == 0.0:
        return p_break, p_reject
    moved = p_break * math.exp(shift)
    return total * (moved / (moved + p_reject)), total * (p_reject / (moved + p_reject))
