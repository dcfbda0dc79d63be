"""Publish the contracts of datasets: `_meta/schemas/{dataset}/schema=vX.json` (00 section 3)."""

from __future__ import annotations

from spymaster_lake.contracts.schemas import contract_json
from spymaster_lake.contracts.table import TableContract
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.paths import LakePathResolver


def publish_schema(
    filesystem: LakeFileSystem,
    paths: LakePathResolver,
    contract: TableContract,
    *,
    product: str | None = None,
) -> None:
    """Write the contract beside the data it describes, unless the same text stands there already.

    Args:
        filesystem: the lake's files.
        paths: path resolver of the same root.
        contract: the contract.
        product: product of a Bronze dataset; `trades` exists for several products.
    """
    dataset = contract.dataset if product is None else f"{product}/{contract.dataset}"
    path, text = paths.schema_json(dataset, contract.version), contract_json(contract)
    if not filesystem.exists(path) or filesystem.read_text(path) != text:
        filesystem.write_text(path, text)
