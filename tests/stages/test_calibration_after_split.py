"""Thresholds never mix sessions of different price bases (08 A14; a share's splits)."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest

from spymaster_lake.contracts.catalogue import contract_of
from spymaster_lake.contracts.profile import CorporateActionsProfile, InstrumentProfile, SplitStep
from spymaster_lake.features.calibration import SWEEP_Q
from spymaster_lake.stages.feature_engineering.filter_rth_and_write_silver_signals import STAGE
from spymaster_lake.stages.spec import SessionInputs, StageContext
from tests.markets import ES, TSLA

MON, TUE, WED, THU, FRI = (date(2025, 12, day) for day in range(8, 13))
SPLIT = CorporateActionsProfile(splits=(SplitStep(ex_date=WED, new=3, old=1),))
SIZES = {MON: 100, TUE: 100, WED: 300, THU: 330}
"""Size of the one burst of prints of each session, in shares of that session."""


def profile(splits: CorporateActionsProfile) -> InstrumentProfile:
    """A share that is calibrated on two sessions."""
    return TSLA.profile.model_copy(update={"calibration_sessions": 2, "corporate_actions": splits})


def bursts(days: tuple[date, ...]) -> pa.Table:
    """work/sweep_clusters of some sessions, one row each."""
    contract = contract_of("work/sweep_clusters")
    plain = {"string": "x", "double": 1.0}
    rows = [
        {c.name: plain.get(c.type, 1) for c in contract.columns} | {"date": d, "size": SIZES[d]}
        for d in days
    ]
    return pa.Table.from_pylist(rows, schema=contract.arrow_schema)


def calibration_of(used: InstrumentProfile, day: date, history: tuple[date, ...]) -> dict:
    """The row of q in work/calibration of a session without events."""
    context = StageContext({}, used)
    tables = {s.alias: contract_of(s.dataset).arrow_schema.empty_table() for s in STAGE.sources} | {
        "sweep_clusters": bursts(history)
    }
    made = STAGE.run(SessionInputs(context.calendar.clock(day), tables, {}, history), context)
    return next(
        row for row in made.tables["work/calibration"].to_pylist() if row["name"] == SWEEP_Q
    )


@pytest.mark.parametrize(
    ("splits", "day", "history", "value", "first"),
    [
        pytest.param(CorporateActionsProfile(), THU, (TUE, WED), 298.0, TUE, id="no split"),
        pytest.param(SPLIT, WED, (MON, TUE), None, None, id="ex-date: nothing comparable"),
        pytest.param(SPLIT, THU, (TUE, WED), None, WED, id="one comparable session of two"),
        pytest.param(SPLIT, FRI, (WED, THU), 329.7, WED, id="enough after the split"),
    ],
)
def test_calibration__reads_sessions_of_its_own_basis(splits, day, history, value, first):
    """Sessions before a split do not count; thresholds are unknown until enough follow it."""
    found = calibration_of(profile(splits), day, history)
    assert found["value"] == pytest.approx(value)
    assert found["first_date"] == first
    assert found["n"] == (0 if first is None else sum(d >= first for d in history))


def test_calibration__of_a_future_counts_every_session():
    """Without corporate actions nothing is left out."""
    used = ES.profile.model_copy(update={"calibration_sessions": 2})
    assert calibration_of(used, FRI, (WED, THU))["n"] == 2
