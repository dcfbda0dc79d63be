"""Bronze of one session in memory: what the stages scan, and ways to change it.

A `Bronze` holds all rows that the stages of one session may read, whole rows in total order. Its
scans fulfil the protocol `BronzeScan` of the stages. Changes give a new `Bronze`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spymaster_lake.contracts.bronze import BRONZE
from spymaster_lake.lake.bronze_parts import HOUR_NS, BronzeScan
from spymaster_lake.sessions.calendar import SessionClock

Key = tuple[str, str]
"""(product, dataset)."""
Rows = Mapping[str, pa.Table]
"""Whole rows by partition value (contract or underlying)."""

_ORDER = [(name, "ascending") for name in ("ts_event_ns", "seq", "src_file", "src_row")]


def total_order(table: pa.Table) -> pa.Table:
    """The rows in the total order of Bronze."""
    return table.sort_by(_ORDER)


def known_ns(table: pa.Table) -> np.ndarray:
    """When a row is known: its event time, for snapshot rows the receive time if that is later."""
    times = table.column("ts_event_ns").to_numpy()
    if "is_snapshot" not in table.column_names:
        return times
    received = table.column("ts_recv_ns").to_numpy()
    snapshot = table.column("is_snapshot").to_numpy()
    return np.where(snapshot, np.maximum(times, received), times)


@dataclass(frozen=True)
class MemoryScan:
    """The protocol `BronzeScan` over rows in memory."""

    rows: Rows
    schema: pa.Schema

    def contracts(self) -> tuple[str, ...]:
        """Partition values, sorted."""
        return tuple(sorted(self.rows))

    def read(
        self,
        columns: Sequence[str] = (),
        *,
        start_ns: int,
        end_ns: int,
        contract: str | None = None,
    ) -> pa.Table:
        """Rows of [start_ns, end_ns) in total order; snapshot rows count by their receive time."""
        chosen = [t for v, t in self.rows.items() if contract in {None, v}]
        parts = [_between(t, start_ns, end_ns) for t in chosen]
        whole = pa.concat_tables(parts) if parts else self.schema.empty_table()
        if sum(p.num_rows > 0 for p in parts) > 1:
            whole = total_order(whole)
        return whole.select(list(columns)) if columns else whole

    def chunks(
        self,
        columns: Sequence[str] = (),
        *,
        start_ns: int,
        end_ns: int,
        contract: str | None = None,
    ) -> Iterator[pa.Table]:
        """The same rows, one UTC hour at a time."""
        for hour in range(start_ns // HOUR_NS, end_ns // HOUR_NS + 1):
            begin, end = max(start_ns, hour * HOUR_NS), min(end_ns, (hour + 1) * HOUR_NS)
            table = self.read(columns, start_ns=begin, end_ns=end, contract=contract)
            if table.num_rows:
                yield table


def _between(table: pa.Table, start_ns: int, end_ns: int) -> pa.Table:
    times = table.column("ts_event_ns").to_numpy()
    if "is_snapshot" not in table.column_names or not pc.any(table.column("is_snapshot")).as_py():
        first, last = np.searchsorted(times, [start_ns, end_ns], side="left")
        return table.slice(first, last - first)
    snapshot = table.column("is_snapshot").to_numpy()
    times = np.where(snapshot, table.column("ts_recv_ns").to_numpy(), times)
    return table.filter(pa.array((times >= start_ns) & (times < end_ns)))


@dataclass(frozen=True)
class Bronze:
    """All Bronze rows that the stages of one session may read."""

    clock: SessionClock
    rows: Mapping[Key, Rows]
    aliases: Mapping[str, Key]
    tick: float

    def scans(self) -> dict[str, MemoryScan]:
        """Scans by the alias that stages use."""
        return {
            alias: MemoryScan(self.rows[key], BRONZE[key].arrow_schema)
            for alias, key in self.aliases.items()
        }

    def changed(self, change: Callable[[Key, pa.Table], pa.Table]) -> Bronze:
        """Every table replaced by `change((product, dataset), rows)`."""
        return Bronze(
            self.clock,
            {
                key: {value: change(key, table) for value, table in rows.items()}
                for key, rows in self.rows.items()
            },
            self.aliases,
            self.tick,
        )


def load(
    clock: SessionClock, scans: Mapping[str, BronzeScan], first_ns: int, *, tick: float
) -> Bronze:
    """All rows of [first_ns, session end) that the lake's own scans give, by alias."""
    rows: dict[Key, Rows] = {}
    aliases = {alias: (scan.product, scan.dataset) for alias, scan in scans.items()}
    for scan in scans.values():
        rows[scan.product, scan.dataset] = {
            value: scan.read((), start_ns=first_ns, end_ns=clock.end_ns, contract=value)
            for value in scan.contracts()
        }
    return Bronze(clock, rows, aliases, tick)


def truncated(bronze: Bronze, t_ns: int) -> Bronze:
    """The same past; nothing happens at t or later (02 10.4-1)."""
    return bronze.changed(lambda _, table: table.filter(pa.array(known_ns(table) < t_ns)))
