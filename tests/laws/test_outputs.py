"""Laws: outputs fulfil their contracts, all declared inputs are read, and nothing else is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest

from spymaster_lake.lake.checks import check_table
from spymaster_lake.lake.session_map import SessionTask, run_task
from spymaster_lake.stages.spec import SessionResult
from tests.laws.small_lake import DAY
from tests.laws.stage_cases import STAGES, baseline, case_of


@dataclass
class Recorder(Mapping[str, Any]):
    """A mapping that remembers which keys were asked for."""

    content: Mapping[str, Any]
    asked: set[str] = field(default_factory=set)

    def __getitem__(self, key: str) -> Any:
        self.asked.add(key)
        return self.content[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.content)

    def __len__(self) -> int:
        return len(self.content)

    def __contains__(self, key: object) -> bool:
        return key in self.content


@pytest.mark.parametrize(("market", "name"), STAGES)
def test_inputs__every_declared_one_is_read(lake, name):
    """A declared input that is never looked at would be a false dependency."""
    case = case_of(lake, name)
    tables, scans = Recorder(case.tables()), Recorder(case.task.scans)
    case.call(replace(case.task, scans=scans), tables)
    declared = {s.alias: s.layer for s in case.stage.sources}
    assert tables.asked == {a for a, layer in declared.items() if layer != "bronze"}
    assert scans.asked == {a for a, layer in declared.items() if layer == "bronze"}


@pytest.mark.parametrize(("market", "name"), STAGES)
def test_outputs__fulfil_their_contracts(lake, name):
    """Exactly the declared tables come back; each fulfils its contract and is of the date."""
    case, result = case_of(lake, name), baseline(lake, name)
    assert set(result.tables) == {c.dataset for c in case.stage.outputs}
    for contract in case.stage.outputs:
        table = result.tables[contract.dataset]
        check_table(contract, table)
        assert set(table["date"].to_pylist()) <= {DAY}
    assert any(table.num_rows for table in result.tables.values())


def outcome_of(lake, name: str, tmp_path, tables: Mapping[str, pa.Table]):
    """What the worker says if the stage returned `tables`."""
    task = SessionTask(DAY, {}, {}, str(tmp_path / "out"))
    result = SessionResult(tables)
    return run_task(task, lambda _task, _tables: result, case_of(lake, name).stage.outputs)


@pytest.mark.parametrize(("market", "name"), STAGES)
def test_outputs__undeclared_one_is_refused(lake, name, tmp_path):
    """A table that the stage does not declare is an error that names it."""
    tables = {**baseline(lake, name).tables, "work/secret": pa.table({"x": [1]})}
    outcome = outcome_of(lake, name, tmp_path, tables)
    assert outcome.error_type == "ContractError"
    assert "work/secret" in outcome.error
    assert "not declared" in outcome.error
    assert outcome.staged == ()


@pytest.mark.parametrize(("market", "name"), STAGES)
def test_outputs__missing_one_is_refused(lake, name, tmp_path):
    """Each declared table must be there."""
    made = baseline(lake, name).tables
    for dataset in made:
        rest = {d: t for d, t in made.items() if d != dataset}
        outcome = outcome_of(lake, name, tmp_path, rest)
        assert outcome.error_type == "ContractError"
        assert f"{dataset}: declared as an output but not returned" in outcome.error


@pytest.mark.parametrize(("market", "name"), STAGES)
def test_outputs__rows_of_another_date_are_refused(lake, name, tmp_path):
    """The date is the partition: a row of another date would silently change its date."""
    made = baseline(lake, name).tables
    dataset = next(d for d, table in made.items() if table.num_rows)
    outcome = outcome_of(lake, name, tmp_path, {**made, dataset: moved(made[dataset], DAY)})
    assert outcome.error_type == "ContractError"
    assert f"{dataset}: rows of 2025-11-27 among those of 2025-11-28" in outcome.error


def moved(table: pa.Table, day: date) -> pa.Table:
    """The table with its first row on the day before."""
    at = table.column_names.index("date")
    days = [day - timedelta(days=1), *table["date"].to_pylist()[1:]]
    return table.set_column(at, table.schema.field(at), pa.array(days, pa.date32()))


@pytest.mark.parametrize(("market", "name"), STAGES)
def test_outputs__broken_contract_is_refused(lake, name, tmp_path):
    """A key that is null stops the date, and nothing is left of its tables."""
    case, made = case_of(lake, name), dict(baseline(lake, name).tables)
    contract = next(c for c in case.stage.outputs if made[c.dataset].num_rows)
    table, key = made[contract.dataset], contract.keys[-1]
    at = table.column_names.index(key)
    values = [None, *table[key].to_pylist()[1:]]
    field_ = table.schema.field(at).with_nullable(True)
    made[contract.dataset] = table.set_column(at, field_, pa.array(values, field_.type))
    outcome = outcome_of(lake, name, tmp_path, made)
    assert outcome.error_type == "ContractError"
    assert f"{key}: 1 nulls, none allowed" in outcome.error
    assert outcome.staged == ()
