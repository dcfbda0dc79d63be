"""The laws for build_indices, which reads whole tables; same bytes twice: tests/stages."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from spymaster_lake.contracts.errors import ContractError, DataError, InsufficientHistoryError
from spymaster_lake.lake.delta_tables import open_snapshot
from spymaster_lake.orchestration.execute import execute_stage
from spymaster_lake.stages.index_building import build_indices
from spymaster_lake.stages.spec import CorpusStage
from tests.laws.small_lake import DAY, replace_file
from tests.laws.stage_cases import BOUND, pair_id, request_of
from tests.laws.test_outputs import Recorder
from tests.laws.test_repeatable import stored
from tests.laws.test_schemas import CHANGES, changed_file
from tests.markets import MARKETS
from tests.stages.episode_tables import context, episodes, weekdays

NAME = "build_indices"
STAGE = build_indices.STAGE
assert isinstance(STAGE, CorpusStage)
AS_OF = weekdays(25)[-1]


def test_inputs__every_declared_one_is_read_and_none_is_changed():
    """Vectors and metadata are asked for, and stay as they were to the byte."""
    tables = Recorder(episodes())
    before = {alias: stored(table) for alias, table in tables.content.items()}
    STAGE.run(tables, context(), AS_OF)
    assert tables.asked == {s.alias for s in STAGE.sources}
    assert {alias: stored(table) for alias, table in tables.content.items()} == before


@pytest.mark.parametrize(
    ("empty", "error"),
    [
        ({"vectors"}, DataError),
        ({"metadata"}, DataError),
        ({"vectors", "metadata"}, InsufficientHistoryError),
    ],
    ids=str,
)
def test_empty_input__is_refused(empty, error):
    """No episodes is too little history; episodes in one table only is a contradiction."""
    tables: dict[str, pa.Table] = {
        alias: table.slice(0, 0) if alias in empty else table for alias, table in episodes().items()
    }
    with pytest.raises(error):
        STAGE.run(tables, context(), AS_OF)


@pytest.mark.parametrize("market", MARKETS)
def test_manifests__bind_this_stage(market):
    """What is tested here is what every market runs."""
    assert BOUND[market][NAME].stage is STAGE
    assert [b.name for b in BOUND[market].values() if isinstance(b.stage, CorpusStage)] == [NAME]


@pytest.mark.parametrize("change", CHANGES, ids=lambda c: c.__name__)
@pytest.mark.parametrize("source", STAGE.sources, ids=pair_id)
@pytest.mark.parametrize("market", MARKETS)
def test_data_file__of_another_schema(own_lake, tmp_path, market, source, change):
    """The file and the column are named, and no index appears."""
    table = own_lake.table(source.dataset, source.pipeline_id, source.layer)
    path = Path(open_snapshot(str(table)).files[0].path)
    before = path.read_bytes()
    column = changed_file(str(path), change, tmp_path / "changed.parquet")
    replace_file(path, (tmp_path / "changed.parquet").read_bytes())
    try:
        with pytest.raises(ContractError, match=rf"{path.name}: schema.*column '{column}'"):
            execute_stage(own_lake.env, BOUND[market][NAME], request_of(DAY.replace(month=12)))
    finally:
        replace_file(path, before)
    assert not list(own_lake.root.glob("gold/*/index_building/**/manifest.json"))
