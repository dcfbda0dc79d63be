"""Canonical JSON, its sha256, and what it identifies: datasets, stages, configurations (00 section 5).

The same inputs give the same fingerprint on any machine: paths are relative to the root, keys and
lists are sorted, numbers have one spelling.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from enum import Enum
from typing import Any

from pydantic import BaseModel

from spymaster_lake.contracts.run_record import DatasetFingerprint
from spymaster_lake.contracts.table import TableContract


def canonical_json(value: Any) -> str:
    """One spelling of a JSON-like value: sorted keys, no spaces, UTF-8, dates as ISO text.

    Raises:
        TypeError: a type without a canonical form (set, Path, object) or a key that is no string
            or date.
        ValueError: NaN or infinity, which JSON does not have.
    """
    return json.dumps(
        _plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def sha256_json(value: Any) -> str:
    """Hexadecimal sha256 of the canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode("utf-8")).hexdigest()


def dataset_fingerprint(
    *,
    layer: str,
    owner: str,
    dataset: str,
    pipeline_version: str,
    manifest_hash: str,
    schema_version: str,
    dates: Iterable[date],
    files: Iterable[tuple[str, int]],
    table_version: int | None,
) -> DatasetFingerprint:
    """The fingerprint of one dataset as a reader would read it.

    Args:
        layer: "bronze", "silver" or "gold".
        owner: product or pipeline_id.
        dataset: dataset name.
        pipeline_version: version that wrote it; empty for Bronze.
        manifest_hash: sha256 of the manifest that reads it.
        schema_version: "v1" for Bronze, the contract's otherwise.
        dates: partitions `date=` that are read, in any order.
        files: (path relative to the root, bytes), in any order.
        table_version: Delta version; None for Parquet.
    """
    days = tuple(sorted(set(dates)))
    listing = sorted(files)
    digest = sha256_json(
        {
            "layer": layer,
            "owner": owner,
            "dataset": dataset,
            "pipeline_version": pipeline_version,
            "manifest": manifest_hash,
            "schema_version": schema_version,
            "dates": days,
            "files": listing,
            "table_version": table_version,
        }
    )
    return DatasetFingerprint(
        layer=layer,
        owner=owner,
        dataset=dataset,
        pipeline_version=pipeline_version,
        schema_version=schema_version,
        dates=days,
        table_version=table_version,
        n_files=len(listing),
        n_bytes=sum(size for _, size in listing),
        sha256=digest,
    )


def partition_hash(files: Iterable[tuple[str, int]]) -> str:
    """16 hex digits over the files of the partitions that one session date reads of one dataset."""
    return sha256_json(sorted(files))[:16]


def contract_hash(contracts: Sequence[TableContract]) -> str:
    """sha256 of names, versions, columns and keys of contracts."""
    return sha256_json(
        [
            {
                "dataset": c.dataset,
                "version": c.version,
                "keys": c.keys,
                "columns": [(col.name, col.type, col.nullable) for col in c.columns],
            }
            for c in contracts
        ]
    )


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return _plain(value.model_dump(mode="json"))
    if isinstance(value, Enum):
        return _plain(value.value)
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} has no canonical JSON")
        return value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return _object(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no canonical JSON")


def _object(value: Mapping[Any, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, item in value.items():
        if not isinstance(key, str | date):
            raise TypeError(f"a key of type {type(key).__name__} has no canonical JSON")
        name = key.isoformat() if isinstance(key, date) else str(key)
        if name in out:
            raise ValueError(f"key {name!r} occurs twice")
        out[name] = _plain(item)
    return out
