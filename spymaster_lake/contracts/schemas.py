"""Table contracts as JSON: what `_meta/schemas/{dataset}/schema=vX.json` contains, and their hash.

The text is deterministic: same contract, same bytes, on any machine.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, fields
from typing import Any

from spymaster_lake.contracts.errors import ContractError
from spymaster_lake.contracts.table import Column, Frame, Role, TableContract

SCHEMA_FORMAT = 1
"""Version of this JSON form itself."""

_TABLE_FIELDS = tuple(f.name for f in fields(TableContract))
_COLUMN_FIELDS = tuple(f.name for f in fields(Column))


def contract_document(contract: TableContract) -> dict[str, Any]:
    """The contract as plain JSON values; every attribute is present, absent ones are null."""
    document = asdict(contract)
    document["columns"] = [_plain(column) for column in contract.columns]
    document["keys"] = list(contract.keys)
    document["properties"] = dict(sorted(contract.properties.items()))
    return {"schema_format": SCHEMA_FORMAT, **document}


def _plain(column: Column) -> dict[str, Any]:
    plain = asdict(column)
    plain["role"] = column.role.value
    plain["frame"] = column.frame.value if column.frame else None
    plain["allowed"] = list(column.allowed)
    for bound in ("minimum", "maximum"):  # 0 and 0.0 are one bound and must have one spelling
        plain[bound] = None if plain[bound] is None else float(plain[bound])
    return plain


def contract_json(contract: TableContract) -> str:
    """The document as indented JSON with a final newline; columns keep their order."""
    return json.dumps(contract_document(contract), indent=2, ensure_ascii=False) + "\n"


def contract_hash(contract: TableContract) -> str:
    """sha256 (64 hex digits) over the document as canonical JSON: sorted names, no blanks."""
    canonical = json.dumps(
        contract_document(contract), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    return hashlib.sha256(canonical.encode("utf-8")).hexdigest()


def contract_from_json(text: str) -> TableContract:
    """The contract that `contract_json` wrote.

    Raises:
        ContractError: another format, or fields that are missing or unknown.
    """
    document = json.loads(text)
    name = str(document.get("dataset", "?"))
    found = document.pop("schema_format", None)
    if found != SCHEMA_FORMAT:
        raise ContractError(f"{name}: schema_format is {found!r}, allowed is {SCHEMA_FORMAT}")
    _require_fields(name, document, _TABLE_FIELDS)
    document["columns"] = tuple(_column(name, plain) for plain in document["columns"])
    document["keys"] = tuple(document["keys"])
    return TableContract(**document)


def _column(dataset: str, plain: dict[str, Any]) -> Column:
    _require_fields(f"{dataset}, column {plain.get('name', '?')!r}", plain, _COLUMN_FIELDS)
    frame = Frame(plain["frame"]) if plain["frame"] is not None else None
    allowed = tuple(plain["allowed"])
    return Column(**{**plain, "role": Role(plain["role"]), "frame": frame, "allowed": allowed})


def _require_fields(what: str, found: dict[str, Any], wanted: tuple[str, ...]) -> None:
    missing, unknown = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
    if missing or unknown:
        raise ContractError(f"Schema of {what}: missing fields {missing}, unknown fields {unknown}")
