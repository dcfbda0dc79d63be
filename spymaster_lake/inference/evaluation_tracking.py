"""The headline of an evaluation, and its MLflow run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa

from spymaster_lake.contracts.enums import HORIZONS, PRIMARY_HORIZON
from spymaster_lake.contracts.evaluation_record import EvaluationRecord
from spymaster_lake.orchestration.tracking import (
    NO_GIT,
    TrackingStore,
    experiment_name,
    git_tags,
    tracked_run,
)

MODEL_ID = "retrieval"
SKILLS: tuple[str, ...] = ("brier_skill", "fair_brier_skill", "log_loss_skill")
SHOWN: tuple[str, ...] = (
    "coverage", "brier", "brier_base", *SKILLS, "auc_break", "auc_break_base",
    "auc_break_vs_reject",
)  # fmt: skip

Cell = dict[str, Any]


def cells(table: pa.Table, **where: str) -> list[Cell]:
    """Rows of a table with these values."""
    return [row for row in table.to_pylist() if all(row[k] == v for k, v in where.items())]


def by_measure(table: pa.Table, **where: str) -> dict[str, Cell]:
    """Rows of one group by measure."""
    return {row["measure"]: row for row in cells(table, **where)}


def verdict(cell: Cell | None) -> str:
    """What an interval says about a skill."""
    if cell is None or cell["ci_low"] is None:
        return "unknown"
    if cell["ci_low"] > 0:
        return "better"
    return "worse" if cell["ci_high"] < 0 else "no difference"


def headline(tables: Mapping[str, pa.Table]) -> dict[str, Any]:
    """The figures that matter, by horizon: value, interval, and what the interval says."""
    found: dict[str, Any] = {}
    for horizon in HORIZONS:
        group = by_measure(tables["measures"], horizon=horizon, stratum="overall")
        found[horizon] = {
            name: {k: group[name][k] for k in ("value", "ci_low", "ci_high", "n", "n_sessions")}
            for name in SHOWN
            if name in group
        }
        found[horizon]["verdict"] = verdict(group.get("brier_skill"))
        found[horizon]["fair_verdict"] = verdict(group.get("fair_brier_skill"))
    return found


def track(
    store: TrackingStore,
    record: EvaluationRecord,
    tables: Mapping[str, pa.Table],
    figures: Mapping[str, Any],
    page: str,
    *,
    label_version: str,
) -> dict[str, str]:
    """Log the evaluation as an MLflow run.

    Args:
        store: where.
        record: of the evaluation.
        tables: its tables.
        figures: its headline.
        page: its page.
        label_version: of the outcomes.

    Returns:
        uri of the store, experiment and id of the run.
    """
    experiment = experiment_name(record.instrument, MODEL_ID, record.pipeline_version)
    version = _version(record)
    tags = {
        "instrument": record.instrument,
        "pipeline_version": record.pipeline_version,
        "dataset_fingerprint": record.fingerprint or "",
        **git_tags(record.git),
        "model_id": MODEL_ID,
        "model_version": version,
        "feature_set_id": str(record.index_params["compressor"]),
        "label_version": label_version,
        "run_id": record.run_id,
    }
    with tracked_run(store, experiment=experiment, run_name=version, tags=tags) as run:
        run.log_params({**record.settings.model_dump(), **_params(record)})
        run.log_metrics(_metrics(tables, figures))
        run.log_text(page, "report.html")
        run.log_text("\n".join(d.isoformat() for d in record.dates), "sessions.txt")
        return {"uri": store.uri, "experiment": experiment, "run_id": run.run_id}


def _version(record: EvaluationRecord) -> str:
    """`{pipeline_version}_{gitsha7}_{YYYYMMDDHHMMSS}`, as for models (04 1.1)."""
    started = datetime.fromisoformat(record.started_at)
    sha = (record.git.sha or NO_GIT)[:7]
    return f"{record.pipeline_version}_{sha}_{started:%Y%m%d%H%M%S}"


def _params(record: EvaluationRecord) -> dict[str, Any]:
    plain = {f"index.{k}": v for k, v in record.index_params.items()}
    libraries = {f"version.{k}": v for k, v in record.versions.items()}
    return {**plain, **libraries, "n_sessions": len(record.dates)}


def _metrics(tables: Mapping[str, pa.Table], figures: Mapping[str, Any]) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for horizon in figures:
        for name, cell in by_measure(
            tables["measures"], horizon=horizon, stratum="overall"
        ).items():
            found[f"eval.{horizon}.{name}"] = cell["value"]
            if name in SKILLS:
                found[f"eval.{horizon}.{name}.ci_low"] = cell["ci_low"]
                found[f"eval.{horizon}.{name}.ci_high"] = cell["ci_high"]
    for row in cells(tables["ablation"], horizon=PRIMARY_HORIZON):
        if row["measure"] in SKILLS:
            found[f"ablation.{row['variant']}.{PRIMARY_HORIZON}.{row['measure']}"] = row["value"]
    return found
