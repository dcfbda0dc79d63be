"""Is a date of a stage current, stale or missing, and why (05 B.4: say what will happen).

A date is current if the newest record that published it has the same definition and the same
hashes of every input partition, and the outputs are still there. Nothing is compared with a clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from spymaster_lake.contracts.run_record import StageRecord
from spymaster_lake.orchestration.facts import definition_hash
from spymaster_lake.orchestration.inputs import InputState, Inventory
from spymaster_lake.orchestration.types import BoundStage, Environment

State = Literal["current", "stale", "missing"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The state of one session date of one stage, and the reasons.

    Attributes:
        stage: the stage's name.
        day: session date.
        state: current, stale (made from other inputs or by another definition) or missing.
        reasons: sentences, empty if current.
        lacks: required inputs that are not there.
    """

    stage: str
    day: date
    state: State
    reasons: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()


def judge(
    env: Environment,
    bound: BoundStage,
    inputs: InputState,
    *,
    done: Mapping[date, StageRecord],
    inventory: Inventory,
) -> list[Verdict]:
    """A verdict for each date of `inputs`, in order.

    Args:
        env: the environment.
        bound: the stage.
        inputs: its inputs as they are now.
        done: the newest record that published each date.
        inventory: a view of the lake.
    """
    definition = definition_hash(bound, env.profiles[bound.instrument])
    published = inventory.published(bound)
    return [
        _judge(bound, day, now, inputs.missing.get(day, ()), done.get(day), definition, published)
        for day, now in sorted(inputs.by_date.items())
    ]


def _judge(
    bound: BoundStage,
    day: date,
    now: Mapping[str, str],
    lacks: tuple[str, ...],
    record: StageRecord | None,
    definition: str,
    published: Mapping[str, frozenset[date] | None],
) -> Verdict:
    if record is None:
        return Verdict(bound.name, day, "missing", ("never published by a recorded run",), lacks)
    gone = [name for name, dates in published.items() if dates is None or day not in dates]
    if gone:
        return Verdict(bound.name, day, "missing", (f"not in {', '.join(gone)}",), lacks)
    reasons = []
    if record.definition_hash != definition:
        reasons.append("parameters, profile or contract changed")
    reasons += changed_inputs(record.date_inputs.get(day, {}), now)
    return Verdict(bound.name, day, "stale" if reasons else "current", tuple(reasons), lacks)


def changed_inputs(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Which inputs differ between two maps of source to partition hash."""
    return [
        f"input {name} {'changed' if name in then and name in now else 'was added or removed'}"
        for name in sorted(set(then) | set(now))
        if then.get(name) != now.get(name)
    ]


def needed_dates(verdicts: Sequence[Verdict]) -> tuple[date, ...]:
    """The dates that are not current."""
    return tuple(v.day for v in verdicts if v.state != "current")
