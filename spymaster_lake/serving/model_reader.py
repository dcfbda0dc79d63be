"""A reader of one model: resolves once, keeps what it has until told to reload (04 section 3 rule 4)."""

from __future__ import annotations

import structlog

from spymaster_lake.contracts.errors import RegistryConflictError
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.paths import LakePathResolver
from spymaster_lake.serving.model_bundle import LoadedModel, load


class ModelReader:
    """Holds the model that an alias or a version named when the reader started; never writes.

    Args:
        filesystem: the lake's files.
        resolver: the lake's paths.
        instrument: of the service.
        model_id: such as "level_trees".
        pipeline_version: of the features that will be sent.
        model_version: a version, or
        alias: an alias; exactly one of the two.

    Raises:
        LakeError: see `load`; there is no reader without a model.
    """

    def __init__(
        self,
        filesystem: LakeFileSystem,
        resolver: LakePathResolver,
        *,
        instrument: str,
        model_id: str,
        pipeline_version: str,
        model_version: str | None = None,
        alias: str | None = None,
    ) -> None:
        self._filesystem, self._resolver = filesystem, resolver
        self._instrument, self._model_id = instrument, model_id
        self._pipeline_version = pipeline_version
        self._model_version, self._alias = model_version, alias
        self._model = self._load()

    @property
    def model(self) -> LoadedModel:
        """The model in use."""
        return self._model

    def reload(self, expected_revision: int) -> LoadedModel:
        """Resolve and load again; the model in use stays if that fails.

        Raises:
            RegistryConflictError: the registry is at another revision than the caller says.
            LakeError: see `load`.
        """
        fresh = self._load()
        if fresh.registry_revision != expected_revision:
            raise RegistryConflictError(self._model_id, expected_revision, fresh.registry_revision)
        self._model = fresh
        return fresh

    def _load(self) -> LoadedModel:
        model = load(
            self._filesystem,
            self._resolver,
            instrument=self._instrument,
            model_id=self._model_id,
            pipeline_version=self._pipeline_version,
            model_version=self._model_version,
            alias=self._alias,
        )
        structlog.get_logger().info(
            "model loaded",
            model_id=self._model_id,
            model_version=model.bundle.model_version,
            registry_revision=model.registry_revision,
            bundle_sha256=model.bundle_sha256,
        )
        return model
