"""One training: checked, fitted, measured, published, tracked, registered (04 section 1.1).

Nothing is written before every check has passed. Then: the training's own run record, the MLflow
run, the bundle by one rename, the registry entry. Tables of the lake are only read.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from spymaster_lake.contracts.bundle import SessionSpan
from spymaster_lake.contracts.model_registry import Gates, Registry, RegistryVersion
from spymaster_lake.contracts.run_record import GitState
from spymaster_lake.lake.model_registry import ModelRegistry
from spymaster_lake.lake.model_store import publish_bundle
from spymaster_lake.orchestration.records import now
from spymaster_lake.orchestration.tracking import experiment_name, tracked_run
from spymaster_lake.orchestration.types import Environment
from spymaster_lake.training.bundle import bundle_files, splits_json
from spymaster_lake.training.composed import GateDecision, decide_gates
from spymaster_lake.training.folds import (
    COMPOSED,
    BlockForecasts,
    FittedFold,
    fit_fold,
    forecast,
    measure_block,
)
from spymaster_lake.training.measures import CLIP, RESAMPLES, Measures, flatten
from spymaster_lake.training.prepare import Prepared, TrainRequest, prepare
from spymaster_lake.training.record import TrainingRecord
from spymaster_lake.training.tracked import log_bundle, params, tags


@dataclass(frozen=True)
class TrainingResult:
    """What a training made.

    Attributes:
        prepared: what it was made from.
        metrics: content of metrics.json.
        gates: the two verdicts.
        bundle_sha256: of the published bundle.
        mlflow_run_id: of the tracking run.
        registry: after the registration.
        seconds: wall time after the checks.
    """

    prepared: Prepared
    metrics: Mapping[str, Any]
    gates: tuple[GateDecision, ...]
    bundle_sha256: str
    mlflow_run_id: str
    registry: Registry
    seconds: float


@dataclass(frozen=True)
class _Fitted:
    folds: Sequence[FittedFold]
    test: BlockForecasts
    metrics: dict[str, Any]
    gates: tuple[GateDecision, ...]

    @property
    def summary(self) -> dict[str, float | None]:
        """Flattened overall measures of every block, and the policy's minimum."""
        blocks: dict[str, dict[str, Measures]] = self.metrics["blocks"]
        flat: dict[str, float | None] = {}
        for block, found in blocks.items():
            flat |= flatten(block, found)
        return {**flat, f"test.{COMPOSED}.n_min": self.metrics["n_min"]}


def train(
    env: Environment,
    request: TrainRequest,
    *,
    started: datetime | None = None,
    git: GitState | None = None,
    who: str | None = None,
) -> TrainingResult:
    """Train and register one version.

    Args:
        env: the environment.
        request: what to train.
        started: see `prepare`.
        git: see `prepare`.
        who: recorded in the registry; the user of this process when None.

    Raises:
        LakeError: see `prepare`; nothing was written. Later errors leave a run record that says
            FAILED, and no version.
    """
    prepared = prepare(env, request, started=started, git=git)
    clock, record = time.perf_counter(), TrainingRecord(env, prepared)
    record.write("RUNNING")
    try:
        result = _train(env, prepared, who, clock)
    except BaseException as exc:
        error = {"type": type(exc).__name__, "message": str(exc)}
        record.write("FAILED", error=error, seconds=round(time.perf_counter() - clock, 3))
        raise
    record.write(
        "SUCCEEDED",
        seconds=round(result.seconds, 3),
        bundle_sha256=result.bundle_sha256,
        mlflow_run_id=result.mlflow_run_id,
        gates={gate.name: gate.passed for gate in result.gates},
        ended_at=now(),
    )
    return result


def _train(env: Environment, job: Prepared, who: str | None, clock: float) -> TrainingResult:
    request = job.request
    experiment = experiment_name(request.instrument, request.model_id, request.pipeline_version)
    with tracked_run(
        job.store, experiment=experiment, run_name=job.model_version, tags=tags(job)
    ) as tracked:
        tracked.log_params(params(job))
        fitted = fit_and_measure(job)
        files = _files(job, fitted, tracked.run_id)
        sha256 = publish_bundle(
            env.filesystem,
            env.resolver,
            request.instrument,
            request.model_id,
            job.model_version,
            files,
        )
        tracked.log_metrics(fitted.summary)
        log_bundle(tracked, files, job)
    registry = ModelRegistry(
        env.filesystem, env.resolver, request.instrument, request.model_id
    ).register(_entry(env, job, fitted, sha256, tracked.run_id, experiment, who or ""), who=who)
    seconds = time.perf_counter() - clock
    return TrainingResult(
        job, fitted.metrics, fitted.gates, sha256, tracked.run_id, registry, seconds
    )


def fit_and_measure(job: Prepared) -> _Fitted:
    """Fit every fold, score validation per fold and pooled, score test once."""
    data, heads, seed = job.data, job.trainer.heads, job.request.seed
    folds = [
        fit_fold(job.trainer, data, split, job.feature_set, counts, seed=seed)
        for split, counts in zip(job.splits, job.counts, strict=True)
    ]
    last = folds[-1]
    test = forecast(last.model, last.baselines, data, last.split.test)
    blocks = {"val": measure_block(data, heads, [f.val for f in folds], seed=seed)}
    if len(folds) > 1:
        for number, fold in enumerate(folds, start=1):
            blocks[f"val_fold_{number}"] = measure_block(data, heads, [fold.val], seed=seed)
    blocks["test"] = measure_block(data, heads, [test], seed=seed)
    composed = blocks["test"].get(COMPOSED)
    gates = decide_gates(composed["overall"] if composed else None, n_min=job.n_min)
    metrics = {
        "schema_version": 1,
        "seed": seed,
        "resamples": RESAMPLES,
        "log_loss_clip": CLIP,
        "policy": job.request.policy,
        "n_min": job.n_min,
        "dead_columns": list(last.model.dead_columns),
        "blocks": blocks,
        "gates": {g.name: {"passed": g.passed, "why": g.why} for g in gates},
    }
    return _Fitted(folds, test, metrics, gates)


def _files(job: Prepared, fitted: _Fitted, mlflow_run_id: str) -> dict[str, bytes]:
    request = job.request
    header = {
        "instrument": request.instrument,
        "model_id": request.model_id,
        "model_version": job.model_version,
        "pipeline_version": request.pipeline_version,
        "label_version": request.label_version,
        "dataset_fingerprint": job.dataset_fingerprint,
        "mlflow_run_id": mlflow_run_id,
        "git_sha": job.git.sha,
        "created_at": job.created_at,
    }
    eligibility = asdict(job.data.eligibility)
    splits = {
        **splits_json(request.plan, job.splits, job.counts),
        "sessions": [d.isoformat() for d in job.data.sessions],
        "eligibility": eligibility,
    }
    return bundle_files(
        header,
        fold=fitted.folds[-1],
        counts=job.counts[-1],
        heads=job.trainer.heads,
        data=job.data,
        feature_set=job.feature_set,
        extra=job.trainer.extra_datasets,
        libraries=job.trainer.libraries,
        splits=splits,
        metrics=fitted.metrics,
        val=[f.val for f in fitted.folds],
        test=fitted.test,
    )


def _entry(
    env: Environment,
    job: Prepared,
    fitted: _Fitted,
    bundle_sha256: str,
    mlflow_run_id: str,
    experiment: str,
    who: str,
) -> RegistryVersion:
    request, train_days = job.request, fitted.folds[-1].split.blocks.train
    target = env.resolver.model_dir(request.instrument, request.model_id, job.model_version)
    passed = {gate.name: gate.passed for gate in fitted.gates}
    return RegistryVersion(
        model_version=job.model_version,
        artifact_path=env.resolver.relative(target),
        bundle_sha256=bundle_sha256,
        mlflow_run_id=mlflow_run_id,
        mlflow_experiment=experiment,
        pipeline_id=request.pipeline_id,
        pipeline_version=request.pipeline_version,
        feature_set_id=job.feature_set.id,
        feature_set_sha256=job.feature_set.sha256,
        label_version=request.label_version,
        dataset_fingerprints={
            table.path: f"sha256:{table.fingerprint.sha256}"
            for table in job.hand_off.tables.values()
        },
        run_id=job.training_run_id,
        git_sha=job.git.sha or "",
        git_dirty=bool(job.git.dirty),
        train_sessions=SessionSpan(first=train_days[0], last=train_days[-1], n=len(train_days)),
        metrics_summary=fitted.summary,
        gates=Gates(**passed),
        state="registered",
        created_at=job.created_at,
        created_by=who or "train",
    )
