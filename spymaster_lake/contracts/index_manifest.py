"""`indices/manifest.json`: all that a query needs to know about an index, and proof of its files.

Spec: 03 3.1-3.5, 08 B5-B9, B13-B17, B24-B26. The volatile fields say who built the index and from
which table versions; everything else is content, and `content_sha256` covers exactly that: the same
episodes give the same content whatever was appended to the lake since.
"""

from __future__ import annotations

import hashlib
import json
import math
from datetime import date
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from spymaster_lake.contracts.enums import HORIZONS, OUTCOMES
from spymaster_lake.contracts.index_blocks import (
    CompressorBlock,
    NormalisationBlock,
    RetrievalRules,
    SimilarityThreshold,
)
from spymaster_lake.contracts.model import FrozenModel
from spymaster_lake.contracts.vector import VECTOR_DIMENSION

MANIFEST_FILE = "manifest.json"
INDEX_FILE, VECTORS_FILE, ROWS_FILE = "index.faiss", "vectors.npy", "rows.parquet"
PARTITION_FILES: tuple[str, ...] = (INDEX_FILE, VECTORS_FILE, ROWS_FILE)

POOLED_BUCKET = "ALL"
"""Time bucket of the pooled partitions (03 3.1)."""

GATES: tuple[str, ...] = ("gate_zone", "gate_bars", "gate_velocity")
VOLATILE: frozenset[str] = frozenset({"created_at", "run_id", "source_versions", "content_sha256"})
"""Fields of the manifest that `content_sha256` leaves out (08 B24)."""

Sha256 = Field(pattern=r"^[0-9a-f]{64}$")


def content_hash(value: Any) -> str:
    """Hexadecimal sha256 of a JSON value: sorted keys, no spaces, no NaN."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


class Corpus(FrozenModel):
    """Which episodes the index holds.

    Attributes:
        dates: session dates with episodes, all before the as-of date.
        n_episodes: episodes read; n_indexed of them are in the index.
        excluded: reason to count; each episode counts once, under its first reason.
    """

    dates: tuple[date, ...]
    n_dates: int = Field(ge=0)
    n_episodes: int = Field(ge=0)
    n_indexed: int = Field(ge=0)
    excluded: dict[str, int]

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.n_indexed + sum(self.excluded.values()) != self.n_episodes:
            raise ValueError("n_indexed and excluded must add up to n_episodes")
        return self


class BaseRate(FrozenModel):
    """Outcome shares of a partition at one horizon, over known outcomes; null if there are none."""

    n_valid: int = Field(ge=0)
    rates: dict[str, float] | None

    @model_validator(mode="after")
    def _shares(self) -> Self:
        if (self.rates is None) != (self.n_valid == 0):
            raise ValueError("rates must be null iff n_valid is 0")
        if self.rates is not None and set(self.rates) != set(OUTCOMES):
            raise ValueError(f"rates must name {', '.join(OUTCOMES)}")
        if self.rates is not None and not math.isclose(sum(self.rates.values()), 1.0, rel_tol=1e-9):
            raise ValueError("rates must sum to 1")
        return self


class FileRecord(FrozenModel):
    """One file of a partition."""

    sha256: str = Sha256
    n_bytes: int = Field(ge=1)


class PartitionRecord(FrozenModel):
    """One partition `{KIND}/{DIRECTION}/{BUCKET}`.

    Attributes:
        n, n_dates, first_date, last_date: its rows.
        index_type: FLAT_IP, IVF_FLAT or IVF_PQ, all with inner product.
        nlist, nprobe: of the inverted lists; null for FLAT_IP.
        pq_m: sub-quantisers of IVF_PQ.
        padded_dim: dimension inside FAISS; vectors are padded with zeros up to it.
        base_rates: by horizon.
        files: by file name.
    """

    n: int = Field(ge=1)
    n_dates: int = Field(ge=1)
    first_date: date
    last_date: date
    index_type: Literal["FLAT_IP", "IVF_FLAT", "IVF_PQ"]
    nlist: int | None = None
    nprobe: int | None = None
    pq_m: int | None = None
    padded_dim: int = Field(ge=1)
    base_rates: dict[str, BaseRate]
    files: dict[str, FileRecord]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if set(self.base_rates) != set(HORIZONS):
            raise ValueError(f"base_rates must name {', '.join(HORIZONS)}")
        if set(self.files) != set(PARTITION_FILES):
            raise ValueError(f"files must name {', '.join(PARTITION_FILES)}")
        return self


class SkippedPartition(FrozenModel):
    """A partition that was not built, and why."""

    n: int = Field(ge=0)
    reason: str


class IndexContent(FrozenModel):
    """Everything about an index that follows from its episodes and parameters.

    Attributes:
        instrument, pipeline_version: whose index this is.
        asof_date: the index knows dates before it only; queries must not be older (08 B5).
        corpus: its episodes.
        normalisation, normalisation_sha256: fitted statistics, and the hash of the block.
        feature_weights: one per entry, applied after normalisation, before compression (03 3.4).
        compressor: see there.
        metric: inner product of unit vectors.
        index_dim: length of an index vector.
        gates: metadata flags that a row must have to be indexed (03 2.1); default none.
        min_partition_size: rows that a partition needs, pooled ones too (08 B8).
        ivf_min_rows, pq_min_rows: sizes at which the index type changes (03 3.2).
        rules: constants of the engine.
        min_avg_similarity: see there.
        partitions: by key; skipped: by key; impossible: keys that no episode can have (OR x T0_15).
    """

    schema_version: Literal[1] = 1
    instrument: str
    pipeline_version: str
    asof_date: date
    corpus: Corpus
    normalisation: NormalisationBlock
    normalisation_sha256: str = Sha256
    feature_weights: tuple[float, ...] = Field(
        min_length=VECTOR_DIMENSION, max_length=VECTOR_DIMENSION
    )
    compressor: CompressorBlock
    metric: Literal["inner_product"] = "inner_product"
    index_dim: int = Field(ge=1)
    gates: tuple[str, ...] = ()
    min_partition_size: int = Field(ge=1)
    ivf_min_rows: int = Field(ge=1)
    pq_min_rows: int = Field(ge=1)
    rules: RetrievalRules = RetrievalRules()
    min_avg_similarity: SimilarityThreshold
    partitions: dict[str, PartitionRecord]
    skipped: dict[str, SkippedPartition]
    impossible: tuple[str, ...]

    @model_validator(mode="after")
    def _pinned(self) -> Self:
        block = content_hash(self.normalisation.model_dump(mode="json"))
        if block != self.normalisation_sha256:
            raise ValueError(f"normalisation_sha256: the block hashes to {block}")
        if self.index_dim != self.compressor.output_dim:
            raise ValueError("index_dim must be the compressor's output_dim")
        if any(day >= self.asof_date for day in self.corpus.dates):
            raise ValueError("corpus.dates must lie before asof_date")
        return self

    @property
    def digest(self) -> str:
        """sha256 over every field that is not volatile."""
        plain = self.model_dump(mode="json")
        return content_hash({name: value for name, value in plain.items() if name not in VOLATILE})


class IndexManifest(IndexContent):
    """`manifest.json`: the content, its hash, and the volatile facts of the build.

    Attributes:
        content_sha256: seeds queries (08 B24) and keys caches (D48).
        created_at: UTC, ISO 8601.
        run_id: run that built it.
        source_versions: Delta version by dataset that was read.
    """

    content_sha256: str = Sha256
    created_at: str
    run_id: str
    source_versions: dict[str, int]

    @model_validator(mode="after")
    def _sealed(self) -> Self:
        if self.digest != self.content_sha256:
            raise ValueError(f"content_sha256: the content hashes to {self.digest}")
        return self

    @classmethod
    def seal(
        cls, content: IndexContent, *, created_at: str, run_id: str, source_versions: dict[str, int]
    ) -> IndexManifest:
        """The manifest of `content`."""
        return cls(
            **dict(content),
            content_sha256=content.digest,
            created_at=created_at,
            run_id=run_id,
            source_versions=source_versions,
        )
