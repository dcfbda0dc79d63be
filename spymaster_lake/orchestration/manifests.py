"""The manifests of the repository: finding, loading and checking them, all violations together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spymaster_lake.contracts.errors import ConfigError, UnknownNameError
from spymaster_lake.contracts.manifest import Manifest, StageEntry, parse_manifest
from spymaster_lake.contracts.manifest_checks import (
    location_problems,
    production_problems,
    raise_all,
    structure_problems,
)
from spymaster_lake.orchestration.binding import binding_problems, dataset_problems, in_market
from spymaster_lake.orchestration.fingerprints import sha256_json
from spymaster_lake.orchestration.graph import find_stage
from spymaster_lake.orchestration.registry import StageRegistry, concrete, final_params
from spymaster_lake.orchestration.types import BoundStage

FILE_NAME = "manifest.json"


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """One manifest file and what its path says about it."""

    path: Path
    instrument: str
    pipeline_id: str
    pipeline_version: str

    @property
    def source(self) -> str:
        """The path from `manifests/` on, for messages."""
        return "/".join(
            (
                "manifests",
                self.instrument,
                self.pipeline_id,
                f"version={self.pipeline_version}",
                FILE_NAME,
            )
        )


class ManifestStore:
    """The manifests below one folder.

    Attributes:
        folder: `manifests/`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __iter__(self) -> Iterator[ManifestFile]:
        for path in sorted(self.folder.glob(f"*/*/version=*/{FILE_NAME}")):
            version, pipeline, instrument = path.parent, path.parents[1], path.parents[2]
            yield ManifestFile(
                path, instrument.name, pipeline.name, version.name.removeprefix("version=")
            )

    @property
    def instruments(self) -> tuple[str, ...]:
        """Instruments that have a manifest."""
        return tuple(sorted({file.instrument for file in self}))

    def find(self, instrument: str, pipeline_id: str, pipeline_version: str) -> ManifestFile:
        """One manifest file.

        Raises:
            UnknownNameError: unknown instrument, pipeline or version; lists what exists.
        """
        files = list(self)
        for kind, field, value in (
            ("instrument", "instrument", instrument),
            (f"pipeline of {instrument}", "pipeline_id", pipeline_id),
            (
                f"pipeline version of {instrument} {pipeline_id}",
                "pipeline_version",
                pipeline_version,
            ),
        ):
            left = [file for file in files if getattr(file, field) == value]
            if not left:
                raise UnknownNameError(kind, value, {getattr(file, field) for file in files})
            files = left
        return files[0]

    def problems(self, instrument: str, registry: StageRegistry | None) -> list[str]:
        """Everything that is wrong with the manifests of one instrument.

        Args:
            instrument: whose manifests.
            registry: stages, to check ids, parameters and datasets; None checks the files alone.
        """
        problems, loaded = [], {}
        for file in self:
            if file.instrument != instrument:
                continue
            manifest, found = parse_manifest(
                file.path.read_text(encoding="utf-8"), source=file.source
            )
            problems += found
            if manifest is None:
                continue
            loaded[file.source] = manifest
            problems += location_problems(
                manifest,
                instrument=file.instrument,
                pipeline_id=file.pipeline_id,
                pipeline_version=file.pipeline_version,
                source=file.source,
            )
            problems += structure_problems(manifest, source=file.source)
            if registry is not None:
                problems += stage_problems(manifest, registry, source=file.source)
        return problems + production_problems(loaded)

    def load(
        self,
        instrument: str,
        pipeline_id: str,
        pipeline_version: str,
        registry: StageRegistry | None,
    ) -> Manifest:
        """One manifest, after all manifests of its instrument have been checked.

        Raises:
            UnknownNameError: there is no such manifest.
            ManifestError: with every violation of every manifest of the instrument.
        """
        file = self.find(instrument, pipeline_id, pipeline_version)
        raise_all(self.problems(instrument, registry))
        manifest, _ = parse_manifest(file.path.read_text(encoding="utf-8"), source=file.source)
        if manifest is None:
            raise ConfigError(f"{file.source}: changed while it was read")
        return manifest


def manifest_hash(manifest: Manifest) -> str:
    """sha256 of the canonical JSON of a manifest, defaults filled in."""
    return sha256_json(manifest)


def stage_problems(manifest: Manifest, registry: StageRegistry, *, source: str) -> list[str]:
    """Unknown stage ids, undeclared parameters, parameters of a wrong type."""
    problems = []
    for index, entry in enumerate(manifest.stages):
        where = f"stages.{index}"
        try:
            _, found = registry.resolve(entry.stage_id, **_coordinates(manifest))
        except UnknownNameError as exc:
            problems.append(f"{source}: {where}.stage_id: {exc}")
            continue
        _, wrong = final_params(found, entry.params, where=f"{where}.params")
        problems += [f"{source}: {problem}" for problem in wrong]
    return problems


def bind_stages(
    manifest: Manifest,
    registry: StageRegistry,
    overrides: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, BoundStage]:
    """Every stage of a manifest, resolved, with its final parameters, by name.

    Args:
        manifest: a checked manifest.
        registry: the stages.
        overrides: parameters by stage name, from `--set` (08 B8).

    Raises:
        ConfigError: an override of an undeclared parameter, or of another type.
        ManifestError: datasets that a stage reads or writes and the manifest does not declare, or
            that a stage reads without depending on the stage that writes them.
    """
    overrides = overrides or {}
    bound = {
        e.name: _bind(manifest, registry, e, overrides.get(e.name, {})) for e in manifest.stages
    }
    source = f"{manifest.instrument}/{manifest.pipeline_id}/version={manifest.pipeline_version}"
    raise_all(
        f"{source}: {problem}"
        for problem in [*dataset_problems(bound.values()), *binding_problems(bound)]
    )
    return bound


def parse_overrides(manifest: Manifest, items: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """`{"stage.param": value}` as parameters by stage name.

    Raises:
        ConfigError: a key without a dot; or an unknown or ambiguous stage.
    """
    overrides: dict[str, dict[str, Any]] = {}
    for key, value in items.items():
        stage, dot, param = key.partition(".")
        if not (stage and dot and param):
            raise ConfigError(f"--set {key}: must have the form stage.param=value")
        overrides.setdefault(find_stage(manifest, stage).name, {})[param] = value
    return overrides


def _bind(
    manifest: Manifest, registry: StageRegistry, entry: StageEntry, overrides: Mapping[str, Any]
) -> BoundStage:
    key, found = registry.resolve(entry.stage_id, **_coordinates(manifest))
    params, problems = final_params(found, {**entry.params, **overrides}, where=f"{entry.name}")
    if problems:
        raise ConfigError("; ".join(problems))
    return BoundStage(
        name=entry.name,
        stage_id=entry.stage_id,
        stage=in_market(concrete(found, params), manifest),
        params=params,
        manifest=manifest,
        depends_on=entry.depends_on,
        origin=str(key),
    )


def _coordinates(manifest: Manifest) -> dict[str, str]:
    return {
        "instrument": manifest.instrument,
        "pipeline_id": manifest.pipeline_id,
        "pipeline_version": manifest.pipeline_version,
    }
