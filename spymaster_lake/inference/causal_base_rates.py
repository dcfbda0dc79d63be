"""Base rates that were known on each date: the forecast that retrieval has to beat (03 5.3 no. 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spymaster_lake.contracts.enums import OUTCOMES
from spymaster_lake.contracts.errors import InsufficientHistoryError
from spymaster_lake.contracts.retrieval_evaluation import BASE_LEVELS
from spymaster_lake.evaluation.forecasts import one_hot
from spymaster_lake.stages.index_building.corpus import Episodes, exclusion_flags

FloatArray = NDArray[np.float64]

_KEYS: dict[str, tuple[str, ...]] = {
    "partition": ("level_kind", "direction", "time_bucket"),
    "kind_direction": ("level_kind", "direction"),
    "all": (),
}


@dataclass(frozen=True, slots=True)
class BaseRates:
    """Base rates of some episodes at one horizon.

    Attributes:
        rates: float64[m, 4], rows sum to 1.
        level: int64[m], position in BASE_LEVELS.
        n: float64[m], earlier outcomes they are shares of.
    """

    rates: FloatArray
    level: NDArray[np.int64]
    n: FloatArray


def outcome_codes(rows: pa.Table, horizon: str) -> NDArray[np.int64]:
    """int64[n], position in OUTCOMES; -1 for null."""
    place = {name: code for code, name in enumerate(OUTCOMES)}
    return np.array(
        [-1 if v is None else place[v] for v in rows.column(f"outcome_{horizon}").to_pylist()],
        dtype=np.int64,
    )


def causal_base_rates(
    episodes: Episodes,
    asked: NDArray[np.int64],
    horizon: str,
    *,
    least: int,
    gates: Sequence[str] = (),
) -> BaseRates:
    """Shares of outcomes over indexable episodes of strictly earlier dates.

    Of the episode's own partition if that holds `least` known outcomes, else of its kind and
    direction if they do, else of all episodes.

    Args:
        episodes: all episodes, by date.
        asked: positions of the episodes that need base rates.
        horizon: of the outcome.
        least: known outcomes that a group must have.
        gates: of the index; see `exclusion_flags`.

    Raises:
        InsufficientHistoryError: no earlier outcome is known at all.
    """
    known = outcome_codes(episodes.rows, horizon)
    flags = exclusion_flags(episodes.rows, gates)
    known = np.where(np.any(list(flags.values()), axis=0), -1, known)
    counts = np.stack([_earlier(episodes, known, asked, _KEYS[level]) for level in BASE_LEVELS])
    total = counts.sum(axis=2)
    enough = total >= np.array([least, least, 1])[:, None]
    if not enough.any(axis=0).all():
        raise InsufficientHistoryError(
            f"evaluation: no earlier outcome is known at {horizon} for some episodes"
        )
    level = enough.argmax(axis=0)
    chosen = counts[level, np.arange(len(asked))]
    n = chosen.sum(axis=1)
    return BaseRates(chosen / n[:, None], level, n)


def _earlier(
    episodes: Episodes, outcome: NDArray[np.int64], asked: NDArray[np.int64], keys: Sequence[str]
) -> FloatArray:
    """float64[m, 4]: known outcomes of the same group on dates before each asked episode."""
    group = _groups(episodes.rows, keys)
    days, found = episodes.days, np.zeros((len(asked), len(OUTCOMES)))
    seen = outcome >= 0
    for number in np.unique(group[asked]):
        at = np.flatnonzero((group == number) & seen)
        running = np.vstack(
            [np.zeros((1, len(OUTCOMES))), one_hot(outcome[at], len(OUTCOMES)).cumsum(axis=0)]
        )
        mine = np.flatnonzero(group[asked] == number)
        found[mine] = running[np.searchsorted(days[at], days[asked[mine]], side="left")]
    return found


def _groups(rows: pa.Table, keys: Sequence[str]) -> NDArray[np.int64]:
    if not keys:
        return np.zeros(rows.num_rows, dtype=np.int64)
    columns: list[list[Any]] = [rows.column(name).to_pylist() for name in keys]
    labels = np.array(["/".join(parts) for parts in zip(*columns, strict=True)])
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)
