"""Sessions run anew with the same past and another future, held against the whole session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from spymaster_lake.contracts.state_table import CADENCE_S
from spymaster_lake.features.arrays import NS
from spymaster_lake.stages.tables import array_of
from tests.proof.bronze_in_memory import Bronze, truncated
from tests.proof.comparison import Evidence, compare_past
from tests.proof.future_noise import scrambled
from tests.proof.harness import Pipeline, Tables, gates_off
from tests.proof.jumps import livelier
from tests.proof.simulated_lake import SimulatedLake

KINDS = ("truncated", "scrambled")
N_ANCHORS = 7
_MINUTES = (-19.5, -12.0, -0.5, 0.0, 7.5, 15.0, 15.5, 101.0, 180.0)
"""Instants in minutes from the open: first and inner warm-up rows, the open, the opening range's
inside and end, mid-session, the last row."""


def instants(pipeline: Pipeline, day: date, tables: Tables) -> list[int]:
    """The instants of a session at which its future is exchanged: fixed ones and event anchors."""
    clock = pipeline.calendar.clock(day)
    anchors = np.unique(array_of(tables["signals"], "anchor_ts_ns"))
    picked = anchors[np.linspace(0, len(anchors) - 1, N_ANCHORS).astype(int)]
    fixed = [clock.open_ns + round(m * 60) * NS for m in _MINUTES]
    assert all((t - clock.open_ns) % (CADENCE_S * NS) == 0 for t in fixed)
    return sorted({*fixed, *picked.tolist()})


def other_future(bronze: Bronze, kind: str, t_ns: int, *, seed: int = 11) -> Bronze:
    """The same past as `bronze` before t, and nothing or noise from t on."""
    return truncated(bronze, t_ns) if kind == "truncated" else scrambled(bronze, t_ns, seed=seed)


@dataclass(frozen=True)
class WholeSession:
    """A session as it happened, jumps included, which other futures are held against.

    Attributes:
        day: session date.
        bronze: its ticks.
        tables: what the pipeline makes of them.
        history: the earlier sessions that calibrate it.
    """

    day: date
    bronze: Bronze
    tables: Tables
    history: Mapping[date, Tables]


def whole_session(lake: SimulatedLake, day: date, *, seed: int) -> WholeSession:
    """A session of the lake, livelier."""
    history = lake.before(day)
    bronze = livelier(lake.pipeline.bronze(lake.root, day), lake.setup.liveliness, seed=seed)
    tables = lake.pipeline.run(day, bronze.scans(), history=history, checked=True)
    return WholeSession(day, bronze, tables, history)


def rerun(session: WholeSession, pipeline: Pipeline) -> WholeSession:
    """The same ticks, run by another pipeline."""
    tables = pipeline.run(session.day, session.bronze.scans(), history=session.history)
    return replace(session, tables=tables)


def evidence_of(
    sessions: Sequence[WholeSession],
    kind: str,
    pipeline: Pipeline,
    *,
    workers: Executor | None = None,
    times: Sequence[int] | None = None,
) -> Evidence:
    """Compare every row at or before each instant with that of the whole session.

    Args:
        sessions: the whole sessions, made by the same pipeline.
        kind: what happens to the future, one of KINDS.
        pipeline: runs the other futures.
        workers: share the sessions among these processes.
        times: instants at which the future is exchanged; by default `instants` of each session.
    """
    n = len(sessions)
    work = workers.map if workers else map
    evidence = Evidence()
    for one in work(_evidence, sessions, [kind] * n, [pipeline] * n, [times] * n):
        evidence.merge(one)
    return evidence


def _evidence(
    whole: WholeSession, kind: str, pipeline: Pipeline, times: Sequence[int] | None
) -> Evidence:
    evidence = Evidence()
    for t_ns in instants(pipeline, whole.day, whole.tables) if times is None else times:
        with gates_off():
            scans = other_future(whole.bronze, kind, t_ns).scans()
            tables = pipeline.run(whole.day, scans, history=whole.history)
        compare_past(evidence, whole.tables, tables, t_ns, f"{whole.day} {kind} at {t_ns}")
    return evidence
