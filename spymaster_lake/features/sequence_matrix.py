"""From stored sequences to the block a model reads: the one transform of training and inference.

The counterpart of `model_matrix` for the 20 minutes before an anchor (03 2.6 [N], 08 B21). Channels
of the market frame are multiplied by the direction's sign, so that UP and DOWN approaches share one
space; kinematics are of the approach frame already, the barrier's change is unsigned. What the mask
hides becomes NaN whatever stood there: a model can only see that it is unknown.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.episodes import SEQUENCE_CHANNELS, SEQUENCE_LENGTH
from spymaster_lake.contracts.errors import DataError
from spymaster_lake.contracts.signals import SIGNALS
from spymaster_lake.features.model_matrix import direction_signs

FloatArray = NDArray[np.float64]

SEQUENCE_COLUMNS: tuple[str, str] = ("sequence", "sequence_mask")
"""Columns of `episodes/sequences` that become the block."""

SIGNED_CHANNELS: tuple[bool, ...] = tuple(
    SIGNALS.column(name).frame == "market" for name in SEQUENCE_CHANNELS
)
"""Channels that the mirror turns round: distance, order flow, tape imbalance."""


def sequence_matrix(
    sequence: NDArray[Any], mask: NDArray[Any], direction: NDArray[Any]
) -> FloatArray:
    """The sequences with signs applied and NaN where unknown.

    Args:
        sequence: float[n, 280], index 7 step + channel, oldest step first, raw units.
        mask: int[n, 280] of 0 and 1; values where it is 0 are never looked at.
        direction: object[n], names of directions.

    Returns:
        float64[n, 280] in the same order; NaN where the mask is 0.

    Raises:
        DataError: another shape, a mask that is neither 0 nor 1, or an observed value that is not
            finite; names the row.
        UnknownNameError: an unknown direction.
    """
    shape = (len(direction), SEQUENCE_LENGTH)
    for name, array in (("sequence", sequence), ("sequence_mask", mask)):
        if array.shape != shape:
            raise DataError(f"column {name}: shape {array.shape}; allowed: {shape}")
    if not np.isin(mask, (0, 1)).all():
        row = int(np.flatnonzero(~np.isin(mask, (0, 1)).all(axis=1))[0])
        raise DataError(f"column sequence_mask: row {row} holds other values than 0 and 1")
    known = mask == 1
    values = np.asarray(sequence, dtype=np.float64)
    if (wrong := known & ~np.isfinite(values)).any():
        row = int(np.flatnonzero(wrong.any(axis=1))[0])
        raise DataError(f"column sequence: row {row} is not finite where its mask is 1")
    steps = SEQUENCE_LENGTH // len(SEQUENCE_CHANNELS)
    signed = np.tile(np.array(SIGNED_CHANNELS), steps)
    sign = direction_signs(np.asarray(direction, dtype=object))
    factor = np.where(signed[None, :], sign[:, None], 1.0)
    return np.where(known, values * factor, np.nan)
