"""Law: an absent input dataset is an error that names stage and dataset; nothing is published."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from spymaster_lake.contracts.errors import MissingInputError
from spymaster_lake.contracts.run_record import RunStatus
from spymaster_lake.orchestration.catalogue import build_registry
from spymaster_lake.orchestration.dates import date_range
from spymaster_lake.orchestration.execute import execute_stage
from spymaster_lake.orchestration.inputs import source_name
from spymaster_lake.orchestration.prepare import PreparedRun, RunRequest, prepare
from spymaster_lake.orchestration.runner import StageResult, StageRunner
from spymaster_lake.stages.spec import Source
from tests.laws.small_lake import DAY, SmallLake, in_process
from tests.laws.stage_cases import BOUND, PAIRS, STAGES, pair_id

ABSENT = date(2025, 12, 15)
"""So late that definitions of DAY are too old for it."""
REQUIRED = [case for case in PAIRS if BOUND[case[0]][case[1]].is_required(case[2])]


@cache
def prepared(lake: SmallLake, pipeline_id: str, day: date) -> PreparedRun:
    """A pipeline prepared for one date."""
    market = lake.market
    asked = RunRequest(
        market.instrument, pipeline_id, market.version, asked=date_range(day, None, None)
    )
    return prepare(lake.env, build_registry(), asked)


def run(lake: SmallLake, name: str, day: date) -> StageResult:
    """One stage as the driver runs it."""
    pipeline_id = BOUND[lake.market.instrument][name].pipeline_id
    runner = StageRunner(lake.env, prepared(lake, pipeline_id, day), "laws", execute_stage)
    with in_process():
        return runner.run(name, (day,), skipped={}, done=None)


@contextmanager
def without(lake: SmallLake, source: Source) -> Iterator[Path]:
    """The lake while one dataset is away."""
    if source.layer == "bronze":
        path = lake.root / "bronze" / lake.market.instrument / source.product / source.dataset
    else:
        path = lake.table(source.dataset, source.pipeline_id, source.layer)
    away = lake.root / "away"
    path.rename(away)
    try:
        yield path
    finally:
        away.rename(path)


@pytest.mark.parametrize(("market", "name", "source"), REQUIRED, ids=pair_id)
def test_missing_dataset__stage_and_dataset_are_named(own_lake, name, source):
    """Without one of its required inputs a stage fails before it does anything."""
    with without(own_lake, source):
        before = own_lake.published()
        result = run(own_lake, name, DAY)
        assert own_lake.published() == before
    assert isinstance(result.error, MissingInputError)
    said = str(result.error)
    assert f"{name!r}" in said
    assert source_name(source) in said
    assert result.record.status is RunStatus.FAILED
    assert own_lake.staging() == []


@pytest.mark.parametrize(("market", "name"), STAGES)
def test_missing_date__all_lacking_inputs_are_named(own_lake, market, name):
    """On a date that no input has, one error names the date and every required input."""
    before = own_lake.published()
    result = run(own_lake, name, ABSENT)
    assert isinstance(result.error, MissingInputError)
    said = str(result.error)
    bound = BOUND[market][name]
    for source in bound.stage.sources:
        assert (source_name(source) in said) is bound.is_required(source)
    assert str(ABSENT) in said
    assert own_lake.published() == before
