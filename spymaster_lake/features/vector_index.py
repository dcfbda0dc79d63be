"""FAISS indices over the unit vectors of one partition: plan, build, bytes, search, self-test.

Spec: 03 3.2 [N], 08 B16, B17. FAISS only proposes candidates; the exact similarity decides.
Training is seeded by the library's constants and runs on one thread, so that the same vectors give
the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.errors import IndexArtifactError
from spymaster_lake.features.neighbours import exact_similarity

SELF_SIMILARITY = 0.9999
SELF_TEST_ROWS = 100
PQ_BITS = 8
MAX_TRAINING_ROWS = 100_000
DEFAULT_CANDIDATES = 500

Vectors = NDArray[np.float32]
IndexType = Literal["FLAT_IP", "IVF_FLAT", "IVF_PQ"]


@dataclass(frozen=True, slots=True)
class IndexPlan:
    """How a partition is indexed.

    Attributes:
        index_type: FLAT_IP, IVF_FLAT or IVF_PQ.
        padded_dim: dimension inside FAISS; a multiple of 8 for IVF_PQ, else the vectors' own.
        nlist, nprobe: inverted lists, and how many of them a search visits.
        pq_m: sub-quantisers.
    """

    index_type: IndexType
    padded_dim: int
    nlist: int | None = None
    nprobe: int | None = None
    pq_m: int | None = None


def plan_index(n: int, dim: int, *, ivf_min_rows: int, pq_min_rows: int) -> IndexPlan:
    """The index of a partition of `n` rows of `dim` entries (table of 03 3.2)."""
    if n < min(ivf_min_rows, pq_min_rows):
        return IndexPlan("FLAT_IP", dim)
    nlist = min(4096, max(16, n // 100))
    if n < pq_min_rows:
        return IndexPlan("IVF_FLAT", dim, nlist, min(64, nlist // 4))
    padded = -(-dim // 8) * 8
    return IndexPlan("IVF_PQ", padded, nlist, min(64, nlist), padded // 4)


def _library() -> Any:
    """The faiss module, imported at first use."""
    import faiss

    return faiss


@contextmanager
def single_thread() -> Iterator[Any]:
    """The faiss module on one thread; the setting before is restored."""
    faiss = _library()
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield faiss
    finally:
        faiss.omp_set_num_threads(before)


def padded(vectors: Vectors, dim: int) -> Vectors:
    """Rows with zeros up to `dim` entries, C order; the same array if they have them already."""
    missing = dim - vectors.shape[1]
    rows = np.pad(vectors, ((0, 0), (0, missing))) if missing else vectors
    return np.ascontiguousarray(rows, dtype=np.float32)


def build_index(vectors: Vectors, plan: IndexPlan) -> Any:
    """The FAISS index of float32[n, d] unit vectors; FAISS id = row."""
    rows = padded(vectors, plan.padded_dim)
    with single_thread() as faiss:
        index = faiss.IndexFlatIP(plan.padded_dim)
        if plan.index_type == "IVF_FLAT":
            index = faiss.IndexIVFFlat(
                index, plan.padded_dim, plan.nlist, faiss.METRIC_INNER_PRODUCT
            )
        elif plan.index_type == "IVF_PQ":
            index = faiss.IndexIVFPQ(
                index, plan.padded_dim, plan.nlist, plan.pq_m, PQ_BITS, faiss.METRIC_INNER_PRODUCT
            )
        if plan.nprobe is not None:
            index.nprobe = plan.nprobe
            index.train(rows[_training_rows(len(rows))])
        index.add(rows)
    return index


def _training_rows(n: int) -> NDArray[np.int64]:
    """Evenly spaced rows, all of them up to the limit."""
    wanted = min(n, MAX_TRAINING_ROWS)
    return np.arange(wanted, dtype=np.int64) * n // wanted


def index_bytes(index: Any) -> bytes:
    """The content of `index.faiss`."""
    faiss = _library()
    return bytes(faiss.serialize_index(index).tobytes())


def index_of(data: bytes) -> Any:
    """The index in the bytes of `index.faiss`.

    Raises:
        IndexArtifactError: FAISS cannot read them.
    """
    faiss = _library()
    try:
        return faiss.deserialize_index(np.frombuffer(data, dtype=np.uint8))
    except RuntimeError as exc:
        raise IndexArtifactError(f"unreadable FAISS index: {exc}") from exc


def index_mismatch(index: Any, plan: IndexPlan, n: int) -> str:
    """What differs between an index and its plan; empty if nothing does."""
    faiss = _library()
    types = {
        "FLAT_IP": faiss.IndexFlat,
        "IVF_FLAT": faiss.IndexIVFFlat,
        "IVF_PQ": faiss.IndexIVFPQ,
    }
    if not isinstance(index, types[plan.index_type]):
        return f"type {type(index).__name__}, manifest says {plan.index_type}"
    facts = [
        ("dimension", index.d, plan.padded_dim),
        ("rows", index.ntotal, n),
        ("metric", index.metric_type, faiss.METRIC_INNER_PRODUCT),
    ]
    if plan.nlist is not None:
        facts += [("nlist", index.nlist, plan.nlist), ("nprobe", index.nprobe, plan.nprobe)]
    return "; ".join(
        f"{what} {got}, manifest says {said}" for what, got, said in facts if got != said
    )


def candidates(
    index: Any, query: Vectors, *, k: int, n_eligible: int, exhaustive: bool = False
) -> NDArray[np.int64]:
    """Rows that FAISS proposes for one query, best first, among rows 0 … n_eligible - 1.

    Args:
        index: an index of this module; FLAT_IP ignores `exhaustive`.
        query: float32[d], a unit vector, padded if the index is.
        k: number of candidates.
        n_eligible: length of the eligible prefix (rows before the query date).
        exhaustive: visit all inverted lists (nprobe = nlist).

    Returns:
        int64[c], c <= min(k, n_eligible); fewer if the visited lists hold fewer.
    """
    faiss = _library()
    wanted = min(k, n_eligible)
    if wanted <= 0:
        return np.empty(0, dtype=np.int64)
    # nothing to keep out needs no selector, which costs a test of every row
    chosen = faiss.IDSelectorRange(0, n_eligible) if n_eligible < index.ntotal else None
    if isinstance(index, faiss.IndexIVF):
        probe = index.nlist if exhaustive else index.nprobe
        kind = (
            faiss.IVFPQSearchParameters
            if isinstance(index, faiss.IndexIVFPQ)
            else faiss.SearchParametersIVF
        )
        parameters = kind(sel=chosen, nprobe=probe)
    else:
        parameters = faiss.SearchParameters(sel=chosen)
    _, rows = index.search(query[None, :], wanted, params=parameters)
    found: NDArray[np.int64] = rows[0]
    return found[found >= 0]


def candidate_count(plan: IndexPlan, n: int, *, default: int = DEFAULT_CANDIDATES) -> int:
    """First k of a search: all rows for FLAT_IP, max(500, n div 100) for IVF_PQ, else 500 (B16)."""
    if plan.index_type == "FLAT_IP":
        return n
    return max(default, n // 100) if plan.index_type == "IVF_PQ" else default


def self_test(index: Any, vectors: Vectors, plan: IndexPlan) -> None:
    """Up to 100 evenly spaced rows must find themselves with exact similarity >= 0.9999.

    A row may be crowded out only by as many rows that equal it.

    Raises:
        IndexArtifactError: one does not.
    """
    n = len(vectors)
    k = min(n, max(DEFAULT_CANDIDATES, n // 100))
    rows = padded(vectors, plan.padded_dim)
    for row in np.unique(np.linspace(0, n - 1, min(n, SELF_TEST_ROWS)).astype(np.int64)):
        found = candidates(index, rows[row], k=k, n_eligible=n)
        similarity = exact_similarity(vectors[row], vectors[found])
        own = similarity[found == row]
        crowded = len(found) == k and bool((similarity >= SELF_SIMILARITY).all())
        if not crowded and not (len(own) and own[0] >= SELF_SIMILARITY):
            best = float(similarity.max()) if len(similarity) else float("nan")
            raise IndexArtifactError(
                f"self-test: row {int(row)} of {n} does not find itself among {len(found)} "
                f"candidates; best exact similarity {best:.6f}, needed {SELF_SIMILARITY}"
            )
