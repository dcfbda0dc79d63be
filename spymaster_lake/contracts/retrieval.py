"""The answer of the retrieval engine: closed, finite, null where nothing is known (03 4.6 [N]).

A status other than OK or LOW_SUPPORT has no probability at all: an estimate can never be mistaken
for a failure, nor a failure for an estimate (03 D45).
"""

from __future__ import annotations

import json
import math
from datetime import date
from typing import Literal, Self

from pydantic import ConfigDict, Field, model_validator, with_config
from typing_extensions import TypedDict

from spymaster_lake.contracts.attribution import AnswerBlock, Attribution
from spymaster_lake.contracts.enums import HORIZONS, OUTCOMES, PRIMARY_HORIZON
from spymaster_lake.contracts.retrieval_query import Filters, Query, Range
from spymaster_lake.contracts.retrieval_status import Reason, ReasonCode, RetrievalStatus

__all__ = [
    "ConditionalExcursion", "ContextMetrics", "Excursion", "ExpectedExcursions", "Filters",
    "HorizonOutcomes", "IndexEcho", "Neighbour", "Query", "QueryEcho", "Range", "Reason",
    "ReasonCode", "Reliability", "RetrievalResult", "RetrievalStatus", "Shares", "no_shares",
    "number",
]  # fmt: skip

Shares = dict[str, float | None]
"""One number per outcome: BREAK, REJECT, CHOP, NO_TEST."""

PartitionLevel = Literal["bucket", "pooled"]


def no_shares() -> Shares:
    """Null for every outcome."""
    return dict.fromkeys(OUTCOMES)


def number(value: float | None) -> float | None:
    """A plain finite float; None for None, NaN and infinities."""
    return None if value is None or not math.isfinite(value) else float(value)


class QueryEcho(AnswerBlock):
    """What was asked, as it was asked."""

    event_id: str
    level_kind: str
    level_price: float | None
    direction: str
    time_bucket: str
    anchor_ts_ns: int
    emission_weight: float | None


class IndexEcho(AnswerBlock):
    """What was searched; the partition is null where none was."""

    manifest_sha256: str
    asof_date: date
    partition: str | None = None
    partition_level: PartitionLevel | None = None
    n_partition: int | None = None


class HorizonOutcomes(AnswerBlock):
    """Outcome estimates at one horizon, over neighbours whose outcome is known (08 B4, B15).

    Attributes:
        p_raw: weighted share of each outcome.
        p_posterior: p_raw shrunk to the base rate by the prior strength.
        base_rate: share in the partition.
        ci_low, ci_high: 2.5 and 97.5 percentiles of p_posterior over resampled dates (08 B23).
        n_valid: neighbours with a known outcome.
    """

    p_raw: Shares = Field(default_factory=no_shares)
    p_posterior: Shares = Field(default_factory=no_shares)
    base_rate: Shares = Field(default_factory=no_shares)
    ci_low: Shares = Field(default_factory=no_shares)
    ci_high: Shares = Field(default_factory=no_shares)
    n_valid: int = Field(default=0, ge=0)

    @property
    def _blocks(self) -> tuple[Shares, ...]:
        return (self.p_raw, self.p_posterior, self.base_rate, self.ci_low, self.ci_high)

    @property
    def is_null(self) -> bool:
        """Whether no probability is given."""
        return all(p is None for block in self._blocks for p in block.values())

    @model_validator(mode="after")
    def _shares(self) -> Self:
        for block in self._blocks:
            if tuple(block) != OUTCOMES:
                raise ValueError(f"outcomes must be {', '.join(OUTCOMES)} in this order")
            known = [p for p in block.values() if p is not None]
            if known and not (min(known) >= -1e-12 and max(known) <= 1 + 1e-12):
                raise ValueError("a probability must be in [0, 1]")
        for block in (self.p_raw, self.p_posterior, self.base_rate):
            known = [p for p in block.values() if p is not None]
            if known and not (len(known) == len(OUTCOMES) and math.isclose(sum(known), 1.0)):
                raise ValueError("probabilities must all be null or sum to 1")
        return self


class ContextMetrics(AnswerBlock):
    """Weighted facts about the neighbours, primary horizon; excursions in ATR (03 4.4)."""

    base_rate_break: float | None = None
    base_rate_reject: float | None = None
    historical_avg_volatility: float | None = None
    historical_max_excursion: float | None = None
    avg_favorable_excursion: float | None = None
    avg_adverse_excursion: float | None = None


class ExpectedExcursions(AnswerBlock):
    """Weighted mean excursions in ATR, primary horizon; ratio = favorable / (adverse + 1e-6)."""

    favorable: float | None = None
    adverse: float | None = None
    ratio: float | None = None


class ConditionalExcursion(AnswerBlock):
    """Weighted mean excursions in ATR of the `n` neighbours with one outcome, primary horizon.

    `mean_strength` is the mean of favorable - adverse, in ATR.
    """

    favorable: float | None = None
    adverse: float | None = None
    mean_strength: float | None = None
    n: int = Field(default=0, ge=0)


def _no_conditions() -> dict[str, ConditionalExcursion]:
    return {name: ConditionalExcursion() for name in ("BREAK", "REJECT")}


class Reliability(AnswerBlock):
    """How much the answer rests on, from the weights it uses (03 D44).

    Attributes:
        n_retrieved: neighbours.
        effective_n: 1 / sum of squared weights.
        entropy: of the weights, divided by ln n; null for n < 2.
        avg_similarity, min_similarity, max_similarity, std_similarity: plain, not weighted.
        n_dates, oldest_date, newest_date: session dates of the neighbours.
        partition_level: bucket or pooled.
    """

    n_retrieved: int = Field(default=0, ge=0)
    effective_n: float | None = None
    entropy: float | None = None
    avg_similarity: float | None = None
    min_similarity: float | None = None
    max_similarity: float | None = None
    std_similarity: float | None = None
    n_dates: int = Field(default=0, ge=0)
    oldest_date: date | None = None
    newest_date: date | None = None
    partition_level: PartitionLevel | None = None


@with_config(ConfigDict(extra="forbid", allow_inf_nan=False))
class Excursion(TypedDict):
    """Farthest favorable and adverse move of one neighbour within a horizon, in ATR.

    A dictionary: an answer holds 150 of them, and they cost half as much as models.
    """

    favorable: float | None
    adverse: float | None


class Neighbour(AnswerBlock):
    """One retrieved episode; outcomes and excursions by horizon, null where unknown."""

    event_id: str
    date: date
    anchor_ts_ns: int
    similarity: float = Field(gt=0, le=1)
    weight: float = Field(ge=0)
    outcomes: dict[str, str | None]
    excursions: dict[str, Excursion]
    spot: float | None
    atr: float | None
    minutes_since_open: float | None


def _no_outcomes() -> dict[str, HorizonOutcomes]:
    return {horizon: HorizonOutcomes() for horizon in HORIZONS}


class RetrievalResult(AnswerBlock):
    """The whole answer; neighbours stand best first."""

    status: RetrievalStatus
    query: QueryEcho
    index: IndexEcho
    outcomes: dict[str, HorizonOutcomes] = Field(default_factory=_no_outcomes)
    context_metrics: ContextMetrics = ContextMetrics()
    expected_excursions: ExpectedExcursions = ExpectedExcursions()
    conditional_excursions: dict[str, ConditionalExcursion] = Field(default_factory=_no_conditions)
    reliability: Reliability = Reliability()
    attribution: Attribution
    neighbours: tuple[Neighbour, ...] = ()
    reasons: tuple[Reason, ...] = ()

    @property
    def primary(self) -> HorizonOutcomes:
        """The outcomes at the primary horizon."""
        return self.outcomes[PRIMARY_HORIZON]

    @property
    def reason_codes(self) -> tuple[ReasonCode, ...]:
        """Codes of the reasons, in order."""
        return tuple(reason.code for reason in self.reasons)

    @model_validator(mode="after")
    def _honest(self) -> Self:
        if tuple(self.outcomes) != tuple(HORIZONS):
            raise ValueError(f"outcomes must name {', '.join(HORIZONS)} in this order")
        if self.status.answered != bool(self.neighbours):
            raise ValueError("neighbours must be given iff the status is OK or LOW_SUPPORT")
        if not self.status.answered and not all(o.is_null for o in self.outcomes.values()):
            raise ValueError(f"status {self.status} allows no probability")
        if self.status is not RetrievalStatus.OK and not self.reasons:
            raise ValueError(f"status {self.status} needs a reason")
        if self.reliability.n_retrieved != len(self.neighbours):
            raise ValueError("reliability.n_retrieved must be the number of neighbours")
        return self

    def to_json(self) -> str:
        """One line of JSON: null for unknown, never NaN; equal answers give equal text."""
        return json.dumps(
            self.model_dump(mode="json"), allow_nan=False, separators=(",", ":"), ensure_ascii=False
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The answer that `to_json` wrote."""
        return cls.model_validate(json.loads(text))
