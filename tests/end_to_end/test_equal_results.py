"""However a lake is built, its tables hold the same rows, bit for bit (00 section 4)."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spymaster_lake.lake import session_map
from spymaster_lake.lake.delta_publish import StagedPart, publish_dates
from spymaster_lake.lake.delta_tables import open_snapshot
from spymaster_lake.lake.parquet_files import write_file
from spymaster_lake.orchestration.catalogue import build_registry
from spymaster_lake.orchestration.graph import StageGraph
from spymaster_lake.orchestration.manifests import ManifestStore, bind_stages
from tests.end_to_end.lakes import DAYS, EPISODES, FEATURES, differences
from tests.markets import MARKETS

pytestmark = pytest.mark.spark
every_market = pytest.mark.parametrize("market", MARKETS, indirect=True)

REJECTED = "gold episode_construction episodes/rejected"
WITHOUT_ROWS = {
    "es": {REJECTED},
    "tsla": {
        REJECTED,
        *(f"silver {FEATURES} work/{n}" for n in ("open_interest", "sweep_clusters")),
    },
}
"""Tables that may have dates without rows: the simulated vendor of a share's options sells prints
only, and light sessions of a share have no bursts of prints."""
CALIBRATED = {"es": {(DAYS[-1], "q")}, "tsla": set()}
"""Thresholds that so short a lake has."""


def stages_of(lake, pipeline):
    """Names of the stages of a pipeline, each after those it depends on."""
    return StageGraph(_manifest(lake, pipeline)).order


def _manifest(lake, pipeline):
    store = ManifestStore(lake.env.settings.manifests_dir)
    market = lake.market
    return store.load(market.instrument, pipeline, market.version, build_registry())


def shuffle_bronze(lake, seed):
    """Permute the rows of every Bronze part and deal them to two parts."""
    rng = np.random.default_rng(seed)
    parts = sorted(lake.root.glob(f"bronze/{lake.market.instrument}/**/*.parquet"))
    for part in parts:
        rows = pq.read_table(part, partitioning=None)
        rows = rows.take(rng.permutation(rows.num_rows))
        half = rows.num_rows // 2
        pq.write_table(rows.slice(half), part)
        if half:
            pq.write_table(rows.slice(0, half), part.with_name(f"part-{seed}-{part.name[5:]}"))
    return len(parts)


def shuffle_outputs(lake, bound, seed):
    """Publish what a stage has just written again, the rows of each date permuted."""
    rng = np.random.default_rng(seed)
    paths = lake.table_paths()
    for contract in bound.stage.outputs:
        layer = bound.stage.layer_of(contract.dataset)
        path = paths[f"{layer} {bound.pipeline_id} {contract.dataset}"]
        staged = []
        for file in open_snapshot(path).files:
            rows = pq.read_table(file.path, partitioning=None)
            rows = rows.take(rng.permutation(rows.num_rows))
            staging = f"{lake.root}/shuffled-{file.day}.parquet"
            size = write_file(staging, rows)
            staged.append(StagedPart(file.day, staging, rows.num_rows, size))
        if staged:
            days = [part.day for part in staged]
            publish_dates(
                lake.env.filesystem, path=path, contract=contract, staged=staged, days=days,
                properties={}, commit={},
            )  # fmt: skip


def test_comparison__sees_one_bit(built_tables):
    """The comparison of these tests tells NaN from null, 0.0 from -0.0 and a lost row."""
    name = "silver feature_engineering signals"
    table = built_tables[name]
    column = "atr"
    values = table.column(column).to_pylist()
    changed = table.set_column(
        table.column_names.index(column),
        table.schema.field(column),
        pa.array([np.nextafter(values[0], np.inf), *values[1:]], pa.float64()),
    )
    assert differences({name: table}, {name: table}) == []
    assert differences({name: table}, {name: changed}) == [f"{name}.atr: 1 rows, such as row 0"]
    assert len(differences({name: table}, {name: table.slice(1)})) == 1
    zero, minus = (pa.table({"x": pa.array([v, None])}) for v in (0.0, -0.0))
    nan = pa.table({"x": pa.array([0.0, float("nan")])})
    assert differences({"t": zero}, {"t": minus})
    assert differences({"t": zero}, {"t": nan})


@every_market
def test_built_lake__is_worth_comparing(market, built_tables):
    """The lake has events on every day, what it can calibrate is, and vectors have NaN."""
    signals = built_tables["silver feature_engineering signals"]
    assert sorted(set(signals.column("date").to_pylist())) == list(DAYS)
    assert signals.num_rows > 20
    calibration = built_tables["silver feature_engineering work/calibration"].to_pylist()
    known = {(r["date"], r["name"]) for r in calibration if r["value"] is not None}
    assert known == CALIBRATED[market.instrument]
    vectors = built_tables["gold episode_construction episodes/vectors"].column("vector_raw")
    assert np.isnan(np.array(vectors.to_pylist())).any()


@every_market
def test_stage_alone__equals_the_pipeline(built_lake, built_tables, copy_of):
    """Each stage run alone over a finished lake replaces every file and changes no value; of other
    markets beside it no file is touched.
    """
    lake = copy_of(built_lake)
    files, versions = lake.files(), lake.versions()
    may_be_empty = WITHOUT_ROWS[lake.market.instrument]
    others = [lake.seen_by(other) for other in MARKETS.values() if other is not lake.market]
    before_others = [other.files() for other in others]
    for pipeline in (FEATURES, EPISODES):
        for stage in stages_of(lake, pipeline):
            assert lake.run(pipeline, stage=stage).kind == "stage"
    after = lake.files()
    assert [other.files() for other in others] == before_others
    assert differences(built_tables, lake.tables()) == []
    for name, before in files.items():
        assert not set(before) & set(after[name]), name
        assert [f.split("/")[0] for f in after[name]] == [f.split("/")[0] for f in before], name
        assert lake.versions()[name] > versions[name] or name in may_be_empty


@every_market
def test_one_copy_of_each_date__one_file_a_date(built_lake):
    """Every table has exactly one file for each date with rows."""
    may_be_empty = WITHOUT_ROWS[built_lake.market.instrument]
    for name, files in built_lake.files().items():
        dates = [f.split("/")[0].removeprefix("date=") for f in files]
        assert len(set(dates)) == len(dates), name
        assert set(map(date.fromisoformat, dates)) <= set(DAYS)
        assert len(dates) == len(DAYS) or name in may_be_empty


@every_market
def test_date_by_date__equals_the_range(market, bronze_lake, built_tables, copy_of):
    """The dates of a range run one by one give the same tables, calibration included."""
    lake = copy_of(bronze_lake).seen_by(market)
    for day in DAYS:
        lake.run(FEATURES, (day,))
        lake.run(EPISODES, (day,))
    assert differences(built_tables, lake.tables()) == []


@every_market
def test_row_order_and_partitions__do_not_matter(
    market, bronze_lake, built_tables, copy_of, monkeypatch: pytest.MonkeyPatch
):
    """Bronze rows in another order and other parts, all dates in one task: the same tables."""
    lake = copy_of(bronze_lake).seen_by(market)
    assert shuffle_bronze(lake, seed=11) > 100
    monkeypatch.setattr(session_map, "TASKS_PER_CORE", 0)
    lake.run(FEATURES)
    lake.run(EPISODES)
    assert differences(built_tables, lake.tables()) == []


@every_market
def test_row_order_between_stages__does_not_matter(market, bronze_lake, built_tables, copy_of):
    """Each stage alone, the rows of its inputs permuted, as a foreign writer may leave them."""
    lake = copy_of(bronze_lake).seen_by(market)
    for pipeline in (FEATURES, EPISODES):
        bound = bind_stages(_manifest(lake, pipeline), build_registry(), {})
        for number, name in enumerate(stages_of(lake, pipeline)):
            lake.run(pipeline, stage=name)
            shuffle_outputs(lake, bound[name], seed=number)
    assert differences(built_tables, lake.tables()) == []
