"""Which columns a run wrote mostly null, and why: the part of its summary that run.json keeps too.

Reasons come from `contracts.null_rules` and from facts: the profile, and what the lake held for the
run's dates. Where neither tells, the reason is "unknown".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Literal

from spymaster_lake.contracts.catalogue import contract_of
from spymaster_lake.contracts.null_rules import Need, entries_of, entry_rule, needs_of, null_rule
from spymaster_lake.contracts.run_record import NullGroup, RunRecord, StageRecord
from spymaster_lake.contracts.work_events import CALIBRATION
from spymaster_lake.contracts.work_market import SESSIONS
from spymaster_lake.lake.delta_tables import TableSnapshot
from spymaster_lake.lake.parquet_files import read_partition_files
from spymaster_lake.orchestration.inputs import Inventory
from spymaster_lake.orchestration.prepare import PreparedRun
from spymaster_lake.orchestration.types import Environment
from spymaster_lake.sessions.price_basis import SplitTable

MOST = 0.5
"""Share of null rows from which a column is listed."""

UNKNOWN = "unknown: no rule of the contract and no fact of profile or lake tells"

_WORK = "work/"
_Reason = tuple[str, Literal["profile", "lake", "contract", "unknown"]]


def null_groups(
    env: Environment, prepared: PreparedRun, record: RunRecord
) -> tuple[NullGroup, ...]:
    """Columns that are null in at least half of the rows that a run wrote or found, by reason.

    Work tables are listed only where the run published nothing else: their columns are those of the
    published tables.

    Args:
        env: the environment.
        prepared: the run.
        record: its record, with all stages done.
    """
    inventory = Inventory(env)
    return tuple(
        group
        for stage, dataset in _datasets(record)
        for group in _groups(stage, dataset, Facts(prepared, inventory, stage.dates))
    )


def _datasets(record: RunRecord) -> list[tuple[StageRecord, str]]:
    written = [(s, o.dataset) for s in record.stages for o in s.outputs if o.rows]
    published = [(s, name) for s, name in written if not name.startswith(_WORK)]
    return published or written


def _groups(stage: StageRecord, dataset: str, facts: Facts) -> Iterator[NullGroup]:
    counts = stage.null_counts.get(dataset)
    if counts is None:  # no table: indices are files
        return
    rows = next(o.rows for o in stage.outputs if o.dataset == dataset)
    found: dict[tuple[bool, _Reason], dict[str, int]] = {}
    for column in _in_order(dataset, counts):
        nulls = counts[column]
        if nulls >= MOST * rows:
            reason = facts.reason(dataset, column)
            found.setdefault((nulls == rows, reason), {})[column] = nulls
    whole_first = sorted(found.items(), key=lambda item: not item[0][0])
    for (_, (text, source)), columns in whole_first:
        yield NullGroup(
            dataset=dataset,
            columns=tuple(columns),
            rows=rows,
            fewest=min(columns.values()),
            most=max(columns.values()),
            reason=text,
            source=source,
        )


def _in_order(dataset: str, columns: Iterable[str]) -> list[str]:
    """Columns, and entries of arrays, in the order of the contract."""
    names = contract_of(dataset).names
    every = [
        name
        for column in names
        for name in (column, *(f"{column}.{e}" for e in entries_of(dataset, column)))
    ]
    place = {name: i for i, name in enumerate(every)}
    return sorted(columns, key=place.__getitem__)


@dataclass(frozen=True, slots=True)
class Lack:
    """A need that is not met: what is lacking, where that stands, and on which dates."""

    text: str
    source: Literal["profile", "lake"]
    days: frozenset[date]


@dataclass
class Facts:
    """What profile and lake tell about the dates of a run; tables are read when a reason needs them.

    Attributes:
        prepared: the run.
        inventory: a view of the lake.
        days: the dates a stage wrote.
    """

    prepared: PreparedRun
    inventory: Inventory
    days: Sequence[date]

    def reason(self, dataset: str, column: str) -> _Reason:
        """Why a column may be null on these dates, and where that stands."""
        array, _, entry = column.partition(".")
        rule = entry_rule(entry) if entry else null_rule(contract_of(dataset).column(array))
        for need in needs_of(array, entry=entry):
            lack = self._lack(need)
            if lack is None:
                continue
            whole = len(lack.days) == len(self.days)
            where = "" if whole else f" on {len(lack.days)} of {len(self.days)} dates"
            also = f"; else {rule}" if rule and not whole else ""
            return f"{lack.text}{where}{also}", lack.source
        return (rule, "contract") if rule else (UNKNOWN, "unknown")

    def _lack(self, need: Need) -> Lack | None:
        """What of a need is not met, None if nothing is or nobody knows."""
        profile = self.prepared.profile
        if need is Need.DEPTH:
            if profile.book_levels > 1:
                return None
            text = "the book shows one level a side, which leaves most of a zone unseen"
            return Lack(text, "profile", frozenset(self.days))
        if need is Need.CALIBRATION:
            return self._uncalibrated
        if need is Need.OPTIONS and profile.options is None:
            return Lack("the instrument has no options", "profile", frozenset(self.days))
        column, text = {
            Need.OPTIONS: ("has_options", "no option is known in the session"),
            Need.OPEN_INTEREST: ("has_open_interest", "no open interest before the open"),
        }[need]
        without = frozenset(d for d, facts in self._sessions.items() if not facts[column])
        return Lack(text, "lake", without) if without else None

    @cached_property
    def _sessions(self) -> Mapping[date, Mapping[str, bool]]:
        snapshot = self._table(SESSIONS.dataset)
        if snapshot is None:
            return {}
        columns = ("date", "has_options", "has_open_interest")
        rows = read_partition_files(SESSIONS, snapshot.on(self.days), columns)
        return {row["date"]: row for row in rows.to_pylist()}

    @cached_property
    def _uncalibrated(self) -> Lack | None:
        """Dates with too few earlier sessions for thresholds (08 A14)."""
        snapshot = self._table(CALIBRATION.dataset)
        if snapshot is None:
            return None
        needed = self.prepared.profile.calibration_sessions
        splits = SplitTable.of(self.prepared.profile)
        basis = {d: splits.basis(d) for d in {*snapshot.dates, *self.days}}
        earlier = {
            day: sum(d < day and basis[d] == basis[day] for d in snapshot.dates)
            for day in self.days
        }
        few = {day: n for day, n in earlier.items() if n < needed}
        if not few:
            return None
        most = max(few.values())
        text = f"calibrated on {needed} earlier sessions of the price basis, {most} are there"
        return Lack(text, "lake", frozenset(few))

    def _table(self, dataset: str) -> TableSnapshot | None:
        """A Silver table that the run's manifest names; None if it names none, or none stands."""
        manifest = self.prepared.manifest
        for ref in (*manifest.inputs, *manifest.outputs):
            if ref.dataset == dataset:
                return self.inventory.table(ref.layer, manifest.instrument, ref.key)
        return None
