"""All measures of one group of forecasts, each with its interval (03 5.3 nos. 1-6, 8)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.evaluation.bands import band_coverage
from spymaster_lake.evaluation.calibration import bin_of, quantile_edges, uniform_edges
from spymaster_lake.evaluation.classification import (
    accuracy,
    balanced_accuracy,
    confusion_rows,
    macro_f1,
)
from spymaster_lake.evaluation.forecast_set import ForecastSet
from spymaster_lake.evaluation.forecasts import brier_rows, log_loss_rows, one_hot
from spymaster_lake.evaluation.intervals import MIN_SESSIONS, percentile_interval, ratio
from spymaster_lake.evaluation.purity import KS, excess_purity_rows, purity_rows
from spymaster_lake.evaluation.ranking import resampled_roc_auc, roc_auc
from spymaster_lake.evaluation.sums import Measure, SumMeasures, known

FloatArray = NDArray[np.float64]
LOG_CLIP = 1e-3
BINS = 10
_CHUNK = 100


def group_measures(
    rows: ForecastSet, classes: Sequence[str], *, seed: int, resamples: int, guess: str = "REJECT"
) -> list[Measure]:
    """Every measure of one group.

    Args:
        rows: forecasts of the group; at least one.
        classes: names of the C classes; the first is ranked by the AUC.
        seed: of the intervals.
        resamples: of the intervals.
        guess: class that the constant guess of no. 4 names.
    """
    sums = SumMeasures.of(rows.day, seed=seed, resamples=resamples)
    add_scores(sums, rows)
    _add_calibration(sums, rows, classes)
    _add_guesses(sums, rows, classes, guess)
    _add_purity(sums, rows)
    return [
        *sums.measures(),
        *_aucs(rows, classes, sums),
        *_bands(rows, classes),
    ]


def score_measures(
    rows: ForecastSet, classes: Sequence[str], *, seed: int, resamples: int
) -> list[Measure]:
    """The scores, rankings and purity alone, for ablations."""
    sums = SumMeasures.of(rows.day, seed=seed, resamples=resamples)
    add_scores(sums, rows)
    _add_purity(sums, rows)
    return [*sums.measures(), *_aucs(rows, classes, sums)]


def add_scores(sums: SumMeasures, rows: ForecastSet) -> None:
    """Coverage, Brier, fair Brier and log-loss with their skills over the base rate."""
    brier, brier_base = brier_rows(rows.p, rows.y), brier_rows(rows.base, rows.y)
    log, log_base = (log_loss_rows(p, rows.y, clip=LOG_CLIP) for p in (rows.p, rows.base))
    sums.mean("coverage", rows.covered.astype(np.float64))
    sums.mean("brier", brier)
    sums.mean("brier_base", brier_base)
    sums.skill("brier_skill", brier, brier_base)
    sums.skill("fair_brier_skill", brier - rows.cost, brier_base - rows.base_cost)
    sums.mean("sampling_cost", rows.cost)
    sums.mean("log_loss", log)
    sums.mean("log_loss_base", log_base)
    sums.skill("log_loss_skill", log, log_base)


def _add_calibration(sums: SumMeasures, rows: ForecastSet, classes: Sequence[str]) -> None:
    happened = one_hot(rows.y, len(classes))
    for source, p in (("", rows.p), ("_base", rows.base)):
        for c, name in enumerate(classes):
            for binning in ("uniform", "quantile"):
                edges = (
                    uniform_edges(BINS) if binning == "uniform" else quantile_edges(p[:, c], BINS)
                )
                parts = _bin_parts(p[:, c], happened[:, c], edges)
                for statistic, label in ((_ece, "ece"), (_mce, "mce")):
                    sums.add(f"{label}_{binning}_{name.lower()}{source}", parts, statistic)


def _bin_parts(p1: FloatArray, y1: FloatArray, edges: FloatArray) -> FloatArray:
    """float64[n, 2 k]: per bin whether the row lies in it, and its forecast minus what happened."""
    size = len(edges) - 1
    inside = bin_of(p1, edges)[:, None] == np.arange(size)
    return np.concatenate([inside * 1.0, inside * (p1 - y1)[:, None]], axis=1)


def _ece(sums: FloatArray) -> FloatArray:
    size = sums.shape[-1] // 2
    over = np.abs(sums[..., size:]).sum(axis=-1)
    return ratio(np.stack([over, sums[..., :size].sum(axis=-1)], axis=-1))


def _mce(sums: FloatArray) -> FloatArray:
    size = sums.shape[-1] // 2
    count, gap = sums[..., :size], np.abs(sums[..., size:])
    share = np.divide(gap, count, out=np.zeros_like(gap), where=count > 0)
    return np.asarray(share.max(axis=-1), dtype=np.float64)


def _add_guesses(sums: SumMeasures, rows: ForecastSet, classes: Sequence[str], guess: str) -> None:
    constant = np.full(len(rows), classes.index(guess))
    guesses = {
        "": rows.p.argmax(axis=1),
        f"_always_{guess.lower()}": constant,
        "_base_argmax": rows.base.argmax(axis=1),
    }
    for source, guessed in guesses.items():
        parts = confusion_rows(guessed, rows.y, len(classes))
        sums.add(f"accuracy{source}", parts, accuracy)
        sums.add(f"balanced_accuracy{source}", parts, balanced_accuracy)
        sums.add(f"macro_f1{source}", parts, macro_f1)


def _add_purity(sums: SumMeasures, rows: ForecastSet) -> None:
    for k in KS:
        sums.mean(f"purity_{k}", purity_rows(rows.neighbour, rows.y, k))
        sums.mean(f"excess_purity_{k}", excess_purity_rows(rows.neighbour, rows.y, rows.base, k))


def _aucs(rows: ForecastSet, classes: Sequence[str], sums: SumMeasures) -> list[Measure]:
    """Of the first class against the rest, and against the second among these two."""
    first, second = classes[0].lower(), classes[1].lower()
    pair = np.flatnonzero(rows.y < 2)
    found = []
    for source, p in (("", rows.p), ("_base", rows.base)):
        found.append(_auc(f"auc_{first}{source}", p[:, 0], rows.y == 0, sums, slice(None)))
        both = p[pair, 0] + p[pair, 1]
        odds = np.divide(p[pair, 0], both, out=np.full(len(pair), 0.5), where=both > 0)
        found.append(_auc(f"auc_{first}_vs_{second}{source}", odds, rows.y[pair] == 0, sums, pair))
    return found


def _auc(
    name: str,
    score: FloatArray,
    positive: NDArray[np.bool_],
    sums: SumMeasures,
    at: NDArray[np.int64] | slice,
) -> Measure:
    place = sums.place[at]
    value, sessions = roc_auc(score, positive), len(np.unique(place))
    ends = (float("nan"), float("nan"))
    if value is not None and sessions >= MIN_SESSIONS:
        draws = [
            resampled_roc_auc(score, positive, sums.copies[first : first + _CHUNK][:, place])
            for first in range(0, len(sums.copies), _CHUNK)
        ]
        ends = percentile_interval(np.concatenate(draws))
    return Measure(name, value, known(ends[0]), known(ends[1]), len(score), sessions)


def _bands(rows: ForecastSet, classes: Sequence[str]) -> list[Measure]:
    found = []
    for c, name in enumerate(classes):
        band = band_coverage(rows.p[:, c], rows.low[:, c], rows.high[:, c], rows.y == c, BINS)
        sessions = len(np.unique(rows.day[~np.isnan(rows.low[:, c])]))
        for label, value in (("coverage", band.coverage), ("width", band.mean_width)):
            found.append(
                Measure(f"band_{label}_{name.lower()}", value, None, None, band.n, sessions)
            )
    return found


def quartile_difference(
    rows: ForecastSet, quartile: NDArray[np.int64], *, seed: int, resamples: int
) -> list[Measure]:
    """Skill in the quartile of the most similar neighbours minus that of the least (no. 6).

    Args:
        rows: forecasts.
        quartile: int64[n], 1 to 4; 0 where not covered.
        seed: of the intervals.
        resamples: of the intervals.
    """
    sums = SumMeasures.of(rows.day, seed=seed, resamples=resamples)
    base = brier_rows(rows.base, rows.y)
    top, bottom = quartile == 4, quartile == 1
    plain = brier_rows(rows.p, rows.y)
    for name, loss, reference in (
        ("brier_skill", plain, base),
        ("fair_brier_skill", plain - rows.cost, base - rows.base_cost),
    ):
        columns = [loss * top, reference * top, loss * bottom, reference * bottom]
        parts = np.column_stack(columns)
        sums.add(f"{name}_q4_minus_q1", parts, _difference)
    return sums.measures()


def _difference(sums: FloatArray) -> FloatArray:
    return ratio(sums[..., 2:]) - ratio(sums[..., :2])


def quartiles(similarity: FloatArray) -> NDArray[np.int64]:
    """int64[n], quartile 1 (least similar) to 4 of each row's average similarity; 0 for NaN."""
    known_rows = ~np.isnan(similarity)
    found = np.zeros(len(similarity), dtype=np.int64)
    if known_rows.any():
        edges = np.quantile(similarity[known_rows], (0.25, 0.5, 0.75), method="linear")
        found[known_rows] = 1 + np.searchsorted(edges, similarity[known_rows], side="left")
    return found
