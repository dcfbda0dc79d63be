"""What a training logs to MLflow: tags, parameters, the bundle and its pyfunc (04 section 1.1)."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from spymaster_lake.lake.model_store import sums_of
from spymaster_lake.orchestration.tracking import TrackedRun, git_tags
from spymaster_lake.training.bundle import environment
from spymaster_lake.training.prepare import Prepared


def tags(job: Prepared) -> dict[str, str]:
    """All required tags, and the id of the training's own run record."""
    request = job.request
    return {
        "instrument": request.instrument,
        "pipeline_version": request.pipeline_version,
        "dataset_fingerprint": job.dataset_fingerprint,
        **git_tags(job.git),
        "model_id": request.model_id,
        "model_version": job.model_version,
        "feature_set_id": job.feature_set.id,
        "label_version": request.label_version,
        "run_id": request.run_id,
        "training_run_id": job.training_run_id,
    }


def params(job: Prepared) -> dict[str, Any]:
    """Every option, hyper-parameter and library version; session lists are in splits.json."""
    request, last = job.request, job.splits[-1]
    options = {k: v for k, v in asdict(request).items() if k != "plan"} | asdict(request.plan)
    rows = {"train": last.train, "val": last.val, "test": last.test, "purged": last.purged}
    env = environment(job.trainer.libraries)
    return {
        **{f"cli.{name}": value for name, value in options.items()},
        **{f"model.{k}": v for k, v in job.trainer.hyper_parameters(request.seed).items()},
        **{f"rows.{name}": len(found) for name, found in rows.items()},
        "rows.events": job.data.eligibility.events,
        "rows.eligible": job.data.eligibility.eligible,
        "feature_set.sha256": job.feature_set.sha256,
        "n_min": job.n_min,
        "version.python": env.python,
        **{
            f"version.{name}": value
            for name, value in {
                **env.others,
                "numpy": env.numpy,
                "scikit-learn": env.scikit_learn,
            }.items()
        },
    }


def log_bundle(tracked: TrackedRun, files: Mapping[str, bytes], job: Prepared) -> None:
    """The whole bundle directory and, for joblib heads, its pyfunc."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "bundle"
        for name, content in {**files, "SHA256SUMS": sums_of(files)}.items():
            path = copy / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        tracked.log_directory(str(copy), "bundle")
        if any(name.endswith(".joblib") for name in files):
            from spymaster_lake.training.mlflow_model import FOLDER, save_pyfunc

            model = Path(scratch) / FOLDER
            save_pyfunc(model, copy, job.feature_set)
            tracked.log_directory(str(model), FOLDER)
