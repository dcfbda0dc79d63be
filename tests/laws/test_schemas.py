"""Law: a data file of another schema is refused before the stage starts; the column is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spymaster_lake.lake.parquet_files import DataFile
from spymaster_lake.lake.session_map import run_task
from spymaster_lake.stages.spec import History, Source
from tests.laws.small_lake import DAY, EARLIER
from tests.laws.stage_cases import SESSION_PAIRS, Case, case_of, pair_id
from tests.markets import MARKETS

TABLES = [case for case in SESSION_PAIRS if case[2].layer != "bronze"]
SCANS = [case for case in SESSION_PAIRS if case[2].layer == "bronze"]
EXTRA = "of_the_future"


def dropped(table: pa.Table, name: str) -> tuple[pa.Table, str]:
    """Without one column."""
    return table.drop_columns([name]), name


def retyped(table: pa.Table, name: str) -> tuple[pa.Table, str]:
    """One column of another type that a cast would hide."""
    at, kind = table.column_names.index(name), table.schema.field(name).type
    other = pa.float64() if pa.types.is_integer(kind) else pa.large_string()
    values = table.column(name)
    if pa.types.is_nested(kind) or pa.types.is_temporal(kind) or pa.types.is_boolean(kind):
        values = pa.array(map(str, values.to_pylist()))
    return table.set_column(at, name, values.cast(other, safe=False)), name


def extended(table: pa.Table, name: str) -> tuple[pa.Table, str]:
    """One column more."""
    return table.append_column(EXTRA, table.column(name)), EXTRA


CHANGES = (dropped, retyped, extended)
Change = Callable[[pa.Table, str], tuple[pa.Table, str]]


def changed_file(path: str, change: Change, to: Path) -> str:
    """A changed copy of a file; gives the column that the error must name."""
    table = pq.ParquetFile(path).read()
    changed, column = change(table, table.column_names[-1])
    pq.write_table(changed, to)
    return column


@pytest.mark.parametrize("change", CHANGES, ids=lambda c: c.__name__)
@pytest.mark.parametrize(("market", "name", "source"), TABLES, ids=pair_id)
def test_delta_file__of_another_schema(lake, tmp_path, name, source, change):
    """Dropped, retyped and added columns are found, whatever columns the stage reads."""
    case = case_of(lake, name)
    read = case.task.tables[source.alias]
    own = [f for f in read.files if f.day == DAY]
    if not own:
        pytest.skip("the session has no rows in this table, so there is no file")
    path = tmp_path / "changed.parquet"
    column = changed_file(own[0].path, change, path)
    broken = replace(read, files=(DataFile(str(path), path.stat().st_size, DAY),))
    task = replace(
        case.task, tables={**case.task.tables, source.alias: broken}, staging=str(tmp_path / "out")
    )
    outcome = run_task(task, case.call, case.stage.outputs)
    assert outcome.error_type == "ContractError"
    assert f"column {column!r}" in outcome.error
    assert source.dataset in outcome.error
    assert str(path) in outcome.error
    assert not (tmp_path / "out").exists()


def place_of_read_part(case: Case, source: Source) -> int:
    """Position of a part that the stage reads: of the session's, or of the session before it."""
    clock = case.bound.context(case.env).calendar.clock(
        EARLIER if source.history is History.BRONZE else DAY
    )
    first = clock.record_start_ns if source.product == "options" else clock.open_ns
    files = case.task.scans[source.alias].files
    market = MARKETS[case.bound.instrument]
    mine = {market.front, market.profile.options.underlying}
    return next(i for i, f in enumerate(files) if f.value in mine and f.hour_ns >= first)


@pytest.mark.parametrize("change", CHANGES, ids=lambda c: c.__name__)
@pytest.mark.parametrize(("market", "name", "source"), SCANS, ids=pair_id)
def test_bronze_part__of_another_schema(lake, tmp_path, name, source, change):
    """The same for parts of Bronze that the session reads."""
    case = case_of(lake, name)
    scan = case.task.scans[source.alias]
    at = place_of_read_part(case, source)
    path = tmp_path / "changed.parquet"
    column = changed_file(scan.files[at].uri, change, path)
    files = list(scan.files)
    files[at] = replace(files[at], uri=str(path))
    task = replace(
        case.task,
        scans={**case.task.scans, source.alias: replace(scan, files=tuple(files))},
        staging=str(tmp_path / "out"),
    )
    outcome = run_task(task, case.call, case.stage.outputs)
    assert outcome.error_type == "ContractError"
    assert f"{path}: schema differs" in outcome.error
    assert f"{column}: " in outcome.error
    assert not (tmp_path / "out").exists()
