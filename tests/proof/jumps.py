"""A livelier market: the same ticks with jumps of price put on top of them.

Price of a quiet simulated market enters a zone slowly, so that at the anchor the level itself is
out of sight of the ten-level book and of the tape band. Jumps bring price to the level and away
from it within seconds, so that every column has values that a proof can compare.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from spymaster_lake.features.arrays import NS
from tests.proof.bronze_in_memory import Bronze, Key

_MEAN_GAP_S = 75
_REACH_TICKS = 56
_TICK = 0.25


def with_jumps(bronze: Bronze, *, seed: int) -> Bronze:
    """The session's trades and books, moved by an offset that jumps at random times."""
    rng = np.random.default_rng(seed)
    start, stop = bronze.clock.book_start_ns, bronze.clock.close_ns
    gaps = rng.exponential(_MEAN_GAP_S * NS, 2 * (stop - start) // (_MEAN_GAP_S * NS))
    times = start + np.cumsum(gaps).astype(np.int64)
    times = times[times < stop]
    offsets = np.append(0, rng.integers(-_REACH_TICKS, _REACH_TICKS + 1, len(times)))

    def change(key: Key, table: pa.Table) -> pa.Table:
        if key[0] != "futures" or not table.num_rows:
            return table
        at = np.searchsorted(times, table.column("ts_event_ns").to_numpy(), side="right")
        return shifted(table, _prices(table), offsets[at] * _TICK)

    return bronze.changed(change)


def _prices(table: pa.Table) -> list[str]:
    return [n for n in table.column_names if n == "price" or "_px_" in n]


def shifted(table: pa.Table, names: Sequence[str], by: np.ndarray) -> pa.Table:
    """Price columns plus an offset per row; absent levels stay null."""
    for name in names:
        place = table.column_names.index(name)
        column = table.column(name)
        values = column.to_numpy() + by
        table = table.set_column(
            place, table.schema.field(name), pa.array(values, column.type, from_pandas=True)
        )
    return table
