"""Trees and retrieval on one simplex: a pure function, and a stable ranking (04 section 2.4).

Both sides are (p_break, p_reject, p_none) at one horizon; CHOP and NO_TEST of retrieval are none
(08 B4). A missing retrieval is never evidence: it ends in NO_RETRIEVAL, or is switched off openly.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Literal

from spymaster_lake.contracts.errors import AsOfError, ConfigError, DataError
from spymaster_lake.contracts.retrieval import RetrievalResult, Shares
from spymaster_lake.contracts.retrieval_status import RetrievalStatus
from spymaster_lake.serving.feasibility import GateInputs, gated, logit_shift

RetrievalMode = Literal["required", "off"]
Simplex = tuple[float, float, float]
"""(p_break, p_reject, p_none)."""

TOLERANCE = 1e-9
WEIGHT_LOW, WEIGHT_HIGH, WEIGHT_BASE, WEIGHT_SLOPE = 0.2, 0.8, 0.7, 0.4
SHRINK_SIMILARITY, SHRINK_DISAGREEMENT, SHRINK_MAX = 0.6, 0.4, 0.5


class TargetStatus(StrEnum):
    """Whether a target has probabilities."""

    OK = "OK"
    NO_RETRIEVAL = "NO_RETRIEVAL"


@dataclass(frozen=True, slots=True)
class Policy:
    """How the two are combined.

    Attributes:
        retrieval_mode: "required", or "off": trees alone, recorded with w = 1.
        allow_low_support: use retrieval of status LOW_SUPPORT.
        gate: apply the feasibility gate.
    """

    retrieval_mode: RetrievalMode = "required"
    allow_low_support: bool = False
    gate: bool = False

    def __post_init__(self) -> None:
        if self.retrieval_mode not in ("required", "off"):
            raise ConfigError(
                f"retrieval_mode is {self.retrieval_mode!r}; allowed: 'required', 'off'"
            )


@dataclass(frozen=True, slots=True)
class Evidence:
    """What retrieval says at one horizon; null where its status allows no probability.

    Attributes:
        kappa: posterior; base: base rates of the partition.
        avg_similarity: of the neighbours.
        asof_date: of the index; it knows earlier dates only.
    """

    status: RetrievalStatus
    kappa: Simplex | None
    base: Simplex | None
    avg_similarity: float | None
    asof_date: date


@dataclass(frozen=True, slots=True)
class Combined:
    """One target at one horizon.

    Attributes:
        p: (p_break, p_reject, p_none); null unless the status is OK.
        w: weight of the trees; delta: disagreement; pi: shrinkage to the base rates.
        entropy: of kappa, in [0, 1].
        gate_shift: of the log-odds; null if the gate is off.
        gate_inputs_missing: inputs the gate did without.
        utility: (1 - p_none) |strength|, null if either is.
    """

    status: TargetStatus
    retrieval_mode: RetrievalMode
    retrieval_status: RetrievalStatus | None
    p: Simplex | None = None
    w: float | None = None
    delta: float | None = None
    pi: float | None = None
    entropy: float | None = None
    gate_shift: float | None = None
    gate_inputs_missing: tuple[str, ...] = ()
    utility: float | None = None


def evidence_of(result: RetrievalResult, horizon: str) -> Evidence:
    """The evidence in an answer of the retrieval engine at one horizon."""
    found = result.outcomes[horizon]
    return Evidence(
        result.status,
        _three(found.p_posterior),
        _three(found.base_rate),
        result.reliability.avg_similarity,
        result.index.asof_date,
    )


def _three(shares: Shares) -> Simplex | None:
    known = {name: p for name, p in shares.items() if p is not None}
    if not known:
        return None
    return known["BREAK"], known["REJECT"], known["CHOP"] + known["NO_TEST"]


def combine(
    tau: Simplex,
    evidence: Evidence | None,
    *,
    session_date: date,
    strength: float | None = None,
    policy: Policy = Policy(),
    gate_inputs: GateInputs | None = None,
) -> Combined:
    """Combine trees and retrieval.

    Args:
        tau: forecast of the trees.
        evidence: of retrieval at the same horizon; None if there is none.
        session_date: of the target.
        strength: of the trees, ATR; None if unknown.
        policy: see there.
        gate_inputs: needed if the policy switches the gate on.

    Raises:
        DataError: `tau`, `kappa` or the base rates are no simplex.
        AsOfError: the index was built as of a date after the session.
        ConfigError: the gate is on and has no inputs.
    """
    _require_simplex("tau", tau)
    if policy.retrieval_mode == "off":
        found = Combined(TargetStatus.OK, "off", None, tau, w=1.0)
    else:
        found = _mix(tau, evidence, session_date, policy)
    if policy.gate and found.p is not None:
        if gate_inputs is None:
            raise ConfigError("The feasibility gate is on and has no inputs")
        shift = logit_shift(gate_inputs)
        p_break, p_reject = gated(found.p[0], found.p[1], shift)
        found = replace(
            found,
            p=(p_break, p_reject, found.p[2]),
            gate_shift=shift,
            gate_inputs_missing=gate_inputs.missing,
        )
    if found.p is not None and strength is not None:
        found = replace(found, utility=(1.0 - found.p[2]) * abs(strength))
    return found


def _mix(tau: Simplex, evidence: Evidence | None, day: date, policy: Policy) -> Combined:
    status = None if evidence is None else evidence.status
    if evidence is not None and evidence.asof_date > day:
        raise AsOfError(f"Index as of {evidence.asof_date} for a session of {day}", [str(day)])
    usable = status is RetrievalStatus.OK or (
        status is RetrievalStatus.LOW_SUPPORT and policy.allow_low_support
    )
    if evidence is None or not usable or evidence.kappa is None:
        return Combined(TargetStatus.NO_RETRIEVAL, "required", status)
    kappa, similarity = evidence.kappa, evidence.avg_similarity
    _require_simplex("kappa", kappa)
    if similarity is None or evidence.base is None:
        raise DataError(f"Retrieval of status {status} lacks its similarity or base rates")
    _require_simplex("base rates", evidence.base)
    entropy = -sum(k * math.log(k) for k in kappa if k > 0) / math.log(3)
    raw = WEIGHT_BASE - WEIGHT_SLOPE * similarity + WEIGHT_SLOPE * entropy
    w = max(WEIGHT_LOW, min(WEIGHT_HIGH, raw))
    p = _between(kappa, tau, w)
    delta = 0.5 * sum(abs(t - k) for t, k in zip(tau, kappa, strict=True))
    pi = 0.0
    if similarity >= SHRINK_SIMILARITY and delta >= SHRINK_DISAGREEMENT:
        pi = min(SHRINK_MAX, delta / 2.0)
        p = _between(p, evidence.base, pi)
    return Combined(TargetStatus.OK, "required", status, p, w, delta, pi, entropy)


def _between(a: Simplex, b: Simplex, share: float) -> Simplex:
    """(1 - share) a + share b."""
    x, y, z = ((1.0 - share) * left + share * right for left, right in zip(a, b, strict=True))
    return x, y, z


def _require_simplex(name: str, p: Simplex) -> None:
    low, total = min(p), sum(p)
    if not (low >= -TOLERANCE and abs(total - 1.0) <= TOLERANCE):
        raise DataError(f"{name} is {p}; allowed: probabilities that sum to 1")


@dataclass(frozen=True, slots=True)
class Ranked:
    """What the ranking looks at: utility (None ranks last), distance in ATR, level id."""

    level_id: str
    utility: float | None
    distance: float


def rank(targets: Iterable[Ranked]) -> tuple[Ranked, ...]:
    """Targets by utility descending, then |distance| ascending, then level id."""
    return tuple(
        sorted(
            targets,
            key=lambda t: (
                t.utility is None,
                0.0 if t.utility is None else -t.utility,
                abs(t.distance),
                t.level_id,
            ),
        )
    )
