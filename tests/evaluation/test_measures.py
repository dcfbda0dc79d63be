"""Groups of measures: fair score, sums against single measures, quartiles."""

from __future__ import annotations

import math

import numpy as np
import pytest

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.evaluation.calibration import ece, quantile_bins
from spymaster_lake.evaluation.forecast_set import ForecastSet
from spymaster_lake.evaluation.forecasts import brier_rows
from spymaster_lake.evaluation.intervals import skill_interval
from spymaster_lake.evaluation.measures import group_measures, quartile_difference, quartiles
from spymaster_lake.evaluation.sampling import posterior_cost_rows, share_cost_rows
from spymaster_lake.evaluation.sums import SumMeasures

CLASSES = ("BREAK", "REJECT", "CHOP")
PI = np.array([0.5, 0.3, 0.2])


def from_neighbours(n, k, *, informed=False, seed=0):
    """Forecasts that are shares of k neighbours, drawn from base rates or from the true ones."""
    rng = np.random.default_rng(seed)
    truth = rng.dirichlet(2 * PI, n) if informed else np.repeat(PI[None], n, 0)
    y = np.array([rng.choice(3, p=row) for row in truth])
    near = np.array([rng.choice(3, k, p=row) for row in truth])
    p = np.stack([(near == c).mean(axis=1) for c in range(3)], axis=1)
    cost = share_cost_rows(p, np.full(n, float(k)))
    nan = np.full((n, 3), math.nan)
    return ForecastSet(
        p=p, base=np.repeat(PI[None], n, 0), y=y, day=np.arange(n, dtype=np.int32) % 40,
        covered=np.ones(n, bool), cost=cost, base_cost=np.zeros(n), low=nan, high=nan, neighbour=near,
        similarity=rng.uniform(size=n),
    )  # fmt: skip


def measures(rows):
    """All measures by name."""
    return {m.name: m for m in group_measures(rows, CLASSES, seed=1, resamples=200)}


@pytest.mark.parametrize("k", [3, 10, 40])
def test_fair_skill__is_zero_without_information(k):
    """Few neighbours cost about 1/k of plain skill; the fair skill gives exactly that back."""
    found = measures(from_neighbours(6000, k))
    assert found["brier_skill"].value == pytest.approx(-1 / k, abs=0.03)
    assert found["fair_brier_skill"].value == pytest.approx(0, abs=0.03)
    assert found["brier_skill"].high < 0


def test_fair_skill__does_not_depend_on_the_number_of_neighbours():
    """With information it is the skill of unlimited neighbours, whatever k."""
    few, many = (measures(from_neighbours(6000, k, informed=True)) for k in (4, 200))
    assert few["fair_brier_skill"].value == pytest.approx(many["brier_skill"].value, abs=0.03)
    assert few["fair_brier_skill"].low > 0.2
    assert few["brier_skill"].value < many["brier_skill"].value - 0.1


def test_share_cost__literal():
    """Two of four rows: 2 x 0.25 / 3; a single row says nothing."""
    p = np.array([[0.5, 0.5], [1.0, 0.0], [1.0, 0.0]])
    found = share_cost_rows(p, np.array([4.0, 4.0, 1.0]))
    assert found == pytest.approx([0.5 / 3, 0.0, math.nan], nan_ok=True)
    with pytest.raises(DataError):
        share_cost_rows(p, np.array([4.0]))


@pytest.mark.parametrize(("corpus", "k", "prior"), [(40, 10, 2.5), (60, 3, 2.5), (30, 20, 8.0)])
def test_posterior_cost__is_what_scatter_really_costs(corpus, k, prior):
    """Drawn again and again: the loss above the truth's is the cost, on average."""
    rng = np.random.default_rng(4)
    y = rng.choice(3, (20_000, corpus), p=PI)
    base = np.stack([(y == c).mean(axis=1) for c in range(3)], axis=1)
    near = np.stack([(y[:, :k] == c).mean(axis=1) for c in range(3)], axis=1)
    p = (k * near + prior * base) / (k + prior)
    base_cost = share_cost_rows(base, np.full(20_000, float(corpus)))
    cost = posterior_cost_rows(near, np.full(20_000, float(k)), base_cost, prior=prior)
    for shares, expected in ((base, base_cost), (p, cost)):
        excess = ((shares - PI) ** 2).sum(axis=1)
        assert expected.mean() == pytest.approx(excess.mean(), rel=0.04)


def test_group__agrees_with_the_single_measures():
    """One draw for all gives what each measure gives alone."""
    rows = from_neighbours(400, 10, informed=True)
    found = measures(rows)
    plain, base = brier_rows(rows.p, rows.y), brier_rows(rows.base, rows.y)
    one = found["brier_skill"]
    assert one.value == pytest.approx(1 - plain.mean() / base.mean())
    ends = skill_interval(plain, base, rows.day, seed=1, resamples=200)
    assert (one.low, one.high) == pytest.approx(ends)
    bins = quantile_bins(rows.p[:, 0], rows.y == 0)
    assert found["ece_quantile_break"].value == pytest.approx(ece(bins, 400))
    assert found["mce_quantile_break"].value >= found["ece_quantile_break"].value
    assert found["accuracy_always_reject"].value == pytest.approx((rows.y == 1).mean())
    assert found["coverage"].value == 1.0
    assert (one.n, one.n_sessions) == (400, 40)


def test_group__unknown_is_none():
    """One class, no bands, few sessions: None, never 0."""
    rows = from_neighbours(20, 5).where(np.arange(20) < 3)
    found = measures(rows)
    assert found["band_coverage_break"].value is None
    assert found["brier_skill"].low is None
    only = rows.where(rows.y == rows.y[0])
    assert measures(only)["auc_break"].value is None


def test_sums__rows_with_an_unknown_part_are_left_out():
    """They count neither above nor below the line."""
    sums = SumMeasures.of(np.arange(6), seed=0, resamples=20)
    sums.mean("m", np.array([1.0, math.nan, 3.0, 1.0, 3.0, math.nan]))
    (found,) = sums.measures()
    assert (found.value, found.n, found.n_sessions, found.low) == (2.0, 4, 4, None)


def test_quartiles__literal():
    """Equal quarters; uncovered rows have none."""
    found = quartiles(np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, math.nan]))
    assert found.tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 0]
    assert quartiles(np.array([math.nan])).tolist() == [0]


def test_quartile_difference__sign():
    """Better forecasts in the top quartile give a positive difference."""
    rows = from_neighbours(800, 10)
    top = quartiles(rows.similarity) == 4
    sharp = np.where(top[:, None], np.eye(3)[rows.y], rows.p)
    better = ForecastSet(**{**{f: getattr(rows, f) for f in rows.__slots__}, "p": sharp})
    found = quartile_difference(better, quartiles(rows.similarity), seed=1, resamples=200)
    assert found[0].name == "brier_skill_q4_minus_q1"
    assert found[0].value == pytest.approx(1.1, abs=0.1)
    assert found[0].low > 0.9


def test_set__columns_must_match():
    """Columns of other lengths are refused."""
    rows = from_neighbours(10, 3)
    with pytest.raises(DataError, match="lengths"):
        ForecastSet(**{**{f: getattr(rows, f) for f in rows.__slots__}, "y": rows.y[:5]})
    assert len(ForecastSet.concat([rows, rows])) == 20
