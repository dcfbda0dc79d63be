"""The 20 minutes before an anchor as a flat sequence with its mask (03 2.6 [N], 08 B21)."""

from __future__ import annotations

import numpy as np

from spymaster_lake.contracts.episodes import SEQUENCE_CHANNELS, SEQUENCE_LENGTH
from spymaster_lake.features.approach import sgn_log
from spymaster_lake.features.arrays import F64, I8
from spymaster_lake.features.trajectory import DISTANCE, Windows

_SIGNED_LOGS: dict[str, str] = {"barrier_delta_liq_log": "barrier_delta_liq"}
"""Sequence channels that are the signed logarithm of a window channel."""


def sequences(windows: Windows) -> tuple[F64, I8]:
    """Values and mask, both indexed 7 step + channel, oldest step first.

    A step is observed if its distance is. A value is observed if its step is and if it was known at
    that very instant. Held and padded values stay in the sequence with mask 0; unknown values are 0
    with mask 0.

    Args:
        windows: prepared windows of e events.

    Returns:
        (float64[e, 280], int8[e, 280] of 0 and 1).
    """
    step = windows.observed[DISTANCE]
    values, observed = [], []
    for channel in SEQUENCE_CHANNELS:
        source = _SIGNED_LOGS.get(channel, channel)
        raw = windows.values[source]
        values.append(sgn_log(raw) if channel in _SIGNED_LOGS else raw)
        observed.append(windows.observed[source] & step)
    stacked, seen = np.stack(values, axis=2), np.stack(observed, axis=2)
    flat = np.where(np.isnan(stacked), 0.0, stacked).reshape(-1, SEQUENCE_LENGTH)
    return flat, seen.reshape(-1, SEQUENCE_LENGTH).astype(np.int8)
