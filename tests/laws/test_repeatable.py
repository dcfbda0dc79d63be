"""Laws: a stage gives the same tables twice and for any order of its input rows; it changes none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spymaster_lake.lake.bronze_reader import BronzeScan
from tests.laws.stage_cases import (
    SESSION_PAIRS,
    STAGES,
    Case,
    baseline,
    canonical,
    case_of,
    shuffled,
)
from tests.markets import MARKETS


def stored(table: pa.Table) -> bytes:
    """All bytes of a table."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue().to_pybytes()


def require_same(first: Mapping[str, pa.Table], second: Mapping[str, pa.Table]) -> None:
    """Same rows, every value equal bit for bit; the order of rows does not count."""
    assert first.keys() == second.keys()
    for dataset, table in first.items():
        one, other = canonical(table), canonical(second[dataset])
        assert one.schema.equals(other.schema)
        for name in one.column_names:
            assert stored(one.select([name])) == stored(other.select([name])), (dataset, name)


@pytest.mark.parametrize(("market", "name"), STAGES)
def test_twice__same_tables_and_inputs_untouched(lake, name):
    """A second run equals the first, and both leave every byte of their inputs as it was."""
    case = case_of(lake, name)
    tables = case.tables()
    before = {alias: stored(table) for alias, table in tables.items()}
    result = case.run(tables)
    require_same(result.tables, baseline(lake, name).tables)
    assert {alias: stored(table) for alias, table in tables.items()} == before


def mixed(case: Case) -> dict[str, pa.Table]:
    """The Delta inputs with their rows in another order."""
    return {
        alias: shuffled(table, seed=n) for n, (alias, table) in enumerate(case.tables().items())
    }


READERS = sorted({(market, name) for market, name, s in SESSION_PAIRS if s.layer != "bronze"})


@pytest.mark.parametrize(("market", "name"), READERS)
def test_shuffled_inputs__same_tables(lake, name):
    """Nothing depends on the order in which rows are delivered (00 section 6-4)."""
    case = case_of(lake, name)
    require_same(case.run(mixed(case)).tables, baseline(lake, name).tables)


@pytest.mark.parametrize("market", MARKETS)
def test_shuffled_bronze__same_tables(lake, tmp_path):
    """Nor does load_bronze depend on the order of rows inside a part, or of the parts."""
    case = case_of(lake, "load_bronze")
    scans = {alias: mixed_scan(scan, tmp_path / alias) for alias, scan in case.task.scans.items()}
    result = case.call(replace(case.task, scans=scans), {})
    require_same(result.tables, baseline(lake, "load_bronze").tables)


def mixed_scan(scan: BronzeScan, folder: Path) -> BronzeScan:
    """The scan over copies of its parts with shuffled rows, listed backwards."""
    folder.mkdir()
    files = []
    for n, file in enumerate(scan.files):
        table = shuffled(pq.ParquetFile(file.uri).read(), seed=n)
        path = folder / f"{len(scan.files) - n:06d}.parquet"
        pq.write_table(table.replace_schema_metadata(None), path)
        files.append(replace(file, uri=str(path)))
    return replace(scan, files=tuple(reversed(files)))
