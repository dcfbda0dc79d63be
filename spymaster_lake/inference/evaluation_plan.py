"""What an evaluation is asked, and what it reads before it begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pyarrow as pa

from spymaster_lake.contracts.episodes import METADATA, VECTORS
from spymaster_lake.contracts.errors import ConfigError
from spymaster_lake.contracts.evaluation_settings import EvaluationSettings, Variant
from spymaster_lake.contracts.run_record import DatasetFingerprint
from spymaster_lake.inference.variants import ABLATIONS
from spymaster_lake.inference.walk_forward import all_episodes, blocks
from spymaster_lake.lake.delta_tables import open_snapshot
from spymaster_lake.lake.parquet_files import read_partition_files
from spymaster_lake.orchestration.fingerprints import dataset_fingerprint
from spymaster_lake.orchestration.manifests import (
    ManifestStore,
    bind_stages,
    manifest_hash,
    parse_overrides,
)
from spymaster_lake.orchestration.records import RunStore
from spymaster_lake.orchestration.registry import StageRegistry
from spymaster_lake.orchestration.tracking import TrackingStore, tracking_store
from spymaster_lake.orchestration.types import Environment
from spymaster_lake.stages.index_building.corpus import Episodes
from spymaster_lake.stages.sources import EPISODE_CONSTRUCTION
from spymaster_lake.stages.spec import StageContext

INDEX_PIPELINE, STAGE = "index_building", "build_indices"


@dataclass(frozen=True)
class EvaluationRequest:
    """What is evaluated.

    Attributes:
        instrument: such as "abc".
        pipeline_version: of the episodes and of index_building.
        settings: changes of the defaults, by name; the partition minimum is the manifest's if not
            given.
        overrides: parameters of the index by "build_indices.param", as `--set` gives them.
        tracking_uri: MLflow store; the lake's own when None.
        ablations: evaluated beside the shipped index.
        run_id: made of the time if empty.
    """

    instrument: str
    pipeline_version: str
    settings: Mapping[str, int] = field(default_factory=dict)
    overrides: Mapping[str, Any] = field(default_factory=dict)
    tracking_uri: str | None = None
    ablations: tuple[Variant, ...] = ABLATIONS
    run_id: str = ""


@dataclass(frozen=True)
class EvaluationPlan:
    """All that an evaluation needs, read and checked.

    Attributes:
        request: what was asked.
        settings: defaults, manifest and request together.
        context: parameters of build_indices.
        store: of the MLflow run.
        episodes: all episodes.
        sessions: all session dates.
        inputs: fingerprints of the tables.
    """

    request: EvaluationRequest
    settings: EvaluationSettings
    context: StageContext
    store: TrackingStore
    episodes: Episodes
    sessions: tuple[date, ...]
    inputs: tuple[DatasetFingerprint, ...]

    @property
    def dates(self) -> tuple[date, ...]:
        """Sessions that are evaluated."""
        return tuple(d for block in blocks(self.sessions, self.settings) for d in block.days)


def evaluation_plan(
    env: Environment, registry: StageRegistry, request: EvaluationRequest
) -> EvaluationPlan:
    """Read and check everything; nothing is written but an empty folder for the default store.

    Raises:
        ConfigError: a setting out of range, a run id that exists, a store that is refused.
        UnknownNameError: no such instrument or pipeline version.
        MissingInputError: there are no episodes.
        InsufficientHistoryError: no session is left after the warm-up.
    """
    profile = env.profiles[request.instrument]
    if request.run_id and RunStore(env).exists(request.instrument, request.run_id):
        raise ConfigError(f"--run-id {request.run_id}: a run of that id exists")
    manifest = ManifestStore(env.settings.manifests_dir).load(
        request.instrument, INDEX_PIPELINE, request.pipeline_version, registry
    )
    overrides = parse_overrides(manifest, request.overrides)
    shipped = dict(bind_stages(manifest, registry, overrides)[STAGE].params)
    settings = EvaluationSettings.parse(
        {"min_partition_size": shipped["min_partition_size"], **request.settings},
        source="evaluate-retrieval",
    )
    store = tracking_store(request.tracking_uri, env.resolver, env.filesystem)
    config = {
        "INSTRUMENT": request.instrument,
        "PIPELINE_ID": INDEX_PIPELINE,
        "PIPELINE_VERSION": request.pipeline_version,
    }
    params = {**shipped, "min_partition_size": settings.min_partition_size}
    tables, sessions, inputs = _read(env, request, manifest_hash(manifest))
    blocks(sessions, settings)  # refuses too short a history before anything is recorded
    return EvaluationPlan(
        request=request,
        settings=settings,
        context=StageContext(config, profile, params),
        store=store,
        episodes=all_episodes(tables["vectors"], tables["metadata"]),
        sessions=sessions,
        inputs=inputs,
    )


def _read(
    env: Environment, request: EvaluationRequest, manifest: str
) -> tuple[dict[str, pa.Table], tuple[date, ...], tuple[DatasetFingerprint, ...]]:
    tables, inputs, sessions = {}, [], set()
    for name, contract in (("vectors", VECTORS), ("metadata", METADATA)):
        path = env.resolver.gold_table(
            request.instrument, EPISODE_CONSTRUCTION, request.pipeline_version, contract.dataset
        )
        snapshot = open_snapshot(path)
        sessions.update(snapshot.dates)
        tables[name] = read_partition_files(contract, snapshot.files)
        inputs.append(
            dataset_fingerprint(
                layer="gold",
                owner=EPISODE_CONSTRUCTION,
                dataset=contract.dataset,
                pipeline_version=request.pipeline_version,
                manifest_hash=manifest,
                schema_version=f"v{contract.version}",
                dates=snapshot.dates,
                files=[(env.resolver.relative(f.path), f.size) for f in snapshot.files],
                table_version=snapshot.version,
            )
        )
    return tables, tuple(sorted(sessions)), tuple(inputs)
