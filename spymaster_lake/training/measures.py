"""Every measure of a head on one block of rows, beside the baselines on the same rows (04 1.1).

Intervals are 95 %, from resampling whole sessions. Unknown is None: a measure that needs two classes
where there is one, an interval of fewer than five sessions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.evaluation.calibration import (
    bin_of,
    ece,
    quantile_bins,
    uniform_bins,
    uniform_edges,
)
from spymaster_lake.evaluation.forecasts import binary_brier_rows, log_loss_rows, skill
from spymaster_lake.evaluation.intervals import (
    MIN_SESSIONS,
    percentile_interval,
    session_interval,
    session_resamples,
    skill_interval,
    sums_interval,
)
from spymaster_lake.evaluation.ranking import pr_auc, resampled_roc_auc, roc_auc
from spymaster_lake.evaluation.strata import strata

FloatArray = NDArray[np.float64]
Measures = dict[str, Any]

CLIP = 1e-6
BINS = 10
RESAMPLES = 1000


@dataclass(frozen=True)
class Scored:
    """Forecasts of one head for the rows it is about, in one block.

    Attributes:
        y: truth, float64[n]; 0 or 1 for a binary head.
        p: the model; b0, b1: the baselines; float64[n] each.
        day: session of each row, [n].
        groups: labels[n] by name of the strata.
    """

    y: FloatArray
    p: FloatArray
    b0: FloatArray
    b1: FloatArray
    day: NDArray[Any]
    groups: Mapping[str, NDArray[Any]]

    def take(self, mask: NDArray[np.bool_]) -> Scored:
        """Some of the rows."""
        return Scored(
            self.y[mask],
            self.p[mask],
            self.b0[mask],
            self.b1[mask],
            self.day[mask],
            {name: labels[mask] for name, labels in self.groups.items()},
        )


def concatenate(parts: list[Scored]) -> Scored:
    """Blocks one after another, as the pooled validation of several folds."""
    return Scored(
        y=np.concatenate([part.y for part in parts]),
        p=np.concatenate([part.p for part in parts]),
        b0=np.concatenate([part.b0 for part in parts]),
        b1=np.concatenate([part.b1 for part in parts]),
        day=np.concatenate([part.day for part in parts]),
        groups={n: np.concatenate([part.groups[n] for part in parts]) for n in parts[0].groups},
    )


def measure_head(scored: Scored, *, binary: bool, seed: int) -> Measures:
    """All measures of a head: overall, by stratum of at least 30 rows, and the reliability tables.

    Args:
        scored: rows of the head in one block.
        binary: probability of class 1, or a regression.
        seed: of the resamples.

    Returns:
        {"overall": …, "strata": {"level_kind=PM_HIGH": …}, "reliability": […]} with numbers, None
        and [low, high] pairs.
    """
    one = _binary if binary else _regression
    found: Measures = {"overall": one(scored, seed=seed, full=True)}
    groups = strata(scored.groups) if len(scored.y) else {}
    found["strata"] = {
        name: one(scored.take(mask), seed=seed, full=False) for name, mask in groups.items()
    }
    if binary:
        found["reliability"] = [asdict(b) for b in quantile_bins(scored.p, scored.y == 1, BINS)]
    return found


def _binary(scored: Scored, *, seed: int, full: bool) -> Measures:
    n, happened = len(scored.y), scored.y == 1
    out = _counts(scored)
    if not n:
        return out
    loss = {name: _log_loss(p, happened) for name, p in _forecasts(scored)}
    brier = {name: binary_brier_rows(p, happened) for name, p in _forecasts(scored)}
    out |= {
        "base_rate": float(happened.mean()),
        "train_base_rate": float(scored.b0[0]),
        **_compared(loss, "log_loss", scored.day, seed),
        "brier": float(brier["p"].mean()),
        "brier_interval": bounds(session_interval(brier["p"], scored.day, seed=seed)),
        "brier_skill": _number(skill(float(brier["p"].mean()), float(brier["b0"].mean()))),
        "brier_skill_interval": bounds(
            skill_interval(brier["p"], brier["b0"], scored.day, seed=seed)
        ),
        "brier_skill_b1": _number(skill(float(brier["b1"].mean()), float(brier["b0"].mean()))),
        "roc_auc": roc_auc(scored.p, happened),
        "pr_auc": pr_auc(scored.p, happened),
        "roc_auc_b1": roc_auc(scored.b1, happened),
        "ece": ece(uniform_bins(scored.p, happened, BINS), n),
        "ece_b0": ece(uniform_bins(scored.b0, happened, BINS), n),
        "ece_b1": ece(uniform_bins(scored.b1, happened, BINS), n),
    }
    if full:
        out["roc_auc_interval"] = _auc_interval(scored.p, happened, scored.day, seed)
        out["ece_interval"] = bounds(ece_interval(scored.p, happened, scored.day, seed=seed))
    return out


def _regression(scored: Scored, *, seed: int, full: bool) -> Measures:
    out = _counts(scored)
    if not len(scored.y):
        return out
    square = {name: (p - scored.y) ** 2 for name, p in _forecasts(scored)}
    spread = float(((scored.y - scored.y.mean()) ** 2).mean())
    mse = float(square["p"].mean())
    out |= {
        "mean": float(scored.y.mean()),
        "train_mean": float(scored.b0[0]),
        "mae": float(np.abs(scored.p - scored.y).mean()),
        "mae_b0": float(np.abs(scored.b0 - scored.y).mean()),
        "mae_b1": float(np.abs(scored.b1 - scored.y).mean()),
        "rmse": math.sqrt(mse),
        "r2": 1 - mse / spread if spread > 0 else None,
        **_compared(square, "mse", scored.day, seed),
    }
    if full:
        error = np.abs(scored.p - scored.y)
        out["mae_interval"] = bounds(session_interval(error, scored.day, seed=seed))
        out["mse_skill"] = _number(skill(mse, float(square["b0"].mean())))
        out["mse_skill_interval"] = bounds(
            skill_interval(square["p"], square["b0"], scored.day, seed=seed)
        )
    return out


def _compared(rows: Mapping[str, FloatArray], name: str, day: NDArray[Any], seed: int) -> Measures:
    """Mean loss of model and baselines, and how much less the model loses, with intervals."""
    out: Measures = {
        name: float(rows["p"].mean()),
        f"{name}_interval": bounds(session_interval(rows["p"], day, seed=seed)),
    }
    for base in ("b0", "b1"):
        gain = rows[base] - rows["p"]
        out[f"{name}_{base}"] = float(rows[base].mean())
        out[f"{name}_gain_{base}"] = float(gain.mean())
        out[f"{name}_gain_{base}_interval"] = bounds(session_interval(gain, day, seed=seed))
    return out


def _counts(scored: Scored) -> Measures:
    return {"n": len(scored.y), "n_sessions": len(np.unique(scored.day))}


def _forecasts(scored: Scored) -> tuple[tuple[str, FloatArray], ...]:
    return ("p", scored.p), ("b0", scored.b0), ("b1", scored.b1)


def _log_loss(p1: FloatArray, happened: NDArray[np.bool_]) -> FloatArray:
    return log_loss_rows(np.column_stack([1 - p1, p1]), happened.astype(np.int64), clip=CLIP)


def _auc_interval(
    p: FloatArray, happened: NDArray[np.bool_], day: NDArray[Any], seed: int
) -> list[float] | None:
    copies, place = session_resamples(day, seed=seed, resamples=RESAMPLES)
    if copies.shape[1] < MIN_SESSIONS:
        return None
    return bounds(percentile_interval(resampled_roc_auc(p, happened, copies[:, place])))


def ece_interval(
    p1: FloatArray, happened: NDArray[np.bool_], day: NDArray[Any], *, seed: int
) -> tuple[float, float]:
    """Interval of the ECE with ten equal bins; NaN with fewer than five sessions."""
    at = bin_of(p1, uniform_edges(BINS))
    parts = np.zeros((len(p1), BINS + 1))
    parts[np.arange(len(p1)), at] = p1 - happened
    parts[:, BINS] = 1.0

    def statistic(sums: FloatArray) -> FloatArray:
        calibration: FloatArray = np.abs(sums[..., :BINS]).sum(axis=-1) / sums[..., BINS]
        return calibration

    return sums_interval(parts, day, statistic, seed=seed)


def bounds(interval: tuple[float, float]) -> list[float] | None:
    """[low, high] of an interval; None where it is unknown."""
    return None if math.isnan(interval[0]) else [float(interval[0]), float(interval[1])]


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def flatten(block: str, measures: Mapping[str, Measures]) -> dict[str, float | None]:
    """`{block}.{head}.{metric}` of the overall measures; intervals end in `_low` and `_high`."""
    out: dict[str, float | None] = {}
    for head, found in measures.items():
        for metric, value in found["overall"].items():
            name = f"{block}.{head}.{metric}"
            if metric.endswith("_interval"):
                low, high = value or (None, None)
                stem = name.removesuffix("_interval")
                out |= {f"{stem}_low": low, f"{stem}_high": high}
            elif isinstance(value, int | float) or value is None:
                out[name] = value
    return out
