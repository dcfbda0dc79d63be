"""The stages of the core pipelines, registered explicitly (00 section 4)."""

from __future__ import annotations

from collections.abc import Iterable

from spymaster_lake.instruments import OVERRIDES, Override
from spymaster_lake.orchestration.registry import Entry, StageFactory, StageRegistry
from spymaster_lake.stages.episode_construction import (
    construct_episodes,
    load_silver_signals,
    materialize_state_table,
)
from spymaster_lake.stages.feature_engineering import (
    build_ohlcv,
    compute_approach_features,
    compute_barrier_evolution,
    compute_force_mass,
    compute_gex_features,
    compute_level_distances,
    compute_multiwindow_kinematics,
    compute_multiwindow_ofi,
    compute_physics,
    detect_interaction_zones,
    filter_rth_and_write_silver_signals,
    generate_levels,
    init_market_state,
    label_outcomes,
    load_bronze,
)
from spymaster_lake.stages.index_building import build_indices

SHARED: tuple[Entry, ...] = (
    load_bronze.STAGE,
    StageFactory(build_ohlcv.STAGE_ID, build_ohlcv.make, {"interval": "1min"}),
    init_market_state.STAGE,
    generate_levels.STAGE,
    detect_interaction_zones.STAGE,
    compute_physics.STAGE,
    compute_multiwindow_kinematics.STAGE,
    compute_multiwindow_ofi.STAGE,
    compute_barrier_evolution.STAGE,
    compute_level_distances.STAGE,
    compute_gex_features.STAGE,
    compute_force_mass.STAGE,
    compute_approach_features.STAGE,
    label_outcomes.STAGE,
    filter_rth_and_write_silver_signals.STAGE,
    load_silver_signals.STAGE,
    materialize_state_table.STAGE,
    construct_episodes.STAGE,
    build_indices.STAGE,
)
"""Stages that serve every instrument; overrides live under `instruments/`."""


def build_registry(overrides: Iterable[Override] = OVERRIDES) -> StageRegistry:
    """All stages of this package.

    Args:
        overrides: stages that differ for one instrument.

    Raises:
        ConfigError: two overrides of the same stage, instrument, pipeline and version.
    """
    registry = StageRegistry()
    for entry in SHARED:
        registry.register(entry)
    for override in overrides:
        registry.register(
            override.stage,
            instrument=override.instrument,
            pipeline_id=override.pipeline_id,
            pipeline_version=override.pipeline_version,
        )
    return registry
