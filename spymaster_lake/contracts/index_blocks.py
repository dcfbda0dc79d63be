"""Blocks of an index manifest: normaliser, compressor, threshold, rules of retrieval.

Spec: 03 section 0, 2.5, 3.3, 4.2-4.6, 08 B7, B13, B14, B25.
"""

from __future__ import annotations

from datetime import date
from typing import Literal, Self

from pydantic import Field, model_validator

from spymaster_lake.contracts.model import FrozenModel
from spymaster_lake.contracts.vector import VECTOR_FEATURES
from spymaster_lake.contracts.vector_model import Method

MIN_FIT_SESSIONS, MIN_FIT_EPISODES = 20, 500
"""A normaliser needs so much history; no parameter lowers it (08 B9)."""
MIN_FIT_VALUES = 30
"""Fewer known values of an entry make it `unavailable` (08 B13)."""
CLIP_SIGMA = 4.0

COMPRESSORS: tuple[str, ...] = ("geometry_only", "identity", "pca_physics")


class FeatureStatistics(FrozenModel):
    """How one entry is normalised: clip((x - center) / scale, low, high), NaN to `fill`.

    Attributes:
        name, method: as in the vector table.
        n: known values in the fit window.
        status: `constant` (no usable scale) and `unavailable` (too few values) always give 0.
        center, scale: M: low end and width of the fixed range; Z: mean and deviation (ddof 1);
            R: median and IQR/1.349 or its fallback; null for P and where the status is not ok.
        scale_source: where the scale comes from; null with it.
        fill: normalised value of an unknown entry: the fit median for M, else 0.
    """

    name: str
    method: Method
    n: int = Field(ge=0)
    status: Literal["ok", "constant", "unavailable"] = "ok"
    center: float | None = None
    scale: float | None = Field(default=None, gt=0)
    scale_source: Literal["range", "std", "iqr"] | None = None
    fill: float = 0.0


class NormalisationBlock(FrozenModel):
    """The normaliser, fitted on episodes of [as-of - lookback, as-of - 1] (03 2.5).

    Attributes:
        lookback_days: calendar days of the fit window.
        first_date, last_date: oldest and newest session with episodes in it.
        n_sessions, n_episodes: size of the fit.
        clip_sigma: Z and R are clipped to +- this.
        features: one per vector entry, in index order; nothing may be missing (D23).
        constant, unavailable: names of the entries that always give 0.
    """

    lookback_days: int = Field(ge=1)
    first_date: date
    last_date: date
    n_sessions: int = Field(ge=1)
    n_episodes: int = Field(ge=1)
    clip_sigma: float = Field(default=CLIP_SIGMA, gt=0)
    features: tuple[FeatureStatistics, ...]
    constant: tuple[str, ...] = ()
    unavailable: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _closed_table(self) -> Self:
        found = [(f.name, f.method) for f in self.features]
        wanted = [(f.name, f.method) for f in VECTOR_FEATURES]
        if found != wanted:
            pairs = zip(found, wanted, strict=False)
            gap = next(
                (i for i, (a, b) in enumerate(pairs) if a != b), min(len(found), len(wanted))
            )
            raise ValueError(
                f"features: entry {gap} differs from the table of {len(wanted)} entries"
            )
        for f in self.features:
            scaled = f.status == "ok" and f.method is not Method.PASS
            if scaled != (f.scale is not None) or scaled != (f.center is not None):
                raise ValueError(
                    f"features.{f.name}: center and scale must be set iff they are used"
                )
        return self


class PcaBlock(FrozenModel):
    """Standardisation and principal components of section B (03 3.3, 08 B25).

    Attributes:
        mean, scale: per input entry, of the normalised and weighted fit rows; scale 1 if constant.
        components: k rows of unit length; the largest absolute loading of each is positive.
        explained_variance_ratio: per component.
    """

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    components: tuple[tuple[float, ...], ...] = Field(min_length=1)
    explained_variance_ratio: tuple[float, ...]


class CompressorBlock(FrozenModel):
    """What is done to the normalised vector before it becomes a unit vector.

    Attributes:
        strategy: geometry_only keeps 117-148, identity all, pca_physics [A, C, D, E, F, PCA_k(B)].
        input_dim, output_dim: dimensions; `feature_names` names the outputs.
        pca: the fitted part of pca_physics.
    """

    strategy: Literal["geometry_only", "identity", "pca_physics"]
    input_dim: Literal[149] = 149
    output_dim: int = Field(ge=1)
    feature_names: tuple[str, ...]
    pca: PcaBlock | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(self.feature_names) != self.output_dim:
            raise ValueError(
                f"{len(self.feature_names)} feature_names for {self.output_dim} outputs"
            )
        if (self.strategy == "pca_physics") != (self.pca is not None):
            raise ValueError("pca must be given for pca_physics and for nothing else")
        return self


class SimilarityThreshold(FrozenModel):
    """Average similarity below which an answer has LOW_SUPPORT (08 B7).

    Attributes:
        value: the percentile; null if it could not be computed, then `reason` says why.
        percentile: of the average similarities.
        n_sessions, n_queries: newest sessions of the corpus and their queries with neighbours.
    """

    value: float | None
    percentile: float = 10.0
    n_sessions: int = Field(ge=0)
    n_queries: int = Field(ge=0)
    reason: str | None = None

    @model_validator(mode="after")
    def _reasoned(self) -> Self:
        if (self.value is None) != (self.reason is not None):
            raise ValueError("reason must be given iff value is null")
        return self


class RetrievalRules(FrozenModel):
    """Constants of the retrieval engine (03 section 0, 4.2-4.6), pinned with the index."""

    candidates: int = 500
    neighbours: int = 50
    max_per_date: int = 2
    max_per_episode: int = 1
    similarity_power: float = 4.0
    recency_half_life_days: float = 60.0
    prior_strength: float = 2.5
    bootstrap_resamples: int = 1000
    min_neighbours: int = 30
    min_effective_n: float = 15.0
