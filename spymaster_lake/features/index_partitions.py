"""Partitions of the index: which exist, which rows they hold, their base rates (03 3.1, 08 B8)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.enums import DIRECTIONS, OUTCOMES, TIME_BUCKETS
from spymaster_lake.contracts.errors import DataError
from spymaster_lake.contracts.index_manifest import POOLED_BUCKET, BaseRate
from spymaster_lake.contracts.profile import LEVEL_KINDS

_IMPOSSIBLE_KINDS, _IMPOSSIBLE_BUCKET = ("OR_HIGH", "OR_LOW"), "T0_15"


def partition_key(kind: str, direction: str, bucket: str) -> str:
    """`{KIND}/{DIRECTION}/{BUCKET}`, also the folder below the index root."""
    return f"{kind}/{direction}/{bucket}"


BUCKET_KEYS: tuple[str, ...] = tuple(
    partition_key(k, d, b) for k in LEVEL_KINDS for d in DIRECTIONS for b in TIME_BUCKETS
)
"""The 60 partitions of one time bucket each."""

POOLED_KEYS: tuple[str, ...] = tuple(
    partition_key(k, d, POOLED_BUCKET) for k in LEVEL_KINDS for d in DIRECTIONS
)
"""The 12 partitions over all time buckets."""

IMPOSSIBLE_KEYS: tuple[str, ...] = tuple(
    partition_key(k, d, _IMPOSSIBLE_BUCKET) for k in _IMPOSSIBLE_KINDS for d in DIRECTIONS
)
"""The opening range exists from minute 15 on: no episode can have these (08 B8)."""


def partition_rows(
    kind: NDArray[np.int64], direction: NDArray[np.int64], bucket: NDArray[np.int64]
) -> dict[str, NDArray[np.int64]]:
    """Rows of each of the 72 partitions, ascending; an empty array where there are none.

    Args:
        kind: int64[n], position in LEVEL_KINDS.
        direction: int64[n], position in DIRECTIONS.
        bucket: int64[n], position in TIME_BUCKETS.

    Raises:
        DataError: a row lies in an impossible partition.
    """
    pooled = kind * len(DIRECTIONS) + direction
    full = pooled * len(TIME_BUCKETS) + bucket
    rows = _grouped(full, BUCKET_KEYS) | _grouped(pooled, POOLED_KEYS)
    wrong = {key: len(rows[key]) for key in IMPOSSIBLE_KEYS if len(rows[key])}
    if wrong:
        raise DataError(
            f"episodes: {sum(wrong.values())} rows in impossible partitions {wrong}; levels of the "
            "opening range exist from 15 minutes after the open"
        )
    return rows


def _grouped(code: NDArray[np.int64], keys: tuple[str, ...]) -> dict[str, NDArray[np.int64]]:
    order = np.argsort(code, kind="stable")
    edges = np.searchsorted(code[order], np.arange(len(keys) + 1))
    return {key: order[edges[i] : edges[i + 1]] for i, key in enumerate(keys)}


def base_rate(outcome: NDArray[np.int64]) -> BaseRate:
    """Outcome shares over known outcomes.

    Args:
        outcome: int64[n], position in OUTCOMES, -1 = null.
    """
    counts = np.bincount(outcome[outcome >= 0], minlength=len(OUTCOMES))
    total = int(counts.sum())
    if not total:
        return BaseRate(n_valid=0, rates=None)
    shares = {name: int(count) / total for name, count in zip(OUTCOMES, counts, strict=True)}
    return BaseRate(n_valid=total, rates=shares)


def first_reasons(
    flags: Mapping[str, NDArray[np.bool_]], n: int
) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """Rows that no flag excludes, and how many each flag excludes first.

    Args:
        flags: bool[n] by reason, True excludes; order decides under which reason a row counts.
        n: rows.

    Returns:
        bool[n] of the rows that stay, and the count of every reason, zeros included.
    """
    kept = np.ones(n, dtype=np.bool_)
    counts: dict[str, int] = {}
    for reason, flag in flags.items():
        counts[reason] = int((kept & flag).sum())
        kept &= ~flag
    return kept, counts
