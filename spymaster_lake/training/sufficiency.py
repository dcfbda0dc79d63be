"""Which heads have enough rows to be fitted (04 section 1.1, 08 B10)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.training.dataset import TrainingData
from spymaster_lake.training.errors import InsufficientTrainingDataError
from spymaster_lake.training.heads import Head
from spymaster_lake.training.splits import Split

MIN_MINORITY_TRAIN, MIN_MINORITY_VAL = 50, 10
"""Rows of the rarer class a binary head needs; a regression head needs as many rows in all."""

Status = Literal["OK", "SKIPPED_INSUFFICIENT"]


@dataclass(frozen=True, slots=True)
class HeadCount:
    """Rows of one head in one fold.

    Attributes:
        head: its name.
        train, val: rows of the head.
        minority_train, minority_val: rows of the rarer class; all rows of a regression head.
        status: whether the head is fitted.
    """

    head: str
    train: int
    val: int
    minority_train: int
    minority_val: int
    status: Status

    @property
    def why(self) -> str:
        """The counts against the limits, for messages."""
        return (
            f"{self.head}: minority {self.minority_train} of {self.train} in train, "
            f"{self.minority_val} of {self.val} in val"
        )


def count_heads(data: TrainingData, split: Split, heads: Sequence[Head]) -> list[HeadCount]:
    """The counts and the status of every head in one fold."""
    return [_count(head, head.truth(data.labels), split) for head in heads]


def require_heads(
    counts: Sequence[HeadCount], required: Sequence[str], *, allow_partial: bool
) -> None:
    """Stop if a required head cannot be fitted; the others may be skipped (08 B10).

    Raises:
        InsufficientTrainingDataError: listing each of them, unless `allow_partial`.
    """
    short = [c for c in counts if c.status != "OK" and c.head in required]
    if short and not allow_partial:
        raise InsufficientTrainingDataError(
            f"{len(short)} required heads lack rows (needed: {MIN_MINORITY_TRAIN} in train, "
            f"{MIN_MINORITY_VAL} in val; --allow-partial-heads goes on without them): "
            f"{'; '.join(c.why for c in short)}"
        )


def _count(head: Head, truth: NDArray[np.float64], split: Split) -> HeadCount:
    blocks = [truth[rows][~np.isnan(truth[rows])] for rows in (split.train, split.val)]
    rarer = [
        int(min((y == 1).sum(), (y == 0).sum())) if head.task == "binary" else len(y)
        for y in blocks
    ]
    enough = rarer[0] >= MIN_MINORITY_TRAIN and rarer[1] >= MIN_MINORITY_VAL
    status: Status = "OK" if enough else "SKIPPED_INSUFFICIENT"
    return HeadCount(head.name, len(blocks[0]), len(blocks[1]), rarer[0], rarer[1], status)
