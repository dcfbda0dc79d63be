"""The 21 heads of an event model as one table: which rows, which target (04 section 1.2).

Published probabilities of a horizon: P(BREAK) = t b, P(REJECT) = t (1 - b), P(NONE) = 1 - t, with t
and b the tradeable and the direction head.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.enums import HORIZONS

Labels = Mapping[str, NDArray[Any]]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Task = Literal["binary", "regression"]

REACH_SECONDS: tuple[int, ...] = (60, 120, 180, 300)
REACH_FAMILY = "8min"
"""The reach heads read this horizon, so that 300 s is uncensored (M-06)."""


@dataclass(frozen=True, slots=True)
class Head:
    """One target.

    Attributes:
        name: such as "direction_4min".
        task: "binary" (probability of class 1) or "regression".
        horizon_s: seconds.
        member: labels to bool[n], the rows the head is about.
        target: labels to float64[n]; meaningless outside `member`.
    """

    name: str
    task: Task
    horizon_s: int
    member: Callable[[Labels], BoolArray]
    target: Callable[[Labels], FloatArray]

    def truth(self, labels: Labels) -> FloatArray:
        """The target in member rows, NaN elsewhere: float64[n]."""
        return np.where(self.member(labels), self.target(labels), np.nan)


def is_one_of(labels: NDArray[Any], names: tuple[str, ...]) -> BoolArray:
    """Whether each label is one of the names; null is none: bool[n]."""
    return np.fromiter((x in names for x in labels.tolist()), dtype=np.bool_, count=len(labels))


def _everybody(labels: Labels) -> BoolArray:
    return np.ones(len(labels["tested"]), dtype=np.bool_)


def _tradeable(horizon: str) -> Head:
    column = f"outcome_{horizon}"
    return Head(
        f"tradeable_{horizon}",
        "binary",
        HORIZONS[horizon],
        member=_everybody,
        target=lambda y: is_one_of(y[column], ("BREAK", "REJECT")).astype(np.float64),
    )


def _direction(horizon: str) -> Head:
    column = f"outcome_{horizon}"
    return Head(
        f"direction_{horizon}",
        "binary",
        HORIZONS[horizon],
        member=lambda y: is_one_of(y[column], ("BREAK", "REJECT")),
        target=lambda y: is_one_of(y[column], ("BREAK",)).astype(np.float64),
    )


def _strength(horizon: str) -> Head:
    mfe, mae = f"mfe_atr_{horizon}", f"mae_atr_{horizon}"
    return Head(
        f"strength_{horizon}",
        "regression",
        HORIZONS[horizon],
        member=lambda y: _tested(y) & ~np.isnan(y[mfe]) & ~np.isnan(y[mae]),
        target=lambda y: np.asarray(y[mfe] - y[mae], dtype=np.float64),
    )


def _tested(labels: Labels) -> BoolArray:
    return np.fromiter(
        (x is True for x in labels["tested"].tolist()), np.bool_, count=len(labels["tested"])
    )


def _reach(what: str, seconds: int) -> Head:
    broken, rejected = f"t_break_s_{REACH_FAMILY}", f"t_reject_s_{REACH_FAMILY}"

    def within(labels: Labels) -> FloatArray:
        at_break, at_reject = labels[broken] <= seconds, labels[rejected] <= seconds  # null: False
        reached = {"break": at_break, "reject": at_reject, "any": at_break | at_reject}[what]
        return np.asarray(reached, dtype=np.float64)

    name = f"reach_{what}_{seconds}"
    return Head(name, "binary", seconds, member=_everybody, target=within)


HEADS: tuple[Head, ...] = (
    *(_tradeable(h) for h in HORIZONS),
    *(_direction(h) for h in HORIZONS),
    *(_strength(h) for h in HORIZONS),
    *(_reach(what, s) for what in ("any", "break", "reject") for s in REACH_SECONDS),
)
"""All heads, in published order."""

LABEL_COLUMNS: tuple[str, ...] = (
    *("label_status", "resolved_before_anchor", "tested"),
    *(f"{name}_{h}" for h in HORIZONS for name in ("outcome", "mfe_atr", "mae_atr")),
    *(f"{name}_{REACH_FAMILY}" for name in ("t_break_s", "t_reject_s")),
    *(f"label_end_ns_{h}" for h in HORIZONS),
)
"""Label columns that eligibility, heads and purging read."""
