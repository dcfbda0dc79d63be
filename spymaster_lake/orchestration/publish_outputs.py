"""Publish what a session stage made: all outputs checked first, then one transaction a table."""

from __future__ import annotations

from collections.abc import Sequence

from spymaster_lake.contracts.run_record import OutputRecord
from spymaster_lake.contracts.schemas import contract_hash
from spymaster_lake.contracts.table import TableContract
from spymaster_lake.lake.delta_publish import StagedPart, publish_dates, require_schema
from spymaster_lake.lake.delta_tables import table_exists
from spymaster_lake.lake.schema_files import publish_schema
from spymaster_lake.lake.session_map import SessionOutcome
from spymaster_lake.orchestration.fingerprints import canonical_json
from spymaster_lake.orchestration.types import BoundStage, Environment, StageRequest
from spymaster_lake.stages.spec import SessionStage


def publish_outputs(
    env: Environment,
    bound: BoundStage,
    stage: SessionStage,
    request: StageRequest,
    good: Sequence[SessionOutcome],
) -> tuple[OutputRecord, ...]:
    """Publish the staged tables of the good dates; table version and rows of every output."""
    days, outputs = [o.day for o in good], []
    paths = {c.dataset: _output_path(env, bound, stage, c.dataset) for c in stage.outputs}
    for contract in stage.outputs:  # all, before anything is published
        if table_exists(paths[contract.dataset]):
            require_schema(contract, paths[contract.dataset])
        publish_schema(env.filesystem, env.resolver, contract)
    for contract in stage.outputs:
        layer, path = stage.layer_of(contract.dataset), paths[contract.dataset]
        staged = [(o.day, s) for o in good for s in o.staged if s.dataset == contract.dataset]
        version = publish_dates(
            env.filesystem,
            path=path,
            contract=contract,
            staged=[StagedPart(day, s.path, s.rows, s.size) for day, s in staged if s.rows],
            days=days,
            properties=table_properties(contract),
            commit={
                "run_id": request.run_id,
                "stage": bound.name,
                "inputs": canonical_json(request.fingerprints),
            },
        )
        rows = sum(s.rows for _, s in staged)
        outputs.append(
            OutputRecord(
                layer=layer,
                dataset=contract.dataset,
                path=env.resolver.relative(path),
                delta_version=version,
                rows=rows,
            )
        )
    return tuple(outputs)


def table_properties(contract: TableContract) -> dict[str, str]:
    """Properties of a new table: contract hash and version, and what the contract adds (08 C)."""
    return {
        "spymaster.contractHash": contract_hash(contract),
        "spymaster.schemaVersion": str(contract.version),
        **{f"spymaster.{name}": value for name, value in contract.properties.items()},
    }


def _output_path(env: Environment, bound: BoundStage, stage: SessionStage, dataset: str) -> str:
    layer = stage.layer_of(dataset)
    make = env.resolver.silver_table if layer == "silver" else env.resolver.gold_table
    return make(bound.instrument, bound.pipeline_id, bound.pipeline_version, dataset)
