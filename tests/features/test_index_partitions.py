"""Partitions, base rates, and the account of excluded rows."""

from __future__ import annotations

import numpy as np
import pytest

from spymaster_lake.contracts.enums import DIRECTIONS, TIME_BUCKETS
from spymaster_lake.contracts.errors import DataError
from spymaster_lake.contracts.profile import LEVEL_KINDS
from spymaster_lake.features.index_partitions import (
    BUCKET_KEYS,
    IMPOSSIBLE_KEYS,
    POOLED_KEYS,
    base_rate,
    first_reasons,
    partition_rows,
)


def test_keys__sixty_buckets_twelve_pooled_four_impossible():
    """Counts of the specification; keys are folders."""
    assert (len(BUCKET_KEYS), len(POOLED_KEYS)) == (60, 12)
    assert BUCKET_KEYS[0] == "PM_HIGH/UP/T0_15"
    assert POOLED_KEYS[-1] == "EMA_20/DOWN/ALL"
    assert set(IMPOSSIBLE_KEYS) == {
        "OR_HIGH/UP/T0_15", "OR_HIGH/DOWN/T0_15", "OR_LOW/UP/T0_15", "OR_LOW/DOWN/T0_15",
    }  # fmt: skip


def test_partition_rows__equals_a_plain_group_by():
    """Every row lies in exactly one bucket partition and in its pooled one, in ascending order."""
    rng = np.random.default_rng(4)
    kind, direction = rng.integers(0, 6, 500), rng.integers(0, 2, 500)
    bucket = np.where(np.isin(kind, (2, 3)), rng.integers(1, 5, 500), rng.integers(0, 5, 500))
    expected: dict[str, list[int]] = {key: [] for key in (*BUCKET_KEYS, *POOLED_KEYS)}
    for i in range(500):
        folder = f"{LEVEL_KINDS[kind[i]]}/{DIRECTIONS[direction[i]]}"
        expected[f"{folder}/{TIME_BUCKETS[bucket[i]]}"].append(i)
        expected[f"{folder}/ALL"].append(i)
    found = partition_rows(kind, direction, bucket)
    assert {key: rows.tolist() for key, rows in found.items()} == expected


def test_partition_rows__opening_range_before_it_exists():
    """An opening-range episode in the first quarter of an hour is an error, not a partition."""
    with pytest.raises(DataError, match="OR_LOW/UP/T0_15"):
        partition_rows(np.array([0, 3]), np.array([0, 0]), np.array([0, 0]))


def test_base_rate__over_known_outcomes():
    """Codes BREAK REJECT CHOP NO_TEST and -1 for null."""
    found = base_rate(np.array([0, 0, 1, 3, 3, 3, 3, 3, -1, -1]))
    assert found.n_valid == 8
    assert found.rates == {"BREAK": 0.25, "REJECT": 0.125, "CHOP": 0.0, "NO_TEST": 0.625}
    assert base_rate(np.array([-1, -1])).rates is None


def test_first_reasons__each_row_counts_once():
    """A row with two reasons counts under the first; counts and the kept rows add up."""
    flags = {"a": np.array([True, True, False, False]), "b": np.array([True, False, True, False])}
    kept, counts = first_reasons(flags, 4)
    assert kept.tolist() == [False, False, False, True]
    assert counts == {"a": 2, "b": 1}
