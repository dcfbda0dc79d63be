"""A stage that differs for one instrument: the most specific registration runs, for it alone."""

from __future__ import annotations

import pytest

from spymaster_lake import cli
from spymaster_lake.commands import common
from spymaster_lake.contracts.errors import ConfigError
from spymaster_lake.instruments import OVERRIDES, Override
from spymaster_lake.orchestration.catalogue import build_registry
from spymaster_lake.orchestration.manifests import ManifestStore, bind_stages
from spymaster_lake.stages.feature_engineering import compute_level_distances
from tests.instruments.tsla.stages.compute_level_distances import (
    COLUMN,
    FOR_EVERY_VERSION,
    FOR_ONE_VERSION,
)
from tests.laws.small_lake import DAY, PIPELINES
from tests.markets import ES, MARKETS, REPOSITORY, TSLA

STAGE_ID = compute_level_distances.STAGE.stage_id
PIPELINE = Override(FOR_EVERY_VERSION, TSLA.instrument, PIPELINES[0])
VERSION = Override(FOR_ONE_VERSION, TSLA.instrument, PIPELINES[0], TSLA.version)
LEVELS = [
    pytest.param((), f"({STAGE_ID})", None, id="shared"),
    pytest.param((PIPELINE,), f"(tsla, feature_engineering, {STAGE_ID})", {1}, id="pipeline"),
    pytest.param((VERSION,), f"(tsla, feature_engineering, 1.0.0, {STAGE_ID})", {2}, id="version"),
    pytest.param(
        (PIPELINE, VERSION), f"(tsla, feature_engineering, 1.0.0, {STAGE_ID})", {2}, id="both"
    ),
]


def test_package__has_no_override():
    """Every definition serves every instrument; another one would stand here with its reason."""
    assert OVERRIDES == ()


@pytest.mark.parametrize(("overrides", "origin", "counts"), LEVELS)
@pytest.mark.parametrize("market", MARKETS)
def test_override__runs_for_its_instrument(own_lake, market, overrides, origin, counts):
    """The winner makes the table of its instrument; any other instrument keeps the shared stage."""
    registry = build_registry(overrides)
    here = MARKETS[market]
    manifest = ManifestStore(REPOSITORY / "manifests").load(
        market, PIPELINES[0], here.version, registry
    )
    bound = bind_stages(manifest, registry)[STAGE_ID]
    assert bound.origin == (origin if here is TSLA else f"({STAGE_ID})")
    own_lake.run(start=DAY, end=DAY, stage=STAGE_ID, registry=registry)
    found = set(own_lake.read("work/level_distances", DAY).column(COLUMN).to_pylist())
    shared = set(own_lake.read("signals", DAY).column(COLUMN).to_pylist())
    assert shared not in ({1}, {2})
    assert found == (counts if counts and here is TSLA else shared)


@pytest.mark.parametrize(
    ("pipeline_id", "version"), [(PIPELINES[0], "1.0.1"), (PIPELINES[1], TSLA.version)]
)
def test_override__of_a_version_serves_no_other(pipeline_id, version):
    """Another version falls back to the pipeline's override, another pipeline to the shared stage."""
    registry = build_registry((PIPELINE, VERSION))
    _, entry = registry.resolve(
        STAGE_ID, instrument=TSLA.instrument, pipeline_id=pipeline_id, pipeline_version=version
    )
    wanted = FOR_EVERY_VERSION if pipeline_id == PIPELINES[0] else compute_level_distances.STAGE
    assert entry is wanted


def test_override__twice_is_refused():
    """Two of the same level contradict each other."""
    with pytest.raises(ConfigError, match="registered already"):
        build_registry((PIPELINE, PIPELINE))


def test_explain__shows_the_three_levels(monkeypatch, capsys):
    """`stages explain` lists the keys that were looked at, which exist, and the winner."""
    monkeypatch.setattr(common, "load_registry", lambda: build_registry((PIPELINE,)))
    monkeypatch.setenv("COLUMNS", "200")
    winners = {}
    for market in (ES, TSLA):
        words = ["--instrument", market.instrument, "--pipeline-version", market.version]
        assert cli.main(["stages", "explain", STAGE_ID, "--pipeline-id", PIPELINES[0], *words]) == 0
        rows = [line for line in capsys.readouterr().out.splitlines() if STAGE_ID in line]
        winners[market.instrument] = [row.split("│")[1].strip() for row in rows if "wins" in row]
    assert winners == {
        "es": [f"({STAGE_ID})"],
        "tsla": [f"(tsla, feature_engineering, {STAGE_ID})"],
    }
