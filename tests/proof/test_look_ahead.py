"""Nothing that happens at or after a row's instant changes the row (02 10.4-1, -2; 03 7.8-1; 08 A4).

Every column of `signals`, `state_table`, vectors, sequences and episode metadata, labels excepted,
is compared bit for bit between whole sessions and sessions whose future is gone or replaced by
noise. A row is compared at every instant at or after its own; which rows exist is compared too.
"""

from __future__ import annotations

from concurrent.futures import Executor

import numpy as np
import pyarrow.compute as pc
import pytest

from spymaster_lake.contracts.signals import SIGNALS
from spymaster_lake.contracts.state_table import STATE_TABLE
from spymaster_lake.contracts.table import Role
from spymaster_lake.contracts.vector import VECTOR_FEATURES
from spymaster_lake.features.arrays import NS
from spymaster_lake.stages.market_prints import has_irregular_prints
from spymaster_lake.stages.tables import array_of, objects
from tests.proof.bronze_in_memory import truncated
from tests.proof.comparison import CASES, PROVED, Evidence
from tests.proof.future_noise import scrambled
from tests.proof.futures_apart import KINDS, WholeSession, evidence_of, instants
from tests.proof.simulated_lake import SimulatedLake


@pytest.fixture(scope="module")
def made() -> dict[tuple[str, str], Evidence]:
    """All comparisons by market and kind of other future."""
    return {}


@pytest.fixture(scope="module", params=KINDS)
def evidence(
    request: pytest.FixtureRequest,
    made: dict[tuple[str, str], Evidence],
    lake: SimulatedLake,
    whole: tuple[WholeSession, ...],
    workers: Executor,
) -> Evidence:
    """All comparisons of one kind of other future."""
    place = (lake.setup.market.instrument, request.param)
    if place not in made:
        made[place] = evidence_of(whole, request.param, lake.pipeline, workers=workers)
    return made[place]


@pytest.mark.parametrize(("dataset", "column"), CASES)
def test_look_ahead__column(
    lake: SimulatedLake, evidence: Evidence, dataset: str, column: str
) -> None:
    """A column's values at or before an instant are the same bits whatever happens from it on."""
    place = (dataset, column)
    assert not evidence.faults.get(place), "\n".join(evidence.faults[place][:5])
    assert evidence.compared[place] > 500
    known = evidence.known[place] or place in lake.setup.never_known
    assert known, "no value: choose livelier sessions"


def test_look_ahead__covers_the_contracts(evidence: Evidence) -> None:
    """What was compared is every feature, key and context column and every entry of the vector."""
    assert set(evidence.compared) == set(CASES)
    for contract in (SIGNALS, STATE_TABLE):
        features = {c.name for c in contract.of_role(Role.FEATURE)}
        assert features <= set(PROVED[contract.dataset].columns)
        assert set(contract.names) == set(PROVED[contract.dataset].columns)
    vector = PROVED["episodes/vectors"].columns
    assert sum(c.startswith("vector_raw[") for c in vector) == len(VECTOR_FEATURES) == 149


def test_look_ahead__covers_the_session(
    lake: SimulatedLake, whole: tuple[WholeSession, ...]
) -> None:
    """Futures are exchanged in the warm-up, at the open, around the opening range, at anchors."""
    for session in whole:
        clock = lake.pipeline.calendar.clock(session.day)
        times = np.array(instants(lake.pipeline, session.day, session.tables))
        anchors = set(array_of(session.tables["signals"], "anchor_ts_ns").tolist())
        assert (times < clock.open_ns).sum() >= 3
        assert {clock.open_ns, clock.opening_range_end_ns, clock.events_end_ns} <= set(times)
        assert len(anchors & set(times.tolist())) >= 6
        assert len(times) >= 14


def test_look_ahead__sessions_are_special(
    lake: SimulatedLake, whole: tuple[WholeSession, ...]
) -> None:
    """One session is the first of a contract, if any rolls, the other ends early; both have
    thresholds, and options that expire that day.
    """
    market = lake.setup.market
    roll, half = (s.tables["work/sessions"].to_pylist()[0] for s in whole)
    before = list(lake.before(whole[0].day).values())[-1]["work/sessions"].to_pylist()[0]
    assert (before["contract"], roll["contract"]) == (market.front, market.next)
    assert half["close_ns"] - half["open_ns"] == 3.5 * 3600 * NS
    assert whole[1].tables["work/option_trades_greeks"].num_rows > 1000
    for session in whole:
        assert None not in session.tables["work/calibration"].column("value").to_pylist()
        assert session.tables["signals"].num_rows > 40


def test_look_ahead__sessions_are_lively(whole: tuple[WholeSession, ...]) -> None:
    """The calibrated and the rare values occur, so that their comparison means something."""
    found = {
        (dataset, name): {v for s in whole for v in objects(s.tables[dataset], name)}
        for dataset in ("signals", "state_table")
        for name in ("fuel_effect", "sweep_detected", "barrier_state", "gex_ratio")
    }
    for dataset, states in (("signals", 3), ("state_table", 5)):
        effects = found[dataset, "fuel_effect"] - {None}
        assert "NEUTRAL" in effects
        assert effects & {"AMPLIFY", "DAMPEN"}
        assert found[dataset, "sweep_detected"] >= {True, False}
        assert len(found[dataset, "barrier_state"] - {None}) >= states
        assert len(found[dataset, "gex_ratio"]) > 5


def test_look_ahead__irregular_prints_occur(
    lake: SimulatedLake, whole: tuple[WholeSession, ...]
) -> None:
    """Where a tape has prints that count for volume only, whole sessions and noise hold some."""
    prints = (lake.setup.market.profile.product, "trades")
    for session in whole:
        t_ns = lake.pipeline.calendar.clock(session.day).open_ns
        other = scrambled(session.bronze, t_ns, seed=11)
        for bronze in (session.bronze, other):
            for table in bronze.rows[prints].values():
                if "counts_for_price" in table.column_names:
                    later = table.filter(pc.greater_equal(table.column("ts_event_ns"), t_ns))
                    assert set(objects(later, "counts_for_price")) == {True, False}
        (facts,) = session.tables["work/sessions"].to_pylist()
        irregular = has_irregular_prints(lake.pipeline.stages[0].context)
        assert (facts["n_volume_only"] > 0) == irregular


@pytest.mark.parametrize("kind", KINDS)
def test_look_ahead__future_differs(whole: tuple[WholeSession, ...], kind: str) -> None:
    """The other futures are other futures: from the instant on, inputs of every kind differ."""
    session = whole[0]
    t_ns = session.tables["work/sessions"].column("open_ns")[0].as_py()
    other = (
        truncated(session.bronze, t_ns)
        if kind == "truncated"
        else scrambled(session.bronze, t_ns, seed=11)
    )
    for key, rows in session.bronze.rows.items():
        for value, mine in rows.items():
            theirs = other.rows[key][value]
            before = [int((array_of(x, "ts_event_ns") < t_ns).sum()) for x in (mine, theirs)]
            assert before[0] == before[1], (key, value)
            later = theirs.num_rows - before[1]
            assert later == 0 if kind == "truncated" else later >= 400, (key, value)
            if kind == "scrambled":
                assert int((array_of(theirs, "ts_event_ns") == t_ns).sum()) >= 6


def test_look_ahead__seed(lake: SimulatedLake, whole: tuple[WholeSession, ...]) -> None:
    """Noise is a function of its seed; another seed is another future."""
    session = whole[1]
    t_ns = instants(lake.pipeline, session.day, session.tables)[8]
    first, same, other = (
        scrambled(session.bronze, t_ns, seed=seed).scans()["market_trades"] for seed in (1, 1, 2)
    )
    assert all(first.rows[c].equals(same.rows[c]) for c in first.rows)
    assert not any(first.rows[c].equals(other.rows[c]) for c in first.rows)
