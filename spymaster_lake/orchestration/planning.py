"""What a run would do, and why, without doing it: stages, dates, inputs, reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from spymaster_lake.orchestration.binding import outputs_of
from spymaster_lake.orchestration.inputs import Inventory, input_state
from spymaster_lake.orchestration.prepare import PreparedRun, RunRequest, prepare
from spymaster_lake.orchestration.records import RunStore
from spymaster_lake.orchestration.registry import StageRegistry
from spymaster_lake.orchestration.staleness import Verdict, judge
from spymaster_lake.orchestration.types import BoundStage, Environment
from spymaster_lake.stages.spec import CorpusStage


@dataclass(frozen=True)
class PlannedStage:
    """What a run would do with one stage.

    Attributes:
        name: the stage.
        verdicts: state, reasons and lacking inputs by session date; inputs that an earlier stage of
            the same run will write do not count as lacking.
        runs: dates that the run would make.
        outputs: "layer dataset" it writes.
        params: final parameters.
    """

    name: str
    stage_id: str
    verdicts: tuple[Verdict, ...]
    runs: tuple[date, ...]
    outputs: tuple[str, ...]
    params: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "stage": self.name,
            "stage_id": self.stage_id,
            "runs": [d.isoformat() for d in self.runs],
            "outputs": list(self.outputs),
            "params": dict(self.params),
            "dates": [
                {
                    "date": v.day.isoformat(),
                    "state": v.state,
                    "reasons": list(v.reasons),
                    "lacks": list(v.lacks),
                }
                for v in self.verdicts
            ],
        }


def plan(env: Environment, registry: StageRegistry, request: RunRequest) -> list[PlannedStage]:
    """What `driver.run` would do with the same request; reads the lake, writes nothing."""
    prepared = prepare(env, registry, request)
    latest = RunStore(env).latest_by_date(
        request.instrument, request.pipeline_id, request.pipeline_version
    )
    inventory = Inventory(env)
    planned: dict[str, PlannedStage] = {}
    for name in prepared.selected:
        planned[name] = _plan(env, prepared, name, latest.get(name, {}), inventory, planned)
    return list(planned.values())


def _plan(
    env: Environment,
    prepared: PreparedRun,
    name: str,
    done: Mapping[date, Any],
    inventory: Inventory,
    planned: Mapping[str, PlannedStage],
) -> PlannedStage:
    bound = prepared.bound[name]
    asked = prepared.stage_request(name, "plan", prepared.dates)
    corpus = isinstance(bound.stage, CorpusStage)
    inputs = input_state(
        env,
        bound,
        (asked.as_of,) if corpus else prepared.dates,
        corpus_start=asked.corpus_start if corpus else None,
        inventory=inventory,
    )
    verdicts = tuple(
        _after(bound, verdict, planned)
        for verdict in judge(env, bound, inputs, done=done, inventory=inventory)
    )
    only = prepared.request.only_stale
    return PlannedStage(
        name=name,
        stage_id=bound.stage_id,
        verdicts=verdicts,
        runs=tuple(v.day for v in verdicts if not only or v.state != "current"),
        outputs=tuple(" ".join(key) for key in outputs_of(bound)),
        params=bound.params,
    )


def _after(bound: BoundStage, verdict: Verdict, planned: Mapping[str, PlannedStage]) -> Verdict:
    """A verdict that takes into account what earlier stages of the same run will write."""
    coming: dict[str, str] = {}
    for other in planned.values():
        if verdict.day in other.runs:
            for output in other.outputs:
                layer, dataset = output.split(" ", 1)
                coming[f"{layer} {bound.pipeline_id} {dataset}"] = other.name
    read = {
        f"{s.layer} {s.product or s.pipeline_id} {s.dataset}" for s in bound.stage.sources
    } & set(coming)
    lacks = tuple(item for item in verdict.lacks if item not in coming)
    waits = tuple(f"{coming[item]} will write {item}" for item in sorted(read))
    state = "stale" if waits and verdict.state == "current" else verdict.state
    return Verdict(verdict.stage, verdict.day, state, (*verdict.reasons, *waits), lacks)
