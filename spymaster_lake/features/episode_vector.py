"""The raw 149-entry vector of an episode, from its event row and its window (03 2.4, 08 B1, B18).

Which column an entry reads and what is done to it stand in `contracts.vector`; this module knows
how each transform is computed. Everything is float64; NaN is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.enums import TIME_BUCKET_BOUNDS
from spymaster_lake.contracts.errors import UnknownNameError
from spymaster_lake.contracts.vector import (
    BARRIER_STATE_CODES,
    DCT_COEFFICIENTS,
    FUEL_EFFECT_CODES,
    RECENCY_CAP_S,
    REQUIRED_ENTRIES,
    TRAJECTORY_STEPS,
    VECTOR_DIMENSION,
    VECTOR_FEATURES,
    VECTOR_NAMES,
    Rows,
    Transform,
    VectorFeature,
)
from spymaster_lake.features.approach import sgn_log
from spymaster_lake.features.arrays import F64
from spymaster_lake.features.dct import dct_ii
from spymaster_lake.features.trajectory import Windows, null_as_zero, null_held

OPENING_RANGE_MIN = float(TIME_BUCKET_BOUNDS["T0_15"][1])
"""Minutes after the open from which the opening range is known."""

MAX_HELD_SAMPLES = 4
"""More unknown samples of distance or flow than this make a series' coefficients NaN (08 B1)."""

ZERO_FILLED: tuple[str, ...] = ("barrier_delta_liq", "tape_imbalance")
"""Series whose unknown samples count as 0 in the DCT (08 B1)."""

EVENT_SOURCES: tuple[str, ...] = tuple(
    dict.fromkeys(s for f in VECTOR_FEATURES if f.rows is Rows.ANCHOR for s in f.sources)
)
"""Columns of `signals` that anchor entries read."""


def raw_vectors(event: Mapping[str, NDArray[Any]], windows: Windows) -> F64:
    """The vectors of e events.

    Args:
        event: the columns EVENT_SOURCES of `signals`: float64[e] with NaN, or object[e] of str with
            None for `fuel_effect` and `barrier_state`.
        windows: their prepared windows.

    Returns:
        float64[e, 149] in the order of VECTOR_FEATURES; NaN is unknown.

    Raises:
        UnknownNameError: a fuel effect or barrier state that does not exist.
    """
    n_events = len(event["atr"])
    vectors = np.full((n_events, VECTOR_DIMENSION), np.nan)
    for entry in VECTOR_FEATURES:
        if entry.rows is Rows.ANCHOR:
            vectors[:, entry.index] = _anchor_entry(entry, event)
        elif entry.rows is Rows.HISTORY:
            vectors[:, entry.index] = _history_entry(entry, windows)
    for first, spectrum in _trajectory_basis(windows).items():
        vectors[:, first : first + DCT_COEFFICIENTS] = spectrum
    return vectors


def missing_reason(vector: F64) -> str | None:
    """The first required entry that is unknown, None if the event is an episode (08 B1)."""
    for index in REQUIRED_ENTRIES:
        if np.isnan(vector[index]):
            return f"{VECTOR_NAMES[index]} is unknown"
    return None


def encode(values: NDArray[Any], codes: Mapping[str, int], *, what: str) -> F64:
    """Names as numbers; float64[m], NaN where None.

    Raises:
        UnknownNameError: a name without a code (02 D-35).
    """
    known = [v for v in values if v is not None]
    for name in sorted(set(known) - set(codes)):
        raise UnknownNameError(what, name, codes)
    return np.array([np.nan if v is None else codes[v] for v in values], np.float64)


def _anchor_entry(entry: VectorFeature, event: Mapping[str, NDArray[Any]]) -> F64:
    sources = [event[name] for name in entry.sources]
    if entry.transform is Transform.FUEL_CODE:
        return encode(sources[0], FUEL_EFFECT_CODES, what="fuel effect")
    if entry.transform is Transform.BARRIER_CODE:
        return encode(sources[0], BARRIER_STATE_CODES, what="barrier state")
    return _TRANSFORMS[entry.transform](*sources)


def _history_entry(entry: VectorFeature, windows: Windows) -> F64:
    lag = entry.step or 0
    sample = windows.values[entry.sources[0]][:, TRAJECTORY_STEPS - 1 - lag]
    return _TRANSFORMS[entry.transform](sample)


def _trajectory_basis(windows: Windows) -> dict[int, F64]:
    """Coefficients by index of their first entry, float64[e, 8] each."""
    out: dict[int, F64] = {}
    for entry in VECTOR_FEATURES:
        if entry.rows is not Rows.TRAJECTORY or entry.step != 0:
            continue
        source = entry.sources[0]
        series = windows.values[source]
        if entry.transform is Transform.DCT_SIGNED_LOG:
            series = sgn_log(series)
        if source in ZERO_FILLED:
            series = null_as_zero(series)
        else:
            series = null_held(series, at_most=MAX_HELD_SAMPLES)
        out[entry.index] = dct_ii(series, coefficients=DCT_COEFFICIENTS)
    return out


def _known(condition: NDArray[np.bool_], *inputs: F64) -> F64:
    """1 and 0, NaN where an input is."""
    unknown = np.logical_or.reduce([np.isnan(x) for x in inputs])
    return np.where(unknown, np.nan, condition.astype(np.float64))


def _zero_before_or(x: F64, minutes: F64) -> F64:
    return np.where(minutes < OPENING_RANGE_MIN, 0.0, np.where(np.isnan(minutes), np.nan, x))


def _recency(x: F64) -> F64:
    return np.where(np.isnan(x), RECENCY_CAP_S, np.minimum(x, RECENCY_CAP_S))


def _identity(x: F64) -> F64:
    return x


def _log1p_abs(x: F64) -> F64:
    logs: F64 = np.log1p(np.abs(x))
    return logs


def _flow_alignment(x: F64, y: F64) -> F64:
    aligned: F64 = -x * np.sign(y) + 0.0
    return aligned


_TRANSFORMS: dict[Transform, Callable[..., F64]] = {
    Transform.IDENTITY: _identity,
    Transform.OR_ACTIVE: lambda x: _known(x >= OPENING_RANGE_MIN, x),
    Transform.ZERO_BEFORE_OR: _zero_before_or,
    Transform.RECENCY: _recency,
    Transform.BOOLEAN: lambda x: _known(x != 0.0, x),
    Transform.SIGNED_LOG: sgn_log,
    Transform.LOG1P: np.log1p,
    Transform.LOG1P_ABS: _log1p_abs,
    Transform.FORCE_PROXY: lambda x, y: x / (1.0 + _log1p_abs(y)),
    Transform.LOG_RATIO: lambda x, y: np.log((x + 1.0) / (y + 1.0)),
    Transform.LOG_TOTAL: lambda x, y: np.log(x + y + 2.0),
    Transform.FLOW_ALIGNMENT: _flow_alignment,
}
