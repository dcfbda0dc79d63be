"""A livelier market: the same ticks with jumps of price put on top of them.

Price of a quiet simulated market enters a zone slowly, so that at the anchor the level itself is
out of sight of the book and of the tape band. Jumps bring price to the level and away
from it within seconds, so that every column has values that a proof can compare.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from spymaster_lake.features.arrays import NS
from tests.proof.bronze_in_memory import Bronze, Key, total_order

_BURST = 4
_BURST_STEP_NS = NS // 100
_BURST_ROW = 50_000_000


@dataclass(frozen=True)
class Liveliness:
    """What is put on top of a market.

    Attributes:
        seeds: of the two whole sessions; such that what is rare occurs.
        reach_ticks: farthest jump either way, some three zone half widths.
        gap_s: mean seconds between two jumps.
        bursts: bursts of prints: one side takes four prices within a tenth of a second.
    """

    seeds: tuple[int, int]
    reach_ticks: int
    gap_s: int = 75
    bursts: int = 0


def livelier(bronze: Bronze, how: Liveliness, *, seed: int) -> Bronze:
    """The session with bursts of prints and jumps of price on top."""
    return with_jumps(with_bursts(bronze, how, seed=seed), how, seed=seed)


def with_jumps(bronze: Bronze, how: Liveliness, *, seed: int) -> Bronze:
    """The instrument's own trades and books, moved by an offset that jumps at random times."""
    rng = np.random.default_rng(seed)
    start, stop = bronze.clock.book_start_ns, bronze.clock.close_ns
    gaps = rng.exponential(how.gap_s * NS, 2 * (stop - start) // (how.gap_s * NS))
    times = start + np.cumsum(gaps).astype(np.int64)
    times = times[times < stop]
    offsets = np.append(0, rng.integers(-how.reach_ticks, how.reach_ticks + 1, len(times)))

    def change(key: Key, table: pa.Table) -> pa.Table:
        if key[0] == "options" or not table.num_rows:
            return table
        at = np.searchsorted(times, table.column("ts_event_ns").to_numpy(), side="right")
        return shifted(table, _prices(table), offsets[at] * bronze.tick)

    return bronze.changed(change)


def with_bursts(bronze: Bronze, how: Liveliness, *, seed: int) -> Bronze:
    """Some prints repeated at three more prices, each a moment later, all of one side."""
    rng = np.random.default_rng([seed, how.bursts])

    def change(key: Key, table: pa.Table) -> pa.Table:
        if key[0] == "options" or key[1] != "trades" or not how.bursts:
            return table
        times = table.column("ts_event_ns").to_numpy()
        eligible = times >= bronze.clock.open_ns
        if "counts_for_price" in table.column_names:
            eligible &= table.column("counts_for_price").to_numpy()
        chosen = rng.choice(np.flatnonzero(eligible), how.bursts)
        side = rng.choice(np.array([-1, 1], np.int8), how.bursts)
        parts = [table]
        for step in range(1, _BURST):
            rows = table.take(pa.array(chosen))
            at = times[chosen] + step * _BURST_STEP_NS
            rows = shifted(rows, ["price"], side * step * bronze.tick)
            values = {
                "ts_event_ns": at,
                "ts_recv_ns": at,
                "aggressor": side,
                "src_row": _BURST_ROW * step + np.arange(len(at)),
            }
            columns = [
                pa.array(values[f.name], f.type) if f.name in values else rows.column(f.name)
                for f in rows.schema
            ]
            parts.append(pa.table(columns, schema=rows.schema))
        return total_order(pa.concat_tables(parts))

    return bronze.changed(change)


def _prices(table: pa.Table) -> list[str]:
    return [n for n in table.column_names if n == "price" or n.endswith("_px") or "_px_" in n]


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
