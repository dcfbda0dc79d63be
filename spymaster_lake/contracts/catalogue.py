"""Every Silver and Gold contract by dataset name."""

from __future__ import annotations

from spymaster_lake.contracts.episodes import METADATA, REJECTED, SEQUENCES, VECTORS
from spymaster_lake.contracts.errors import UnknownNameError
from spymaster_lake.contracts.labels import LABELS
from spymaster_lake.contracts.predictions import PREDICTIONS
from spymaster_lake.contracts.retrieval_evaluation import EVALUATION_TABLES
from spymaster_lake.contracts.retrieval_set import RETRIEVAL_SET
from spymaster_lake.contracts.signals import SIGNALS
from spymaster_lake.contracts.state_table import STATE_TABLE
from spymaster_lake.contracts.table import TableContract
from spymaster_lake.contracts.work import WORK_TABLES

TABLES: tuple[TableContract, ...] = (
    *WORK_TABLES,
    SIGNALS,
    LABELS,
    STATE_TABLE,
    VECTORS,
    METADATA,
    SEQUENCES,
    REJECTED,
    PREDICTIONS,
    RETRIEVAL_SET,
    *EVALUATION_TABLES,
)
"""All Delta tables of the core pipelines."""

_BY_DATASET = {contract.dataset: contract for contract in TABLES}


def contract_of(dataset: str) -> TableContract:
    """The contract of a dataset; an unknown name lists near matches."""
    if dataset not in _BY_DATASET:
        raise UnknownNameError("dataset", dataset, _BY_DATASET)
    return _BY_DATASET[dataset]
