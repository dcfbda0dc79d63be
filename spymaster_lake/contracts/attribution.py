"""Why the engine answers as it does: blocks of the attribution of one answer (03 4.5 [N])."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import ConfigDict, Field, model_validator

from spymaster_lake.contracts.model import FrozenModel
from spymaster_lake.contracts.physics_buckets import PHYSICS_BUCKETS


class AnswerBlock(FrozenModel):
    """Part of an answer: numbers are finite, and null where they are unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class FeatureValue(AnswerBlock):
    """A number that belongs to one entry of the index vector."""

    feature: str
    value: float


class OutcomeRegression(AnswerBlock):
    """Logistic regression of BREAK against REJECT on the neighbours, primary horizon.

    Attributes:
        status: unavailable where the classes are too small; `reason` says so.
        n_break, n_reject: neighbours of each class.
        toward_break, toward_reject: strongest positive and negative coefficients, strongest first.
        accuracy: share of the same neighbours that it classifies rightly.
        accuracy_leave_one_date_out: share when each date is classified by the others.
        physics: absolute coefficients by bucket, summing to 1; null if all are zero.
    """

    status: Literal["ok", "unavailable"]
    reason: str | None = None
    n_break: int = Field(ge=0)
    n_reject: int = Field(ge=0)
    toward_break: tuple[FeatureValue, ...] = ()
    toward_reject: tuple[FeatureValue, ...] = ()
    accuracy: float | None = Field(default=None, ge=0, le=1)
    accuracy_leave_one_date_out: float | None = Field(default=None, ge=0, le=1)
    physics: dict[str, float] | None = None

    @model_validator(mode="after")
    def _closed(self) -> Self:
        if (self.status == "unavailable") != (self.reason is not None):
            raise ValueError("reason must be given iff the regression is unavailable")
        if self.physics is not None and tuple(self.physics) != PHYSICS_BUCKETS:
            raise ValueError(f"physics must name {', '.join(PHYSICS_BUCKETS)} in this order")
        return self


class GroupLean(AnswerBlock):
    """Whether one group of entries of the query lies nearer to the BREAK or the REJECT neighbours.

    Attributes:
        group: section of the vector, or series of the trajectory basis.
        distance_break, distance_reject: Euclidean distance to the weighted centroids; null without
            such neighbours.
        lean: the nearer one; null if they are equally near or one is unknown.
        confidence: abs(difference) / (sum + 1e-6); null if one is unknown.
    """

    group: str
    distance_break: float | None = None
    distance_reject: float | None = None
    lean: Literal["BREAK", "REJECT"] | None = None
    confidence: float | None = Field(default=None, ge=0, le=1)


class Attribution(AnswerBlock):
    """What the similarity and the outcome rest on, in the space of the index.

    Attributes:
        status: unavailable after any failure, with the `reason`; the answer stands without it.
        similarity: contribution of every entry to the similarity-weighted mean similarity.
        top_similarity: its ten largest by absolute value.
        outcome: see there.
        groups: see there.
    """

    status: Literal["ok", "unavailable"]
    reason: str | None = None
    similarity: tuple[FeatureValue, ...] = ()
    top_similarity: tuple[FeatureValue, ...] = ()
    outcome: OutcomeRegression | None = None
    groups: tuple[GroupLean, ...] = ()

    @model_validator(mode="after")
    def _reasoned(self) -> Self:
        if (self.status == "unavailable") != (self.reason is not None):
            raise ValueError("reason must be given iff the attribution is unavailable")
        return self

    @classmethod
    def unavailable(cls, reason: str) -> Attribution:
        """No attribution, and why."""
        return cls(status="unavailable", reason=reason)
