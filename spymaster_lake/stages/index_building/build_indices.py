"""Stage build_indices: Gold episodes before an as-of date to FAISS indices (03 3, 08 B5-B26).

Everything that is fitted (normaliser, compressor, similarity threshold, base rates) reads episodes
before the as-of date only; rows on or after it change nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spymaster_lake.contracts.enums import DIRECTIONS, TIME_BUCKETS
from spymaster_lake.contracts.errors import ConfigError
from spymaster_lake.contracts.index_artifact import IndexArtifact
from spymaster_lake.contracts.index_blocks import RetrievalRules, SimilarityThreshold
from spymaster_lake.contracts.index_manifest import (
    Corpus,
    IndexContent,
    PartitionRecord,
    SkippedPartition,
    content_hash,
)
from spymaster_lake.contracts.profile import LEVEL_KINDS
from spymaster_lake.features.compress import (
    Projection,
    fit_compressor,
    weight_vector,
)
from spymaster_lake.features.index_partitions import (
    BUCKET_KEYS,
    IMPOSSIBLE_KEYS,
    POOLED_KEYS,
    first_reasons,
    partition_rows,
)
from spymaster_lake.features.normalise import Normaliser, fit_normaliser, fit_window
from spymaster_lake.features.vector_index import plan_index
from spymaster_lake.stages.index_building.corpus import (
    Episodes,
    check_buckets,
    codes,
    exclusion_flags,
    join_episodes,
    text_codes,
)
from spymaster_lake.stages.index_building.partition_files import partition_files
from spymaster_lake.stages.index_building.similarity_threshold import (
    SearchRows,
    similarity_threshold,
)
from spymaster_lake.stages.index_building.summary import build_metrics, build_warnings
from spymaster_lake.stages.sources import EPISODE_CONSTRUCTION
from spymaster_lake.stages.spec import CorpusStage, Source, StageContext

_CHUNK = 32_768
_EPOCH = date(1970, 1, 1)
_KEYS = (*BUCKET_KEYS, *POOLED_KEYS)

Built = dict[str, tuple[dict[str, bytes], PartitionRecord]]


def run(tables: Mapping[str, pa.Table], context: StageContext, as_of: date) -> IndexArtifact:
    """The indices as of one date.

    Args:
        tables: `vectors` and `metadata`, any order; rows from `as_of` on are ignored.
        context: parameters of the stage.
        as_of: the index knows dates before it.

    Raises:
        InsufficientHistoryError: too little history for a normaliser (08 B9).
        DataError: the tables disagree, or hold what no episode may hold.
        IndexArtifactError: a partition does not find its own rows.
    """
    least = _positive(context, "min_partition_size")
    episodes = join_episodes(tables["vectors"], tables["metadata"], as_of=as_of)
    check_buckets(episodes.rows)
    projection, fitted = _fit(episodes, context, as_of)
    indexed, units, corpus = _indexed(episodes, projection, context)
    rows = _partitions(indexed)
    large = {key: at for key, at in rows.items() if len(at) >= least}
    built = _build(indexed, units, large, context)
    content = IndexContent(
        **fitted,
        instrument=context.config["INSTRUMENT"],
        pipeline_version=context.config["PIPELINE_VERSION"],
        asof_date=as_of,
        corpus=corpus,
        index_dim=units.shape[1],
        gates=tuple(context.param("gates")),
        min_partition_size=least,
        ivf_min_rows=_positive(context, "ivf_min_rows"),
        pq_min_rows=_positive(context, "pq_min_rows"),
        min_avg_similarity=_threshold(indexed, units, large),
        partitions={key: record for key, (_, record) in built.items()},
        skipped=_skipped(rows, large, least),
        impossible=IMPOSSIBLE_KEYS,
    )
    files = {key: files for key, (files, _) in built.items()}
    return IndexArtifact(content, files, build_metrics(content), build_warnings(content))


def _positive(context: StageContext, name: str) -> int:
    value = int(context.param(name))
    if value < 1:
        raise ConfigError(f"build_indices.{name}: must be >= 1 (found {value})")
    return value


def _fit(
    episodes: Episodes, context: StageContext, as_of: date
) -> tuple[Projection, dict[str, object]]:
    """The projection, and the blocks of the manifest that describe it."""
    lookback, days = _positive(context, "lookback_days"), episodes.days
    inside = fit_window(days, as_of=as_of, lookback_days=lookback)
    raw = episodes.raw(np.flatnonzero(inside))
    block = fit_normaliser(raw, days[inside], lookback_days=lookback)
    weights = weight_vector(context.param("feature_weights"))
    strategy = str(context.param("compressor"))
    fit_rows = np.empty((0, raw.shape[1]))
    if strategy == "pca_physics":
        fit_rows = Normaliser.of(block).apply(raw) * np.array(weights)
    compressor = fit_compressor(strategy, fit_rows, components=int(context.param("pca_components")))
    return Projection.of(block, weights, compressor), {
        "normalisation": block,
        "normalisation_sha256": content_hash(block.model_dump(mode="json")),
        "feature_weights": weights,
        "compressor": compressor,
    }


def _indexed(
    episodes: Episodes, projection: Projection, context: StageContext
) -> tuple[Episodes, NDArray[np.float32], Corpus]:
    """Episodes that are indexed, their unit vectors, and the account of the rest (08 B15)."""
    kept, excluded = first_reasons(
        exclusion_flags(episodes.rows, context.param("gates")), len(episodes)
    )
    eligible = episodes.where(kept)
    units, valid = _project(eligible, projection)
    excluded["zero_norm"] = int((~valid).sum())
    if not valid.all():
        eligible, units = eligible.where(valid), units[valid]
    days = np.unique(episodes.days)
    corpus = Corpus(
        dates=tuple(_EPOCH + timedelta(days=int(day)) for day in days),
        n_dates=len(days),
        n_episodes=len(episodes),
        n_indexed=len(eligible),
        excluded=excluded,
    )
    return eligible, units, corpus


def _project(
    episodes: Episodes, projection: Projection
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Unit vectors in blocks of rows, so that only one block is ever held in float64."""
    dim = projection.apply(np.zeros((1, episodes.storage.shape[1])))[0].shape[1]
    units = np.empty((len(episodes), dim), dtype=np.float32)
    valid = np.empty(len(episodes), dtype=np.bool_)
    for first in range(0, len(episodes), _CHUNK):
        block = slice(first, first + _CHUNK)
        units[block], valid[block] = projection.apply(episodes.raw(block))
    return units, valid


def _partitions(episodes: Episodes) -> dict[str, NDArray[np.int64]]:
    rows = episodes.rows
    return partition_rows(
        codes(rows, "level_kind", LEVEL_KINDS),
        codes(rows, "direction", DIRECTIONS),
        codes(rows, "time_bucket", TIME_BUCKETS),
    )


def _build(
    episodes: Episodes,
    units: NDArray[np.float32],
    large: Mapping[str, NDArray[np.int64]],
    context: StageContext,
) -> Built:
    built: Built = {}
    for key, at in large.items():
        plan = plan_index(
            len(at),
            units.shape[1],
            ivf_min_rows=_positive(context, "ivf_min_rows"),
            pq_min_rows=_positive(context, "pq_min_rows"),
        )
        built[key] = partition_files(key, units[at], episodes.rows.take(pa.array(at)), plan)
    return built


def _threshold(
    episodes: Episodes, units: NDArray[np.float32], large: Mapping[str, NDArray[np.int64]]
) -> SimilarityThreshold:
    home = np.full(len(episodes), -1, dtype=np.int64)
    numbers = {key: number for number, key in enumerate(_KEYS)}
    for key in (*POOLED_KEYS, *BUCKET_KEYS):
        if key in large:
            home[large[key]] = numbers[key]
    found = SearchRows(
        units,
        episodes.days,
        episodes.rows.column("anchor_ts_ns").to_numpy(),
        text_codes(episodes.rows.column("episode_id")),
    )
    partitions = {numbers[key]: at for key, at in large.items()}
    return similarity_threshold(found, home, partitions, RetrievalRules())


def _skipped(
    rows: Mapping[str, NDArray[np.int64]], large: Mapping[str, object], least: int
) -> dict[str, SkippedPartition]:
    return {
        key: SkippedPartition(n=len(at), reason=f"{len(at)} rows, min_partition_size is {least}")
        for key, at in rows.items()
        if key not in large and key not in IMPOSSIBLE_KEYS
    }


def _episodes(name: str) -> Source:
    return Source(
        alias=name, layer="gold", dataset=f"episodes/{name}", pipeline_id=EPISODE_CONSTRUCTION
    )


STAGE = CorpusStage(
    "build_indices",
    (_episodes("vectors"), _episodes("metadata")),
    "indices",
    run,
    defaults={
        "min_partition_size": 100,
        "lookback_days": 60,
        "compressor": "geometry_only",
        "pca_components": 5,
        "feature_weights": {},
        "gates": [],
        "ivf_min_rows": 10_000,
        "pq_min_rows": 100_000,
    },
)
