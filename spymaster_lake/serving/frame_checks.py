"""What `predict` accepts: exactly the declared columns, in any order, and nothing unknown (04 2.3).

Checks run in a fixed order, and each has its own exception. Nothing is filled, cast, renamed or
matched by position.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from spymaster_lake.contracts.bundle import Bundle, BundleColumn, plain_sha256
from spymaster_lake.contracts.errors import (
    AsOfError,
    CategoryError,
    DTypeError,
    FrameError,
    MissingColumnsError,
    NullPolicyError,
    UnexpectedColumnsError,
    VersionMismatchError,
)
from spymaster_lake.contracts.signals import SIGNALS
from spymaster_lake.contracts.table import TYPES
from spymaster_lake.sessions.calendar import SessionCalendar

MAX_ROWS = 10_000
KEY = "event_id"
_SHOWN = 3
_EXACT = 2**53
"""Integers up to here are exact in a double."""


@dataclass(frozen=True, slots=True)
class SessionWindow:
    """Anchors of a session lie in (open_ns, end_ns], int64 ns UTC."""

    open_ns: int
    end_ns: int


def session_windows(calendar: SessionCalendar, days: Sequence[date]) -> dict[date, SessionWindow]:
    """The windows of session dates; a date that is no session is an error of the calendar."""
    clocks = {day: calendar.clock(day) for day in days}
    return {day: SessionWindow(c.open_ns, c.events_end_ns) for day, c in clocks.items()}


def frame_metadata(pipeline_version: str, feature_set_sha256: str) -> dict[str, str]:
    """What a frame says of itself: schema metadata that `predict` compares with the bundle."""
    return {"pipeline_version": pipeline_version, "feature_set_sha256": feature_set_sha256}


def check_frame(bundle: Bundle, frame: pa.Table, windows: Mapping[date, SessionWindow]) -> pa.Table:
    """The frame in the declared order, integers as doubles where a double is declared.

    Raises:
        FrameError, MissingColumnsError, UnexpectedColumnsError, DTypeError, VersionMismatchError,
        NullPolicyError, CategoryError, AsOfError: see each; in this order.
    """
    _check_shape(frame)
    _check_columns(bundle, frame)
    frame = _typed(bundle, frame)
    _check_versions(bundle, frame)
    _check_keys(frame)
    for name in bundle.passthrough:
        _check_nulls(frame, name, nullable=SIGNALS.column(name).nullable)
    for column in bundle.columns:
        _check_nulls(frame, column.name, nullable=column.nullable)
        _check_category(column, frame)
    _check_as_of(frame, windows)
    return frame


def _check_shape(frame: pa.Table) -> None:
    names = frame.column_names
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise FrameError(f"columns occur twice: {', '.join(twice)}")
    if frame.num_rows == 0:
        raise FrameError("no rows")
    if frame.num_rows > MAX_ROWS:
        raise FrameError(f"{frame.num_rows} rows; at most {MAX_ROWS} are allowed")


def _check_columns(bundle: Bundle, frame: pa.Table) -> None:
    declared = {*bundle.names, *bundle.passthrough}
    if missing := declared - set(frame.column_names):
        raise MissingColumnsError(missing)
    if extra := set(frame.column_names) - declared:
        raise UnexpectedColumnsError(extra)


def _typed(bundle: Bundle, frame: pa.Table) -> pa.Table:
    wanted: dict[str, str] = {c.name: c.dtype for c in bundle.columns}
    wanted |= {name: SIGNALS.column(name).type for name in bundle.passthrough}
    arrays = [_as_declared(name, dtype, frame.column(name)) for name, dtype in wanted.items()]
    schema = pa.schema(
        [pa.field(name, array.type) for name, array in zip(wanted, arrays, strict=True)],
        metadata=frame.schema.metadata,
    )
    return pa.table(arrays, schema=schema)


def _as_declared(name: str, dtype: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    want, have = TYPES[dtype], values.type
    if pa.types.is_list(want) and pa.types.is_list(have):
        same = have.value_type.equals(want.value_type)
    else:
        same = have.equals(want)
    if same:
        return values
    if dtype == "double" and pa.types.is_integer(have):
        bounds = pc.min_max(values).as_py()
        if all(v is None or abs(v) <= _EXACT for v in bounds.values()):
            return values.cast(want)
    raise DTypeError(name, str(want), str(have))


def _check_versions(bundle: Bundle, frame: pa.Table) -> None:
    stated = {k.decode(): v.decode() for k, v in (frame.schema.metadata or {}).items()}
    wanted = frame_metadata(bundle.pipeline_version, plain_sha256(bundle.feature_set_sha256))
    for field, expected in wanted.items():
        got = stated[field] if field in stated else None  # noqa: SIM401 - no defaults here
        if got is None or plain_sha256(got) != expected:
            raise VersionMismatchError(field, expected, got)


def _check_keys(frame: pa.Table) -> None:
    keys = frame.column(KEY)
    if keys.null_count:
        raise NullPolicyError(KEY, "null", keys.null_count, ["(no key)"])
    counts = pc.value_counts(keys.combine_chunks())
    twice = counts.filter(pc.greater(counts.field("counts"), 1))
    if len(twice):
        shown = ", ".join(twice.field("values").slice(0, _SHOWN).to_pylist())
        raise FrameError(f"{len(twice)} keys occur more than once, such as {shown}")


def _check_nulls(frame: pa.Table, name: str, *, nullable: bool) -> None:
    values = frame.column(name)
    flat = values
    if pa.types.is_list(values.type):
        flat = pc.list_flatten(values)  # NaN is an element's unknown (08 B22)
        if not nullable and values.null_count:
            _refuse(frame, name, "null", pc.is_null(values))
        if pa.types.is_floating(flat.type) and pc.any(pc.is_inf(flat)).as_py():
            rows = [any(x in _INFINITE for x in row or ()) for row in values.to_pylist()]
            _refuse(frame, name, "infinity", pa.array(rows))
        return
    floating = pa.types.is_floating(values.type)
    if floating:
        _refuse(frame, name, "infinity", pc.is_inf(values))
    if not nullable:
        _refuse(frame, name, "null or NaN", pc.is_null(values, nan_is_null=floating))


_INFINITE = (float("inf"), float("-inf"))


def _refuse(frame: pa.Table, name: str, found: str, wrong: pa.Array | pa.ChunkedArray) -> None:
    count = pc.sum(wrong).as_py()
    if count:
        rows = pc.and_kleene(wrong, pc.is_valid(wrong))
        keys = frame.column(KEY).filter(rows, null_selection_behavior="drop")
        raise NullPolicyError(name, found, count, keys.slice(0, _SHOWN).to_pylist())


def _check_category(column: BundleColumn, frame: pa.Table) -> None:
    if column.enum is None:
        return
    for value in pc.unique(frame.column(column.name)).to_pylist():
        if value is not None and value not in column.enum:
            raise CategoryError(column.name, value, column.enum)


def _check_as_of(frame: pa.Table, windows: Mapping[date, SessionWindow]) -> None:
    keys = frame.column(KEY).to_pylist()
    days, anchors = frame.column("date").to_pylist(), frame.column("anchor_ts_ns").to_pylist()
    outside = [
        key
        for key, day, anchor in zip(keys, days, anchors, strict=True)
        if day not in windows or not windows[day].open_ns < anchor <= windows[day].end_ns
    ]
    if outside:
        raise AsOfError("Anchor outside the session window", outside)
    late = pc.greater_equal(frame.column("src_max_ts_ns"), frame.column("anchor_ts_ns"))
    if pc.any(late).as_py():
        found = frame.column(KEY).filter(late).to_pylist()
        raise AsOfError("Input at or after the anchor (src_max_ts_ns >= anchor_ts_ns)", found)
