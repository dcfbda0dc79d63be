"""What tasks of a Spark job have staged becomes rows of one table, all sessions or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.contracts.run_record import JobRecord, OutputRecord
from spymaster_lake.contracts.schemas import contract_hash
from spymaster_lake.contracts.table import TableContract
from spymaster_lake.lake.delta_publish import StagedPart, publish_dates
from spymaster_lake.lake.schema_files import publish_schema
from spymaster_lake.lake.session_map import SessionOutcome
from spymaster_lake.orchestration.fingerprints import canonical_json
from spymaster_lake.orchestration.types import Environment


def require_good(outcomes: Sequence[SessionOutcome], *, deed: str) -> None:
    """Raise if a session failed.

    Args:
        outcomes: one a session.
        deed: what could not be done to a session, as "scored".

    Raises:
        DataError: names every session that failed, and why.
    """
    if bad := [f"{o.day}: {o.error_type}: {o.error}" for o in outcomes if o.error_type]:
        raise DataError(
            f"{len(bad)} of {len(outcomes)} date(s) could not be {deed}; nothing was published\n  "
            + "\n  ".join(bad)
        )


def publish_sessions(
    env: Environment,
    record: JobRecord,
    contract: TableContract,
    path: str,
    outcomes: Sequence[SessionOutcome],
    *,
    properties: Mapping[str, str] | None = None,
) -> OutputRecord:
    """Replace the sessions of a run in one table, in one transaction.

    Args:
        env: the deployment.
        record: of the run; its dates are replaced, its inputs stand in the commit.
        contract: of the table.
        path: of the table.
        outcomes: of all sessions, all of them good.
        properties: of the table, beside its contract.
    """
    publish_schema(env.filesystem, env.resolver, contract)
    staged = [StagedPart(o.day, s.path, s.rows, s.size) for o in outcomes for s in o.staged]
    version = publish_dates(
        env.filesystem,
        path=path,
        contract=contract,
        staged=[part for part in staged if part.rows],
        days=record.dates,
        properties={
            "spymaster.contractHash": contract_hash(contract),
            "spymaster.schemaVersion": str(contract.version),
            **(properties or {}),
        },
        commit={
            "run_id": record.run_id,
            "stage": record.kind,
            "inputs": canonical_json(list(record.inputs)),
        },
    )
    return OutputRecord(
        layer="gold",
        dataset=contract.dataset,
        path=env.resolver.relative(path),
        delta_version=version,
        rows=sum(part.rows for part in staged),
    )
