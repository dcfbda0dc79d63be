"""Outcome labels of zone entries: a trade-level race from the test of the level (01 2.7 NEW).

Labels read prints at or after the anchor, and the entry bar for the test; they are never features.

Representation. Floats use NaN for null. Nullable integers, strings and booleans are object arrays
with None for null, which Arrow reads as null. Non-null columns have a plain dtype.

Unknown is null. A search or race window with a gap longer than `max_gap_s` does not show whether,
or when, a level was reached: `outcome_h` and a crossing time are null if a gap lies before them,
`mfe`/`mae` if a gap lies anywhere in the window. After a gap in the search everything about the
race is null; `tau_ns`, `x_tau` and `rw_p_break` still state the first observed test, and `tested`
is null where none was observed.

`rw_p_break` is stored as the formula gives it; after an overshoot of more than 1 ATR it exceeds 1,
and validators clip it (08 A8). `label_end_ns_h` bounds what the main family reads; the `entry_`
family reads up to anchor + h, which is at most one bar later, and only for events resolved before
their anchor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.features.arrays import BAND_TOLERANCE, F64, I8, I64, NS, Trades
from spymaster_lake.features.races import (
    NO_TEST,
    UNKNOWN,
    Encounter,
    Race,
    Tape,
    find_start,
    run_race,
)

HORIZONS_S = (120, 240, 480)
"""Label horizons; their column suffixes are 2min, 4min, 8min (08 A18)."""

SEARCH_S = 480
"""The level must be tested within this time after the anchor."""

MAX_GAP_S = 60
"""A window with a longer time without a print is incomplete."""

COMPLETE, INCOMPLETE, ALREADY_THROUGH = "COMPLETE", "INCOMPLETE", "ALREADY_THROUGH"

_FLOATS = ("x_tau", "rw_p_break", "entry_x0", "entry_rw_p_break")
_FLOATS_H = ("t_break_s", "t_reject_s", "mfe_atr", "mae_atr")
_BOOLS = ("resolved_before_anchor",)
_INTS_H = ("label_end_ns",)


def label_events(
    trades: Trades,
    *,
    bar_start_ns: I64,
    anchor_ns: I64,
    level: F64,
    sigma: I8,
    atr: F64,
    anchor_price: F64,
    tick: float,
    horizons_s: Sequence[int] = HORIZONS_S,
    search_s: int = SEARCH_S,
    max_gap_s: int = MAX_GAP_S,
) -> dict[str, NDArray[Any]]:
    """All label columns but the keys (08 section C), in published order.

    Args:
        trades: front-month prints of the session in total order.
        bar_start_ns: int64[m] start of the entry bar.
        anchor_ns: int64[m] end of the entry bar, t0.
        level: float64[m] level of the event, points.
        sigma: int8[m] +1 UP, -1 DOWN.
        atr: float64[m] ATR at the anchor, points, positive.
        anchor_price: float64[m] last trade before the anchor, points.
        tick: price step in points.
        horizons_s: horizons in s, whole minutes, increasing.
        search_s: search for the test, s after the anchor.
        max_gap_s: longest time without a print in a complete window, s.

    Returns:
        Column name to array of m values:
        tau_ns (object int), x_tau (float64 points), rw_p_break (float64, 1), tested (object bool),
        resolved_before_anchor (bool), label_status (object str); per horizon outcome (object str),
        t_break_s, t_reject_s (float64 s from the anchor, negative if resolved before it), mfe_atr,
        mae_atr (float64, ATR, from the level, at least 0), label_end_ns (int64); entry_x0 (float64
        points), entry_rw_p_break (float64), entry_status (object str) and per horizon the entry_
        outcome, times and mfe/mae, the latter measured from x0. Approach frame.

    Raises:
        DataError: ATR missing or not positive, or level, sigma or anchor price unknown.

    Source: 01 2.7 NEW, 08 A3, A7, A18.
    """
    _require(level=level, sigma=sigma, atr=atr, anchor_price=anchor_price)
    suffixes = {h: f"{h // 60}min" for h in horizons_s}
    tape = Tape.of(trades, tick=tick, max_gap_ns=max_gap_s * NS)
    rows = []
    for i in range(len(anchor_ns)):
        event = Encounter(
            bar_start_ns=int(bar_start_ns[i]),
            anchor_ns=int(anchor_ns[i]),
            level=float(level[i]),
            sigma=int(sigma[i]),
            atr=float(atr[i]),
            x0=float(sigma[i] * (anchor_price[i] - level[i])),
        )
        row = _main_family(tape, event, suffixes=suffixes, search_ns=search_s * NS)
        rows.append(row | _entry_family(tape, event, suffixes=suffixes))
    return {name: _column(name, [row[name] for row in rows]) for name in label_columns(horizons_s)}


def label_columns(horizons_s: Sequence[int] = HORIZONS_S) -> tuple[str, ...]:
    """Names of the columns of `label_events`, in published order (08 section C)."""
    minutes = [f"{h // 60}min" for h in horizons_s]
    head = ("tau_ns", "x_tau", "rw_p_break", "tested", "resolved_before_anchor", "label_status")
    main = ("outcome", "t_break_s", "t_reject_s", "mfe_atr", "mae_atr", "label_end_ns")
    entry = (
        "entry_outcome",
        "entry_t_break_s",
        "entry_t_reject_s",
        "entry_mfe_atr",
        "entry_mae_atr",
    )
    return (
        *head,
        *(f"{name}_{m}" for m in minutes for name in main),
        *("entry_x0", "entry_rw_p_break", "entry_status"),
        *(f"{name}_{m}" for m in minutes for name in entry),
    )


def _main_family(
    tape: Tape, event: Encounter, *, suffixes: dict[int, str], search_ns: int
) -> dict[str, object]:
    """Race between +1 and -1 ATR from the test of the level."""
    start = find_start(tape, event, search_ns=search_ns)
    tested = True if start.tau_ns is not None else (False if start.is_complete else None)
    row: dict[str, object] = {
        "tau_ns": start.tau_ns,
        "x_tau": start.x_tau,
        "rw_p_break": (start.x_tau + event.atr) / (2 * event.atr),
        "tested": tested,
        "resolved_before_anchor": start.resolved,
    }
    outcomes = []
    for horizon, suffix in suffixes.items():
        race, end_ns = UNKNOWN, event.anchor_ns + search_ns
        if start.tau_ns is not None:
            end_ns = start.tau_ns + horizon * NS
        if start.tau_ns is not None and start.is_complete:
            race = run_race(
                tape,
                first=start.first,
                start_ns=start.tau_ns,
                end_ns=end_ns,
                level=event.level,
                sigma=event.sigma,
                upper=event.atr,
                lower=-event.atr,
            )
        outcomes.append(NO_TEST if tested is False else race.outcome)
        row[f"outcome_{suffix}"] = outcomes[-1]
        row |= _metrics("", suffix, race, event, reference=0.0)
        row[f"label_end_ns_{suffix}"] = end_ns
    row["label_status"] = INCOMPLETE if None in outcomes else COMPLETE
    return row


def _entry_family(tape: Tape, event: Encounter, *, suffixes: dict[int, str]) -> dict[str, object]:
    """Race from the anchor between +1 ATR and min(0, x0) - 1 ATR (01 2.7-5, 08 A3)."""
    upper, lower = event.atr, min(0.0, event.x0) - event.atr
    through = event.x0 >= upper - BAND_TOLERANCE
    base_rate = np.nan if through else (event.x0 - lower) / (upper - lower)
    row: dict[str, object] = {"entry_x0": event.x0, "entry_rw_p_break": base_rate}
    outcomes = []
    for horizon, suffix in suffixes.items():
        race = run_race(
            tape,
            first=tape.position(event.anchor_ns),
            start_ns=event.anchor_ns,
            end_ns=event.anchor_ns + horizon * NS,
            level=event.level,
            sigma=event.sigma,
            upper=upper,
            lower=lower,
        )
        if through:
            race = Race(None, None, None, race.highest, race.lowest)
        outcomes.append(race.outcome)
        row[f"entry_outcome_{suffix}"] = race.outcome
        row |= _metrics("entry_", suffix, race, event, reference=event.x0)
    status = INCOMPLETE if None in outcomes else COMPLETE
    row["entry_status"] = ALREADY_THROUGH if through else status
    return row


def _metrics(
    prefix: str, suffix: str, race: Race, event: Encounter, *, reference: float
) -> dict[str, float]:
    """Crossing times from the anchor and excursions from `reference` (points), NaN for null."""

    def seconds(t_ns: int | None) -> float:
        return np.nan if t_ns is None else (t_ns - event.anchor_ns) / NS

    return {
        f"{prefix}t_break_s_{suffix}": seconds(race.break_ns),
        f"{prefix}t_reject_s_{suffix}": seconds(race.reject_ns),
        f"{prefix}mfe_atr_{suffix}": float(np.maximum(0.0, race.highest - reference)) / event.atr,
        f"{prefix}mae_atr_{suffix}": float(np.maximum(0.0, reference - race.lowest)) / event.atr,
    }


def _require(*, level: F64, sigma: I8, atr: F64, anchor_price: F64) -> None:
    """Refuse events whose race is not defined (01 2.7-3: ATR null or <= 0 raises)."""
    rules = {
        "atr must be known and positive": ~(atr > 0),
        "level_price must be known": np.isnan(level),
        "sigma must be +1 or -1": np.abs(sigma) != 1,
        "anchor price must be known": np.isnan(anchor_price),
    }
    for rule, broken in rules.items():
        if broken.any():
            rows = np.flatnonzero(broken)
            raise DataError(
                f"labels: {rule}; broken by {len(rows)} events, rows {rows[:5].tolist()}"
            )


def _column(name: str, values: list[object]) -> NDArray[Any]:
    """The array of one column in its documented dtype."""
    stem = name.removeprefix("entry_").rsplit("_", 1)[0]
    if name in _FLOATS or stem in _FLOATS_H:
        return np.asarray(values, dtype=np.float64)
    if name in _BOOLS:
        return np.asarray(values, dtype=np.bool_)
    if stem in _INTS_H:
        return np.asarray(values, dtype=np.int64)
    result = np.empty(len(values), dtype=object)
    for i, value in enumerate(values):
        result[i] = value
    return result
