"""Do the work of a stage that reads whole tables on the driver and makes an artefact."""

from __future__ import annotations

import time

from spymaster_lake.contracts.catalogue import contract_of
from spymaster_lake.contracts.run_record import OutputRecord, RunStatus
from spymaster_lake.lake.delta_tables import open_snapshot
from spymaster_lake.lake.session_map import TableInput
from spymaster_lake.orchestration.session_plan import table_path
from spymaster_lake.orchestration.types import (
    BoundStage,
    Environment,
    StageOutcome,
    StageRequest,
)
from spymaster_lake.stages.spec import CorpusStage


def execute_corpus(
    env: Environment, bound: BoundStage, stage: CorpusStage, request: StageRequest
) -> StageOutcome:
    """Build the artefact from all dates before the as-of date, and publish it."""
    from spymaster_lake.lake.index_store import publish_index  # faiss only where it is needed

    began = time.perf_counter()
    tables, versions = {}, {}
    for source in stage.sources:
        path = table_path(env, bound, source)
        snapshot = open_snapshot(path)
        days = [
            d
            for d in snapshot.dates
            if d < request.as_of and (request.corpus_start is None or d >= request.corpus_start)
        ]
        tables[source.alias] = TableInput(
            contract_of(source.dataset), snapshot.on(days), source.columns
        ).read()
        versions[source.dataset] = snapshot.version
    artifact = stage.run(tables, bound.context(env), request.as_of)
    root = env.resolver.index_root(bound.instrument, bound.pipeline_version)
    rows = publish_index(
        env.filesystem, root, artifact, source_versions=versions, run_id=request.run_id
    )
    output = OutputRecord(
        layer="gold", dataset=stage.artifact, path=env.resolver.relative(root), rows=rows
    )
    return StageOutcome(
        name=bound.name,
        status=RunStatus.SUCCEEDED,
        dates=request.dates,
        rows={stage.artifact: rows},
        outputs=(output,),
        metrics=dict(artifact.metrics),
        warnings=tuple(artifact.warnings),
        seconds=round(time.perf_counter() - began, 3),
    )
