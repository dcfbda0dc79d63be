"""What a stage would read now: files of every input, by session date (00 section 5).

Answers three questions without starting Spark: are the inputs there, what are their fingerprints,
and did they change since a date was made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from spymaster_lake.contracts.catalogue import contract_of
from spymaster_lake.contracts.manifest import DatasetKey
from spymaster_lake.contracts.run_record import DatasetFingerprint
from spymaster_lake.lake.bronze_reader import BronzeFile, BronzeReader
from spymaster_lake.lake.delta_tables import TableSnapshot, open_snapshot, table_exists
from spymaster_lake.lake.paths import BRONZE_SCHEMA
from spymaster_lake.orchestration.binding import outputs_of
from spymaster_lake.orchestration.fingerprints import dataset_fingerprint, partition_hash
from spymaster_lake.orchestration.manifests import manifest_hash
from spymaster_lake.orchestration.types import BoundStage, Environment
from spymaster_lake.sessions.calendar import NS, SessionCalendar
from spymaster_lake.stages.lookback import first_source_ns
from spymaster_lake.stages.spec import CorpusStage, History, Source

_HOUR_NS = 3600 * NS


@dataclass(frozen=True)
class InputState:
    """The inputs of a stage for some session dates.

    Attributes:
        fingerprints: one for each source, over all dates together.
        by_date: session date to {source: hash of the partitions that date reads}.
        missing: session date to what it lacks among the required inputs.
    """

    fingerprints: tuple[DatasetFingerprint, ...]
    by_date: dict[date, dict[str, str]]
    missing: dict[date, tuple[str, ...]] = field(default_factory=dict)


class Inventory:
    """A view of the lake's files that lists each dataset once; make a new one to look again."""

    def __init__(self, env: Environment) -> None:
        self._env = env
        self._bronze: dict[tuple[str, str, str, int, int], tuple[BronzeFile, ...]] = {}
        self._tables: dict[str, TableSnapshot | None] = {}

    def bronze(
        self, instrument: str, product: str, dataset: str, *, start_ns: int, end_ns: int
    ) -> tuple[BronzeFile, ...]:
        """Files of a Bronze dataset whose hour overlaps [start_ns, end_ns), by path."""
        key = (instrument, product, dataset, start_ns, end_ns)
        if key not in self._bronze:
            reader = BronzeReader(self._env.resolver, self._env.filesystem, instrument, product)
            files = reader.files(dataset, start_ns=start_ns, end_ns=end_ns)
            self._bronze[key] = tuple(files)
        return self._bronze[key]

    def table(self, layer: str, instrument: str, key: DatasetKey) -> TableSnapshot | None:
        """The newest version of a Silver or Gold table; None if there is none."""
        _, pipeline, version, dataset = key
        paths = self._env.resolver
        make = paths.silver_table if layer == "silver" else paths.gold_table
        path = make(instrument, pipeline, version, dataset)
        if path not in self._tables:
            self._tables[path] = open_snapshot(path) if table_exists(path) else None
        return self._tables[path]

    def published(self, bound: BoundStage) -> dict[str, frozenset[date] | None]:
        """Dates in each output table of a stage; None for a table that does not exist."""
        found: dict[str, frozenset[date] | None] = {}
        if isinstance(bound.stage, CorpusStage):
            return found
        for layer, dataset in outputs_of(bound):
            key = (layer, bound.pipeline_id, bound.pipeline_version, dataset)
            snapshot = self.table(layer, bound.instrument, key)
            found[dataset] = None if snapshot is None else frozenset(snapshot.dates)
        return found


def input_state(
    env: Environment,
    bound: BoundStage,
    dates: Sequence[date],
    *,
    corpus_start: date | None = None,
    inventory: Inventory | None = None,
) -> InputState:
    """The inputs of `bound` for `dates`, as they lie in the lake now.

    Args:
        env: the environment.
        bound: the stage.
        dates: session dates; the as-of date of a corpus stage.
        corpus_start: first date of the corpus of a corpus stage, None for all of it.
        inventory: a view of the lake to share between calls; a fresh one when None.
    """
    inventory = inventory or Inventory(env)
    reader = _SourceReader(env, bound, inventory, dates, corpus_start)
    by_date: dict[date, dict[str, str]] = {day: {} for day in dates}
    missing: dict[date, list[str]] = {}
    prints = []
    for source in bound.stage.sources:
        union: set[tuple[str, int]] = set()
        partitions: set[date] = set()
        for day in dates:
            files, days, present = reader.read(source, day)
            union |= set(files)
            partitions |= days
            by_date[day][source_name(source)] = partition_hash(files)
            if not present and bound.is_required(source):
                missing.setdefault(day, []).append(source_name(source))
        prints.append(reader.fingerprint(source, union, partitions))
    return InputState(tuple(prints), by_date, {d: tuple(m) for d, m in missing.items()})


def source_name(source: Source) -> str:
    """How plans and records name a source: "bronze futures trades"."""
    return f"{source.layer} {source.product or source.pipeline_id} {source.dataset}"


class _SourceReader:
    """Which files of a source a session date reads."""

    def __init__(
        self,
        env: Environment,
        bound: BoundStage,
        inventory: Inventory,
        dates: Sequence[date],
        corpus_start: date | None,
    ) -> None:
        self._bound, self._inventory, self._corpus_start = bound, inventory, corpus_start
        self._profile = env.profiles[bound.instrument]
        self._calendar = SessionCalendar(self._profile.calendar)
        self._paths, self._dates = env.resolver, dates
        self._history = self._present_everywhere()

    def read(self, source: Source, day: date) -> tuple[list[tuple[str, int]], set[date], bool]:
        """(path, bytes) of the files, the partitions `date=`, and whether the day itself is there."""
        if source.layer == "bronze":
            return self._bronze(source, day)
        snapshot = self._snapshot(source)
        if snapshot is None:
            return [], set(), False
        days = set(self._days(source, day, snapshot.dates))
        files = [(self._paths.relative(f.path), f.size) for f in snapshot.on(days)]
        corpus = isinstance(self._bound.stage, CorpusStage)
        return files, days & set(snapshot.dates), bool(days) if corpus else day in snapshot.dates

    def fingerprint(
        self, source: Source, files: Iterable[tuple[str, int]], days: Iterable[date]
    ) -> DatasetFingerprint:
        snapshot = None if source.layer == "bronze" else self._snapshot(source)
        return dataset_fingerprint(
            layer=source.layer,
            owner=source.product or source.pipeline_id,
            dataset=source.dataset,
            pipeline_version=self._bound.version_of(source),
            manifest_hash=manifest_hash(self._bound.manifest),
            schema_version=_schema_version(source),
            dates=days,
            files=files,
            table_version=None if snapshot is None else snapshot.version,
        )

    def _bronze(self, source: Source, day: date) -> tuple[list[tuple[str, int]], set[date], bool]:
        start, clock = self._first_ns(source, day), self._calendar.clock(day)
        listed = self._inventory.bronze(
            self._bound.instrument,
            source.product,
            source.dataset,
            start_ns=self._first_ns(source, min(self._dates)),
            end_ns=self._calendar.clock(max(self._dates)).end_ns,
        )
        files = [f for f in listed if f.hour_ns < clock.end_ns and f.hour_ns + _HOUR_NS > start]
        own_ns = start if source.history is History.REFERENCE else clock.start_ns
        present = any(f.hour_ns + _HOUR_NS > own_ns for f in files)
        return [(f.path, f.size) for f in files], {f.day for f in files}, present

    def _first_ns(self, source: Source, day: date) -> int:
        return first_source_ns(source.history, day, self._profile, self._calendar)

    def _present_everywhere(self) -> list[date]:
        """Dates that all inputs with history PRESENT hold."""
        sets = [
            set(snapshot.dates)
            for source in self._bound.stage.sources
            if source.history is History.PRESENT
            and (snapshot := self._snapshot(source)) is not None
        ]
        return sorted(set.intersection(*sets)) if sets else []

    def _snapshot(self, source: Source) -> TableSnapshot | None:
        key = (source.layer, source.pipeline_id, self._bound.version_of(source), source.dataset)
        return self._inventory.table(source.layer, self._bound.instrument, key)

    def _days(self, source: Source, day: date, present: Sequence[date]) -> list[date]:
        if isinstance(self._bound.stage, CorpusStage):
            return [d for d in present if (self._corpus_start or date.min) <= d < day]
        if source.history is History.PRESENT:
            before = [d for d in self._history if d < day]
            return [*before[-self._profile.calibration_sessions :], day]
        return [day]


def _schema_version(source: Source) -> str:
    if source.layer == "bronze":
        return BRONZE_SCHEMA
    return f"v{contract_of(source.dataset).version}"
