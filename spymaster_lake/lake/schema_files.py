"""Publish the contracts of datasets: `_meta/schemas/{dataset}/schema=vX.json` (00 section 3)."""

from __future__ import annotations

import json
from typing import Any

from spymaster_lake.contracts.errors import ContractError
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
    """Write the contract beside the data it describes, unless the same one stands there already.

    A version of a schema never changes; only the words that explain it may.

    Args:
        filesystem: the lake's files.
        paths: path resolver of the same root.
        contract: the contract.
        product: product of a Bronze dataset; `trades` exists for several products.

    Raises:
        ContractError: the same version stands there with other columns, keys or rules.
    """
    dataset = contract.dataset if product is None else f"{product}/{contract.dataset}"
    path, text = paths.schema_json(dataset, contract.version), contract_json(contract)
    if filesystem.exists(path):
        published = filesystem.read_text(path)
        if published == text:
            return
        before, now = _without_words(published), _without_words(text)
        if before != now:
            differing = sorted(k for k in {*before, *now} if before.get(k) != now.get(k))
            raise ContractError(
                f"{paths.relative(path)}: the published schema of {dataset} differs from the "
                f"contract in {', '.join(differing)}; a changed contract needs a new version"
            )
    filesystem.write_text(path, text)


def _without_words(text: str) -> dict[str, Any]:
    """The schema document without its explanations; columns by "column name"."""
    document = dict(json.loads(text))
    document.pop("doc", None)
    columns = document.pop("columns", [])
    document["order of columns"] = [c["name"] for c in columns]
    for column in columns:
        document[f"column {column['name']}"] = {k: v for k, v in column.items() if k != "doc"}
    return document
