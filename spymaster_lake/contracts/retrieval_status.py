"""How a query can end, and every reason that an answer can give (03 4.6 [N])."""

from __future__ import annotations

from enum import StrEnum

from spymaster_lake.contracts.attribution import AnswerBlock


class RetrievalStatus(StrEnum):
    """How the query ended."""

    OK = "OK"
    LOW_SUPPORT = "LOW_SUPPORT"
    NO_PARTITION = "NO_PARTITION"
    NO_NEIGHBOURS = "NO_NEIGHBOURS"
    INVALID_QUERY = "INVALID_QUERY"

    @property
    def answered(self) -> bool:
        """Whether there are probabilities."""
        return self in (RetrievalStatus.OK, RetrievalStatus.LOW_SUPPORT)


class ReasonCode(StrEnum):
    """Why the status is not OK, or what else the reader of the answer must know."""

    WRONG_DIMENSION = "WRONG_DIMENSION"
    NOT_FINITE = "NOT_FINITE"
    REQUIRED_ENTRY_UNKNOWN = "REQUIRED_ENTRY_UNKNOWN"
    UNKNOWN_LEVEL_KIND = "UNKNOWN_LEVEL_KIND"
    UNKNOWN_DIRECTION = "UNKNOWN_DIRECTION"
    MINUTES_OUT_OF_RANGE = "MINUTES_OUT_OF_RANGE"
    BUCKET_MISMATCH = "BUCKET_MISMATCH"
    ANCHOR_MISMATCH = "ANCHOR_MISMATCH"
    IMPOSSIBLE_PARTITION = "IMPOSSIBLE_PARTITION"
    ASOF_AFTER_QUERY = "ASOF_AFTER_QUERY"
    RESOLVED_BEFORE_ANCHOR = "RESOLVED_BEFORE_ANCHOR"
    ZERO_NORM = "ZERO_NORM"
    PARTITION_MISSING = "PARTITION_MISSING"
    POOLED_FALLBACK = "POOLED_FALLBACK"
    NO_SURVIVOR = "NO_SURVIVOR"
    FEW_NEIGHBOURS = "FEW_NEIGHBOURS"
    LOW_EFFECTIVE_N = "LOW_EFFECTIVE_N"
    LOW_SIMILARITY = "LOW_SIMILARITY"
    NO_SIMILARITY_THRESHOLD = "NO_SIMILARITY_THRESHOLD"


class Reason(AnswerBlock):
    """A code to act on, and a sentence with what was found and what is allowed."""

    code: ReasonCode
    detail: str
