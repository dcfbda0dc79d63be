"""The episodes of an index: joined by key, cut at the as-of date, in the canonical row order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spymaster_lake.contracts.enums import HORIZONS, TIME_BUCKET_BOUNDS, TIME_BUCKETS
from spymaster_lake.contracts.errors import DataError, UnknownNameError
from spymaster_lake.contracts.index_manifest import GATES
from spymaster_lake.contracts.vector import VECTOR_DIMENSION

ORDER: tuple[str, ...] = ("date", "anchor_ts_ns", "event_id")
"""Canonical order of episodes and of the rows of a partition (08 B16)."""
FLAGS: tuple[str, ...] = ("resolved_before_anchor", "roll_contaminated", "traj_padded")
"""Columns that exclude an episode where true; none is ever null."""


@dataclass(frozen=True)
class Episodes:
    """Episodes before an as-of date, sorted by (date, anchor, event_id).

    Attributes:
        rows: their metadata.
        storage: float32[m, 149], raw vectors as stored.
        position: int64[n], row of `storage` that belongs to each episode.
    """

    rows: pa.Table
    storage: NDArray[np.float32]
    position: NDArray[np.int64]

    def __len__(self) -> int:
        """Number of episodes."""
        return len(self.position)

    @property
    def days(self) -> NDArray[np.int32]:
        """int32[n], session dates in days since 1970-01-01."""
        days: NDArray[np.int32] = self.rows.column("date").cast(pa.int32()).to_numpy()
        return days

    def raw(self, rows: NDArray[Any] | slice) -> NDArray[np.float32]:
        """Raw vectors of some episodes."""
        return self.storage[self.position[rows]]

    def where(self, keep: NDArray[np.bool_]) -> Episodes:
        """The episodes with `keep`; the stored vectors are shared."""
        return Episodes(self.rows.filter(pa.array(keep)), self.storage, self.position[keep])


def join_episodes(vectors: pa.Table, metadata: pa.Table, *, as_of: date) -> Episodes:
    """Episodes with date < as_of.

    Args:
        vectors: rows of episodes/vectors, any order.
        metadata: rows of episodes/metadata, any order.
        as_of: dates from it on are dropped.

    Raises:
        DataError: the two tables do not hold the same event_ids once each, or a vector has not
            149 entries.
    """
    known, facts = _before(vectors, as_of), _before(metadata, as_of)
    position = _sorting(known)
    rows = facts.take(pa.array(_sorting(facts)))
    _check_keys(known.select(ORDER).take(pa.array(position)), rows)
    return Episodes(rows, _matrix(known.column("vector_raw")), position)


def _before(table: pa.Table, as_of: date) -> pa.Table:
    early = pc.less(table.column("date"), pa.scalar(as_of, pa.date32()))
    return table if pc.all(early).as_py() else table.filter(early)


def _sorting(table: pa.Table) -> NDArray[np.int64]:
    order = pc.sort_indices(table, sort_keys=[(name, "ascending") for name in ORDER])
    rows: NDArray[np.int64] = order.to_numpy().astype(np.int64)
    return rows


def _check_keys(vectors: pa.Table, metadata: pa.Table) -> None:
    ids, others = vectors.column("event_id"), metadata.column("event_id")
    same = len(ids) == len(others) and all(
        vectors.column(name).equals(metadata.column(name)) for name in ORDER
    )
    if same and pc.count_distinct(ids).as_py() == len(ids):
        return
    left = ids.filter(pc.invert(pc.is_in(ids, others.combine_chunks())))
    right = others.filter(pc.invert(pc.is_in(others, ids.combine_chunks())))
    raise DataError(
        f"episodes/vectors and episodes/metadata must hold the same (date, anchor_ts_ns, event_id) "
        f"once each: {len(ids)} and {len(others)} rows, {len(left)} event_ids only in vectors "
        f"{left[:3].to_pylist()}, {len(right)} only in metadata {right[:3].to_pylist()}, "
        f"{pc.count_distinct(ids).as_py()} distinct"
    )


def _matrix(column: pa.ChunkedArray) -> NDArray[np.float32]:
    lengths = pc.list_value_length(column)
    wrong = pc.sum(pc.fill_null(pc.not_equal(lengths, VECTOR_DIMENSION), fill_value=True)).as_py()
    if wrong:
        raise DataError(
            f"episodes/vectors.vector_raw: {wrong} rows have not {VECTOR_DIMENSION} entries"
        )
    parts = [chunk.flatten() for chunk in column.chunks if len(chunk)]
    if any(part.null_count for part in parts):
        raise DataError("episodes/vectors.vector_raw: holds null elements; unknown is NaN (08 B22)")
    flat = [part.to_numpy() for part in parts]
    joined = flat[0] if len(flat) == 1 else np.concatenate([np.empty(0, np.float32), *flat])
    return joined.reshape(-1, VECTOR_DIMENSION)


def exclusion_flags(rows: pa.Table, gates: Sequence[str]) -> dict[str, NDArray[np.bool_]]:
    """bool[n] by reason for which an episode is not indexed (08 B15).

    Args:
        rows: metadata.
        gates: names of gate columns that must be true; null counts as false.

    Raises:
        UnknownNameError: a gate that there is not.
        DataError: a null in a flag that is never unknown.
    """
    for gate in gates:
        if gate not in GATES:
            raise UnknownNameError("gate", gate, GATES)
    no_outcome = np.ones(rows.num_rows, dtype=np.bool_)
    for horizon in HORIZONS:
        no_outcome &= rows.column(f"outcome_{horizon}").is_null().to_numpy()
    return {
        **{name: _flag(rows, name) for name in FLAGS},
        "no_outcome": no_outcome,
        **{gate: ~_true(rows, gate) for gate in gates},
    }


def _flag(rows: pa.Table, name: str) -> NDArray[np.bool_]:
    if unknown := rows.column(name).null_count:
        raise DataError(
            f"episodes/metadata.{name}: null in {unknown} of {rows.num_rows} rows; "
            "the contract allows true and false"
        )
    found: NDArray[np.bool_] = rows.column(name).to_numpy()
    return found


def _true(rows: pa.Table, name: str) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = pc.fill_null(rows.column(name), fill_value=False).to_numpy()
    return found


def codes(rows: pa.Table, name: str, names: Sequence[str]) -> NDArray[np.int64]:
    """int64[n], position of each value of a text column in a closed set; -1 for null.

    Raises:
        DataError: a value that is not in the set.
    """
    column = rows.column(name)
    found = pc.index_in(column, value_set=pa.array(list(names), pa.string()))
    unknown = column.filter(pc.and_(pc.is_null(found), pc.is_valid(column)))
    if len(unknown):
        raise DataError(
            f"episodes/metadata.{name}: {len(unknown)} rows such as {unknown[0].as_py()!r}; "
            f"allowed: {', '.join(names)}"
        )
    positions: NDArray[np.int64] = pc.fill_null(found, -1).to_numpy().astype(np.int64)
    return positions


def text_codes(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """int64[n]: equal texts have equal codes."""
    chunks = column.dictionary_encode().unify_dictionaries().chunks
    parts = [chunk.indices.to_numpy().astype(np.int64) for chunk in chunks]
    return np.concatenate([np.empty(0, np.int64), *parts])


def check_buckets(rows: pa.Table) -> None:
    """Raise DataError where `time_bucket` is not the bucket of `minutes_since_open` (03 4.2)."""
    minutes = rows.column("minutes_since_open").to_numpy().astype(np.float64)
    edges = [low for low, _ in TIME_BUCKET_BOUNDS.values()]
    last = list(TIME_BUCKET_BOUNDS.values())[-1][1]
    derived = np.searchsorted(edges, minutes, side="right") - 1
    wrong = (
        (derived != codes(rows, "time_bucket", TIME_BUCKETS)) | ~(minutes >= 0) | (minutes > last)
    )
    if wrong.any():
        first = int(np.argmax(wrong))
        raise DataError(
            f"episodes/metadata.time_bucket: {int(wrong.sum())} rows disagree with "
            f"minutes_since_open, such as {rows.column('event_id')[first].as_py()!r} with "
            f"{minutes[first]} minutes"
        )
