"""A failed run leaves every table as it was; nothing is swallowed (00 section 6, 08 A17, A34)."""

from __future__ import annotations

import sys
from dataclasses import replace

import pyarrow as pa
import pytest
from pyspark import cloudpickle

from spymaster_lake.contracts.errors import StageFailedError
from spymaster_lake.contracts.run_record import RunStatus
from spymaster_lake.orchestration.catalogue import build_registry
from spymaster_lake.orchestration.records import RunStore
from spymaster_lake.orchestration.registry import StageRegistry
from spymaster_lake.stages.feature_engineering import compute_physics
from spymaster_lake.stages.spec import SessionResult
from tests.end_to_end.lakes import DAYS, FEATURES, INSTRUMENT, differences

pytestmark = pytest.mark.spark

BAD = DAYS[-1]
RULE = "minutes without a trade"


def take_an_hour_away(lake, day, hour=15):
    """Remove the futures trades of one UTC hour: the session has too many minutes without one."""
    parts = list(lake.root.glob(f"bronze/*/futures/trades/**/date={day}/hour={hour}/*.parquet"))
    assert parts
    for part in parts:
        part.unlink()


def run_record(lake, run_id):
    """The record of a run, read from the lake."""
    return RunStore(lake.env).read_run(INSTRUMENT, run_id)


def staged_files(lake):
    """What is left in staging areas."""
    return [str(p.relative_to(lake.root)) for p in lake.root.rglob("*staging*")]


def registry_with(run):
    """All stages, compute_physics with another function for this instrument and pipeline."""
    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import this file
    registry: StageRegistry = build_registry()
    registry.register(
        replace(compute_physics.STAGE, run=run), instrument=INSTRUMENT, pipeline_id=FEATURES
    )
    return registry


def second_output_breaks_its_contract(inputs, context):
    """compute_physics, except that a cluster of its second output has no size."""
    result = compute_physics.run(inputs, context)
    clusters = result.tables["work/sweep_clusters"]
    at = clusters.column_names.index("size")
    unknown = pa.nulls(clusters.num_rows, clusters.schema.field(at).type)
    broken = clusters.set_column(at, clusters.schema.field(at), unknown)
    return SessionResult({**result.tables, "work/sweep_clusters": broken}, result.metrics)


def a_defect(inputs, context):
    """A stage function with a bug that only shows on the last day."""
    if inputs.day == BAD:
        return 1 / 0
    return compute_physics.run(inputs, context)


@pytest.fixture
def lake(built_lake, copy_of):
    """A finished lake to fail on."""
    return copy_of(built_lake)


def test_bad_date__fails_all_and_changes_nothing(lake, built_tables):
    """One bad date of three: the error names it, no table moves, later stages do not start."""
    take_an_hour_away(lake, BAD)
    versions = lake.versions()
    with pytest.raises(StageFailedError, match=RULE) as caught:
        lake.run(FEATURES, run_id="bad", until="build_ohlcv_1min")
    assert f"{BAD}: DataError" in str(caught.value)
    assert f"{DAYS[0]}: " not in str(caught.value)
    assert lake.versions() == versions
    assert differences(built_tables, lake.tables()) == []
    assert staged_files(lake) == []
    record = run_record(lake, "bad")
    assert record.status is RunStatus.FAILED
    assert record.error.stage == "load_bronze"
    assert record.error.type == "DataError"
    assert RULE in record.error.message
    assert "Traceback" in record.error.traceback
    assert "--run-id bad" in record.resume
    states = {s.name: s.status for s in record.stages}
    assert states == {"load_bronze": RunStatus.FAILED, "build_ohlcv_1min": RunStatus.PENDING}
    stage = RunStore(lake.env).read_stage(INSTRUMENT, "bad", "load_bronze")
    assert stage.status is RunStatus.FAILED
    assert stage.error == record.error


def test_bad_date__can_be_left_out(lake, built_tables):
    """With on_bad_date "skip" the other dates are made, and the bad one is recorded and untouched."""
    take_an_hour_away(lake, BAD)
    files = lake.files()
    record = lake.run(FEATURES, run_id="skip", until="build_ohlcv_1min", on_bad_date="skip")
    assert record.status is RunStatus.SUCCEEDED
    assert run_record(lake, "skip") == record
    load, bars = record.stages
    assert load.dates == bars.dates == DAYS[:2]
    assert RULE in load.skipped[BAD]
    assert bars.skipped[BAD].startswith("left out by load_bronze: ")
    assert list(record.skipped) == [BAD]
    assert RULE in record.skipped[BAD]
    assert differences(built_tables, lake.tables()) == []
    for name in ("work/trades", "work/bars_1min"):
        before, after = (f[f"silver {FEATURES} {name}"] for f in (files, lake.files()))
        assert set(before) & set(after) == {f for f in before if f"date={BAD}" in f}
    assert staged_files(lake) == []


def test_bad_output__publishes_none_of_a_stage(lake, built_tables):
    """A second output that breaks its contract keeps the first one from being published."""
    assert built_tables[f"silver {FEATURES} work/sweep_clusters"].num_rows
    versions = lake.versions()
    registry = registry_with(second_output_breaks_its_contract)
    with pytest.raises(StageFailedError, match="work/sweep_clusters: 1 discrepancies"):
        lake.run(FEATURES, stage="compute_physics", registry=registry)
    assert lake.versions() == versions
    assert staged_files(lake) == []


def test_defect__ends_the_run(lake):
    """An exception that is no verdict on data is never left out as a bad date."""
    versions = lake.versions()
    with pytest.raises(StageFailedError, match="ZeroDivisionError"):
        lake.run(
            FEATURES, stage="compute_physics", on_bad_date="skip", registry=registry_with(a_defect)
        )
    assert lake.versions() == versions
    assert staged_files(lake) == []


def test_foreign_table__publishes_none_of_a_stage(lake):
    """A second output whose table on disk has other columns keeps the first one as it was."""
    import deltalake

    name = f"silver {FEATURES} work/sweep_clusters"
    path = lake.table_paths()[name]
    deltalake.DeltaTable(path).alter.add_columns(
        [deltalake.schema.Field("foreign", deltalake.schema.PrimitiveType("string"))]
    )
    versions = lake.versions()
    with pytest.raises(StageFailedError, match="it has 'foreign' besides"):
        lake.run(FEATURES, stage="compute_physics")
    assert lake.versions() == versions
    assert staged_files(lake) == []
