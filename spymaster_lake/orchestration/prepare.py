"""From a request to a checked run: profile, manifests, stages, dates; all before Spark starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from spymaster_lake.contracts.manifest import Manifest
from spymaster_lake.contracts.profile import InstrumentProfile
from spymaster_lake.orchestration.dates import DateRange, session_dates
from spymaster_lake.orchestration.facts import config_hash
from spymaster_lake.orchestration.graph import StageGraph, find_stage
from spymaster_lake.orchestration.manifests import (
    ManifestStore,
    bind_stages,
    manifest_hash,
    parse_overrides,
)
from spymaster_lake.orchestration.registry import StageRegistry
from spymaster_lake.orchestration.types import BoundStage, Environment, OnBadDate, StageRequest
from spymaster_lake.stages.spec import CorpusStage

Submitter = Literal["local", "spark-submit"]


@dataclass(frozen=True)
class RunRequest:
    """What a user asks for; the same for a pipeline and for one stage.

    Attributes:
        asked: the dates.
        stage: name or unambiguous id of the only stage to run; None runs the pipeline.
        run_id: generated when None.
        overrides: parameters by "stage.param" (08 B8).
        on_bad_date: fail all dates, or go on without the bad ones.
        submitter: the setting's when None.
        resume: go on with the run `run_id`; complete stages with unchanged inputs are reused.
        only_stale: run only dates that are missing or stale.
        since, until: a slice of the pipeline by stage name.
        within_run: this process is one stage of a run that another process records.
        dates: exact session dates, given by that other process.
    """

    instrument: str
    pipeline_id: str
    pipeline_version: str
    asked: DateRange
    stage: str | None = None
    run_id: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    on_bad_date: OnBadDate = "fail"
    submitter: Submitter | None = None
    resume: bool = False
    only_stale: bool = False
    since: str | None = None
    until: str | None = None
    within_run: bool = False
    dates: tuple[date, ...] = ()


@dataclass(frozen=True)
class PreparedRun:
    """A request that can run.

    Attributes:
        request: what was asked.
        profile: the instrument.
        manifest: the pipeline; `manifest_text` is its file as it is.
        bound: every stage of the manifest by name.
        graph: their order.
        selected: names to run, in execution order.
        dates: session dates to run.
    """

    request: RunRequest
    profile: InstrumentProfile
    manifest: Manifest
    manifest_text: str
    bound: Mapping[str, BoundStage]
    graph: StageGraph
    selected: tuple[str, ...]
    dates: tuple[date, ...]
    overrides: Mapping[str, Mapping[str, Any]]

    @property
    def manifest_hash(self) -> str:
        """sha256 of the manifest."""
        return manifest_hash(self.manifest)

    @property
    def config_hash(self) -> str:
        """sha256 of all that is configured and may change a result."""
        return config_hash(
            profile=self.profile,
            manifest_hash=self.manifest_hash,
            overrides=self.request.overrides,
            on_bad_date=self.request.on_bad_date,
        )

    def stage_request(self, name: str, run_id: str, dates: tuple[date, ...]) -> StageRequest:
        """What is asked of one stage."""
        return StageRequest(
            run_id=run_id,
            dates=dates,
            start=self.request.asked.start,
            end=self.request.asked.end,
            by_range=self.request.asked.by_range,
            on_bad_date=self.request.on_bad_date,
            overrides=self.overrides.get(name, {}),
        )


def prepare(env: Environment, registry: StageRegistry, request: RunRequest) -> PreparedRun:
    """Check everything that can be checked without data.

    Raises:
        UnknownNameError, AmbiguousNameError, ManifestError, ConfigError, SessionError: in this
            order of precedence; no file has been written and Spark has not been started.
    """
    profile = env.profiles[request.instrument]
    store = ManifestStore(env.settings.manifests_dir)
    coordinates = (request.instrument, request.pipeline_id, request.pipeline_version)
    manifest = store.load(*coordinates, registry)
    overrides = parse_overrides(manifest, request.overrides)
    graph = StageGraph(manifest)
    selected = _selected(manifest, graph, request)
    bound = bind_stages(manifest, registry, overrides)
    return PreparedRun(
        request=request,
        profile=profile,
        manifest=manifest,
        manifest_text=store.find(*coordinates).path.read_text(encoding="utf-8"),
        bound=bound,
        graph=graph,
        selected=selected,
        dates=request.dates or _dates(profile, request.asked, [bound[n] for n in selected]),
        overrides=overrides,
    )


def _selected(manifest: Manifest, graph: StageGraph, request: RunRequest) -> tuple[str, ...]:
    if request.stage is not None:
        return (find_stage(manifest, request.stage).name,)
    since = find_stage(manifest, request.since).name if request.since else None
    until = find_stage(manifest, request.until).name if request.until else None
    return graph.select(since=since, until=until)


def _dates(
    profile: InstrumentProfile, asked: DateRange, stages: list[BoundStage]
) -> tuple[date, ...]:
    """Session dates; an as-of date of corpus stages need not be a session (08 B6)."""
    if all(isinstance(s.stage, CorpusStage) for s in stages) and not asked.by_range:
        return (asked.start,)
    return session_dates(profile, asked)
