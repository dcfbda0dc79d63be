"""Do the stages fit the manifest: every dataset they read or write is declared, in the right order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from spymaster_lake.contracts.errors import ManifestError
from spymaster_lake.contracts.manifest import Manifest
from spymaster_lake.contracts.manifest_checks import near
from spymaster_lake.orchestration.graph import StageGraph
from spymaster_lake.orchestration.types import BoundStage
from spymaster_lake.stages.sources import MARKET, of_product
from spymaster_lake.stages.spec import CorpusStage, Source, Stage

OutputKey = tuple[str, str]
"""(layer, dataset)."""


def outputs_of(bound: BoundStage) -> tuple[OutputKey, ...]:
    """Layer and dataset of everything a stage writes."""
    stage = bound.stage
    if isinstance(stage, CorpusStage):
        return (("gold", stage.artifact),)
    return tuple((stage.layer_of(c.dataset), c.dataset) for c in stage.outputs)


def in_market(stage: Stage, manifest: Manifest) -> Stage:
    """`stage` with the prints and the book of the instrument filled in, as the manifest has them.

    Raises:
        ManifestError: the stage reads them, and the manifest does not declare the Bronze datasets
            of exactly one product beside options.
    """
    if all(source.product != MARKET for source in stage.sources):
        return stage
    products = {ref.product for ref in manifest.inputs if ref.layer == "bronze"} - {"options"}
    if len(products) != 1:
        raise ManifestError(
            f"{manifest.instrument}/{manifest.pipeline_id}: stage {stage.stage_id!r} reads the "
            f"instrument's own prints or book; the manifest must declare Bronze inputs of one "
            f"product beside options (found {sorted(map(str, products)) or 'none'})"
        )
    (product,) = products
    return replace(stage, sources=tuple(of_product(s, str(product)) for s in stage.sources))


def dataset_problems(stages: Iterable[BoundStage]) -> list[str]:
    """Sources and outputs that the manifest does not declare."""
    problems: list[str] = []
    for bound in stages:
        problems += [
            f"stage {bound.name!r} reads {_show(source)}, which the manifest does not declare"
            for source in bound.stage.sources
            if bound.declared(source) is None
        ]
        for layer, dataset in outputs_of(bound):
            if bound.manifest.output_ref(layer, dataset) is None:
                known = [ref.dataset for ref in bound.manifest.outputs if ref.layer == layer]
                problems.append(
                    f"stage {bound.name!r} writes {layer} {dataset}, which the manifest does not "
                    f"declare as an output;{near(dataset, known)}"
                )
    return problems


def binding_problems(bound: Mapping[str, BoundStage]) -> list[str]:
    """Outputs of two stages, outputs of none, and reads that do not wait for their writer."""
    if not bound:
        return []
    manifest = next(iter(bound.values())).manifest
    graph = StageGraph(manifest)
    problems: list[str] = []
    writers: dict[OutputKey, str] = {}
    for name, stage in bound.items():
        for key in outputs_of(stage):
            if key in writers:
                problems.append(f"{' '.join(key)} is written by {writers[key]!r} and by {name!r}")
            writers[key] = name
    problems += [
        f"output {ref} is written by no stage"
        for ref in manifest.outputs
        if (ref.layer, ref.dataset) not in writers
    ]
    for name, stage in bound.items():
        allowed = graph.ancestors(name) | {name}
        for source in stage.stage.sources:
            if source.pipeline_id != manifest.pipeline_id:
                continue
            writer = writers.get((source.layer, source.dataset))
            if writer is not None and writer not in allowed:
                problems.append(
                    f"stage {name!r} reads {_show(source)} but does not depend on {writer!r}, "
                    "which writes it"
                )
    return problems


def _show(source: Source) -> str:
    return f"{source.layer} {source.product or source.pipeline_id} {source.dataset}"
