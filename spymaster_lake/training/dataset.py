"""The rows a model learns from: features and labels joined by event, eligibility counted by reason.

Features and labels are separate tables; a feature set names columns of the first only, so no label
can enter by a name that looks like a feature (04 section 1.1, M-03).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spymaster_lake.contracts.enums import HORIZONS, time_bucket_of
from spymaster_lake.contracts.errors import DataError
from spymaster_lake.contracts.feature_set import FeatureSet
from spymaster_lake.features.model_matrix import model_matrix
from spymaster_lake.lake.parquet_files import read_partition_files
from spymaster_lake.sessions.calendar import SessionCalendar
from spymaster_lake.training.columns import array_of, nanoseconds, values
from spymaster_lake.training.handoff import HandedTable
from spymaster_lake.training.heads import LABEL_COLUMNS

Array = NDArray[Any]
FloatArray = NDArray[np.float64]

CONTEXT_COLUMNS: tuple[str, ...] = (
    *("event_id", "date", "anchor_ts_ns", "src_max_ts_ns", "level_kind", "direction"),
    *("atr", "distance_signed_atr", "minutes_since_open"),
)
"""Columns of `signals` that every training reads beside its feature set."""

REASONS: tuple[str, ...] = (
    "LABEL_INCOMPLETE",
    "RESOLVED_BEFORE_ANCHOR",
    "ATR_NOT_POSITIVE",
    "OUTSIDE_WINDOW",
    "NO_EXTRA_ROW",
)
"""Why an event is no training row; the first that applies counts. The last is for trainers that read
a further table: an event that episode construction rejected has no sequence (08 B2)."""


@dataclass(frozen=True, slots=True)
class Eligibility:
    """How the events divide: `eligible` plus the counts by reason is `events`."""

    events: int
    eligible: int
    reasons: dict[str, int]


@dataclass(frozen=True)
class TrainingData:
    """Eligible rows in the order (date, anchor, event_id).

    Attributes:
        sessions: all sessions of the range in order, those without rows too.
        event_id: object[n].
        session: datetime64[D][n].
        anchor_ns, label_end_ns: int64[n]; labels read nothing at or after the latter.
        inputs: float64[n, C], the matrix of the feature set.
        columns: context columns by name, [n].
        labels: label columns by name, [n]; numbers with NaN for null, others object with None.
        eligibility: counts.
        extra: further arrays by name that a trainer asked for, [n, …].
    """

    sessions: tuple[date, ...]
    event_id: Array
    session: Array
    anchor_ns: NDArray[np.int64]
    label_end_ns: NDArray[np.int64]
    inputs: FloatArray
    columns: Mapping[str, Array]
    labels: Mapping[str, Array]
    eligibility: Eligibility
    extra: Mapping[str, Array] = field(default_factory=dict)

    @property
    def strata(self) -> dict[str, Array]:
        """Labels of the groups in which measures are repeated: kind, direction, time bucket."""
        minutes = self.columns["minutes_since_open"].tolist()
        buckets = np.array([time_bucket_of(m) for m in minutes], dtype=object)
        named = {name: self.columns[name] for name in ("level_kind", "direction")}
        return {**named, "time_bucket": buckets}


def read_training_data(
    signals: HandedTable,
    labels: HandedTable,
    feature_set: FeatureSet,
    calendar: SessionCalendar,
    extra: Mapping[str, tuple[HandedTable, Sequence[str]]] | None = None,
) -> TrainingData:
    """Read the handed-over tables and keep the eligible rows.

    Args:
        signals: the feature table, see `open_hand_off`.
        labels: the label table.
        feature_set: which columns; its transform is applied here.
        calendar: of the instrument.
        extra: further tables and the array columns to read from each; an event without a row in
            one of them is no training row.

    Raises:
        DataError: a file is unreadable; an event lacks its labels or the other way round; an input
            is not older than its anchor (08 B27); see also `model_matrix`.
    """
    names = [n for n in signals.contract.names if n in {*CONTEXT_COLUMNS, *feature_set.names}]
    left = read_partition_files(signals.contract, signals.files, names)
    right = read_partition_files(
        labels.contract, labels.files, ("event_id", "date", "anchor_ts_ns", *LABEL_COLUMNS)
    )
    further = [
        read_partition_files(table.contract, table.files, ("event_id", *columns))
        for table, columns in (extra or {}).values()
    ]
    return training_data(left, right, feature_set, calendar, signals.dates, further)


def training_data(
    signals: pa.Table,
    labels: pa.Table,
    feature_set: FeatureSet,
    calendar: SessionCalendar,
    sessions: Sequence[date],
    extra: Sequence[pa.Table] = (),
) -> TrainingData:
    """The same from tables in memory; those of `extra` hold event_id and array columns."""
    labels = _aligned(signals, labels, "labels")
    names = [n for n in (*CONTEXT_COLUMNS, *feature_set.names) if not n.endswith("_ns")]
    columns = {name: values(signals, name) for name in names}
    known = {name: values(labels, name) for name in LABEL_COLUMNS if "_ns" not in name}
    anchor = nanoseconds(signals, "anchor_ts_ns")
    _require_past(signals, anchor)
    further, lacking = _further(signals, extra)
    reasons = _reasons(signals, known, columns["atr"], anchor, calendar)
    reasons[(reasons == "") & lacking] = "NO_EXTRA_ROW"
    keep = np.flatnonzero(reasons == "")
    order = keep[np.lexsort((columns["event_id"][keep], anchor[keep]))]
    ends = _label_ends(labels, order)
    counts = Counter(reasons.tolist())
    eligibility = Eligibility(
        len(reasons), len(order), {r: counts[r] for r in REASONS if counts[r]}
    )
    kept = {name: column[order] for name, column in columns.items()}
    return TrainingData(
        sessions=tuple(sessions),
        event_id=kept["event_id"],
        session=np.asarray(kept["date"], dtype="datetime64[D]"),
        anchor_ns=anchor[order],
        label_end_ns=ends,
        inputs=model_matrix(feature_set, kept),
        columns=kept,
        labels={name: column[order] for name, column in known.items()},
        eligibility=eligibility,
        extra={name: column[order] for name, column in further.items()},
    )


def _aligned(signals: pa.Table, other: pa.Table, dataset: str) -> pa.Table:
    """`other` in the row order of `signals`; both must hold the same events, each once."""
    at = pc.index_in(signals["event_id"], value_set=other["event_id"].combine_chunks())
    twice = other.num_rows - pc.count_distinct(other["event_id"]).as_py()
    if at.null_count or twice or signals.num_rows != other.num_rows:
        raise DataError(
            f"signals and {dataset} do not hold the same events: {signals.num_rows} and "
            f"{other.num_rows} rows, {at.null_count} without a partner, {twice} repeated"
        )
    return other.take(at.combine_chunks())


def _further(
    signals: pa.Table, tables: Sequence[pa.Table]
) -> tuple[dict[str, Array], NDArray[np.bool_]]:
    """Array columns in the row order of `signals`, and which rows a table lacks (zeros there)."""
    found: dict[str, Array] = {}
    lacking = np.zeros(signals.num_rows, dtype=np.bool_)
    for table in tables:
        at = pc.index_in(signals["event_id"], value_set=table["event_id"].combine_chunks())
        here = np.asarray(at.is_valid().to_numpy())
        if (matched := int(here.sum())) != table.num_rows:
            raise DataError(
                f"a further table has {table.num_rows} rows, {matched} of them of an event of "
                "signals; needed: each once"
            )
        rows = table.take(at.drop_null().combine_chunks())
        for name in table.column_names:
            if name != "event_id":
                cells = array_of(rows, name)
                found[name] = np.zeros((len(here), cells.shape[1]), dtype=cells.dtype)
                found[name][here] = cells
        lacking |= ~here
    return found, lacking


def _require_past(signals: pa.Table, anchor: NDArray[np.int64]) -> None:
    late = np.flatnonzero(nanoseconds(signals, "src_max_ts_ns") >= anchor)
    if len(late):
        event = signals["event_id"][int(late[0])].as_py()
        raise DataError(
            f"signals: {len(late)} rows used an input at or after their anchor (first {event})"
        )


def _reasons(
    signals: pa.Table,
    labels: Mapping[str, Array],
    atr: FloatArray,
    anchor: NDArray[np.int64],
    calendar: SessionCalendar,
) -> Array:
    """Why each row is left out, "" where it is eligible: object[n]."""
    days = signals["date"].to_pylist()
    clocks = {day: calendar.clock(day) for day in set(days)}
    first = np.array([clocks[day].open_ns for day in days], dtype=np.int64)
    last = np.array([clocks[day].events_end_ns for day in days], dtype=np.int64)
    faults = {
        "LABEL_INCOMPLETE": [s != "COMPLETE" for s in labels["label_status"].tolist()],
        "RESOLVED_BEFORE_ANCHOR": [bool(x) for x in labels["resolved_before_anchor"].tolist()],
        "ATR_NOT_POSITIVE": ~(atr > 0),
        "OUTSIDE_WINDOW": (anchor <= first) | (anchor > last),
    }
    out = np.full(len(days), "", dtype=object)
    for reason, fault in reversed(faults.items()):
        out[np.asarray(fault, dtype=np.bool_)] = reason
    return out


def _label_ends(labels: pa.Table, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    chosen = labels.take(pa.array(rows))
    ends = np.stack([nanoseconds(chosen, f"label_end_ns_{h}") for h in HORIZONS])
    latest: NDArray[np.int64] = ends.max(axis=0)
    return latest
