"""The core pipelines in this process: every stage of the manifests, without Spark and without files.

The stages and their order come from the manifests, so a stage that is added there is proved here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pyarrow as pa

from spymaster_lake.contracts.profile import InstrumentProfile
from spymaster_lake.lake.bronze_parts import BronzeScan
from spymaster_lake.lake.bronze_reader import BronzeReader
from spymaster_lake.lake.checks import check_table
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.paths import LakePathResolver
from spymaster_lake.orchestration.catalogue import build_registry
from spymaster_lake.orchestration.manifests import ManifestStore, bind_stages
from spymaster_lake.sessions.calendar import SessionCalendar
from spymaster_lake.stages.episode_construction import construct_episodes
from spymaster_lake.stages.feature_engineering import generate_levels, load_bronze
from spymaster_lake.stages.lookback import first_bronze_session
from spymaster_lake.stages.spec import History, SessionInputs, SessionStage, Source, StageContext
from tests.markets import REPOSITORY, Market
from tests.proof import bronze_in_memory
from tests.proof.bronze_in_memory import Bronze

PIPELINES = ("feature_engineering", "episode_construction")

Tables = dict[str, pa.Table]
"""Tables of one session by dataset."""
Run = Callable[[SessionInputs, StageContext], Any]


@dataclass(frozen=True)
class BoundStage:
    """A stage of a manifest with its context."""

    stage: SessionStage
    context: StageContext


@dataclass(frozen=True)
class Pipeline:
    """All session stages of the manifests, and what they need.

    Attributes:
        profile: the instrument.
        stages: in order.
        replaced: other functions for stages, by stage id; for doubles that look ahead.
    """

    profile: InstrumentProfile
    stages: tuple[BoundStage, ...]
    replaced: Mapping[str, Run] = field(default_factory=dict)

    @property
    def calendar(self) -> SessionCalendar:
        """The instrument's sessions."""
        return SessionCalendar(self.profile.calendar)

    def with_double(self, stage_id: str, run: Run) -> Pipeline:
        """The same pipeline with another function for one stage."""
        return Pipeline(self.profile, self.stages, {**self.replaced, stage_id: run})

    def parts(self) -> tuple[Pipeline, Pipeline]:
        """The stages before the first that reads earlier sessions, and the others."""
        reads = [any(x.history is History.PRESENT for x in b.stage.sources) for b in self.stages]
        first = reads.index(True)
        return (
            Pipeline(self.profile, self.stages[:first], self.replaced),
            Pipeline(self.profile, self.stages[first:], self.replaced),
        )

    def run(
        self,
        day: date,
        scans: Mapping[str, Any],
        *,
        history: Mapping[date, Tables] | None = None,
        checked: bool = False,
        done: Tables | None = None,
    ) -> Tables:
        """All tables of one session.

        Args:
            day: the session date.
            scans: Bronze by alias.
            history: tables of earlier sessions, for calibration.
            checked: hold every table against its contract.
            done: tables of the stages that ran before those of this pipeline.
        """
        days = tuple(sorted(d for d in history or {} if d < day))
        days = days[-self.profile.calibration_sessions :]
        tables: Tables = dict(done or {})
        for bound in self.stages:
            inputs = SessionInputs(
                self.calendar.clock(day),
                {
                    s.alias: _input(s, tables, [(history or {})[d] for d in days])
                    for s in bound.stage.sources
                    if s.layer != "bronze"
                },
                {s.alias: scans[s.alias] for s in bound.stage.sources if s.layer == "bronze"},
                days,
            )
            run = self.replaced.get(bound.stage.stage_id, bound.stage.run)
            made = run(inputs, bound.context).tables
            for contract in bound.stage.outputs if checked else ():
                check_table(contract, made[contract.dataset])
            tables |= made
        return tables

    def scans(self, root: Path, day: date) -> dict[str, BronzeScan]:
        """The lake's own Bronze scans of one session, by alias, as the runtime gives them."""
        paths = LakePathResolver(str(root))
        files = LakeFileSystem.of(paths.data_root)
        first, end = self._span(day)
        sources = {s.alias: s for b in self.stages for s in b.stage.sources if s.layer == "bronze"}
        return {
            s.alias: BronzeReader(paths, files, self.profile.instrument, s.product).scan(
                s.dataset, start_ns=first, end_ns=end
            )
            for s in sources.values()
        }

    def bronze(self, root: Path, day: date) -> Bronze:
        """All Bronze rows of one session in memory."""
        clock = self.calendar.clock(day)
        return bronze_in_memory.load(
            clock, self.scans(root, day), self._span(day)[0], tick=self.profile.tick_size
        )

    def _span(self, day: date) -> tuple[int, int]:
        first = first_bronze_session(day, self.profile, self.calendar)
        return self.calendar.clock(first).record_start_ns, self.calendar.clock(day).end_ns


def _input(source: Source, tables: Tables, history: Sequence[Tables]) -> pa.Table:
    parts = [tables[source.dataset]]
    if source.history is History.PRESENT:
        parts = [*(t[source.dataset] for t in history), *parts]
    table = pa.concat_tables(parts)
    return table.select(list(source.columns)) if source.columns else table


def core_pipeline(market: Market) -> Pipeline:
    """feature_engineering and episode_construction as the manifests of an instrument declare them."""
    instrument, version, profile = market.instrument, market.version, market.profile
    store, registry = ManifestStore(REPOSITORY / "manifests"), build_registry()
    stages: list[BoundStage] = []
    for pipeline_id in PIPELINES:
        manifest = store.load(instrument, pipeline_id, version, registry)
        config = {
            "DATA_ROOT": "none",
            "INSTRUMENT": instrument,
            "PIPELINE_ID": pipeline_id,
            "PIPELINE_VERSION": version,
        }
        for bound in bind_stages(manifest, registry).values():
            assert isinstance(bound.stage, SessionStage)
            stages.append(BoundStage(bound.stage, StageContext(config, profile, bound.params)))
    return Pipeline(profile, tuple(stages))


def shuffled_inputs(pipeline: Pipeline, *, seed: int) -> Pipeline:
    """The same pipeline, whose stages get the rows of every input table in random order."""

    def shuffled(run: Run) -> Run:
        def double(inputs: SessionInputs, context: StageContext) -> Any:
            rng = np.random.default_rng([seed, len(inputs.tables)])
            tables = {
                alias: table.take(pa.array(rng.permutation(table.num_rows)))
                for alias, table in inputs.tables.items()
            }
            return run(replace(inputs, tables=tables), context)

        return double

    stages = tuple(
        BoundStage(replace(b.stage, run=shuffled(b.stage.run)), b.context) for b in pipeline.stages
    )
    return Pipeline(pipeline.profile, stages)


@contextmanager
def gates_off() -> Iterator[None]:
    """Let incomplete sessions pass: gates may fail a session, never change a value (08 A4)."""
    with (
        mock.patch.object(load_bronze, "gate_session", return_value=()),
        mock.patch.object(generate_levels, "require_all_kinds"),
        mock.patch.object(construct_episodes, "_require_few_rejected"),
    ):
        yield
