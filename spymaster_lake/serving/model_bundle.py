"""Load a model strictly: every check in a fixed order, each its own exception, no partial object.

Order (04 section 2.3): the registry entry exists; directory and hashes match; bundle.json and
feature_set.json fulfil their schemas; instrument, model and pipeline version are the caller's; Python
and libraries equal in major.minor; every required head is there and OK. Heads are unpickled last,
from bytes whose hashes the registry vouches for.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spymaster_lake.contracts.bundle import BUNDLE_FILE, Bundle
from spymaster_lake.contracts.errors import BundleIdentityError, HeadError
from spymaster_lake.contracts.feature_set import FeatureSet
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.model_registry import ModelRegistry
from spymaster_lake.lake.model_store import BundleFiles, check_heads, parse_bundle, read_bundle
from spymaster_lake.lake.paths import LakePathResolver
from spymaster_lake.lake.registry_lookup import resolve
from spymaster_lake.serving.bundle_checks import (
    check_environment,
    check_required,
    parse_feature_set,
)
from spymaster_lake.serving.patchtst.loading import sequence_heads
from spymaster_lake.serving.patchtst.model import WEIGHTS_FILE


@dataclass(frozen=True)
class ModelFiles:
    """A verified bundle with what the registry says of it; picklable, nothing unpickled yet.

    Attributes:
        stored: the files.
        bundle: bundle.json.
        feature_set: feature_set.json.
        registry_revision: revision at which the version was resolved.
    """

    stored: BundleFiles
    bundle: Bundle
    feature_set: FeatureSet
    registry_revision: int


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to predict.

    Attributes:
        bundle: bundle.json.
        feature_set: the inputs, and how they become a matrix.
        heads: estimators by head; the heads that are OK.
        bundle_sha256: hash of SHA256SUMS.
        registry_revision: revision at which the version was resolved.
    """

    bundle: Bundle
    feature_set: FeatureSet
    heads: Mapping[str, Any]
    bundle_sha256: str
    registry_revision: int


def load(
    filesystem: LakeFileSystem,
    resolver: LakePathResolver,
    *,
    instrument: str,
    model_id: str,
    pipeline_version: str,
    model_version: str | None = None,
    alias: str | None = None,
) -> LoadedModel:
    """One version of a model, verified.

    Args:
        filesystem: the lake's files.
        resolver: the lake's paths.
        instrument: of the caller.
        model_id: such as "level_trees".
        pipeline_version: of the features that the caller will send.
        model_version: the version, or
        alias: "production" or "candidate"; exactly one of the two.

    Raises:
        UnknownNameError: no such model, version or alias; lists near matches.
        RegistryError: neither or both of version and alias; the alias names nothing; retired.
        ArtifactIntegrityError: a file is missing, not listed, or has another hash.
        BundleSchemaError: bundle.json or feature_set.json breaks its schema or contradicts.
        BundleIdentityError: of another instrument, model, version or pipeline version.
        EnvironmentMismatchError: Python or a library differs in major.minor.
        HeadError: a required head is absent or not OK, or is no estimator of its task.
    """
    files = verify(
        filesystem,
        resolver,
        instrument=instrument,
        model_id=model_id,
        pipeline_version=pipeline_version,
        model_version=model_version,
        alias=alias,
    )
    return unpack(files)


def verify(
    filesystem: LakeFileSystem,
    resolver: LakePathResolver,
    *,
    instrument: str,
    model_id: str,
    pipeline_version: str,
    model_version: str | None = None,
    alias: str | None = None,
) -> ModelFiles:
    """All of `load` but the unpickling; raises the same errors."""
    registry = ModelRegistry(filesystem, resolver, instrument, model_id).read()
    entry = resolve(registry, model_version=model_version, alias=alias)
    stored = read_bundle(
        filesystem,
        resolver,
        instrument,
        model_id,
        entry.model_version,
        bundle_sha256=entry.bundle_sha256,
    )
    bundle = parse_bundle(stored.read(BUNDLE_FILE), stored.path)
    check_heads(bundle, stored.files, stored.path)
    feature_set = parse_feature_set(stored, bundle)
    for field, wanted in (
        ("instrument", instrument),
        ("model_id", model_id),
        ("model_version", entry.model_version),
        ("pipeline_version", pipeline_version),
    ):
        if (found := getattr(bundle, field)) != wanted:
            raise BundleIdentityError(field, wanted, found)
    check_environment(bundle.env)
    check_required(bundle)
    return ModelFiles(stored, bundle, feature_set, registry.revision)


def unpack(files: ModelFiles) -> LoadedModel:
    """Make the estimators of verified files.

    Raises:
        HeadError: a head does not unpickle, or is no estimator of its task.
    """
    heads: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for name, estimator in _estimators(files).items():
        head = files.bundle.heads[name]
        method = "predict_proba" if head.task == "binary" else "predict"
        if not callable(getattr(estimator, method, None)):
            wrong[name] = f"{type(estimator).__name__} has no {method}"
        elif head.task == "binary" and tuple(int(c) for c in estimator.classes_) != head.classes:
            wrong[name] = f"classes are {list(estimator.classes_)}, declared {head.classes}"
        heads[name] = estimator
    if wrong:
        raise HeadError(wrong)
    return LoadedModel(
        files.bundle,
        files.feature_set,
        heads,
        files.stored.bundle_sha256,
        files.registry_revision,
    )


def _estimators(files: ModelFiles) -> dict[str, Any]:
    """One estimator for each head that is OK; those of a sequence model share one network."""
    held = {name: head.file for name, head in files.bundle.heads.items() if head.file is not None}
    if WEIGHTS_FILE in held.values():
        return dict(
            sequence_heads(
                files.stored.files, files.bundle, files.feature_set, root=files.stored.path
            )
        )
    return {name: _estimator(name, files.stored.read(file), file) for name, file in held.items()}


def _estimator(name: str, data: bytes, file: str) -> Any:
    if not file.endswith(".joblib"):
        raise HeadError(
            {name: f"{file} has no format that this service reads (.joblib, {WEIGHTS_FILE})"}
        )
    import joblib

    try:
        return joblib.load(io.BytesIO(data))
    except (
        Exception
    ) as exc:  # a pickle can raise anything; the hash was right, so the file is wrong
        raise HeadError({name: f"does not unpickle: {type(exc).__name__}: {exc}"}) from exc
