"""Every manifest binds: each stage resolves, and what it reads and writes is declared."""

from __future__ import annotations

import pytest

from spymaster_lake.orchestration.binding import outputs_of
from spymaster_lake.orchestration.catalogue import SHARED, build_registry
from spymaster_lake.orchestration.manifests import ManifestStore
from spymaster_lake.stages.spec import SessionStage
from tests.laws.stage_cases import BOUND, PAIRS, STAGES
from tests.markets import MARKETS, REPOSITORY


@pytest.mark.parametrize("market", MARKETS)
def test_manifests__every_registered_stage_is_bound(market):
    """No stage of the catalogue is left out, and build_ohlcv serves three names."""
    bound = BOUND[market]
    used = [b.stage_id for b in bound.values()]
    assert set(used) == {entry.stage_id for entry in SHARED}
    assert sorted(n for n, b in bound.items() if b.stage_id == "build_ohlcv") == [
        "build_ohlcv_10s",
        "build_ohlcv_1min",
        "build_ohlcv_2min",
    ]
    assert len(bound) == len(SHARED) + 2


@pytest.mark.parametrize("market", MARKETS)
def test_manifests__every_dataset_has_one_writer(market):
    """No dataset is written twice, and every own input of a stage has a writer."""
    bound = BOUND[market].values()
    written = [key for b in bound for key in outputs_of(b)]
    assert len(written) == len(set(written))
    read = {(s.layer, s.dataset) for b in bound for s in b.stage.sources}
    assert {key for key in read if key[0] != "bronze"} <= set(written)


@pytest.mark.parametrize(("market", "name"), STAGES)
def test_stage__aliases_and_outputs_are_unique(market, name):
    """A stage finds each input under one name and writes each dataset once."""
    stage = BOUND[market][name].stage
    assert isinstance(stage, SessionStage)
    aliases, outputs = [s.alias for s in stage.sources], [c.dataset for c in stage.outputs]
    assert len(aliases) == len(set(aliases)) > 0
    assert len(outputs) == len(set(outputs)) > 0


@pytest.mark.parametrize("market", MARKETS)
def test_stage__reads_the_market_of_its_instrument(market):
    """Prints and book are those of the instrument's product; nothing of another one is read."""
    product, book = MARKETS[market].profile.product, MARKETS[market].profile.book.source
    read = {(s.product, s.dataset) for m, _, s in PAIRS if m == market and s.layer == "bronze"}
    assert {(product, "trades"), (product, book)} <= read
    assert {p for p, _ in read} == {product, "options"}


def test_manifests__validate_against_the_registry():
    """Stage ids, parameters and datasets of every manifest of every instrument are known."""
    store = ManifestStore(REPOSITORY / "manifests")
    assert set(MARKETS) < set(store.instruments)
    for instrument in store.instruments:
        assert store.problems(instrument, build_registry()) == []
