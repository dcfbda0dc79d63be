"""Toy indices from literal rows: identity normalisation, 32 trajectory entries, a few partitions."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from spymaster_lake.contracts.enums import HORIZONS, time_bucket_of
from spymaster_lake.contracts.episodes import METADATA
from spymaster_lake.contracts.index_blocks import (
    FeatureStatistics,
    NormalisationBlock,
    RetrievalRules,
    SimilarityThreshold,
)
from spymaster_lake.contracts.index_manifest import (
    Corpus,
    IndexContent,
    IndexManifest,
    SkippedPartition,
    content_hash,
)
from spymaster_lake.contracts.profile import LEVEL_KIND_CODES
from spymaster_lake.contracts.retrieval import Query
from spymaster_lake.contracts.vector import VECTOR_DIMENSION, VECTOR_FEATURES
from spymaster_lake.contracts.vector_model import Method
from spymaster_lake.features.compress import fit_compressor, unit_rows
from spymaster_lake.features.index_partitions import IMPOSSIBLE_KEYS
from spymaster_lake.features.vector_index import index_of, plan_index
from spymaster_lake.lake.index_store import LoadedIndex, LoadedPartition
from spymaster_lake.serving.search_index import SearchIndex
from spymaster_lake.stages.index_building.partition_files import partition_files
from spymaster_lake.stages.tables import build_table

KEY = "PM_HIGH/UP/T15_30"
POOLED = "PM_HIGH/UP/ALL"
NS = 1_000_000_000
GEOMETRY = slice(117, 149)


def at(day: date, minutes: float) -> int:
    """An anchor so many minutes after 14:30 UTC."""
    return ((day - date(1970, 1, 1)).days * 86_400 + 870 * 60) * NS + int(minutes * 60 * NS)


def axis(*values: float) -> np.ndarray:
    """float32[149] whose trajectory entries start with `values`; all else 0."""
    raw = np.zeros(VECTOR_DIMENSION, np.float32)
    raw[117 : 117 + len(values)] = values
    return raw


@dataclass
class Row:
    """One indexed episode; excursions and outcomes are the same at every horizon unless given."""

    day: date
    outcome: str | None = "BREAK"
    raw: np.ndarray = field(default_factory=lambda: axis(1.0))
    mfe: float | None = 1.0
    mae: float | None = 0.5
    minutes: float = 20.0
    name: str = ""
    episode: str = ""
    spot: float = 6000.0
    attempt: int = 1
    outcomes: dict[str, str | None] = field(default_factory=dict)

    @property
    def event_id(self) -> str:
        return self.name or f"{self.day}_{self.minutes}"


def table(rows: list[Row]):
    """Metadata of rows, valid against the contract."""
    column = {
        "event_id": [r.event_id for r in rows],
        "episode_id": [r.episode or r.event_id for r in rows],
        "date": [r.day for r in rows],
        "timestamp": [at(r.day, r.minutes) // 1000 for r in rows],
        "anchor_ts_ns": [at(r.day, r.minutes) for r in rows],
        "bar_start_ns": [at(r.day, r.minutes) - 60 * NS for r in rows],
        "level_kind": ["PM_HIGH"] * len(rows),
        "level_kind_code": [LEVEL_KIND_CODES["PM_HIGH"]] * len(rows),
        "level_price": [6000.0] * len(rows),
        "direction": ["UP"] * len(rows),
        "spot": [r.spot for r in rows],
        "atr": [2.0] * len(rows),
        "minutes_since_open": [r.minutes for r in rows],
        "time_bucket": [time_bucket_of(r.minutes) for r in rows],
        "prior_touches": [0] * len(rows),
        "attempt_index": [r.attempt for r in rows],
        "attempt_cluster_id": [1] * len(rows),
        "time_since_last_touch_sec": [None] * len(rows),
        "emission_weight": [0.5] * len(rows),
        "gate_zone": [True] * len(rows),
        "gate_bars": [True] * len(rows),
        "gate_velocity": [True] * len(rows),
        "traj_n_observed": [40] * len(rows),
        "traj_padded": [False] * len(rows),
        "n_missing": [0] * len(rows),
        "roll_contaminated": [False] * len(rows),
        "src_max_ts_ns": [at(r.day, r.minutes) - 1 for r in rows],
        "pipeline_version": ["4.5.0"] * len(rows),
        "label_status": ["COMPLETE"] * len(rows),
        "resolved_before_anchor": [False] * len(rows),
    }
    for h in HORIZONS:
        column[f"outcome_{h}"] = [r.outcomes.get(h, r.outcome) for r in rows]
        column[f"t_break_s_{h}"] = column[f"t_reject_s_{h}"] = [None] * len(rows)
        column[f"mfe_atr_{h}"] = [r.mfe for r in rows]
        column[f"mae_atr_{h}"] = [r.mae for r in rows]
        column[f"label_end_ns_{h}"] = [at(r.day, r.minutes) + 480 * NS for r in rows]
    types = {c.name: c.arrow_field.type for c in METADATA.columns}
    arrays = {name: pa.array(values, types[name]) for name, values in column.items()}
    return build_table(METADATA, arrays, rows=len(rows))


def normalisation(first: date, last: date) -> NormalisationBlock:
    """A normaliser that changes nothing in the trajectory entries and zeroes the others."""
    kept = [f.index >= 117 for f in VECTOR_FEATURES]
    assert all(f.method is Method.Z_SCORE for f, k in zip(VECTOR_FEATURES, kept) if k)
    return NormalisationBlock(
        lookback_days=60, first_date=first, last_date=last, n_sessions=20, n_episodes=500,
        clip_sigma=100.0,
        features=tuple(
            FeatureStatistics(name=f.name, method=f.method, n=500, center=0.0, scale=1.0,
                              scale_source="std")
            if k
            else FeatureStatistics(name=f.name, method=f.method, n=0, status="unavailable")
            for f, k in zip(VECTOR_FEATURES, kept)
        ),
    )  # fmt: skip


def toy_index(
    rows: list[Row],
    *,
    keys: tuple[str, ...] = (KEY,),
    as_of: date | None = None,
    threshold: float | None = 0.1,
    ivf_min_rows: int = 10_000,
    rules: RetrievalRules | None = None,
) -> SearchIndex:
    """An index that holds `rows` in each of `keys`; as of the day after the newest."""
    rows = sorted(rows, key=lambda r: (r.day, r.minutes, r.event_id))
    as_of = as_of or max(r.day for r in rows) + timedelta(days=1)
    units, _ = unit_rows(np.array([r.raw[GEOMETRY] for r in rows], np.float64))
    plan = plan_index(len(rows), units.shape[1], ivf_min_rows=ivf_min_rows, pq_min_rows=10**6)
    files, record = partition_files("toy", units, table(rows), plan)
    days = tuple(sorted({r.day for r in rows}))
    block = normalisation(days[0], days[-1])
    content = IndexContent(
        instrument="es", pipeline_version="4.5.0", asof_date=as_of,
        corpus=Corpus(dates=days, n_dates=len(days), n_episodes=len(rows), n_indexed=len(rows),
                      excluded={}),
        normalisation=block, normalisation_sha256=content_hash(block.model_dump(mode="json")),
        feature_weights=(1.0,) * VECTOR_DIMENSION,
        compressor=fit_compressor("geometry_only", np.empty((0, 149)), components=5),
        index_dim=32, min_partition_size=1, ivf_min_rows=ivf_min_rows, pq_min_rows=10**6,
        rules=rules or RetrievalRules(),
        min_avg_similarity=SimilarityThreshold(
            value=threshold, n_sessions=1, n_queries=1 if threshold is not None else 0,
            reason=None if threshold is not None else "nothing to measure"),
        partitions=dict.fromkeys(keys, record),
        skipped={"PM_LOW/UP/T15_30": SkippedPartition(n=3, reason="3 rows, needs 100")},
        impossible=IMPOSSIBLE_KEYS,
    )  # fmt: skip
    manifest = IndexManifest.seal(content, created_at="", run_id="r", source_versions={})
    metadata = pq.read_table(io.BytesIO(files["rows.parquet"]))
    index = index_of(files["index.faiss"])
    parts = {k: LoadedPartition(k, record, plan, index, units, metadata) for k in keys}
    return SearchIndex.of(LoadedIndex(manifest, parts))


def ask(day: date, raw: np.ndarray | None = None, **changes) -> Query:
    """A valid query of PM_HIGH/UP/T15_30 at minute 20."""
    minutes = changes.get("minutes_since_open", 20.0)
    values = {
        "event_id": "query", "episode_id": "query", "level_kind": "PM_HIGH", "direction": "UP",
        "level_price": 6000.0, "time_bucket": "T15_30", "anchor_ts_ns": at(day, 20), "date": day,
        "minutes_since_open": minutes, "emission_weight": 0.3,
        "vector_raw": axis(1.0) if raw is None else raw,
    }  # fmt: skip
    return Query(**{**values, **changes})
