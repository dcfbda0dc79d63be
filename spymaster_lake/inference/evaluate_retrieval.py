"""The job: walk forward, measure, write tables, run record, MLflow run and page (03 5.3).

Everything is computed before anything is written. Equal episodes and settings give equal tables.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from spymaster_lake.contracts.evaluation_record import EvaluationRecord
from spymaster_lake.contracts.labels import LABEL_VERSION
from spymaster_lake.contracts.retrieval_evaluation import EVALUATION_PIPELINE, EVALUATION_TABLES
from spymaster_lake.contracts.run_record import OutputRecord, RunStatus
from spymaster_lake.contracts.schemas import contract_hash
from spymaster_lake.inference.evaluation_page import evaluation_page
from spymaster_lake.inference.evaluation_plan import (
    EvaluationPlan,
    EvaluationRequest,
    evaluation_plan,
)
from spymaster_lake.inference.evaluation_run import Progress, evaluation_tables
from spymaster_lake.inference.evaluation_tracking import headline, track
from spymaster_lake.inference.job_records import run_recorded
from spymaster_lake.inference.variants import SHIPPED
from spymaster_lake.lake.delta_replace import replace_table
from spymaster_lake.lake.schema_files import publish_schema
from spymaster_lake.orchestration.facts import git_state, versions
from spymaster_lake.orchestration.fingerprints import sha256_json
from spymaster_lake.orchestration.records import new_run_id, now, this_process
from spymaster_lake.orchestration.registry import StageRegistry
from spymaster_lake.orchestration.types import Environment


def evaluate_retrieval(
    env: Environment,
    registry: StageRegistry,
    request: EvaluationRequest,
    *,
    progress: Progress = lambda *_: None,
) -> EvaluationRecord:
    """Evaluate retrieval and write all results.

    Args:
        env: environment of the lake.
        registry: stages, for the parameters of the index.
        request: what to evaluate.
        progress: told after every index.

    Raises:
        LakeError: a subclass that names what is missing or wrong; nothing was written, but for a
            record with status FAILED if the evaluation had begun.
    """
    plan = evaluation_plan(env, registry, request)
    record = _record(env, plan)
    return run_recorded(env, record, lambda: _run(env, plan, record, progress))


def _run(
    env: Environment, plan: EvaluationPlan, record: EvaluationRecord, progress: Progress
) -> dict[str, Any]:
    tables = evaluation_tables(
        plan.episodes,
        plan.sessions,
        plan.context,
        plan.settings,
        ablations=plan.request.ablations,
        progress=progress,
    )
    figures = headline(tables)
    page = evaluation_page(record, tables, figures)
    outputs = tuple(_publish(env, record, name, rows) for name, rows in tables.items())
    report = env.resolver.run_report(record.instrument, record.run_id)
    env.filesystem.write_text(report, page)
    run = track(plan.store, record, tables, figures, page, label_version=LABEL_VERSION)
    return {
        "outputs": outputs,
        "rows": {output.dataset: output.rows for output in outputs},
        "headline": figures,
        "report": env.resolver.relative(report),
        "tracking": {**run, "uri": run["uri"].replace(f"{env.resolver.data_root}/", "")},
    }


def _publish(
    env: Environment, record: EvaluationRecord, dataset: str, rows: pa.Table
) -> OutputRecord:
    contract = next(c for c in EVALUATION_TABLES if c.dataset == dataset)
    path = env.resolver.gold_table(
        record.instrument, EVALUATION_PIPELINE, record.pipeline_version, dataset
    )
    publish_schema(env.filesystem, env.resolver, contract)
    version = replace_table(
        path,
        contract,
        rows,
        commit={"run_id": record.run_id, "contract": contract_hash(contract)},
    )
    return OutputRecord(
        layer="gold",
        dataset=dataset,
        path=env.resolver.relative(path),
        delta_version=version,
        rows=rows.num_rows,
    )


def _record(env: Environment, plan: EvaluationPlan) -> EvaluationRecord:
    request, started = plan.request, now()
    return EvaluationRecord(
        run_id=request.run_id or f"evaluate-{new_run_id()}",
        status=RunStatus.RUNNING,
        instrument=request.instrument,
        pipeline_version=request.pipeline_version,
        settings=plan.settings,
        index_params=dict(plan.context.params),
        variants=(SHIPPED, *request.ablations),
        dates=plan.dates,
        git=git_state(env.settings.home),
        versions=versions(),
        process=this_process(),
        started_at=started,
        updated_at=started,
        inputs=plan.inputs,
        fingerprint=sha256_json([i.sha256 for i in plan.inputs]),
    )
