"""Spark reads, writes and maintains the published tables like any Delta table (00 section 3)."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import deltalake
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from spymaster_lake.contracts.catalogue import contract_of
from spymaster_lake.contracts.schemas import contract_from_json
from spymaster_lake.lake.delta_tables import spark_schema
from spymaster_lake.orchestration.maintenance import maintain
from tests.end_to_end.lakes import (
    DAYS,
    EPISODES,
    FEATURES,
    INSTRUMENT,
    canonical,
    differences,
)

pytestmark = pytest.mark.spark

SIGNALS = f"silver {FEATURES} signals"
SEQUENCES = f"gold {EPISODES} episodes/sequences"


def dataset_of(name):
    """Dataset of "layer pipeline dataset"."""
    return name.split(" ")[2]


def spark_rows(spark, path):
    """All rows of a Delta table, as Spark reads them, canonical and in the types of the lake."""
    rows = spark.read.format("delta").load(path).toArrow()
    contract = contract_of(dataset_of(f"x x {path.split('version=4.5.0/')[1]}"))
    return canonical(rows.select(list(contract.names)).cast(contract.arrow_schema))


def test_schema__is_the_contract_to_spark(spark, built_lake):
    """Names, types, nullability, units and roles of every table, as Spark sees them."""
    paths = built_lake.table_paths()
    assert len(paths) > 30
    for name, path in paths.items():
        found = spark.read.format("delta").load(path).schema
        wanted = spark_schema(contract_of(dataset_of(name)))
        assert found.names == wanted.names, name
        for one, two in zip(found, wanted, strict=True):
            assert one.dataType == two.dataType, (name, one.name)
            assert one.nullable == two.nullable, (name, one.name)
            assert one.metadata == two.metadata, (name, one.name)
            assert {"unit", "role"} <= set(one.metadata), (name, one.name)


def test_layout__is_partitioned_by_date(built_lake):
    """Every table is Delta partitioned by `date`, and its commits name run, stage and inputs."""
    for name, path in built_lake.table_paths().items():
        table = deltalake.DeltaTable(path)
        assert table.metadata().partition_columns == ["date"], name
        commits = [c for c in table.history() if c["operation"] == "WRITE"]
        for commit in commits:
            assert commit["run_id"] in {"features", "episodes"}, name
            prints = json.loads(commit["inputs"])
            assert all(len(sha) == 64 for sha in prints.values())
            assert prints, name
            assert commit["stage"], name


@pytest.mark.parametrize("name", [SIGNALS, SEQUENCES, f"silver {FEATURES} work/trades"])
def test_rows__are_the_same_to_spark(spark, built_lake, built_tables, name):
    """Spark reads the values that the lake wrote, arrays included, bit for bit."""
    found = spark_rows(spark, built_lake.table_paths()[name])
    stored = canonical(built_tables[name])
    contract = contract_of(dataset_of(name))
    stored = canonical(stored.select(list(contract.names)).cast(contract.arrow_schema))
    assert differences({name: stored}, {name: found}) == []


def test_spark_write__then_a_run_again(spark, built_lake, built_tables, copy_of):
    """Spark may replace dates of a table; the next run of the stage replaces them as usual."""
    lake = copy_of(built_lake)
    path = lake.table_paths()[SIGNALS]
    before = spark.read.format("delta").load(path).where(f"date = '{DAYS[0]}'")
    (
        before.limit(3)
        .repartition(3)
        .write.format("delta")
        .mode("overwrite")
        .option("replaceWhere", f"date = '{DAYS[0]}'")
        .save(path)
    )
    assert spark.read.format("delta").load(path).where(f"date = '{DAYS[0]}'").count() == 3
    other = {SIGNALS: lake.tables()[SIGNALS].filter(_not_on(DAYS[0]))}
    kept = {SIGNALS: built_tables[SIGNALS].filter(_not_on(DAYS[0]))}
    assert differences(kept, other) == []
    lake.run(FEATURES, stage="filter_rth_and_write_silver_signals")
    assert differences(built_tables, lake.tables()) == []
    assert len(lake.files()[SIGNALS]) == len(DAYS)


def _not_on(day):
    return pc.field("date") != pa.scalar(day)


def test_maintain__compacts_and_keeps_the_rows(spark, built_lake, copy_of):
    """Compaction of a date in several files keeps its rows; a second time there is nothing to do."""
    lake = copy_of(built_lake)
    paths = lake.table_paths()
    for name, path in paths.items():  # maintenance passes over tables that do not exist
        if name not in {SIGNALS, SEQUENCES}:
            lake.env.filesystem.remove_tree(path)
    rows = spark.read.format("delta").load(paths[SIGNALS]).where(f"date = '{DAYS[0]}'")
    (
        rows.repartition(4)
        .write.format("delta")
        .mode("overwrite")
        .option("replaceWhere", f"date = '{DAYS[0]}'")
        .save(paths[SIGNALS])
    )
    tables = lake.tables()
    fragmented = len(lake.files()[SIGNALS])
    assert fragmented > len(DAYS)

    dry = {r.table: r for r in maintain(lake.env, INSTRUMENT, dry_run=True)}
    assert len(lake.files()[SIGNALS]) == fragmented
    first = {r.table: r for r in maintain(lake.env, INSTRUMENT)}
    assert set(first) == set(dry)
    assert len(first) == 2
    assert {r.fragmented_dates for r in first.values()} == {0, 1}
    assert [len(f) for f in lake.files().values()] == [len(DAYS)] * 2
    assert differences(tables, lake.tables()) == []

    again = maintain(lake.env, INSTRUMENT)
    assert [(r.fragmented_dates, r.files_before, r.files_after) for r in again] == [(0, 3, 3)] * 2
    assert differences(tables, lake.tables()) == []
    found = spark_rows(spark, paths[SIGNALS])
    assert found.num_rows == tables[SIGNALS].num_rows


def test_maintain__removes_what_left_long_ago(built_lake, copy_of):
    """Files that left the table, or were never published, go once they are older than the retention."""
    lake = copy_of(built_lake)
    path = Path(lake.table_paths()[SIGNALS])
    for name, other in lake.table_paths().items():
        if name != SIGNALS:
            lake.env.filesystem.remove_tree(other)
    orphan, fresh = (path / f"date={DAYS[0]}" / f"part-{n}.parquet" for n in ("orphan", "fresh"))
    orphan.write_bytes(b"x")
    fresh.write_bytes(b"x")
    month_ago = time.time() - 30 * 24 * 3600
    os.utime(orphan, (month_ago, month_ago))
    maintain(lake.env, INSTRUMENT)
    assert not orphan.exists()
    assert fresh.exists()
    assert len(lake.files()[SIGNALS]) == len(DAYS)


def test_schema_files__hold_the_contracts(built_lake):
    """`_meta/schemas` has each written dataset, from which the contract can be read back."""
    root = built_lake.root / "_meta" / "schemas"
    written = {dataset_of(name) for name in built_lake.table_paths()}
    bronze = {"futures/trades", "futures/mbp10", "equities/trades", "equities/quotes"} | {
        f"options/{d}" for d in ("trades", "statistics", "definitions")
    }
    found = {str(p.parent.relative_to(root)) for p in root.rglob("schema=v1.json")}
    assert found == written | bronze
    for dataset in sorted(written):
        text = (root / dataset / "schema=v1.json").read_text(encoding="utf-8")
        assert contract_from_json(text) == contract_of(dataset)
