"""The rules a query must keep; all violations are named at once (03 4.2 step 1, 08 B1, B5, B14)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.enums import DIRECTIONS, time_bucket_of
from spymaster_lake.contracts.errors import UnknownNameError
from spymaster_lake.contracts.index_manifest import IndexManifest
from spymaster_lake.contracts.profile import LEVEL_KINDS
from spymaster_lake.contracts.retrieval import Query, Reason, ReasonCode
from spymaster_lake.contracts.vector import REQUIRED_ENTRIES, VECTOR_DIMENSION, VECTOR_NAMES
from spymaster_lake.features.index_partitions import partition_key

MINUTES_TOLERANCE = 1e-6
_NS_PER_MINUTE = 60_000_000_000

SessionOpen = Callable[[date], int]
"""UTC ns of the open of a session date."""

Found = Iterator[tuple[ReasonCode, str]]


def violations(
    query: Query, manifest: IndexManifest, *, session_open_ns: SessionOpen | None = None
) -> tuple[Reason, ...]:
    """Every rule that the query breaks; empty for a valid one.

    Args:
        query: what is asked.
        manifest: of the index that is asked.
        session_open_ns: if given, anchor, date and minutes must agree with it.
    """
    found = [
        *_vector(query),
        *_names(query),
        *_time(query, session_open_ns),
        *_as_of(query, manifest),
    ]
    key = partition_key(query.level_kind, query.direction, query.time_bucket)
    if key in manifest.impossible:
        found.append((ReasonCode.IMPOSSIBLE_PARTITION, f"no episode can lie in {key}"))
    return tuple(Reason(code=code, detail=detail) for code, detail in found)


def raw_vector(query: Query) -> NDArray[np.float32]:
    """The vector as it is stored in the lake: float32."""
    with np.errstate(over="ignore"):  # a number beyond float32 is infinite, hence refused
        return np.asarray(query.vector_raw, dtype=np.float32)


def _vector(query: Query) -> Found:
    raw = raw_vector(query)
    if raw.shape != (VECTOR_DIMENSION,):
        yield ReasonCode.WRONG_DIMENSION, f"shape {raw.shape}, needed ({VECTOR_DIMENSION},)"
        return
    infinite = np.flatnonzero(np.isinf(raw)).tolist()
    if infinite:
        yield ReasonCode.NOT_FINITE, f"infinite: {_listed(infinite)}; allowed: finite or NaN"
    unknown = [entry for entry in REQUIRED_ENTRIES if np.isnan(raw[entry])]
    if unknown:
        yield ReasonCode.REQUIRED_ENTRY_UNKNOWN, f"NaN: {_listed(unknown)}"


def _listed(entries: list[int]) -> str:
    shown = ", ".join(VECTOR_NAMES[entry] for entry in entries[:3])
    return shown if len(entries) <= 3 else f"{shown} and {len(entries) - 3} more"


def _names(query: Query) -> Found:
    if query.level_kind not in LEVEL_KINDS:
        allowed = ", ".join(LEVEL_KINDS)
        yield ReasonCode.UNKNOWN_LEVEL_KIND, f"{query.level_kind!r}; allowed: {allowed}"
    if query.direction not in DIRECTIONS:
        allowed = ", ".join(DIRECTIONS)
        yield ReasonCode.UNKNOWN_DIRECTION, f"{query.direction!r}; allowed: {allowed}"


def _time(query: Query, session_open_ns: SessionOpen | None) -> Found:
    try:
        bucket = time_bucket_of(query.minutes_since_open)
    except UnknownNameError:
        yield ReasonCode.MINUTES_OUT_OF_RANGE, f"{query.minutes_since_open}; allowed: [0, 180]"
    else:
        if query.time_bucket != bucket:
            yield (
                ReasonCode.BUCKET_MISMATCH,
                f"{query.time_bucket!r}, but {query.minutes_since_open} minutes lie in {bucket}",
            )
    if session_open_ns is None:
        return
    minutes = (query.anchor_ts_ns - session_open_ns(query.date)) / _NS_PER_MINUTE
    if not abs(minutes - query.minutes_since_open) <= MINUTES_TOLERANCE:
        yield (
            ReasonCode.ANCHOR_MISMATCH,
            f"{query.minutes_since_open}, but the anchor lies {minutes:.6f} after the open",
        )


def _as_of(query: Query, manifest: IndexManifest) -> Found:
    if manifest.asof_date > query.date:
        yield (
            ReasonCode.ASOF_AFTER_QUERY,
            f"index as of {manifest.asof_date}, query of {query.date}",
        )
    if query.resolved_before_anchor:
        yield ReasonCode.RESOLVED_BEFORE_ANCHOR, "the race ended in the entry bar"
