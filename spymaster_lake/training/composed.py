"""The published three-class forecast of a horizon, its measures, and the gates (04 1.2, 08 B11).

P(BREAK) = t b, P(REJECT) = t (1 - b), P(NONE) = 1 - t over all eligible rows; both baselines are
composed the same way. The gates look at 4min on test and decide whether a version may be promoted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.enums import PRIMARY_HORIZON
from spymaster_lake.evaluation.calibration import ece, quantile_bins, uniform_bins
from spymaster_lake.evaluation.forecasts import brier_rows, log_loss_rows, skill
from spymaster_lake.evaluation.intervals import session_interval, skill_interval
from spymaster_lake.evaluation.strata import strata
from spymaster_lake.training.heads import is_one_of
from spymaster_lake.training.measures import BINS, CLIP, Measures, bounds

FloatArray = NDArray[np.float64]

CLASSES: tuple[str, ...] = ("BREAK", "REJECT", "NONE")
"""NONE is CHOP and NO_TEST together (08 B4)."""

MAX_ECE, MAX_ECE_DIFFERENCE = 0.05, 0.02
HEADS_NEEDED: tuple[str, ...] = (f"tradeable_{PRIMARY_HORIZON}", f"direction_{PRIMARY_HORIZON}")


@dataclass(frozen=True)
class ComposedRows:
    """Three-class forecasts of some rows.

    Attributes:
        y: int64[n], position in CLASSES.
        p, b0, b1: float64[n, 3], model and baselines.
        day: session of each row.
        groups: labels[n] by name of the strata.
    """

    y: NDArray[np.int64]
    p: FloatArray
    b0: FloatArray
    b1: FloatArray
    day: NDArray[Any]
    groups: Mapping[str, NDArray[Any]]

    def take(self, mask: NDArray[np.bool_]) -> ComposedRows:
        """Some of the rows."""
        groups = {name: labels[mask] for name, labels in self.groups.items()}
        return ComposedRows(
            self.y[mask], self.p[mask], self.b0[mask], self.b1[mask], self.day[mask], groups
        )


@dataclass(frozen=True, slots=True)
class GateDecision:
    """One verdict and the sentence that says why."""

    name: str
    passed: bool
    why: str


def compose(heads: Mapping[str, FloatArray]) -> FloatArray:
    """float64[n, 3] of the primary horizon from its tradeable and direction heads."""
    t, b = (heads[name] for name in HEADS_NEEDED)
    return np.column_stack([t * b, t * (1 - b), 1 - t])


def outcome_classes(outcome: NDArray[Any]) -> NDArray[np.int64]:
    """Positions in CLASSES of outcome names: int64[n]."""
    none = np.full(len(outcome), CLASSES.index("NONE"), dtype=np.int64)
    for code, name in enumerate(CLASSES[:2]):
        none[is_one_of(outcome, (name,))] = code
    return none


def measure_composed(rows: ComposedRows, *, seed: int) -> Measures:
    """Log-loss, Brier, ECE (maximum over classes) and gains: overall and by stratum."""
    groups = strata(rows.groups) if len(rows.y) else {}
    return {
        "overall": _measure(rows, seed),
        "strata": {name: _measure(rows.take(mask), seed) for name, mask in groups.items()},
        "reliability": {
            name: [
                {"low": b.low, "high": b.high, "n": b.n, "mean_p": b.mean_p, "share": b.share}
                for b in quantile_bins(rows.p[:, code], rows.y == code, BINS)
            ]
            for code, name in enumerate(CLASSES)
        },
    }


def _measure(rows: ComposedRows, seed: int) -> Measures:
    forecasts = {"p": rows.p, "b0": rows.b0, "b1": rows.b1}
    loss = {name: log_loss_rows(p, rows.y, clip=CLIP) for name, p in forecasts.items()}
    brier = {name: brier_rows(p, rows.y) for name, p in forecasts.items()}
    out: Measures = {
        "n": len(rows.y),
        "n_sessions": len(np.unique(rows.day)),
        **{f"share_{c.lower()}": float((rows.y == i).mean()) for i, c in enumerate(CLASSES)},
        "log_loss": float(loss["p"].mean()),
        "log_loss_interval": bounds(session_interval(loss["p"], rows.day, seed=seed)),
        "brier": float(brier["p"].mean()),
        "brier_skill": skill(float(brier["p"].mean()), float(brier["b0"].mean())),
        "brier_skill_interval": bounds(
            skill_interval(brier["p"], brier["b0"], rows.day, seed=seed)
        ),
        "ece": max_ece(rows.p, rows.y),
    }
    for base in ("b0", "b1"):
        gain = loss[base] - loss["p"]
        out[f"log_loss_{base}"] = float(loss[base].mean())
        out[f"log_loss_gain_{base}"] = float(gain.mean())
        out[f"log_loss_gain_{base}_interval"] = bounds(session_interval(gain, rows.day, seed=seed))
        out[f"ece_{base}"] = max_ece(forecasts[base], rows.y)
    return out


def max_ece(p: FloatArray, y: NDArray[np.int64]) -> float:
    """The largest calibration error of a class, ten equal-width bins each (08 B11)."""
    return max(ece(uniform_bins(p[:, c], y == c, BINS), len(y)) for c in range(p.shape[1]))


def decide_gates(overall: Measures | None, *, n_min: int) -> tuple[GateDecision, GateDecision]:
    """Whether the version may be promoted: `beats_B1` and `calibrated`.

    Args:
        overall: measures of the composed 4min forecast on test; None if a head was skipped.
        n_min: test rows that a verdict on calibration needs (policy); below it, false.
    """
    if overall is None:
        why = f"not decided: {' or '.join(HEADS_NEEDED)} was skipped"
        return GateDecision("beats_B1", False, why), GateDecision("calibrated", False, why)
    n, interval = overall["n"], overall["log_loss_gain_b1_interval"]
    few = "" if n >= n_min else f"; only {n} test rows, {n_min} are needed"
    gain = f"log-loss gain over B1 {overall['log_loss_gain_b1']:+.4f}"
    shown = "no interval" if interval is None else f"95 % [{interval[0]:+.4f}, {interval[1]:+.4f}]"
    beats = interval is not None and interval[0] > 0
    error, base = overall["ece"], overall["ece_b0"]
    near = error <= MAX_ECE or abs(error - base) <= MAX_ECE_DIFFERENCE
    return (
        GateDecision("beats_B1", beats, f"{gain}, {shown}; must lie above 0"),
        GateDecision(
            "calibrated",
            near and not few,
            f"ECE {error:.4f} (<= {MAX_ECE}, or within {MAX_ECE_DIFFERENCE} of the base-rate "
            f"forecast's {base:.4f}){few}",
        ),
    )
