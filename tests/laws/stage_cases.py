"""Every stage as the manifests of each market bind it, with the tasks that the runtime hands to it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from spymaster_lake.contracts.catalogue import contract_of
from spymaster_lake.lake.session_map import SessionTask
from spymaster_lake.orchestration.catalogue import build_registry
from spymaster_lake.orchestration.execute import SessionCall
from spymaster_lake.orchestration.manifests import ManifestStore, bind_stages
from spymaster_lake.orchestration.session_plan import SessionPlan
from spymaster_lake.orchestration.types import BoundStage, Environment, StageRequest
from spymaster_lake.stages.spec import SessionResult, SessionStage, Source
from tests.laws.small_lake import DAY, SmallLake
from tests.markets import MARKETS, REPOSITORY, Market

CORE = ("feature_engineering", "episode_construction", "index_building")


def bind_all(market: Market) -> dict[str, BoundStage]:
    """All stages of the core pipelines of an instrument, by name."""
    store, registry = ManifestStore(REPOSITORY / "manifests"), build_registry()
    bound: dict[str, BoundStage] = {}
    for pipeline_id in CORE:
        manifest = store.load(market.instrument, pipeline_id, market.version, registry)
        bound |= bind_stages(manifest, registry)
    return bound


BOUND = {name: bind_all(market) for name, market in MARKETS.items()}
"""Bound stages by market and name."""

STAGES = [
    (market, name)
    for market, bound in BOUND.items()
    for name, b in bound.items()
    if isinstance(b.stage, SessionStage)
]
"""Every market with each of its session stages."""

PAIRS = [
    (market, name, source)
    for market, bound in BOUND.items()
    for name, b in bound.items()
    for source in b.stage.sources
]
"""Every market with each of its stages and each declared input of the stage."""

SESSION_PAIRS = [case for case in PAIRS if case[:2] in STAGES]
"""Those of session stages."""


def pair_id(value: object) -> str:
    """How test names show a source or a stage."""
    return value.alias if isinstance(value, Source) else str(value)


def request_of(day: Any = DAY) -> StageRequest:
    """A request for one session date."""
    return StageRequest("laws", (day,), day, day)


@dataclass(frozen=True)
class Case:
    """One stage over one date of a lake: the task, and the call that a worker makes."""

    env: Environment
    bound: BoundStage
    stage: SessionStage
    task: SessionTask
    call: SessionCall

    def tables(self) -> dict[str, pa.Table]:
        """The Delta inputs, read from the lake; tables are immutable."""
        return dict(_tables(self.env.resolver.data_root, self.bound.name, self))

    def run(self, tables: dict[str, pa.Table] | None = None) -> SessionResult:
        """Run the stage function."""
        return self.call(self.task, self.tables() if tables is None else tables)


_READ: dict[tuple[str, str], dict[str, pa.Table]] = {}


def _tables(root: str, name: str, case: Case) -> dict[str, pa.Table]:
    if (root, name) not in _READ:
        _READ[root, name] = {alias: source.read() for alias, source in case.task.tables.items()}
    return _READ[root, name]


@cache
def case_of(lake: SmallLake, name: str) -> Case:
    """The stage `name` on DAY."""
    env, bound = lake.env, BOUND[lake.market.instrument][name]
    stage, request = bound.stage, request_of()
    assert isinstance(stage, SessionStage)
    plan = SessionPlan(env, bound, stage, request)
    clocks = {DAY: plan.calendar.clock(DAY)}
    call = SessionCall(stage, bound.context(env), clocks, plan.history)
    staging = str(lake.root / "staged" / name)
    return Case(env, bound, stage, plan.task(DAY, staging), call)


@cache
def baseline(lake: SmallLake, name: str) -> SessionResult:
    """What the stage makes of the unchanged lake."""
    return case_of(lake, name).run()


def may_be_empty(source: Source) -> bool:
    """Whether a date of the input may have no rows."""
    return source.layer != "bronze" and contract_of(source.dataset).may_be_empty


def shuffled(table: pa.Table, seed: int = 11) -> pa.Table:
    """The rows in another order."""
    order = np.random.default_rng(seed).permutation(table.num_rows)
    return table.take(pa.array(order))


def canonical(table: pa.Table) -> pa.Table:
    """The rows in an order that depends on their values alone."""
    plain = [n for n in table.column_names if not pa.types.is_nested(table.schema.field(n).type)]
    ordered = table.combine_chunks()
    return ordered.sort_by([(n, "ascending") for n in plain]).combine_chunks()
