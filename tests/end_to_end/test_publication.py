"""Publication of dates by several writers at the same time: every date keeps exactly one copy."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import deltalake
import pyarrow as pa
import pytest

from spymaster_lake.contracts.errors import ContractError, PublishError
from spymaster_lake.contracts.table import Column, TableContract
from spymaster_lake.lake.delta_commits import commit_facts, repeat
from spymaster_lake.lake.delta_publish import StagedPart, publish_dates
from spymaster_lake.lake.delta_tables import open_snapshot
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.parquet_files import write_file
from tests.end_to_end.lakes import read_table

CONTRACT = TableContract(
    "work/numbers",
    "A number.",
    (
        Column("date", "date", "Session date.", nullable=False),
        Column("x", "int64", "The number.", nullable=False),
    ),
    ("date", "x"),
    may_be_empty=True,
)
MONDAY = date(2025, 12, 15)
WRITERS = 4


@pytest.fixture
def table(tmp_path):
    """Publishes `rows` equal numbers as some dates of one table."""
    filesystem, path = LakeFileSystem.of(str(tmp_path)), f"{tmp_path}/numbers"

    def publish(number, days, rows=2):
        staged = []
        for day in days if rows else ():
            file = f"{tmp_path}/staging/{number}-{day}.parquet"
            size = write_file(file, pa.table({"x": pa.array([number] * rows, pa.int64())}))
            staged.append(StagedPart(day, file, rows, size))
        return publish_dates(
            filesystem, path=path, contract=CONTRACT, staged=staged, days=days,
            properties={}, commit={"run_id": f"run{number}"},
        )  # fmt: skip

    publish.path = path
    return publish


def numbers(path):
    """Rows by date and number."""
    rows = read_table(path).to_pylist()
    return Counter((row["date"], row["x"]) for row in rows)


def test_publish__one_date_by_many_writers(table):
    """Writers of the same new date at the same time, of a table that is not there yet."""
    for round_ in range(3):
        day = MONDAY + timedelta(days=round_)
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(lambda number: table(number, [day]), range(WRITERS)))  # noqa: B023
        found = {key: n for key, n in numbers(table.path).items() if key[0] == day}
        assert list(found.values()) == [2], found
        assert len(open_snapshot(table.path).on([day])) == 1


def test_publish__other_dates_by_many_writers(table):
    """Writers of different dates at the same time, with rows and without, lose nothing."""
    days = [MONDAY + timedelta(days=n) for n in range(2 * WRITERS)]
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(lambda n: table(n, [days[n]], rows=n % 2), range(len(days))))
    assert numbers(table.path) == {(days[n], n): 1 for n in range(1, len(days), 2)}
    snapshot = open_snapshot(table.path)
    assert snapshot.dates == days
    assert snapshot.empty_dates == set(days[::2])


def test_publish__replaces_exactly_its_dates(table):
    """A date that is published again loses its old rows, others keep theirs; also to no rows."""
    table(1, [MONDAY, MONDAY + timedelta(days=1)])
    table(2, [MONDAY])
    assert numbers(table.path) == {(MONDAY, 2): 2, (MONDAY + timedelta(days=1), 1): 2}
    table(3, [MONDAY], rows=0)
    assert numbers(table.path) == {(MONDAY + timedelta(days=1), 1): 2}
    assert open_snapshot(table.path).empty_dates == {MONDAY}
    table(4, [MONDAY], rows=1)
    assert numbers(table.path) == {(MONDAY, 4): 1, (MONDAY + timedelta(days=1), 1): 2}
    assert open_snapshot(table.path).empty_dates == frozenset()


def test_publish__other_columns_are_refused(table):
    """A table with other columns than the contract is an error that names the difference."""
    table(1, [MONDAY])
    deltalake.DeltaTable(table.path).alter.add_columns(
        [deltalake.schema.Field("y", deltalake.schema.PrimitiveType("string"))]
    )
    before = open_snapshot(table.path)
    with pytest.raises(ContractError, match="it has 'y' besides"):
        table(2, [MONDAY])
    assert open_snapshot(table.path) == before


def test_repeat__gives_up_with_the_cause(table):
    """A writer that is overtaken every time ends in an error, not in an endless loop."""
    table(1, [MONDAY])

    def overtaken(opened):
        deltalake.DeltaTable(table.path).alter.set_table_properties(
            {"spymaster.count": str(opened.version())}, raise_if_not_exists=False
        )
        opened.alter.set_table_properties(
            {"spymaster.mine": "1"}, raise_if_not_exists=False, commit_properties=commit_facts({})
        )

    with pytest.raises(PublishError, match="overtaken by other writers"):
        repeat(table.path, overtaken)
