"""The approach over ten minutes, the clock, and the distance to the tested level (02 N-15).

c_j is the last 1-minute close with bar_end <= t - j min, at most 60 s old (08 A32). Differences of
closes are integer ticks; divisions are plain, without an epsilon (02 N-15e, 08 A31).
"""

from __future__ import annotations

import numpy as np

from spymaster_lake.features.arrays import F64, I64, NS, Bars, Queries, points
from spymaster_lake.features.asof import last_close
from spymaster_lake.features.columns import Columns, nullable, ratio

LOOKBACK_MIN = 10
_MINUTE_NS = 60 * NS


def approach_features(bars_1m: Bars, queries: Queries, *, tick_size: float) -> Columns:
    """How price came to the level over the last ten minutes (02 N-15b); approach frame.

    Args:
        bars_1m: 1-minute bars of one session and contract.
        queries: m instants and directions.
        tick_size: points per tick.

    Returns:
        `approach_velocity`: float64[m] pt/min, sigma (c_0 - c_10) / 10.
        `approach_distance`: float64[m] points, sigma (c_0 - c_10), negative on a retreat.
        `approach_bars`: object[m] int 0..10, the trailing run of strict moves with sign sigma.
        NaN or None if one of the eleven closes is unknown or sigma is 0.
    """
    offsets = np.arange(LOOKBACK_MIN + 1, dtype=np.int64) * _MINUTE_NS
    closes = last_close(bars_1m, queries.t_ns[:, None] - offsets[None, :])
    sigma = queries.sigma.astype(np.int64)
    known = closes.known.all(axis=1) & (sigma != 0)
    travelled = sigma * (closes.ticks[:, 0] - closes.ticks[:, -1])
    distance = np.where(known, points(travelled, tick=tick_size), np.nan)
    towards = sigma[:, None] * (closes.ticks[:, :-1] - closes.ticks[:, 1:]) > 0
    run = np.logical_and.accumulate(towards, axis=1).sum(axis=1)
    return {
        "approach_velocity": distance / LOOKBACK_MIN,
        "approach_distance": distance,
        "approach_bars": nullable(run, known),
    }


def time_since_open(t_ns: I64, *, open_ns: int) -> Columns:
    """Minutes and whole minutes since the open, at the instant itself (08 A29).

    Args:
        t_ns: int64[m], nanoseconds UTC.
        open_ns: the session's open, 09:30 New York, nanoseconds UTC.

    Returns:
        `minutes_since_open`: float64[m]; `bars_since_open`: object[m] int, complete 1-minute bars.
        NaN and None before the open (warm-up rows of the state table).
    """
    elapsed = t_ns - open_ns
    started = elapsed >= 0
    return {
        "minutes_since_open": np.where(started, elapsed / _MINUTE_NS, np.nan),
        "bars_since_open": nullable(elapsed // _MINUTE_NS, started),
    }


def distance_to_tested_level(*, spot: F64, level: F64, atr: F64) -> Columns:
    """Signed distance from the tested level, + above it (market frame; 02 N-15e).

    Args:
        spot: float64[m] points.
        level: float64[m] points, NaN where inactive.
        atr: float64[m] points.

    Returns:
        float64[m] each: `distance_signed` (points), `distance_signed_atr` (ATR),
        `distance_signed_frac` (fraction of spot). NaN if a term is unknown or a divisor is 0.
    """
    return normalised("distance_signed", spot - level, spot=spot, atr=atr)


def normalised(name: str, points: F64, *, spot: F64, atr: F64) -> Columns:
    """A distance in points, in ATR and as a fraction of spot: {name}, {name}_atr, {name}_frac.

    Args:
        name: column name of the distance in points.
        points: float64[m].
        spot: float64[m] points.
        atr: float64[m] points.

    Returns:
        float64[m] each; NaN if a term is unknown or the divisor is 0.
    """
    return {name: points, f"{name}_atr": ratio(points, atr), f"{name}_frac": ratio(points, spot)}


def sgn_log(values: F64) -> F64:
    """sign(x) ln(1 + abs(x)); float64[m], NaN stays NaN (02 section 8)."""
    logs: F64 = np.sign(values) * np.log1p(np.abs(values))
    return logs


def log_columns(*, wall_ratio: F64, barrier_delta_liq: F64) -> Columns:
    """`wall_ratio_log` and `barrier_delta_liq_log`, the sgn-log of their sources; unsigned frame.

    Args:
        wall_ratio: float64[m].
        barrier_delta_liq: float64[m] contracts.

    Returns:
        float64[m] each, NaN where the source is.
    """
    return {
        "wall_ratio_log": sgn_log(wall_ratio),
        "barrier_delta_liq_log": sgn_log(barrier_delta_liq),
    }
