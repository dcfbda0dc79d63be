"""Bit-for-bit comparison of tables, column by column and vector entry by vector entry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spymaster_lake.contracts.catalogue import contract_of
from spymaster_lake.contracts.episodes import METADATA, SEQUENCES, VECTORS
from spymaster_lake.contracts.signals import SIGNALS
from spymaster_lake.contracts.state_table import STATE_TABLE
from spymaster_lake.contracts.table import Role, TableContract
from spymaster_lake.contracts.vector import VECTOR_NAMES

_SHOWN = 4

Tables = Mapping[str, pa.Table]
"""Tables of one session by dataset."""

ENTRIES: dict[str, tuple[str, ...]] = {
    "vector_raw": tuple(f"vector_raw[{i}] {name}" for i, name in enumerate(VECTOR_NAMES)),
}
"""Array columns that are compared entry by entry, and what their entries are called."""


@dataclass(frozen=True)
class Proved:
    """A table whose rows must not depend on anything at or after their instant.

    Attributes:
        contract: its contract.
        instant: the column that holds a row's instant.
    """

    contract: TableContract
    instant: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Everything but labels, arrays by their entries."""
        names = [c.name for c in self.contract.columns if c.role is not Role.LABEL]
        return tuple(entry for name in names for entry in ENTRIES.get(name, (name,)))


PROVED: dict[str, Proved] = {
    p.contract.dataset: p
    for p in (
        Proved(SIGNALS, "anchor_ts_ns"),
        Proved(STATE_TABLE, "ts_ns"),
        Proved(VECTORS, "anchor_ts_ns"),
        Proved(SEQUENCES, "anchor_ts_ns"),
        Proved(METADATA, "anchor_ts_ns"),
    )
}
"""Tables of the look-ahead proof by dataset."""

CASES: tuple[tuple[str, str], ...] = tuple(
    (dataset, column) for dataset, proved in PROVED.items() for column in proved.columns
)
"""Every (dataset, column) that must be proved."""


def bits(table: pa.Table) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """(bit pattern, is known) of every column; entries of fixed-length arrays are columns."""
    found = {}
    for name in table.column_names:
        column = table.column(name).combine_chunks()
        if name in ENTRIES:
            entries = ENTRIES[name]
            flat = np.asarray(column.flatten().to_numpy()).reshape(-1, len(entries))
            for i, entry in enumerate(entries):
                found[entry] = _bits(pa.array(flat[:, i]))
        else:
            found[name] = _bits(column)
    return found


def _bits(column: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    known = np.asarray(pc.is_valid(column).to_numpy(zero_copy_only=False), dtype=np.bool_)
    if not pa.types.is_floating(column.type):
        return np.array([str(v) for v in column.to_pylist()], dtype=np.str_), known
    values = np.asarray(column.fill_null(0.0).to_numpy())
    known &= ~np.isnan(values)
    pattern = values.view(np.int32 if values.dtype.itemsize == 4 else np.int64)
    return np.where(known, pattern, 0), known


@dataclass
class Evidence:
    """What a series of comparisons showed, by (dataset, column).

    Attributes:
        compared: rows compared.
        known: those of them with a value.
        faults: differences found.
    """

    compared: Counter[tuple[str, str]] = field(default_factory=Counter)
    known: Counter[tuple[str, str]] = field(default_factory=Counter)
    faults: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def merge(self, other: Evidence) -> None:
        """Add what another series showed."""
        self.compared.update(other.compared)
        self.known.update(other.known)
        for place, faults in other.faults.items():
            self.faults.setdefault(place, []).extend(faults)

    def add(
        self, dataset: str, base: pa.Table, other: pa.Table, *, keys: Sequence[str], where: str
    ) -> None:
        """Hold `other` against `base`, which must have the same rows in the same order."""
        labels = [tuple(row.values()) for row in base.select(list(keys)).to_pylist()]
        found = [tuple(row.values()) for row in other.select(list(keys)).to_pylist()]
        if labels != found:
            only = set(labels) ^ set(found)
            shown = f"{where}: rows differ, such as {list(only)[:_SHOWN]}"
            for column in bits(base.slice(0, 0)):
                self.faults.setdefault((dataset, column), []).append(shown)
            return
        mine, theirs = bits(base), bits(other)
        for column, (values, known) in mine.items():
            place = (dataset, column)
            self.compared[place] += len(values)
            self.known[place] += int(known.sum())
            if column not in theirs:
                self.faults.setdefault(place, []).append(f"{where}: column is missing")
                continue
            unequal = (values != theirs[column][0]) | (known != theirs[column][1])
            if unequal.any():
                rows = np.flatnonzero(unequal)
                at = [labels[i] for i in rows[:_SHOWN]]
                self.faults.setdefault(place, []).append(
                    f"{where}: {len(rows)} of {len(values)} rows, {at}"
                )


def until(table: pa.Table, instant: str, t_ns: int) -> pa.Table:
    """The rows whose instant is at or before t."""
    return table.filter(pc.less_equal(table.column(instant), t_ns))


def compare_past(evidence: Evidence, base: Tables, other: Tables, t_ns: int, where: str) -> None:
    """Hold every row with an instant at or before t against that of a run with another future.

    Tables of PROVED that the base run did not make are left out.
    """
    for dataset, proved in PROVED.items():
        if dataset not in base:
            continue
        chosen = [c.name for c in proved.contract.columns if c.role is not Role.LABEL]
        evidence.add(
            dataset,
            until(base[dataset], proved.instant, t_ns).select(chosen),
            until(other[dataset], proved.instant, t_ns).select(chosen),
            keys=proved.contract.keys,
            where=where,
        )


def differences(base: Tables, other: Tables, *, ordered: bool = True) -> list[str]:
    """What differs between two runs, labels included.

    Args:
        base: tables by dataset.
        other: the same tables of another run.
        ordered: rows must also come in the same order.
    """
    evidence = Evidence()
    for dataset, table in base.items():
        keys = contract_of(dataset).keys
        pair = [table, other[dataset]]
        if not ordered:
            pair = [t.sort_by([(k, "ascending") for k in keys]) for t in pair]
        evidence.add(dataset, *pair, keys=keys, where="run")
    return [f"{d}.{column}: {faults[0]}" for (d, column), faults in evidence.faults.items()]
