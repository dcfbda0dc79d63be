"""What a version must show before an alias may name it (04 section 3 rule 3, 08 B11)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from spymaster_lake.contracts.bundle import METRICS_FILE, plain_sha256
from spymaster_lake.contracts.model_registry import GATE_RULES, RegistryVersion

_HASH = re.compile(r"(sha256:)?[0-9a-f]{64}")


def refusals(
    version: RegistryVersion, verdicts: Mapping[str, Any], run_record: Any | None
) -> dict[str, str]:
    """Every gate that a version does not pass, with what was found and what is required.

    Args:
        version: the registry entry.
        verdicts: `gates` of the bundle's metrics.json: {gate: {"passed": bool, "why": text}}. The
            entry and the bundle, which hashes protect, must both say that a gate is passed.
        run_record: run.json of `version.run_id` as JSON values; None if there is none.

    Returns:
        Gate to reason; empty if the version may be promoted.
    """
    found: dict[str, str] = {}
    for gate, rule in GATE_RULES.items():
        if gate not in verdicts:
            found[gate] = f"the bundle's {METRICS_FILE} has no verdict; {rule}"
        elif not verdicts[gate]["passed"]:
            found[gate] = str(verdicts[gate]["why"])
        elif not getattr(version.gates, gate):
            found[gate] = f"the registry says false, the bundle's {METRICS_FILE} true; {rule}"
    if version.git_dirty:
        found["git_dirty"] = f"trained from a dirty checkout of {version.git_sha[:7]}; commit first"
    if why := _fingerprint_fault(version, run_record):
        found["fingerprint"] = why
    return found


def _fingerprint_fault(version: RegistryVersion, run_record: Any | None) -> str:
    if run_record is None:
        return f"run {version.run_id!r} has no record"
    recorded = set(_hashes(run_record))
    lacking = [
        f"{dataset} ({plain_sha256(sha)[:12]}…)"
        for dataset, sha in sorted(version.dataset_fingerprints.items())
        if plain_sha256(sha) not in recorded
    ]
    return f"not in the record of run {version.run_id!r}: {', '.join(lacking)}" if lacking else ""


def _hashes(value: Any) -> Iterator[str]:
    """Every sha256 anywhere in a JSON value."""
    if isinstance(value, dict):
        for item in value.values():
            yield from _hashes(item)
    elif isinstance(value, list):
        for item in value:
            yield from _hashes(item)
    elif isinstance(value, str) and _HASH.fullmatch(value):
        yield plain_sha256(value)
