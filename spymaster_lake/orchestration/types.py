"""What the runners hand around: the environment, a bound stage, a request and its outcome."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Literal

from spymaster_lake.contracts.manifest import DatasetRef, Manifest
from spymaster_lake.contracts.profile import InstrumentProfile
from spymaster_lake.contracts.run_record import DatasetFingerprint, OutputRecord, RunStatus
from spymaster_lake.contracts.settings import Settings
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.paths import LakePathResolver
from spymaster_lake.stages.spec import Source, Stage, StageContext

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

OnBadDate = Literal["fail", "skip"]


class SparkProvider:
    """Builds the Spark session at the first use, once, whatever thread asks."""

    def __init__(self, build: Callable[[], SparkSession]) -> None:
        self._build = build
        self._lock = threading.Lock()
        self._spark: SparkSession | None = None

    def __call__(self) -> SparkSession:
        """The session."""
        with self._lock:
            if self._spark is None:
                self._spark = self._build()
            return self._spark

    @property
    def started(self) -> bool:
        """Whether a session was asked for."""
        return self._spark is not None


@dataclass(frozen=True)
class Environment:
    """Where a process works: settings, lake, instruments, and a Spark session on demand.

    Attributes:
        settings: the settings of the process.
        resolver: paths of the lake at `settings.data_root`.
        filesystem: files of that lake.
        profiles: instrument profiles by instrument.
        spark_factory: gives the session; not called by anything that only plans or reports.
    """

    settings: Settings
    resolver: LakePathResolver
    filesystem: LakeFileSystem
    profiles: Mapping[str, InstrumentProfile]
    spark_factory: Callable[[], SparkSession]

    @property
    def spark(self) -> SparkSession:
        """The Spark session, built at the first use."""
        return self.spark_factory()


@dataclass(frozen=True)
class BoundStage:
    """A manifest entry with the stage it resolves to and its final parameters.

    Attributes:
        name: unique name in the manifest.
        stage_id: id in the registry.
        stage: the resolved declaration and function.
        params: defaults of the stage, then the manifest's, then the run's overrides.
        manifest: the manifest it belongs to.
        depends_on: names of the stages it waits for.
        origin: registry key that won.
    """

    name: str
    stage_id: str
    stage: Stage
    params: Mapping[str, Any]
    manifest: Manifest
    depends_on: tuple[str, ...] = ()
    origin: str = ""

    @property
    def instrument(self) -> str:
        """Instrument of the manifest."""
        return self.manifest.instrument

    @property
    def pipeline_id(self) -> str:
        """Pipeline of the manifest."""
        return self.manifest.pipeline_id

    @property
    def pipeline_version(self) -> str:
        """Version of the manifest."""
        return self.manifest.pipeline_version

    def declared(self, source: Source) -> DatasetRef | None:
        """The manifest's reference for a source: one of its inputs, or one of its outputs."""
        owner = source.product if source.layer == "bronze" else source.pipeline_id
        found = self.manifest.input_ref(source.layer, owner, source.dataset)
        if found is None and owner == self.pipeline_id:
            found = self.manifest.output_ref(source.layer, source.dataset)
        return found

    def is_required(self, source: Source) -> bool:
        """Whether absent data of `source` is an error (08 A22).

        The manifest decides where the stage can do without; a stage that cannot always requires it.
        """
        found = self.declared(source)
        return source.required or (found is not None and found.required)

    def version_of(self, source: Source) -> str:
        """Pipeline version of a Silver or Gold source; empty for Bronze."""
        found = self.declared(source)
        return "" if found is None else found.pipeline_version or ""

    def context(self, env: Environment) -> StageContext:
        """The picklable context that the stage function gets."""
        config = {
            "DATA_ROOT": env.resolver.data_root,
            "INSTRUMENT": self.instrument,
            "PIPELINE_ID": self.pipeline_id,
            "PIPELINE_VERSION": self.pipeline_version,
        }
        return StageContext(config, env.profiles[self.instrument], dict(self.params))


@dataclass(frozen=True, slots=True)
class StageRequest:
    """What is asked of one stage.

    Attributes:
        run_id: id of the run.
        dates: session dates to make, in order.
        start, end: the requested range, both included.
        by_range: whether `--start/--end` was given; `--date` otherwise (08 B6 differs).
        on_bad_date: fail all dates, or go on without the bad ones (08 A34).
        overrides: what `--set` changed for this stage, already merged into the bound parameters.
        fingerprints: sha256 of each input by "layer owner dataset", for the Delta commit (08 B24).
    """

    run_id: str
    dates: tuple[date, ...]
    start: date
    end: date
    by_range: bool = False
    on_bad_date: OnBadDate = "fail"
    overrides: Mapping[str, Any] = field(default_factory=dict)
    fingerprints: Mapping[str, str] = field(default_factory=dict)

    @property
    def as_of(self) -> date:
        """As-of date of a corpus stage (08 B6): the date asked for, or the day after the range."""
        return self.end + timedelta(days=1) if self.by_range else self.end

    @property
    def corpus_start(self) -> date | None:
        """First date of a corpus stage's corpus; None takes everything before `as_of`."""
        return self.start if self.by_range else None


@dataclass(frozen=True)
class StageOutcome:
    """What one stage did; the runner turns it into `stage.json`.

    Attributes:
        name: the stage's name.
        status: SUCCEEDED; a failure is an exception instead.
        dates: session dates that were published.
        skipped: dates left out under `on_bad_date="skip"`, with the reason.
        rows: written rows by dataset.
        outputs: published outputs with their Delta versions.
        inputs: fingerprints; the runner takes its own where empty.
        metrics, warnings: for stage.json.
        seconds: wall time.
        null_counts: null rows by dataset and column.
    """

    name: str
    status: RunStatus
    dates: tuple[date, ...]
    skipped: Mapping[date, str] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)
    outputs: tuple[OutputRecord, ...] = ()
    inputs: tuple[DatasetFingerprint, ...] = ()
    metrics: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
    null_counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


ExecuteStage = Callable[[Environment, BoundStage, StageRequest], StageOutcome]
