"""Every manifest of the repository loads and is valid."""

from __future__ import annotations

from pathlib import Path

import pytest

from spymaster_lake.contracts.manifest import BRONZE_DATASETS
from spymaster_lake.contracts.profile import InstrumentProfile
from spymaster_lake.orchestration.graph import StageGraph
from spymaster_lake.orchestration.manifests import ManifestStore

REPOSITORY = Path(__file__).resolve().parents[2]
STORE = ManifestStore(REPOSITORY / "manifests")

STAGES = [
    "load_bronze", "build_ohlcv_1min", "build_ohlcv_10s", "build_ohlcv_2min", "init_market_state",
    "generate_levels", "detect_interaction_zones", "compute_physics", "compute_multiwindow_kinematics",
    "compute_multiwindow_ofi", "compute_barrier_evolution", "compute_level_distances",
    "compute_gex_features", "compute_force_mass", "compute_approach_features", "label_outcomes",
    "filter_rth_and_write_silver_signals",
]  # fmt: skip


@pytest.mark.parametrize("instrument", STORE.instruments)
def test_repository__manifests_are_valid(instrument):
    """No manifest of the instrument has a violation of form, structure, place or production."""
    assert STORE.problems(instrument, None) == []


def test_repository__has_the_core_pipelines():
    """Es and tsla have the three core pipelines."""
    found = {(f.instrument, f.pipeline_id, f.pipeline_version) for f in STORE}
    core = ("feature_engineering", "episode_construction", "index_building")
    assert found >= {("es", p, "4.5.0") for p in core} | {("tsla", p, "1.0.0") for p in core}


@pytest.mark.parametrize(("instrument", "version"), [("es", "4.5.0"), ("tsla", "1.0.0")])
def test_feature_engineering__has_the_stages_of_the_specification(instrument, version):
    """The seventeen stages of 00 section 4, in this order."""
    manifest = STORE.load(instrument, "feature_engineering", version, None)
    assert list(manifest.names) == STAGES


def test_feature_engineering__everything_ends_in_the_last_stage():
    """The last stage depends on every other one, so nothing is computed in vain."""
    graph = StageGraph(STORE.load("es", "feature_engineering", "4.5.0", None))
    assert graph.order[-1] == STAGES[-1]
    assert graph.ancestors(STAGES[-1]) == set(STAGES[:-1])


def test_repository__every_instrument_has_a_profile():
    """A manifest's instrument has a profile, and its Bronze inputs are products of 00 section 3."""
    for instrument in STORE.instruments:
        profile = InstrumentProfile.from_yaml(
            REPOSITORY / "conf" / "instruments" / f"{instrument}.yaml"
        )
        assert profile.product in BRONZE_DATASETS
