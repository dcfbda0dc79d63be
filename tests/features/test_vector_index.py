"""FAISS indices: plan by size, equal bytes, eligible prefix, self-test."""

from __future__ import annotations

import numpy as np
import pytest

from spymaster_lake.contracts.errors import IndexArtifactError
from spymaster_lake.features.neighbours import exact_similarity
from spymaster_lake.features.vector_index import (
    IndexPlan,
    build_index,
    candidate_count,
    candidates,
    index_bytes,
    index_mismatch,
    index_of,
    padded,
    plan_index,
    self_test,
)


def units(n: int, dim: int, seed: int = 1) -> np.ndarray:
    """float32[n, dim] unit vectors."""
    rows = np.random.default_rng(seed).standard_normal((n, dim))
    return (rows / np.linalg.norm(rows, axis=1)[:, None]).astype(np.float32)


PLANS = {
    "flat": IndexPlan("FLAT_IP", 32),
    "ivf": IndexPlan("IVF_FLAT", 32, 16, 4),
    "pq": IndexPlan("IVF_PQ", 32, 16, 16, 8),
}


@pytest.mark.parametrize(
    ("n", "dim", "expected"),
    [
        (100, 32, IndexPlan("FLAT_IP", 32)),
        (9_999, 149, IndexPlan("FLAT_IP", 149)),
        (10_000, 32, IndexPlan("IVF_FLAT", 32, 100, 25)),
        (99_999, 149, IndexPlan("IVF_FLAT", 149, 999, 64)),
        (100_000, 32, IndexPlan("IVF_PQ", 32, 1000, 64, 8)),
        (100_000, 149, IndexPlan("IVF_PQ", 152, 1000, 64, 38)),
        (500_000, 114, IndexPlan("IVF_PQ", 120, 4096, 64, 30)),
    ],
)
def test_plan_index__by_size(n, dim, expected):
    """The table of 03 3.2 with the rulings on PQ."""
    assert plan_index(n, dim, ivf_min_rows=10_000, pq_min_rows=100_000) == expected


def test_plan_index__lowered_limits():
    """Small partitions get the large types when the limits say so; at least 16 lists."""
    assert plan_index(300, 32, ivf_min_rows=200, pq_min_rows=10**6).nlist == 16
    assert plan_index(300, 32, ivf_min_rows=200, pq_min_rows=300).index_type == "IVF_PQ"


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_build_index__same_vectors_same_bytes(plan):
    """Training is deterministic, and the bytes read back as the plan says."""
    rows = units(2000, 32)
    first, second = (index_bytes(build_index(rows, plan)) for _ in range(2))
    assert first == second
    assert index_mismatch(index_of(first), plan, 2000) == ""


def test_build_index__inner_product_and_nprobe_persist():
    """Every type searches by inner product, and nprobe survives the file."""
    index = index_of(index_bytes(build_index(units(2000, 32), PLANS["ivf"])))
    assert index.nprobe == 4
    assert "nprobe 4" in index_mismatch(index, IndexPlan("IVF_FLAT", 32, 16, 5), 2000)
    assert "rows 2000" in index_mismatch(index, PLANS["ivf"], 1999)
    assert "IndexIVFFlat" in index_mismatch(index, PLANS["flat"], 2000)


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
@pytest.mark.parametrize("eligible", [0, 1, 40, 1999])
def test_candidates__never_leave_the_eligible_prefix(plan, eligible):
    """Rows on or after the query date are filtered inside the search, not after it."""
    rows = units(2000, 32)
    index = build_index(rows, plan)
    found = candidates(index, rows[1999], k=500, n_eligible=eligible, exhaustive=True)
    assert len(found) == min(500, eligible)
    assert (found < max(eligible, 1)).all()
    assert len(set(found.tolist())) == len(found)


def test_candidates__flat_is_exact():
    """Flat candidates come in the order of the exact similarity."""
    rows = units(300, 32)
    found = candidates(build_index(rows, PLANS["flat"]), rows[7], k=10, n_eligible=300)
    assert found.tolist() == np.argsort(-exact_similarity(rows[7], rows))[:10].tolist()


def test_candidates__exhaustive_visits_every_list():
    """With nprobe = nlist an inverted-list index finds what the flat one finds."""
    rows = units(2000, 32)
    flat, lists = (build_index(rows, PLANS[name]) for name in ("flat", "ivf"))
    wanted = candidates(flat, rows[5], k=200, n_eligible=1500)
    some = candidates(lists, rows[5], k=200, n_eligible=1500)
    every = candidates(lists, rows[5], k=200, n_eligible=1500, exhaustive=True)
    assert set(every.tolist()) == set(wanted.tolist())
    assert set(some.tolist()) != set(wanted.tolist())


@pytest.mark.parametrize(
    ("index_type", "n", "expected"),
    [
        ("FLAT_IP", 9000, 9000),
        ("IVF_FLAT", 90_000, 500),
        ("IVF_PQ", 40_000, 500),
        ("IVF_PQ", 200_000, 2000),
    ],
)
def test_candidate_count__by_type(index_type, n, expected):
    """Flat asks for all rows at once, PQ for at least one in a hundred."""
    assert candidate_count(IndexPlan(index_type, 32), n) == expected


def test_padded__zeros_do_not_change_the_product():
    """149 entries become 152; the similarity stays."""
    rows = units(10, 149)
    wide = padded(rows, 152)
    assert wide.shape == (10, 152)
    assert (wide[:, 149:] == 0).all()
    assert exact_similarity(wide[0], wide).tolist() == pytest.approx(
        exact_similarity(rows[0], rows).tolist()
    )
    index = build_index(units(600, 149), IndexPlan("IVF_PQ", 152, 16, 16, 38))
    self_test(index, units(600, 149), IndexPlan("IVF_PQ", 152, 16, 16, 38))


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_self_test__passes_on_its_own_vectors_and_fails_on_others(plan):
    """An index over other vectors, or rows that are not of unit length, is refused."""
    rows = units(2000, 32)
    index = build_index(rows, plan)
    self_test(index, rows, plan)
    with pytest.raises(IndexArtifactError, match="does not find itself"):
        self_test(index, rows[::-1].copy(), plan)
    with pytest.raises(IndexArtifactError, match="does not find itself"):
        self_test(index, rows * np.float32(0.99), plan)


def test_self_test__many_equal_vectors():
    """A row may be crowded out by rows that equal it."""
    rows = np.repeat(units(1, 32), 700, axis=0)
    self_test(build_index(rows, PLANS["flat"]), rows, PLANS["flat"])


def test_index_of__refuses_garbage():
    """Bytes that are no index are an error of ours."""
    with pytest.raises(IndexArtifactError, match="unreadable"):
        index_of(b"not an index at all, only text")
