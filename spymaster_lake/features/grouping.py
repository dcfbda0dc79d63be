"""Exact sums per integer key: the one aggregation behind every compact cell table."""

from __future__ import annotations

import numpy as np

from spymaster_lake.features.arrays import I64, NS


def group_sums(keys: I64, *values: I64) -> tuple[I64, list[I64]]:
    """Sum each value array over equal keys.

    Args:
        keys: int64[n], in any order.
        *values: int64[n] each.

    Returns:
        (unique keys ascending int64[g], one int64[g] of sums per value array). Sums of integers, so
        the result does not depend on the order of the rows (08 A31).
    """
    if len(keys) == 0:
        return np.empty(0, np.int64), [np.empty(0, np.int64) for _ in values]
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    return ordered[starts], [np.add.reduceat(value[order], starts) for value in values]


def second_end(ts_ns: I64) -> I64:
    """End of the whole second a record falls in: tau with ts in [tau - 1 s, tau); int64[n]."""
    return (ts_ns // NS + 1) * NS


def prefix_sums(values: I64) -> I64:
    """Prefix sums with a leading 0, int64[n + 1]: rows [a, b) sum to out[b] - out[a], exactly."""
    out = np.zeros(len(values) + 1, np.int64)
    np.cumsum(values, out=out[1:])
    return out
