"""Weights, posterior, bootstrap, excursions, reliability and attribution, by hand and by oracles."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.contracts.physics_buckets import BUCKET_OF, PHYSICS_BUCKETS
from spymaster_lake.contracts.vector import VECTOR_NAMES
from spymaster_lake.features import retrieval_attribution as attribution_module
from spymaster_lake.features.compress import fit_compressor
from spymaster_lake.features.retrieval_attribution import (
    Evidence,
    attribute,
    feature_groups,
    physics_shares,
)
from spymaster_lake.features.retrieval_bootstrap import (
    date_multiplicities,
    linear_quantiles,
    posterior_intervals,
    query_seed,
)
from spymaster_lake.features.retrieval_excursions import (
    conditional_excursions,
    context_metrics,
    excursion_means,
    expected_excursions,
)
from spymaster_lake.features.retrieval_posterior import estimate_outcomes
from spymaster_lake.features.retrieval_reliability import weight_entropy
from spymaster_lake.features.retrieval_weights import (
    effective_n,
    neighbour_weights,
    weighted_mean,
    weighted_means,
)

NAN = float("nan")
B, R, C, N, X = 0, 1, 2, 3, -1
BASE = np.array([0.2, 0.3, 0.1, 0.4])


def codes(*values: int) -> np.ndarray:
    return np.array(values, np.int8)


def test_neighbour_weights__by_hand():
    """sim^4 x 2^(-age/60): 1 at 60 days is 1/2; 0.5 at 0+60 days is 1/32; ratio 16 : 1."""
    weights = neighbour_weights(np.array([1.0, 0.5, 1.0]), np.array([60, 60, 120]))
    assert weights == pytest.approx(np.array([1 / 2, 1 / 32, 1 / 4]) / (25 / 32))
    assert effective_n(weights) == pytest.approx(25**2 / (16**2 + 1 + 8**2))


@given(st.lists(st.tuples(st.floats(1e-6, 1), st.integers(1, 4000)), min_size=1, max_size=50))
def test_neighbour_weights__laws(pairs):
    """They sum to 1; more similar never weighs less, older never more; 1 <= n_eff <= n."""
    similarity, age = (np.array(column) for column in zip(*pairs))
    weights = neighbour_weights(similarity.astype(float), age)
    assert weights.sum() == pytest.approx(1)
    assert 1 - 1e-9 <= effective_n(weights) <= len(pairs) + 1e-9
    for i in range(len(pairs)):
        worse = (similarity <= similarity[i]) & (age >= age[i])
        assert (weights[worse] <= weights[i]).all()


def test_neighbour_weights__negative_similarity_has_none():
    """An anti-similar neighbour has no weight, though the power is even (D42)."""
    assert neighbour_weights(np.array([0.5, -0.9]), np.array([1, 1])).tolist() == [1.0, 0.0]


@pytest.mark.parametrize(("similarity", "age"), [(0.5, 0), (0.5, -3), (0.0, 5)])
def test_neighbour_weights__same_day_or_unlike_is_an_error(similarity, age):
    """The same day, the future, and no similarity at all are refused."""
    with pytest.raises(DataError, match="neighbours"):
        neighbour_weights(np.array([similarity]), np.array([age]))


def test_estimate_outcomes__golden():
    """03 7.8-7: (50 + 2.5/3) / 52.5 = 0.9683."""
    third = np.array([1 / 3, 1 / 3, 1 / 3, 0])
    found = estimate_outcomes(codes(*[B] * 50), np.full(50, 0.02), third)
    assert round(float(found.p_posterior[0]), 4) == 0.9683


def test_estimate_outcomes__unknown_outcomes_are_left_out():
    """Weights and n_eff are renormalised over known outcomes; NO_TEST is an outcome (B4, B15)."""
    found = estimate_outcomes(codes(B, X, N), np.array([0.3, 0.4, 0.3]), BASE)
    assert found.p_raw.tolist() == [0.5, 0, 0, 0.5]
    assert (found.n_valid, found.n_eff) == (2, pytest.approx(2))
    expected = [(1 + 2.5 * 0.2) / 4.5, 2.5 * 0.3 / 4.5, 2.5 * 0.1 / 4.5, (1 + 2.5 * 0.4) / 4.5]
    assert found.p_posterior == pytest.approx(expected)
    none = estimate_outcomes(codes(X, X), np.array([0.5, 0.5]), BASE)
    assert (none.p_raw, none.p_posterior, none.n_valid) == (None, None, 0)


def test_query_seed__first_eight_bytes():
    """08 B24."""
    assert query_seed("e1", "ab") == int(hashlib.sha256(b"e1|ab").hexdigest()[:16], 16)


def slow_interval(outcome, weights, day, base, seed):
    """Resample dates by loops, copies as separate rows (B23)."""
    rows = [
        (o, w, d) for o, w, d in zip(outcome.tolist(), weights.tolist(), day.tolist()) if o >= 0
    ]
    dates = sorted({d for _, _, d in rows})
    rng, draws = np.random.Generator(np.random.PCG64(seed)), []
    for picks in rng.integers(0, len(dates), (1000, len(dates))).tolist():
        sample = [(o, w) for i in picks for o, w, d in rows if d == dates[i]]
        total, square = sum(w for _, w in sample), sum(w * w for _, w in sample)
        n_eff = total**2 / square
        draws.append([
            (n_eff * sum(w for o, w in sample if o == c) / total + 2.5 * base[c]) / (n_eff + 2.5)
            for c in range(4)
        ])  # fmt: skip
    columns = [sorted(column) for column in zip(*draws)]

    def percentile(values, q):
        place = q * (len(values) - 1)
        below = math.floor(place)
        return values[below] + (place - below) * (values[below + 1] - values[below])

    return [percentile(c, 0.025) for c in columns], [percentile(c, 0.975) for c in columns]


def interval(outcome, weights, day, base, *, seed):
    """The interval of one horizon alone."""
    return posterior_intervals([outcome], weights, day, [base], seed=seed)[0]


def test_posterior_intervals__match_a_slow_oracle():
    """Dates are drawn whole, copies count apart, percentiles are linear."""
    rng = np.random.default_rng(2)
    outcome, weights = rng.integers(-1, 4, 24).astype(np.int8), rng.random(24)
    day = rng.integers(100, 110, 24).astype(np.int32)
    low, high = interval(outcome, weights, day, BASE, seed=77)
    slow_low, slow_high = slow_interval(outcome, weights, day, BASE, 77)
    assert low == pytest.approx(slow_low)
    assert high == pytest.approx(slow_high)


def test_posterior_intervals__every_horizon_as_if_alone():
    """Horizons with equally many dates share draws, others do not; none changes another."""
    rng = np.random.default_rng(3)
    day = np.repeat(np.arange(8), 3).astype(np.int32)
    full, other, fewer = (rng.integers(0, 4, 24).astype(np.int8) for _ in range(3))
    fewer[:6] = X  # two dates fewer
    other[7] = X  # as many dates, a row fewer
    none = np.full(24, X, np.int8)
    bases = [BASE, BASE[::-1].copy(), BASE, BASE]
    weights, outcomes = rng.random(24), [full, other, fewer, none]
    found = posterior_intervals(outcomes, weights, day, bases, seed=5)
    assert found[3] is None
    for at in range(3):
        alone = interval(outcomes[at], weights, day, bases[at], seed=5)
        slow = slow_interval(outcomes[at], weights, day, bases[at], 5)
        assert np.array(found[at]) == pytest.approx(np.array(alone), abs=1e-14)
        assert np.array(found[at]) == pytest.approx(np.array(slow))


def test_posterior_intervals__too_little_is_null():
    """Five known rows on five dates are the least (B23)."""
    weights, days = np.ones(6), np.arange(6, dtype=np.int32)
    assert interval(codes(B, R, B, R, B, X), weights, days, BASE, seed=1) is not None
    assert interval(codes(B, R, B, R, X, X), weights, days, BASE, seed=1) is None
    same = np.minimum(days, 3)
    assert interval(codes(B, R, B, R, B, B), weights, same, BASE, seed=1) is None
    assert interval(codes(B, R, B, R, B, B), weights, days, None, seed=1) is None


def test_posterior_intervals__resample_without_weight_gives_the_base_rate():
    """Only one of six dates has a weight: resamples that miss it know nothing."""
    weights = np.array([1.0, 0, 0, 0, 0, 0])
    low, high = interval(codes(*[B] * 6), weights, np.arange(6, dtype=np.int32), BASE, seed=1)
    assert low[0] == pytest.approx(BASE[0])
    assert high[1:] == pytest.approx(BASE[1:])
    assert high[0] > (1 + 2.5 * BASE[0]) / 3.5, "a date drawn thrice counts for three"


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=30), st.floats(0, 1))
def test_linear_quantiles__are_those_of_numpy(values, share):
    """The default method of np.quantile."""
    expected = np.quantile(np.array(values), share)
    (found,) = linear_quantiles(np.array([values]), (share,))
    assert found[0] == pytest.approx(expected, abs=1e-12)


def test_date_multiplicities__draws_as_many_dates_as_there_are():
    """Each resample has n dates; the same seed gives the same draws."""
    drawn = date_multiplicities(3, 7, 50)
    assert (drawn.sum(axis=1) == 7).all()
    assert (drawn == date_multiplicities(3, 7, 50)).all()
    assert (drawn != date_multiplicities(4, 7, 50)).any()


GAIN, LOSS = np.array([2.0, 0.0, NAN, 1.0]), np.array([1.0, 3.0, 1.0, NAN])
WEIGHTS, WON = np.array([0.4, 0.4, 0.1, 0.1]), codes(B, R, B, X)


def test_excursions__by_hand():
    """Unknown excursions are skipped, weights renormalised over the rest."""
    means = excursion_means(WON, GAIN, LOSS, WEIGHTS)
    found = expected_excursions(means)
    assert found.favorable == pytest.approx(0.9 / 0.9)
    assert found.adverse == pytest.approx(1.7 / 0.9)
    assert found.ratio == pytest.approx(1 / (1.7 / 0.9 + 1e-6))
    context = context_metrics(estimate_outcomes(WON, WEIGHTS, BASE), means)
    assert context.historical_avg_volatility == pytest.approx((0.4 * 2 + 0.4 * 3) / 0.8)
    assert context.historical_max_excursion == 3
    assert context.base_rate_break == pytest.approx(0.5 / 0.9)
    assert context.base_rate_reject == pytest.approx(0.4 / 0.9)


def test_conditional_excursions__by_hand():
    """Each outcome on its own; strength is favorable - adverse where both are known."""
    found = conditional_excursions(excursion_means(WON, GAIN, LOSS, WEIGHTS))
    broke, held = found["BREAK"], found["REJECT"]
    assert (broke.n, broke.favorable, broke.mean_strength) == (2, 2.0, 1.0)
    assert broke.adverse == pytest.approx(1)
    assert (held.n, held.favorable) == (1, 0)
    assert (held.adverse, held.mean_strength) == pytest.approx((3, -3))
    none = conditional_excursions(excursion_means(codes(C), GAIN[:1], LOSS[:1], WEIGHTS[:1]))[
        "BREAK"
    ]
    assert (none.n, none.favorable) == (0, None)


def test_weighted_mean__null_and_empty():
    """No known value has no mean."""
    assert math.isnan(weighted_mean(np.array([NAN]), np.ones(1)))
    assert math.isnan(weighted_mean(np.empty(0), np.empty(0)))


def test_weighted_means__every_row_on_its_own():
    """A row's unknown values and weights touch no other row."""
    values = np.array([[1.0, NAN, 3.0], [2.0, 4.0, 6.0], [NAN, NAN, NAN]])
    means = weighted_means(values, np.array([1.0, 5.0, 3.0]))
    assert means[:2].tolist() == [2.5, 40 / 9]
    assert math.isnan(means[2])


def test_weight_entropy__between_zero_and_one():
    """1 for equal weights, 0 for one alone among many, unknown for one neighbour."""
    assert weight_entropy(np.full(8, 1 / 8)) == pytest.approx(1)
    assert weight_entropy(np.array([1.0, 0.0])) == 0
    assert math.isnan(weight_entropy(np.ones(1)))


def evidence(n: int = 40, dim: int = 32, *, breaks: int = 20) -> Evidence:
    """Neighbours whose first entry decides the outcome: positive breaks."""
    rng = np.random.default_rng(4)
    rows = rng.standard_normal((n, dim))
    outcome = np.where(np.arange(n) < breaks, B, R).astype(np.int8)
    rows[:, 0] = np.where(outcome == B, 4.0, -4.0)
    rows /= np.sqrt((rows * rows).sum(axis=1))[:, None]
    return Evidence(
        query=rows[0].astype(np.float32), rows=rows.astype(np.float32),
        similarity=rng.random(n) * 0.5 + 0.5, weights=np.full(n, 1 / n), outcome=outcome,
        day=(np.arange(n) // 2).astype(np.int32),
    )  # fmt: skip


GEOMETRY = fit_compressor("geometry_only", np.empty((0, 149)), components=5)


def test_attribute__finds_what_decides():
    """Similarity shares add up; the deciding entry leads, its series leans, dates are left out."""
    given_ = evidence()
    found = attribute(given_, GEOMETRY)
    exact = (given_.rows.astype(float) * given_.query.astype(float)).sum(axis=1)
    mean = (given_.similarity * exact).sum() / given_.similarity.sum()
    assert sum(v.value for v in found.similarity) == pytest.approx(mean)
    assert (len(found.similarity), len(found.top_similarity)) == (32, 10)
    sizes = [abs(v.value) for v in found.top_similarity]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == max(abs(v.value) for v in found.similarity)
    assert found.outcome.status == "ok"
    assert found.outcome.toward_break[0].feature == "dct_d_atr_c0"
    assert found.outcome.accuracy == found.outcome.accuracy_leave_one_date_out == 1
    assert sum(found.outcome.physics.values()) == pytest.approx(1)
    assert max(found.outcome.physics, key=found.outcome.physics.get) == "kinematics"
    assert found.outcome.physics["dealer_gamma"] == 0
    assert [g.group for g in found.groups] == [
        "d_atr", "ofi_60s", "barrier_delta_liq_log", "tape_imbalance"
    ]  # fmt: skip
    assert found.groups[0].lean == "BREAK"


def test_attribute__too_few_of_a_class():
    """Nine of a class give no regression, but the rest of the attribution stands."""
    found = attribute(evidence(breaks=9), GEOMETRY)
    assert (found.status, found.outcome.status) == ("ok", "unavailable")
    assert (found.outcome.n_break, found.outcome.n_reject) == (9, 31)
    alone = attribute(evidence(breaks=0), GEOMETRY)
    assert alone.groups[0].lean is None
    assert alone.groups[0].distance_break is None


def test_attribute__any_failure_is_written_down(monkeypatch):
    """An error inside never leaves the attribution."""

    def fail(*_):
        raise RuntimeError("no solver")

    monkeypatch.setattr(attribution_module, "_fitted", fail)
    found = attribute(evidence(), GEOMETRY)
    assert (found.status, found.reason) == ("unavailable", "RuntimeError: no solver")
    wrong = attribute(evidence(dim=31), GEOMETRY)
    assert wrong.status == "unavailable"


def test_attribute__other_compressors():
    """149 entries group by section; principal components spread over the buckets of their inputs."""
    identity = fit_compressor("identity", np.empty((0, 149)), components=5)
    assert dict.fromkeys(feature_groups(identity)).keys() == {
        "context_regime", "multiscale_dynamics", "micro_history", "derived_physics",
        "online_trends", "trajectory_basis",
    }  # fmt: skip
    pca = fit_compressor(
        "pca_physics", np.random.default_rng(0).standard_normal((60, 149)), components=3
    )
    assert feature_groups(pca)[-3:] == ("multiscale_dynamics",) * 3
    only_pc = np.zeros(112)
    only_pc[-1] = -2.0
    shares = physics_shares(only_pc, pca)
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["kinematics"] > shares["context"] == 0
    assert physics_shares(np.zeros(112), pca) is None
    assert attribute(evidence(dim=149), identity).status == "ok"


def test_bucket_of__covers_every_entry():
    """All 149 entries have one of the five buckets; the leaks of the old matching are closed."""
    assert tuple(BUCKET_OF) == VECTOR_NAMES
    assert set(BUCKET_OF.values()) == set(PHYSICS_BUCKETS)
    assert BUCKET_OF["tape_velocity_lag0"] == "order_flow"
    assert BUCKET_OF["mass_proxy"] == "liquidity_barrier"
    assert BUCKET_OF["call_tide"] == "dealer_gamma"
