"""The ablations of an evaluation: which index is built, and what a control destroys (03 5.3 no. 7).

Every variant is made with the shipped stage and its own parameters. Sections are switched off by a
feature weight of 0, which a manifest could do as well; so no compressor exists for the evaluation
alone. A control changes the tables from which the index is built, or the vectors of index and
queries alike, and nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spymaster_lake.contracts.enums import HORIZONS
from spymaster_lake.contracts.evaluation_settings import Variant
from spymaster_lake.contracts.vector import SECTIONS, VECTOR_DIMENSION, VECTOR_NAMES
from spymaster_lake.stages.index_building.corpus import exclusion_flags

SHIPPED = Variant(name="shipped", doc="The index as it is published.")


def _only(*sections: str) -> dict[str, Any]:
    """The whole vector with weight 0 outside `sections`."""
    kept = {i for name in sections for i in range(*SECTIONS[name])}
    weights = {VECTOR_NAMES[i]: 0.0 for i in range(VECTOR_DIMENSION) if i not in kept}
    return {"compressor": "identity", "feature_weights": weights}


ABLATIONS: tuple[Variant, ...] = (
    Variant(
        name="geometry_only",
        doc="Shape of the approach only: 32 trajectory coefficients.",
        params={"compressor": "geometry_only"},
    ),
    Variant(name="identity", doc="All 149 entries.", params={"compressor": "identity"}),
    Variant(
        name="physics_b_d",
        doc="Dynamics and physics only: sections B and D.",
        params=_only("multiscale_dynamics", "derived_physics"),
    ),
    Variant(
        name="no_trajectory",
        doc="Everything but the trajectory coefficients.",
        params=_only(*(name for name in SECTIONS if name != "trajectory_basis")),
    ),
    *(
        Variant(
            name=f"pca_physics_{k}",
            doc=f"All sections, dynamics reduced to {k} principal components.",
            params={"compressor": "pca_physics", "pca_components": k},
        )
        for k in (3, 5, 10)
    ),
    Variant(
        name="shuffled_labels",
        doc="Control: outcomes of the corpus exchanged within each partition. Must show no skill.",
        control="shuffled_labels",
    ),
    Variant(
        name="random_neighbours",
        doc="Control: vectors are noise, so neighbours are drawn at random. Must show no skill.",
        control="random_neighbours",
    ),
)


def event_noise(event_ids: pa.ChunkedArray, seed: int) -> NDArray[np.float32]:
    """float32[n, 149] standard normal; a row follows from its event_id and the seed alone."""
    rows = np.empty((len(event_ids), VECTOR_DIMENSION), dtype=np.float32)
    for i, event_id in enumerate(event_ids.to_pylist()):
        digest = hashlib.sha256(f"{event_id}|{seed}".encode()).digest()
        source = np.random.Generator(np.random.PCG64(int.from_bytes(digest[:8], "big")))
        rows[i] = source.standard_normal(VECTOR_DIMENSION)
    return rows


def variant_vectors(vectors: pa.Table, variant: Variant, seed: int) -> pa.Table:
    """Vectors of all episodes as the variant sees them, in its index and its queries."""
    if variant.control != "random_neighbours":
        return vectors
    noise = event_noise(vectors.column("event_id"), seed)
    field = vectors.schema.field("vector_raw")
    offsets = np.arange(len(noise) + 1, dtype=np.int32) * VECTOR_DIMENSION
    column = pa.ListArray.from_arrays(offsets, pa.array(noise.ravel()), type=field.type)
    return vectors.set_column(vectors.column_names.index("vector_raw"), field, column)


def variant_metadata(metadata: pa.Table, variant: Variant, seed: int) -> pa.Table:
    """Metadata from which the variant's index is built; those of the queries stay as they are.

    Args:
        metadata: episodes before the as-of date, and only those.
        variant: see there.
        seed: of the shuffle.
    """
    if variant.control != "shuffled_labels":
        return metadata
    order = _shuffled_rows(metadata, seed)
    for horizon in HORIZONS:
        name = f"outcome_{horizon}"
        column = metadata.column(name).take(pa.array(order))
        metadata = metadata.set_column(
            metadata.column_names.index(name), metadata.schema.field(name), column
        )
    return metadata


def _shuffled_rows(metadata: pa.Table, seed: int) -> NDArray[np.int64]:
    """int64[n]: rows exchanged within (kind, direction, bucket) among those that are indexed.

    Outcomes of all horizons move together, and base rates of every partition stay.
    """
    flags = exclusion_flags(metadata, ())
    free = ~np.any(list(flags.values()), axis=0)
    names = ("level_kind", "direction", "time_bucket")
    keys = np.array(["/".join(k) for k in zip(*(_texts(metadata, n) for n in names), strict=True)])
    order, source = np.arange(len(keys)), np.random.Generator(np.random.PCG64(seed))
    for key in np.unique(keys):
        at = np.flatnonzero((keys == key) & free)
        order[at] = source.permutation(at)
    return order


def _texts(table: pa.Table, name: str) -> list[str]:
    return [str(value) for value in table.column(name).to_pylist()]


def variant_params(shipped: Mapping[str, Any], variant: Variant) -> dict[str, Any]:
    """Parameters of build_indices for the variant."""
    return {**shipped, **variant.params}


def is_shipped(shipped: Mapping[str, Any], variant: Variant) -> bool:
    """Whether the variant is the shipped index itself, so that it need not be evaluated again."""
    return variant.control == "none" and variant_params(shipped, variant) == dict(shipped)
