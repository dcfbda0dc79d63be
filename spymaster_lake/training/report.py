"""A training as tables that a quant can read: heads against their baselines, gates and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from spymaster_lake.orchestration.display import console, show_table
from spymaster_lake.training.folds import COMPOSED
from spymaster_lake.training.job import TrainingResult

BINARY_COLUMNS = (
    *("head", "n", "base rate", "log-loss", "B0", "B1", "gain on B0 (95 %)"),
    *("gain on B1 (95 %)", "AUC (95 %)", "ECE"),
)
REGRESSION_COLUMNS = (
    *("head", "n", "mean", "MAE", "B0", "B1", "RMSE", "R2", "MSE gain on B0 (95 %)"),
    "MSE gain on B1 (95 %)",
)

Row = tuple[str, ...]


def show_training(result: TrainingResult) -> None:
    """Print what was trained on, the test measures, the gates, and the registered version."""
    job, test = result.prepared, result.metrics["blocks"]["test"]
    show_table("training", ("", ""), _facts(result))
    show_table("test sessions: probabilities", BINARY_COLUMNS, binary_rows(test))
    show_table("test sessions: strengths", REGRESSION_COLUMNS, regression_rows(test))
    skipped = [c for c in job.counts[-1] if c.status != "OK"]
    if skipped:
        rows = [(c.head, c.minority_train, c.train, c.minority_val, c.val) for c in skipped]
        columns = ("head", "rarer in train", "of", "rarer in val", "of")
        show_table("skipped: needs 50 rarer rows in train and 10 in val", columns, rows)
    gates = [(g.name, "passed" if g.passed else "NOT passed", g.why) for g in result.gates]
    show_table("gates (4min, three classes, test)", ("gate", "verdict", "why"), gates)
    console().print(
        f"Registered {job.model_version} at revision {result.registry.revision} in "
        f"{result.seconds:.1f} s; MLflow run {result.mlflow_run_id}",
        highlight=False,
    )


def training_json(result: TrainingResult) -> dict[str, Any]:
    """The same for other programs: version, counts, gates and all measures."""
    job = result.prepared
    return {
        "model_version": job.model_version,
        "training_run_id": job.training_run_id,
        "bundle_sha256": result.bundle_sha256,
        "mlflow_run_id": result.mlflow_run_id,
        "registry_revision": result.registry.revision,
        "eligibility": asdict(job.data.eligibility),
        "heads": [asdict(count) for count in job.counts[-1]],
        "metrics": dict(result.metrics),
    }


def binary_rows(measures: Mapping[str, Any]) -> list[Row]:
    """One row per probabilistic head, the composed forecast last."""
    rows = []
    for head, found in measures.items():
        m = found["overall"]
        if "log_loss" not in m:
            continue
        composed = head == COMPOSED
        rows.append(
            (
                head,
                str(m["n"]),
                "3 classes" if composed else _text(m["base_rate"], 3),
                *(_text(m[name], 4) for name in ("log_loss", "log_loss_b0", "log_loss_b1")),
                *(_gain(m, f"log_loss_gain_{base}") for base in ("b0", "b1")),
                "" if composed else _with_interval(m, "roc_auc", 3),
                _text(m["ece"], 3),
            )
        )
    return rows


def regression_rows(measures: Mapping[str, Any]) -> list[Row]:
    """One row per regression head."""
    rows = []
    for head, found in measures.items():
        m = found["overall"]
        if "mae" not in m:
            continue
        names = ("mean", "mae", "mae_b0", "mae_b1", "rmse", "r2")
        rows.append(
            (
                head,
                str(m["n"]),
                *(_text(m[name], 3) for name in names),
                *(_gain(m, f"mse_gain_{base}") for base in ("b0", "b1")),
            )
        )
    return rows


def _facts(result: TrainingResult) -> list[tuple[str, str]]:
    job = result.prepared
    split, eligibility = job.splits[-1], job.data.eligibility
    left_out = ", ".join(f"{n} {r}" for r, n in eligibility.reasons.items()) or "none left out"
    blocks = [
        (name, f"{len(days)} sessions {days[0]}..{days[-1]}, {len(rows)} rows")
        for name, days, rows in (
            ("train", split.blocks.train, split.train),
            ("val", split.blocks.val, split.val),
            ("test", split.blocks.test, split.test),
        )
    ]
    dead = result.metrics["dead_columns"]
    return [
        ("version", job.model_version),
        ("feature set", f"{job.feature_set.id}, {len(job.feature_set.columns)} columns"),
        ("events", f"{eligibility.events}, eligible {eligibility.eligible} ({left_out})"),
        *blocks,
        ("embargoed", f"{len(split.blocks.embargoed)} sessions; purged {len(split.purged)} rows"),
        ("dead columns", ", ".join(dead) or "none"),
        ("git", f"{(job.git.sha or '')[:7]}{' dirty' if job.git.dirty else ''}"),
    ]


def _gain(measures: Mapping[str, Any], name: str) -> str:
    return _with_interval(measures, name, 4, sign="+")


def _with_interval(measures: Mapping[str, Any], name: str, digits: int, sign: str = "") -> str:
    interval: Sequence[float] | None = measures[f"{name}_interval"]
    text = _text(measures[name], digits, sign)
    if interval is None:
        return text
    low, high = (_text(end, digits, sign) for end in interval)
    return f"{text} ({low} .. {high})"


def _text(value: float | None, digits: int, sign: str = "") -> str:
    return "-" if value is None else format(value, f"{sign}.{digits}f")
