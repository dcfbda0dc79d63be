"""From raw files to indices in one go: ingest what lies there, run what can be run, say what cannot.

A second build does only what is missing or stale, so further days are built by the same request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from typing import Any, Literal, TypeVar

from spymaster_lake.contracts.errors import DataError, MissingInputError
from spymaster_lake.contracts.index_blocks import MIN_FIT_EPISODES, MIN_FIT_SESSIONS
from spymaster_lake.contracts.manifest import Manifest
from spymaster_lake.contracts.profile import InstrumentProfile
from spymaster_lake.contracts.run_record import RunRecord
from spymaster_lake.ingest.job import ForeignSymbols, IngestRequest, OnBadFile, ingest
from spymaster_lake.ingest.sources import products_of, sources_of
from spymaster_lake.ingest.summary import IngestSummary
from spymaster_lake.lake.paths import PRODUCTS
from spymaster_lake.lake.raw_files import raw_sources
from spymaster_lake.orchestration.build_facts import EPISODES, FEATURES, INDICES, episode_counts
from spymaster_lake.orchestration.build_report import BuildReport, Ingested, by_reason
from spymaster_lake.orchestration.dates import DateRange, session_dates
from spymaster_lake.orchestration.driver import run
from spymaster_lake.orchestration.facts import ingest_provenance
from spymaster_lake.orchestration.manifests import ManifestStore
from spymaster_lake.orchestration.prepare import RunRequest
from spymaster_lake.orchestration.recorder import Observer
from spymaster_lake.orchestration.registry import StageRegistry
from spymaster_lake.orchestration.runnable import SessionVerdict, judge_sessions
from spymaster_lake.orchestration.types import Environment

T = TypeVar("T")
Indices = Literal["auto", "yes", "no"]


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What to build.

    Attributes:
        instrument: a profile in conf/instruments.
        pipeline_version: version of its core pipelines.
        asked: dates; every date that can be run when None.
        with_ingest: read raw files first; else take Bronze as it is.
        on_bad_file: go on without refused files, or publish nothing.
        foreign_symbols: rows of others in files of a whole market.
        on_bad_date: go on without dates that a gate refuses, or fail.
        indices: build them; "auto" does where there is enough history.
        index_as_of: as-of date of the indices; the day after the newest date built when None.
        index_overrides: parameters of index_building by "stage.param".
        only_stale: run only what is missing or made from other inputs.
    """

    instrument: str
    pipeline_version: str
    asked: DateRange | None = None
    with_ingest: bool = True
    on_bad_file: OnBadFile = "skip"
    foreign_symbols: ForeignSymbols = "refuse"
    on_bad_date: Literal["fail", "skip"] = "skip"
    indices: Indices = "auto"
    index_as_of: date | None = None
    index_overrides: Mapping[str, Any] = field(default_factory=dict)
    only_stale: bool = True


def build(
    env: Environment,
    registry: StageRegistry,
    request: BuildRequest,
    *,
    observer: Observer | None = None,
    announce: Callable[[str], None] = lambda _: None,
) -> BuildReport:
    """Ingest every source of every product of the instrument, and run its pipelines.

    Args:
        env: the environment.
        registry: the stages.
        request: what to build.
        observer: told of every change of a run record.
        announce: told the name of each step as it begins.

    Raises:
        ConfigError, SessionError: a wrong request; nothing was read.
        MissingInputError: neither raw files nor Bronze of the instrument's market.
        DataError: no date can be run; every one is listed with its reason.
        StageFailedError: a stage failed.
    """
    job = _Build(env, registry, request, observer, announce)
    job.check()
    job.ingest()
    days = job.runnable()
    for pipeline in (FEATURES, EPISODES):
        skipped = job.run(pipeline, days).skipped
        job.report.left_out |= skipped
        days = [day for day in days if day not in skipped]
    job.report.dates = tuple(days)
    job.indices(request.index_as_of or days[-1] + timedelta(days=1))
    return job.report


@dataclass
class _Build:
    env: Environment
    registry: StageRegistry
    request: BuildRequest
    observer: Observer | None
    announce: Callable[[str], None]
    report: BuildReport = field(default_factory=BuildReport)

    @property
    def profile(self) -> InstrumentProfile:
        return self.env.profiles[self.request.instrument]

    def step(self, name: str, work: Callable[[], T]) -> T:
        return self.report.step(name, work, self.announce)

    def check(self) -> None:
        """Refuse a wrong request before anything is read."""
        if self.request.asked is not None:
            session_dates(self.profile, self.request.asked)
        for pipeline in (FEATURES, EPISODES, *((INDICES,) if self.request.indices != "no" else ())):
            self.manifest(pipeline)

    def manifest(self, pipeline: str) -> Manifest:
        """The manifest of one of the pipelines."""
        request, store = self.request, ManifestStore(self.env.settings.manifests_dir)
        return store.load(request.instrument, pipeline, request.pipeline_version, self.registry)

    def ingest(self) -> None:
        """Every source folder of every product; folders of products that are not read are named."""
        profile = self.profile
        if not self.request.with_ingest:
            return
        self.step("spark", lambda: self.env.spark)
        own = products_of(profile)
        for product in own:
            sources = self._raw_sources(product)
            if sources:
                work = partial(self._ingest_all, product, sources)
                self.report.ingested += self.step(f"ingest {product}", work)
            else:
                known = " or ".join(sources_of(product))
                note = f"no raw files: raw/{profile.instrument}/{product}/ has no folder {known}"
                self.report.ingested.append(Ingested(product, "", None, note))
        for product in sorted(set(PRODUCTS) - set(own)):
            if names := ", ".join(self._raw_sources(product)):
                note = f"not read: {profile.instrument} has no {product} in its profile"
                self.report.ingested.append(Ingested(product, names, None, note))

    def _raw_sources(self, product: str) -> tuple[str, ...]:
        return raw_sources(
            self.env.resolver,
            self.env.filesystem,
            instrument=self.request.instrument,
            product=product,
        )

    def _ingest_all(self, product: str, sources: Sequence[str]) -> list[Ingested]:
        return [Ingested(product, name, self._ingest(product, name)) for name in sources]

    def _ingest(self, product: str, source: str) -> IngestSummary:
        request = IngestRequest(
            data_root=self.env.resolver.data_root,
            instrument=self.request.instrument,
            product=product,
            source=source,
            on_bad_file=self.request.on_bad_file,
            foreign_symbols=self.request.foreign_symbols,
        )
        provenance = ingest_provenance(self.env, self.request.instrument)
        return ingest(self.env.spark, request, dict(self.env.profiles), provenance=provenance)

    def runnable(self) -> list[date]:
        """The dates to run; the others are noted with their reasons."""
        verdicts = judge_sessions(self.env, self.manifest(FEATURES), self.request.asked)
        self.report.left_out |= {v.day: v.reason for v in verdicts if v.reason}
        days = [v.day for v in verdicts if not v.reason]
        if not days:
            self._refuse(verdicts)
        return days

    def _refuse(self, verdicts: Sequence[SessionVerdict]) -> None:
        refused = [f.error for i in self.report.ingested if i.summary for f in i.summary.refused]
        notes = [f"{i.product}: {i.note}" for i in self.report.ingested if i.note]
        lines = [f"{days}: {reason}" for days, _, reason in by_reason(self.report.left_out)]
        why = "\n  ".join(("", *lines, *notes, *refused))
        if not verdicts:
            raise MissingInputError(f"Bronze holds no session of {self.request.instrument}{why}")
        raise DataError(f"No date of {self.request.instrument} can be run{why}")

    def run(self, pipeline: str, days: Sequence[date]) -> RunRecord:
        """One pipeline over its dates, or as of its only one."""
        request = self.request
        asked = RunRequest(
            request.instrument,
            pipeline,
            request.pipeline_version,
            asked=DateRange(days[0], days[-1], by_range=len(days) > 1),
            dates=tuple(days),
            overrides=dict(request.index_overrides) if pipeline == INDICES else {},
            on_bad_date=request.on_bad_date,
            only_stale=request.only_stale,
        )
        work = partial(run, self.env, self.registry, asked, observer=self.observer)
        self.report.runs.append(self.step(pipeline, work))
        return self.report.runs[-1]

    def indices(self, as_of: date) -> None:
        """Build the indices, or note why not."""
        request = self.request
        found = episode_counts(self.env, request.instrument, request.pipeline_version, as_of)
        n, sessions = sum(found.values()), len(found)
        few = n < MIN_FIT_EPISODES or sessions < MIN_FIT_SESSIONS
        if request.indices == "no":
            self.report.indices = "not asked for"
        elif request.indices == "auto" and few:
            self.report.indices = (
                f"not built: {n} episodes on {sessions} sessions before {as_of}; a normaliser "
                f"needs {MIN_FIT_EPISODES} on {MIN_FIT_SESSIONS}"
            )
        else:
            self.run(INDICES, [as_of])
            self.report.indices = f"built as of {as_of}"
