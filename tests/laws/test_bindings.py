"""Every manifest binds: each stage resolves, and what it reads and writes is declared."""

from __future__ import annotations

import pytest

from spymaster_lake.orchestration.binding import outputs_of
from spymaster_lake.orchestration.catalogue import SHARED, build_registry
from spymaster_lake.orchestration.manifests import ManifestStore
from spymaster_lake.stages.spec import SessionStage
from tests.laws.small_lake import REPOSITORY
from tests.laws.stage_cases import BOUND, SESSION


def test_es__every_registered_stage_is_bound():
    """No stage of the catalogue is left out, and build_ohlcv serves three names."""
    used = [b.stage_id for b in BOUND.values()]
    assert set(used) == {entry.stage_id for entry in SHARED}
    assert sorted(n for n, b in BOUND.items() if b.stage_id == "build_ohlcv") == [
        "build_ohlcv_10s",
        "build_ohlcv_1min",
        "build_ohlcv_2min",
    ]
    assert len(BOUND) == len(SHARED) + 2


def test_es__every_dataset_has_one_writer():
    """No dataset is written twice, and every own input of a stage has a writer."""
    written = [key for b in BOUND.values() for key in outputs_of(b)]
    assert len(written) == len(set(written))
    read = {(s.layer, s.dataset) for b in BOUND.values() for s in b.stage.sources}
    assert {key for key in read if key[0] != "bronze"} <= set(written)


@pytest.mark.parametrize("name", SESSION)
def test_es__aliases_and_outputs_are_unique(name):
    """A stage finds each input under one name and writes each dataset once."""
    stage = SESSION[name].stage
    assert isinstance(stage, SessionStage)
    aliases, outputs = [s.alias for s in stage.sources], [c.dataset for c in stage.outputs]
    assert len(aliases) == len(set(aliases)) > 0
    assert len(outputs) == len(set(outputs)) > 0


@pytest.mark.parametrize("instrument", ["es", "tsla"])
def test_manifests__validate_against_the_registry(instrument):
    """Stage ids, parameters and datasets of every manifest are known."""
    store = ManifestStore(REPOSITORY / "manifests")
    assert store.problems(instrument, build_registry()) == []
