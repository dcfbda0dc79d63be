"""What the form of a manifest cannot say: structure, place, and who produces what.

All checks return sentences instead of raising, so that one `ManifestError` can carry every
violation of every manifest at once.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

from spymaster_lake.contracts.errors import ManifestError
from spymaster_lake.contracts.manifest import ADDON_PIPELINES, BRONZE_DATASETS, Manifest


def structure_problems(manifest: Manifest, *, source: str) -> list[str]:
    """Duplicate names, dependencies on missing names, cycles, foreign or repeated datasets."""
    return [
        f"{source}: {problem}"
        for check in (_duplicates, _missing_dependencies, _cycles, _datasets)
        for problem in check(manifest)
    ]


def location_problems(
    manifest: Manifest, *, instrument: str, pipeline_id: str, pipeline_version: str, source: str
) -> list[str]:
    """Fields that differ from the path the file lies at."""
    path = {
        "instrument": instrument,
        "pipeline_id": pipeline_id,
        "pipeline_version": pipeline_version,
    }
    return [
        f"{source}: {field}: is {getattr(manifest, field)!r} but the path says {value!r}"
        for field, value in path.items()
        if getattr(manifest, field) != value
    ]


def production_problems(manifests: Mapping[str, Manifest]) -> list[str]:
    """Inputs that no manifest of the instrument produces, and core pipelines that need an add-on.

    Args:
        manifests: every manifest of one instrument by its file.
    """
    produced = {ref.key for manifest in manifests.values() for ref in manifest.outputs}
    problems = []
    for source, manifest in manifests.items():
        for index, ref in enumerate(manifest.inputs):
            where = f"{source}: inputs.{index}"
            if ref.layer == "bronze":
                known = BRONZE_DATASETS[ref.product or ""]
                if ref.dataset not in known:
                    problems.append(
                        f"{where}: no Bronze dataset {ref.dataset!r} of product {ref.product!r};"
                        f"{near(ref.dataset, known)} known: {', '.join(known)}"
                    )
            elif ref.key not in produced:
                same = [k[3] for k in produced if k[:3] == ref.key[:3]]
                problems.append(f"{where}: no manifest produces {ref};{near(ref.dataset, same)}")
            if ref.pipeline_id in ADDON_PIPELINES and manifest.pipeline_id not in ADDON_PIPELINES:
                problems.append(f"{where}: a core pipeline may not depend on {ref.pipeline_id!r}")
    return problems


def raise_all(problems: Iterable[str]) -> None:
    """One `ManifestError` for all violations; nothing if there are none."""
    found = list(problems)
    if found:
        raise ManifestError(f"{len(found)} manifest violation(s)\n  " + "\n  ".join(found))


def near(name: str, known: Iterable[str]) -> str:
    """' did you mean …?' or nothing."""
    matches = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f" did you mean {' or '.join(repr(m) for m in matches)}?" if matches else ""


def _duplicates(manifest: Manifest) -> list[str]:
    twice = sorted({n for n in manifest.names if manifest.names.count(n) > 1})
    return [f"stages: name {n!r} occurs {manifest.names.count(n)} times" for n in twice]


def _missing_dependencies(manifest: Manifest) -> list[str]:
    return [
        f"stages.{index}.depends_on: stage {stage.name!r} depends on {other!r}, which is no stage "
        f"name here;{near(other, manifest.names)}"
        for index, stage in enumerate(manifest.stages)
        for other in stage.depends_on
        if other not in manifest.names
    ]


def _cycles(manifest: Manifest) -> list[str]:
    graph = {s.name: [d for d in s.depends_on if d in manifest.names] for s in manifest.stages}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as exc:
        return [f"stages.depends_on: cycle {' -> '.join(reversed(exc.args[1]))}"]
    return []


def _datasets(manifest: Manifest) -> list[str]:
    problems = []
    own = (manifest.pipeline_id, manifest.pipeline_version)
    for index, ref in enumerate(manifest.outputs):
        if (ref.pipeline_id, ref.pipeline_version) != own:
            problems.append(f"outputs.{index}: {ref} is not an output of {' '.join(own)}")
    for field, refs in (("inputs", manifest.inputs), ("outputs", manifest.outputs)):
        keys = [ref.key for ref in refs]
        problems += [
            f"{field}: {' '.join(filter(None, key))} is declared {keys.count(key)} times"
            for key in sorted({k for k in keys if keys.count(k) > 1})
        ]
    return problems
