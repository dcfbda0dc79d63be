"""Ingest the raw files of one instrument and product: Spark tasks, published together.

A task is one file, or the files of one symbol and day where prints need the quotes of their day.

Files are decoded and staged in parallel; only when every file has been read and accepted are their
parts renamed into Bronze, so a refused file leaves the lake as it was (00 section 6-3). With
`on_bad_file="skip"` the others are published and the refused ones are listed in the run record.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from spymaster_lake.contracts.errors import ConfigError, RawFileError
from spymaster_lake.contracts.profile import InstrumentProfile
from spymaster_lake.ingest.earlier_files import EarlierFiles
from spymaster_lake.ingest.equity_plan import (
    EQUITY_SOURCES,
    READERS,
    Task,
    plan_equity_tasks,
)
from spymaster_lake.ingest.equity_staging import TaskPlace
from spymaster_lake.ingest.normalise import ROUTES
from spymaster_lake.ingest.present_parts import remove_stale
from spymaster_lake.ingest.raw_file import FileOutcome, RawFileTask
from spymaster_lake.ingest.summary import IngestSummary, describe
from spymaster_lake.lake.bronze_writer import StagedFile, bronze_contract
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.instruments import InstrumentResolver
from spymaster_lake.lake.paths import LakePathResolver
from spymaster_lake.lake.raw_files import RawListing, list_raw, raw_files_of
from spymaster_lake.lake.schema_files import publish_schema

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DATABENTO: tuple[str, ...] = tuple(sorted({product for product, _ in ROUTES}))
"""Products that Databento's files are read for; a folder of any unknown name is taken as such."""

Record = Callable[[Mapping[str, Any]], None]
NO_PROVENANCE: Mapping[str, Any] = {}
OnBadFile = Literal["fail", "skip"]
ForeignSymbols = Literal["refuse", "skip"]


@dataclass(frozen=True)
class IngestRequest:
    """What to ingest.

    Attributes:
        data_root: root of the lake.
        instrument: such as "abc".
        product: "futures", "options" or "equities".
        source: vendor directory below `raw/{instrument}/{product}/`; it decides the file format.
        files: explicit vendor files; empty means every file of the directory.
        run_id: id of the run; empty makes one of the time and random digits.
        on_bad_file: "fail" publishes nothing if any file is refused, "skip" goes on without it.
        foreign_symbols: "refuse" a file that holds symbols of others, or "skip" those rows of files
            of a whole market (they are counted as not kept).
        replace: files that hold records of earlier ones take their place; else they are refused.
    """

    data_root: str
    instrument: str
    product: str
    source: str = "databento"
    files: tuple[str, ...] = ()
    run_id: str = ""
    on_bad_file: OnBadFile = "fail"
    foreign_symbols: ForeignSymbols = "refuse"
    replace: bool = False


def ingest(
    spark: SparkSession | None,
    request: IngestRequest,
    profiles: Mapping[str, InstrumentProfile],
    *,
    provenance: Mapping[str, Any] = NO_PROVENANCE,
    record: Record | None = None,
) -> IngestSummary:
    """Run one ingest.

    Args:
        spark: session whose workers decode the files; None decodes them here, one by one.
        request: what to ingest.
        profiles: instrument profiles by name.
        provenance: code, configuration and versions behind the run, for its record (00 section 5).
        record: receives the run record at every change of state; default writes `run.json`.

    Raises:
        MissingInputError: no raw file.
        RawFileError: at least one file was refused (all are listed) and `on_bad_file` is "fail"; or
            records are in Bronze already, from another file, and `replace` is not set.
    """
    resolver = InstrumentResolver(profiles)
    resolver.profile(request.instrument)
    _check(request)
    run = _Run(request, resolver, provenance, record)
    run.note("RUNNING")
    try:
        summary = run.execute(spark)
    except BaseException as exc:
        run.note("FAILED", error_type=type(exc).__name__, error=str(exc))
        raise
    finally:
        run.clean()
    run.note("SUCCEEDED", **describe(summary, run.relative))
    return summary


def _check(request: IngestRequest) -> None:
    readers = READERS.get(request.source, DATABENTO)
    if request.product not in readers:
        raise ConfigError(
            f"product is {request.product!r}; allowed for ingest: {', '.join(readers)} "
            f"(source {request.source!r})"
        )
    if request.on_bad_file not in ("fail", "skip"):
        raise ConfigError(f"on_bad_file is {request.on_bad_file!r}; allowed: fail, skip")
    if request.foreign_symbols not in ("refuse", "skip"):
        raise ConfigError(f"foreign_symbols is {request.foreign_symbols!r}; allowed: refuse, skip")


class _Run:
    """One ingest run: its place in `_meta`, its record, its staging area."""

    def __init__(
        self,
        request: IngestRequest,
        resolver: InstrumentResolver,
        provenance: Mapping[str, Any],
        record: Record | None,
    ) -> None:
        self.request, self.resolver, self.provenance = request, resolver, provenance
        self.paths = LakePathResolver(request.data_root)
        self.filesystem = LakeFileSystem.of(self.paths.data_root)
        self.started = datetime.now(UTC)
        self.run_id = (
            request.run_id or f"ingest-{self.started:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"
        )
        self.record = record or self._write_record
        self.clock = time.perf_counter()

    def _write_record(self, value: Mapping[str, Any]) -> None:
        path = self.paths.run_json(self.request.instrument, self.run_id)
        self.filesystem.write_json(path, value)

    def note(self, status: str, **facts: object) -> None:
        """Hand the record of the present state on."""
        value: dict[str, Any] = {
            "run_id": self.run_id,
            "kind": "ingest",
            "status": status,
            "instrument": self.request.instrument,
            "product": self.request.product,
            "source": self.request.source,
            "on_bad_file": self.request.on_bad_file,
            **self.provenance,
            "started_at": self.started.isoformat(),
            "ended_at": None,
            **facts,
        }
        if status != "RUNNING":
            value["ended_at"] = datetime.now(UTC).isoformat()
            value["seconds"] = round(time.perf_counter() - self.clock, 3)
        self.record(value)

    def relative(self, path: str) -> str:
        """A path as the record states it: relative if it lies in the lake."""
        inside = path.startswith(f"{self.paths.data_root}/")
        return self.paths.relative(path) if inside else path

    def clean(self) -> None:
        """Remove the staging area."""
        self.filesystem.remove_tree(self.paths.staging_dir(self.request.instrument, self.run_id))

    def execute(self, spark: SparkSession | None) -> IngestSummary:
        """Stage every file, judge them together, publish."""
        listing = self._listing()
        tasks, unreadable = self._tasks([file.path for file in listing.data])
        found = [*unreadable, *_run_tasks(spark, tasks)]
        outcomes = sorted(found, key=lambda outcome: (outcome.path, not outcome.dataset))
        refused = [outcome for outcome in outcomes if outcome.error]
        if refused and self.request.on_bad_file == "fail":
            lines = "\n  ".join(f"{o.error_type}: {o.error}" for o in refused)
            raise RawFileError(
                f"{len(refused)} of {len(outcomes)} raw files were refused, nothing was "
                f"published:\n  {lines}"
            )
        unique, duplicates = _without_duplicates(outcomes)
        replaced = EarlierFiles(
            self.filesystem,
            self.paths,
            unique,
            instrument=self.request.instrument,
            product=self.request.product,
            one_file=self.request.source in EQUITY_SOURCES,
        ).settle(replace=self.request.replace)
        self._publish(unique)
        for part in replaced.parts:
            self.filesystem.remove(part)
        return IngestSummary(
            run_id=self.run_id,
            files=tuple(unique),
            duplicates=tuple(duplicates),
            ignored=tuple(file.path for file in listing.ignored),
            replaced=tuple(self.paths.relative(part) for part in replaced.parts),
            removed=tuple(
                remove_stale(
                    self.filesystem,
                    self.paths,
                    unique,
                    instrument=self.request.instrument,
                    product=self.request.product,
                )
            ),
        )

    def _listing(self) -> RawListing:
        if self.request.files:
            return raw_files_of(self.request.files)
        return list_raw(
            self.paths,
            self.filesystem,
            instrument=self.request.instrument,
            product=self.request.product,
            source=self.request.source,
        )

    def _tasks(self, files: Sequence[str]) -> tuple[list[Task], list[FileOutcome]]:
        """The tasks, and outcomes of files that cannot even be assigned to one."""
        request = self.request
        if request.source in EQUITY_SOURCES:
            place = TaskPlace(
                self.paths.data_root,
                request.instrument,
                request.product,
                self.run_id,
                self.resolver,
                skip_foreign=request.foreign_symbols == "skip",
            )
            return plan_equity_tasks(files, source=request.source, place=place)
        return [self._task(number, path) for number, path in enumerate(files)], []

    def _task(self, number: int, path: str) -> RawFileTask:
        return RawFileTask(
            path=path,
            data_root=self.paths.data_root,
            instrument=self.request.instrument,
            product=self.request.product,
            run_id=self.run_id,
            number=number,
            resolver=self.resolver,
        )

    def _publish(self, outcomes: Sequence[FileOutcome]) -> None:
        product = self.request.product
        for dataset in sorted({o.dataset for o in outcomes if o.dataset}):
            contract = bronze_contract(product, dataset)
            publish_schema(self.filesystem, self.paths, contract, product=product)
        for outcome in outcomes:
            extra = [outcome.quarantine] if outcome.quarantine else []
            for file in (*outcome.parts, *extra):
                self._move(file)

    def _move(self, file: StagedFile) -> None:
        self.filesystem.move_file(file.staged, file.final)


def _run_tasks(spark: SparkSession | None, tasks: Sequence[Task]) -> list[FileOutcome]:
    """Outcomes of all tasks."""
    if spark is None or not tasks:
        return [outcome for task in tasks for outcome in task.run()]
    found = spark.sparkContext.parallelize(list(tasks), len(tasks)).flatMap(_run).collect()
    return list(found)


def _run(task: Task) -> list[FileOutcome]:
    return task.run()


def _without_duplicates(
    outcomes: Sequence[FileOutcome],
) -> tuple[list[FileOutcome], list[str]]:
    """Outcomes of distinct contents; a file with the same bytes as an earlier one is named."""
    seen: set[str] = set()
    unique: list[FileOutcome] = []
    duplicates: list[str] = []
    for outcome in outcomes:
        if outcome.error or outcome.sha256 not in seen:
            unique.append(outcome)
            seen.add(outcome.sha256)
        else:
            duplicates.append(outcome.path)
    return unique, duplicates
