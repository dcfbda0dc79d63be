"""Law: an input without rows is refused, or legal and then unknown; never a crash, never a default."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pyarrow as pa
import pytest

from spymaster_lake.contracts.errors import LakeError
from spymaster_lake.contracts.table import Role, TableContract
from spymaster_lake.lake.bronze_reader import BronzeScan
from spymaster_lake.lake.checks import check_table
from spymaster_lake.lake.parquet_files import DataFile, write_file
from spymaster_lake.lake.session_map import run_task
from spymaster_lake.stages.spec import SessionResult
from tests.laws.small_lake import DAY
from tests.laws.stage_cases import SESSION_PAIRS, baseline, case_of, may_be_empty, pair_id

TABLES = [case for case in SESSION_PAIRS if case[2].layer != "bronze"]
MAY_BE_EMPTY = [case for case in TABLES if may_be_empty(case[2])]
SCANS = [case for case in SESSION_PAIRS if case[2].layer == "bronze"]

SUMS = {
    "flow_seconds": {
        "barrier_added", "barrier_canceled", "barrier_filled", "barrier_delta_liq",
        "barrier_replenishment_ratio", "barrier_state", "wall_ratio",
    },
    "ofi_seconds": {
        *(f"{name}_{w}s" for name in ("ofi", "ofi_near_level") for w in (30, 60, 120, 300)),
        "ofi_acceleration", "force_mass_ratio",
    },
    "signals": {"prior_touches", "attempt_index"},
}  # fmt: skip
"""Columns for which no cell means "nothing happened": the book itself is there (08 A19, A28, B20)."""


def attempt(work: Callable[[], SessionResult]) -> SessionResult | LakeError:
    """The result, or the error of the lake; any other error ends the test."""
    try:
        return work()
    except LakeError as exc:
        return exc


def emptied(path, contract: TableContract) -> DataFile:
    """A data file with the table's columns and no rows."""
    table = contract.arrow_schema.empty_table().drop_columns(["date"])
    return DataFile(str(path), write_file(str(path), table), DAY)


@pytest.mark.parametrize(("market", "name", "source"), TABLES, ids=pair_id)
def test_file_without_rows__is_refused(lake, tmp_path, name, source):
    """A data file without rows is never taken for a quiet session; the file is named."""
    case = case_of(lake, name)
    read = case.task.tables[source.alias]
    path = tmp_path / "empty.parquet"
    broken = replace(read, files=(emptied(path, read.contract),))
    task = replace(
        case.task, tables={**case.task.tables, source.alias: broken}, staging=str(tmp_path / "out")
    )
    outcome = run_task(task, case.call, case.stage.outputs)
    assert outcome.error_type == "DataError"
    assert f"{path}: no rows" in outcome.error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("market", "name", "source"), MAY_BE_EMPTY, ids=pair_id)
def test_session_without_rows__gives_legal_tables(lake, name, source):
    """Where a date may have no rows, the outputs fulfil their contracts and invent nothing."""
    case = case_of(lake, name)
    tables = case.tables()
    tables[source.alias] = tables[source.alias].slice(0, 0)
    result = attempt(lambda: case.run(tables))
    if isinstance(result, LakeError):
        assert source.alias.split("_")[0] in str(result) or "event" in str(result), result
        return
    for contract in case.stage.outputs:
        made = result.tables[contract.dataset]
        check_table(contract, made)
        require_unknown(contract, made, baseline(lake, name), SUMS.get(source.alias, set()))


def require_unknown(
    contract: TableContract, made: pa.Table, before: SessionResult, allowed: set[str]
) -> None:
    """Every feature is as it was with the rows, or null."""
    full = before.tables[contract.dataset]
    if not made.num_rows or made.num_rows != full.num_rows:
        return
    for column in contract.of_role(Role.FEATURE):
        pairs = zip(made[column.name].to_pylist(), full[column.name].to_pylist(), strict=True)
        invented = [(new, old) for new, old in pairs if new is not None and new != old]
        assert not invented or column.name in allowed, (column.name, invented[:3])


@pytest.mark.parametrize(("market", "name", "source"), SCANS, ids=pair_id)
def test_bronze_without_files__refused_or_legal(lake, name, source):
    """Without a file in the span, a scan gives no rows: a clear error, or legal outputs."""
    case = case_of(lake, name)
    scan = case.task.scans[source.alias]
    none = BronzeScan(scan.product, scan.dataset, ())
    task = replace(case.task, scans={**case.task.scans, source.alias: none})
    result = attempt(lambda: case.call(task, case.tables()))
    if isinstance(result, LakeError):
        assert str(DAY) in str(result)
        return
    for contract in case.stage.outputs:
        check_table(contract, result.tables[contract.dataset])
