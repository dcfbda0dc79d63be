"""Over a month of sessions every column varies and has values, or its absence is explained (08 A9)."""

from __future__ import annotations

from datetime import date, timedelta

import pyarrow as pa
import pytest

from spymaster_lake.contracts.catalogue import contract_of
from spymaster_lake.contracts.errors import DataError
from spymaster_lake.contracts.features import CALIBRATED
from spymaster_lake.contracts.table import Column, Role, TableContract
from spymaster_lake.orchestration.degeneracy import (
    ALL_NULL,
    ALL_SESSIONS,
    CONSTANT,
    DegeneracyReport,
    degeneracy_report,
)
from tests.proof.simulated_lake import SimulatedLake

DATASETS = ("signals", "state_table", "labels")


@pytest.fixture(scope="module")
def reports(lake: SimulatedLake) -> dict[str, DegeneracyReport]:
    """The report of each table over all sessions of the lake."""
    return {
        name: degeneracy_report(
            contract_of(name),
            pa.concat_tables(t[name] for t in lake.sessions.values()),
            calibration_sessions=lake.pipeline.profile.calibration_sessions,
        )
        for name in DATASETS
    }


@pytest.mark.parametrize("dataset", DATASETS)
def test_degeneracy__simulated_sessions(
    lake: SimulatedLake, reports: dict[str, DegeneracyReport], dataset: str
) -> None:
    """No column of 32 simulated sessions is constant or null throughout, but for the known ones."""
    failing = {r.column: r.verdict for r in reports[dataset].failures}
    allowed = {column for name, column in lake.setup.degenerate if name == dataset}
    assert {c: v for c, v in failing.items() if c not in allowed} == {}
    assert allowed <= set(failing), "listed, but healthy: take it off the list"


def test_degeneracy__covers_the_contracts(reports: dict[str, DegeneracyReport]) -> None:
    """Every feature and label column is reported for each month and for all sessions."""
    for name, report in reports.items():
        contract = contract_of(name)
        columns = {c.name for r in (Role.FEATURE, Role.LABEL) for c in contract.of_role(r)}
        for period in ("2025-11", "2025-12", ALL_SESSIONS):
            assert {r.column for r in report.rows if r.period == period} == columns


def test_degeneracy__calibrated_columns(reports: dict[str, DegeneracyReport]) -> None:
    """After twenty sessions the calibrated columns have values, and never before.

    Sweeps are as rare as their threshold, the 99th percentile, says: twelve light sessions need not
    hold one.
    """
    rows = {r.column: r for r in reports["signals"].rows if r.period == ALL_SESSIONS}
    for name in CALIBRATED:
        assert rows[name].sessions == 12
        assert rows[name].known > 0.5 * rows[name].possible
        assert rows[name].distinct > 1 or name in ("sweep_detected", "sweep_side")


DOUBLE = Column("x", "double", "A number.", Role.FEATURE)
CONSTANT_ALLOWED = Column("y", "double", "One.", Role.FEATURE, may_be_constant=True)
CALIBRATED_COLUMN = Column("sweep_side", "int8", "A side.", Role.FEATURE)


def _report(
    values: list[object], *, column: Column = DOUBLE, active: list[bool] | None = None
) -> DegeneracyReport:
    """One row a day from 2025-10-01 on, judged from 20 sessions on, calibrated after 20."""
    extra = () if active is None else (Column("level_active", "bool", "Active."),)
    contract = TableContract("t", "A row.", (Column("date", "date", "Day."), *extra, column), ())
    days = [date(2025, 10, 1) + timedelta(days=i) for i in range(len(values))]
    columns = [pa.array(days), *([] if active is None else [pa.array(active)]), pa.array(values)]
    table = pa.table([c.cast(f.type) for c, f in zip(columns, contract.arrow_schema, strict=True)],
                     schema=contract.arrow_schema)  # fmt: skip
    return degeneracy_report(contract, table, calibration_sessions=20)


@pytest.mark.parametrize(
    ("values", "verdict", "fails"),
    [
        ([1.0] * 20, CONSTANT, True),
        ([1.0] * 19, CONSTANT, False),
        ([None] * 20, ALL_NULL, True),
        ([None] * 19 + [1.0], "", False),
        ([1.0] * 19 + [None], CONSTANT, True),
        ([1.0] * 19 + [2.0], "", False),
    ],
)
def test_degeneracy__verdict(values: list[object], verdict: str, fails: bool) -> None:
    """Constant or null over at least twenty sessions fails; a single other value does not."""
    rows = _report(values).rows
    assert {(r.period, r.verdict, r.fails) for r in rows} == {
        ("2025-10", verdict, fails),
        (ALL_SESSIONS, verdict, fails),
    }


def test_degeneracy__numbers() -> None:
    """Null share, distinct values and the share of the most frequent value are reported."""
    row = _report([1.0, 1.0, 1.0, 2.0, None]).rows[-1]
    assert (row.possible, row.known, row.distinct) == (5, 4, 2)
    assert row.null_share == pytest.approx(0.2)
    assert row.top_share == 0.75


def test_degeneracy__may_be_constant() -> None:
    """A column whose contract allows it may be constant; the verdict is still reported."""
    report = _report([1.0] * 30, column=CONSTANT_ALLOWED)
    assert {r.verdict for r in report.rows} == {CONSTANT}
    report.require_healthy()


def test_degeneracy__rows_that_cannot_be_known() -> None:
    """Rows of inactive levels and of sessions before calibration are not held against a column."""
    inactive = _report([None] * 25, active=[False] * 25).rows[-1]
    assert (inactive.possible, inactive.null_share, inactive.verdict) == (0, None, "")
    early = _report([None] * 25, column=CALIBRATED_COLUMN).rows[-1]
    assert (early.sessions, early.possible, early.verdict, early.fails) == (5, 5, ALL_NULL, False)
    late = _report([None] * 40, column=CALIBRATED_COLUMN).rows[-1]
    assert (late.sessions, late.fails) == (20, True)


def test_degeneracy__error_lists_columns() -> None:
    """The error names column, verdict, period and counts."""
    with pytest.raises(
        DataError, match=r"t\.x: constant over 20 sessions of all \(20 values in 20"
    ):
        _report([1.0] * 20).require_healthy()
