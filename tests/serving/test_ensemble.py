"""Ensemble, gate and ranking: golden cases of 04 section 2.4 and laws of the mixture."""

from __future__ import annotations

import math
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spymaster_lake.contracts.errors import AsOfError, ConfigError, DataError
from spymaster_lake.contracts.retrieval_status import RetrievalStatus
from spymaster_lake.serving.ensemble import (
    Evidence,
    Policy,
    Ranked,
    TargetStatus,
    combine,
    rank,
)
from spymaster_lake.serving.feasibility import GateInputs, gated, logit_shift

DAY = date(2025, 12, 16)
THIRD = (1 / 3, 1 / 3, 1 / 3)
OFF = Policy(retrieval_mode="off")


def evidence(kappa=THIRD, *, similarity=0.5, base=THIRD, status="OK", asof=DAY):
    return Evidence(RetrievalStatus(status), kappa, base, similarity, asof)


@pytest.mark.parametrize(
    "tau, kappa, similarity, w, delta, pi, p",
    [
        # H = 1: w = 0.7 - 0.2 + 0.4 = 0.9 -> 0.8
        ((0.6, 0.3, 0.1), THIRD, 0.5, 0.8, 4 / 15, 0.0, (0.6 * 0.8 + 0.2 / 3, 0.24 + 0.2 / 3, 0.08 + 0.2 / 3)),
        # H = 0: w = 0.7 - 0.4 = 0.3; delta = 0.4, s >= 0.6: pi = 0.2
        ((0.6, 0.4, 0.0), (1.0, 0.0, 0.0), 1.0, 0.3, 0.4, 0.2, (0.8 * 0.88 + 0.2 / 3, 0.8 * 0.12 + 0.2 / 3, 0.2 / 3)),
        # delta = 1: pi = 0.5, half of the base rates
        ((0.0, 1.0, 0.0), (1.0, 0.0, 0.0), 0.6, 0.46, 1.0, 0.5, (0.27 + 1 / 6, 0.23 + 1 / 6, 1 / 6)),
        # the same disagreement at a similarity below 0.6 is left as it is
        ((0.0, 1.0, 0.0), (1.0, 0.0, 0.0), 0.5, 0.5, 1.0, 0.0, (0.5, 0.5, 0.0)),
        # H = ln 2 / ln 3
        ((0.5, 0.3, 0.2), (0.5, 0.5, 0.0), 0.75, 0.4 + 0.4 * math.log(2) / math.log(3), 0.2, 0.0, None),
    ],
)  # fmt: skip
def test_combine__golden(tau, kappa, similarity, w, delta, pi, p):
    """Weight, disagreement, shrinkage and mixture by hand."""
    found = combine(tau, evidence(kappa, similarity=similarity), session_date=DAY)
    assert found.status is TargetStatus.OK
    assert (found.w, found.delta, found.pi) == pytest.approx((w, delta, pi))
    expected = p or tuple(w * t + (1 - w) * k for t, k in zip(tau, kappa, strict=True))
    assert found.p == pytest.approx(expected)


SIMPLEX = (
    st.tuples(*[st.integers(0, 1000)] * 3).filter(any).map(lambda c: tuple(x / sum(c) for x in c))
)


@given(tau=SIMPLEX, kappa=SIMPLEX, base=SIMPLEX, similarity=st.floats(0, 1))
def test_combine__stays_on_the_simplex(tau, kappa, base, similarity):
    """The mixture sums to one, lies between its parts, and its weight in [0.2, 0.8]."""
    found = combine(tau, evidence(kappa, similarity=similarity, base=base), session_date=DAY)
    assert sum(found.p) == pytest.approx(1, abs=1e-9)
    assert 0.2 <= found.w <= 0.8 and 0 <= found.pi <= 0.5 and 0 <= found.entropy <= 1 + 1e-12
    for i in range(3):
        parts = (tau[i], kappa[i], base[i])
        assert min(parts) - 1e-12 <= found.p[i] <= max(parts) + 1e-12


def test_combine__agreement_changes_nothing():
    """Where both agree the answer is theirs, whatever the weight."""
    found = combine((0.5, 0.3, 0.2), evidence((0.5, 0.3, 0.2)), session_date=DAY)
    assert found.p == pytest.approx((0.5, 0.3, 0.2))


@pytest.mark.parametrize(
    "status", ["NO_PARTITION", "NO_NEIGHBOURS", "INVALID_QUERY", "LOW_SUPPORT"]
)
def test_combine__no_retrieval(status):
    """A retrieval that is not OK never counts as evidence (M-22): null probabilities."""
    kappa = THIRD if status == "LOW_SUPPORT" else None
    found = combine((0.6, 0.3, 0.1), evidence(kappa, status=status), session_date=DAY, strength=1.0)
    assert found.status is TargetStatus.NO_RETRIEVAL
    assert found.p is found.w is found.utility is None
    assert found.retrieval_status is RetrievalStatus(status)


def test_combine__absent_retrieval():
    """No answer at all is NO_RETRIEVAL too, and so is an answer without labels at this horizon."""
    absent = combine((0.6, 0.3, 0.1), None, session_date=DAY)
    assert (absent.status, absent.retrieval_status) == (TargetStatus.NO_RETRIEVAL, None)
    unlabelled = combine((0.6, 0.3, 0.1), evidence(None, base=None), session_date=DAY)
    assert unlabelled.status is TargetStatus.NO_RETRIEVAL


def test_combine__low_support_allowed():
    """LOW_SUPPORT is used only where the policy says so; other failures never."""
    policy = Policy(allow_low_support=True)
    low = combine((0.6, 0.3, 0.1), evidence(status="LOW_SUPPORT"), session_date=DAY, policy=policy)
    assert low.status is TargetStatus.OK and low.w == 0.8
    none = evidence(None, status="NO_PARTITION")
    found = combine((0.6, 0.3, 0.1), none, session_date=DAY, policy=policy)
    assert found.status is TargetStatus.NO_RETRIEVAL


def test_combine__off():
    """Switched off, the trees stand alone, and the result says so."""
    found = combine((0.6, 0.3, 0.1), evidence(), session_date=DAY, policy=OFF, strength=-2.0)
    assert (found.p, found.w, found.retrieval_mode) == ((0.6, 0.3, 0.1), 1.0, "off")
    assert found.utility == pytest.approx(1.8)
    with pytest.raises(ConfigError, match="retrieval_mode"):
        Policy(retrieval_mode="optional")


def test_combine__index_of_the_future():
    """An index built as of a later date leaks; the session's own date is allowed."""
    with pytest.raises(AsOfError):
        combine(THIRD, evidence(asof=DAY + timedelta(days=1)), session_date=DAY)
    assert combine(THIRD, evidence(asof=DAY), session_date=DAY).status is TargetStatus.OK


@pytest.mark.parametrize("bad", [(0.5, 0.5, 0.5), (1.2, -0.2, 0.0), (math.nan, 0.5, 0.5)])
def test_combine__no_simplex(bad):
    """What is no distribution is an error on either side."""
    with pytest.raises(DataError, match="tau"):
        combine(bad, evidence(), session_date=DAY)
    with pytest.raises(DataError, match="kappa"):
        combine(THIRD, evidence(bad), session_date=DAY)
    with pytest.raises(DataError, match="base"):
        combine(THIRD, evidence(base=bad), session_date=DAY)


@pytest.mark.parametrize(
    "state, fuel, tape, gamma, shift",
    [
        ("WALL", "NEUTRAL", 0.0, 0.0, -1.0),
        ("ABSORPTION", "DAMPEN", -0.21, 0.0, -2.5),
        ("ABSORPTION", "DAMPEN", 0.0, 0.0, -2.0),
        ("VACUUM", "AMPLIFY", 0.21, -60_000.0, 2.5),
        ("CONSUMED", "NEUTRAL", 0.20, 60_000.0, 1.0),
        ("WEAK", "DAMPEN", -0.20, 60_000.0, -2.0),
        ("NEUTRAL", "AMPLIFY", 0.0, 60_000.0, 1.0),
        ("WALL", "AMPLIFY", 0.0, -50_000.0, 0.0),
        (None, None, None, None, 0.0),
        (None, "AMPLIFY", None, None, 1.0),
    ],
)
def test_gate__shift(state, fuel, tape, gamma, shift):
    """Steps of one for state, fuel, tape and gamma, capped at 2.5; unknown adds nothing."""
    assert logit_shift(GateInputs(state, fuel, tape, gamma)) == shift


def test_gate__applied():
    """The gate moves odds of break against reject, not P(none); unknown inputs are named."""
    policy = Policy(retrieval_mode="off", gate=True)
    inputs = GateInputs("VACUUM", None, None, 0.0)
    found = combine((0.3, 0.3, 0.4), None, session_date=DAY, policy=policy, gate_inputs=inputs)
    share = 1 / (1 + math.exp(-1))
    assert found.p == pytest.approx((0.6 * share, 0.6 * (1 - share), 0.4))
    assert found.gate_shift == 1.0
    assert found.gate_inputs_missing == ("fuel_effect", "tape_imbalance")
    with pytest.raises(ConfigError, match="gate"):
        combine((0.3, 0.3, 0.4), None, session_date=DAY, policy=policy)
    assert combine(THIRD, None, session_date=DAY, policy=OFF).gate_shift is None


@given(
    p=st.floats(0, 1, allow_subnormal=False),
    q=st.floats(0, 1, allow_subnormal=False),
    shift=st.floats(-2.5, 2.5),
)
def test_gate__never_forbids(p, q, shift):
    """The sum stays, what is possible stays possible, and what is certain stays certain."""
    up, down = gated(p, q, shift)
    assert up + down == pytest.approx(p + q)
    for before, after in ((p, up), (q, down)):
        assert (after > 0) == (before > 0) or before < 1e-300


def test_rank__stable():
    """Utility first, then the nearer level, then its id; unknown utility last."""
    targets = [
        Ranked("c", 1.0, -0.5),
        Ranked("a", None, 0.0),
        Ranked("b", 1.0, 0.5),
        Ranked("d", 1.0, 0.1),
        Ranked("e", 2.0, 9.0),
    ]
    assert [t.level_id for t in rank(targets)] == ["e", "d", "b", "c", "a"]
    assert rank(targets[::-1]) == rank(targets)
