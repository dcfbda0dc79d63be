"""Walk-forward splits by whole sessions, with embargo and purge (04 section 1.1).

The test block is the end of the range and is scored once, by the run that registers. Folds expand:
each has a later validation block and all that lies before it for training. No row is ever drawn at
random.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.errors import ConfigError
from spymaster_lake.training.dataset import TrainingData
from spymaster_lake.training.errors import InsufficientTrainingDataError

Rows = NDArray[np.int64]

MIN_TRAIN_SESSIONS = 20
MIN_TRAIN_ROWS = 500


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """How many sessions go where; the recommended values of 04 section 1.1 by default."""

    val_sessions: int = 10
    test_sessions: int = 10
    embargo_sessions: int = 1
    n_folds: int = 1

    def __post_init__(self) -> None:
        for name, least in (
            ("val_sessions", 1),
            ("test_sessions", 1),
            ("embargo_sessions", 0),
            ("n_folds", 1),
        ):
            if getattr(self, name) < least:
                raise ConfigError(f"{name} is {getattr(self, name)}; allowed: {least} or more")


@dataclass(frozen=True, slots=True)
class SessionBlocks:
    """The sessions of one fold, each block in order; `embargoed` belong to none."""

    train: tuple[date, ...]
    val: tuple[date, ...]
    test: tuple[date, ...]
    embargoed: tuple[date, ...]


@dataclass(frozen=True)
class Split:
    """One fold over the rows of a dataset.

    Attributes:
        blocks: its sessions.
        train, val, test: int64 row numbers, ascending.
        purged: row numbers of train sessions whose label ends at or after the first anchor of val.
    """

    blocks: SessionBlocks
    train: Rows
    val: Rows
    test: Rows
    purged: Rows


def session_blocks(sessions: Sequence[date], plan: SplitPlan) -> list[SessionBlocks]:
    """The folds, oldest first; the last one is what a registered model is trained on.

    Args:
        sessions: all sessions in order.
        plan: sizes.

    Raises:
        InsufficientTrainingDataError: a fold has fewer than 20 training sessions.
    """
    days, gap = tuple(sessions), plan.embargo_sessions
    val_end = len(days) - plan.test_sessions - gap
    folds = []
    for back in reversed(range(plan.n_folds)):
        end = val_end - back * plan.val_sessions
        start = end - plan.val_sessions
        train_end = start - gap
        if train_end < MIN_TRAIN_SESSIONS:
            needed = (
                MIN_TRAIN_SESSIONS + plan.n_folds * plan.val_sessions + plan.test_sessions + 2 * gap
            )
            raise InsufficientTrainingDataError(
                f"{len(days)} sessions leave {max(train_end, 0)} for training in fold "
                f"{plan.n_folds - back} of {plan.n_folds} (test {plan.test_sessions}, val "
                f"{plan.val_sessions}, embargo {gap}); needed: {MIN_TRAIN_SESSIONS}, "
                f"that is {needed} sessions in all"
            )
        test_start = len(days) - plan.test_sessions
        embargoed = days[train_end:start] + days[test_start - gap : test_start]
        folds.append(SessionBlocks(days[:train_end], days[start:end], days[test_start:], embargoed))
    return folds


def split_rows(data: TrainingData, blocks: SessionBlocks) -> Split:
    """The rows of one fold; training rows whose label reaches the validation block are purged.

    Raises:
        InsufficientTrainingDataError: fewer than 500 training rows, or val or test without rows.
    """
    train, val, test = (_rows_in(data, block) for block in (blocks.train, blocks.val, blocks.test))
    if not len(val) or not len(test):
        raise InsufficientTrainingDataError(
            f"{len(val)} eligible rows in val and {len(test)} in test; needed: 1 or more in each"
        )
    reaches = data.label_end_ns[train] >= data.anchor_ns[val].min()
    split = Split(blocks, train[~reaches], val, test, train[reaches])
    if len(split.train) < MIN_TRAIN_ROWS:
        raise InsufficientTrainingDataError(
            f"{len(split.train)} eligible training rows in {len(blocks.train)} sessions "
            f"({len(split.purged)} purged); needed: {MIN_TRAIN_ROWS}"
        )
    return split


def _rows_in(data: TrainingData, days: Sequence[date]) -> Rows:
    wanted = np.array(days, dtype="datetime64[D]")
    return np.flatnonzero(np.isin(data.session, wanted)).astype(np.int64)
