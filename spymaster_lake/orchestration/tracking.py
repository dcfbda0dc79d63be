"""MLflow runs of trainings and evaluations: one store, required tags, no global state (04 1.1, 08 B28).

The store is a SQLite file in the lake's `_meta` unless another is named; its artefacts lie beside
it. File stores are refused, since they lose updates. `spymaster` never sets MLflow's active run or
URI: everything goes through one client.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spymaster_lake.contracts.errors import ConfigError
from spymaster_lake.contracts.run_record import GitState
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.paths import LakePathResolver

if TYPE_CHECKING:
    from mlflow import MlflowClient

REQUIRED_TAGS: tuple[str, ...] = (
    "instrument",
    "pipeline_version",
    "dataset_fingerprint",
    "git_sha",
    "git_dirty",
    "model_id",
    "model_version",
    "feature_set_id",
    "label_version",
    "run_id",
)
"""Tags of every run (04 1.1)."""

SCHEMES: tuple[str, ...] = ("sqlite", "http", "https")
NO_GIT = "none"
"""Value of the git tags where the package runs outside a checkout."""

_PARAM_LIMIT, _BATCH = 6000, 100


@dataclass(frozen=True, slots=True)
class TrackingStore:
    """Where runs are kept.

    Attributes:
        uri: sqlite or http(s).
        artifact_root: folder of the artefacts; None where a server decides.
    """

    uri: str
    artifact_root: str | None


def tracking_store(
    uri: str | None, resolver: LakePathResolver, filesystem: LakeFileSystem
) -> TrackingStore:
    """The store that a command was given, or the lake's own.

    Nothing is created but the folder of a default SQLite file.

    Args:
        uri: value of `--tracking-uri`; None for `_meta/mlflow.db` of the lake.
        resolver: paths of the lake.
        filesystem: its files.

    Raises:
        ConfigError: a file store or an unknown scheme, or no URI for a lake on an object store.
    """
    if uri is None:
        if not filesystem.is_local:
            raise ConfigError(
                f"--tracking-uri: needed, since {resolver.data_root} cannot hold a SQLite file; "
                "allowed: sqlite:///…, http://… or https://…"
            )
        database = Path(resolver.tracking_db())
        database.parent.mkdir(parents=True, exist_ok=True)
        return TrackingStore(f"sqlite:///{database}", resolver.tracking_artifacts())
    scheme, separator, rest = uri.partition("://")
    if not separator or scheme not in SCHEMES or not rest.strip("/"):
        raise ConfigError(
            f"--tracking-uri {uri!r}: file stores and other schemes are refused; allowed: "
            "sqlite:///path/to/mlflow.db, http://… or https://…"
        )
    if scheme != "sqlite":
        return TrackingStore(uri, None)
    database = Path(rest[1:]).absolute()
    if not database.parent.is_dir():
        raise ConfigError(f"--tracking-uri {uri!r}: {database.parent} does not exist")
    return TrackingStore(f"sqlite:///{database}", f"{database.parent}/{database.stem}_artifacts")


def experiment_name(instrument: str, model_id: str, pipeline_version: str) -> str:
    """`spymaster/{instrument}/{model_id}/{pipeline_version}`, exactly (04 1.1)."""
    return f"spymaster/{instrument}/{model_id}/{pipeline_version}"


def git_tags(git: GitState) -> dict[str, str]:
    """The tags `git_sha` and `git_dirty`."""
    dirty = NO_GIT if git.dirty is None else str(git.dirty).lower()
    return {"git_sha": git.sha or NO_GIT, "git_dirty": dirty}


class TrackedRun:
    """An open run.

    Attributes:
        run_id: MLflow's id of it.
        uri: of the store.
    """

    def __init__(self, client: MlflowClient, run_id: str, uri: str) -> None:
        self._client, self.run_id, self.uri = client, run_id, uri

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Log parameters; None is logged as "null".

        Raises:
            ConfigError: a value longer than MLflow keeps; log such a thing as an artefact.
        """
        from mlflow.entities import Param

        texts = {key: "null" if value is None else str(value) for key, value in params.items()}
        for key, text in texts.items():
            if len(text) > _PARAM_LIMIT:
                raise ConfigError(f"MLflow parameter {key!r}: {len(text)} characters; log a file")
        items = [Param(key, text) for key, text in sorted(texts.items())]
        for first in range(0, len(items), _BATCH):
            self._client.log_batch(self.run_id, params=items[first : first + _BATCH])

    def log_metrics(self, metrics: Mapping[str, float | None]) -> None:
        """Log metrics; None and NaN mean unknown and are not logged."""
        from mlflow.entities import Metric
        from mlflow.utils.time import get_current_time_millis

        at = get_current_time_millis()
        items = [
            Metric(key, float(value), at, 0)
            for key, value in sorted(metrics.items())
            if value is not None and value == value  # noqa: PLR0124 - NaN
        ]
        for first in range(0, len(items), _BATCH):
            self._client.log_batch(self.run_id, metrics=items[first : first + _BATCH])

    def log_text(self, text: str, name: str) -> None:
        """Log a text file, such as `splits.json` or `report.html`."""
        self._client.log_text(self.run_id, text, name)

    def log_directory(self, folder: str, name: str | None = None) -> None:
        """Log every file of a local folder, below `name`."""
        self._client.log_artifacts(self.run_id, folder, name)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Add tags."""
        for key, value in tags.items():
            self._client.set_tag(self.run_id, key, value)


@contextmanager
def tracked_run(
    store: TrackingStore, *, experiment: str, run_name: str, tags: Mapping[str, str]
) -> Iterator[TrackedRun]:
    """An MLflow run that ends FINISHED, or FAILED if the block raises.

    Args:
        store: see `tracking_store`.
        experiment: see `experiment_name`; made if it does not exist.
        run_name: name of the run.
        tags: all of `REQUIRED_TAGS`, and any others.

    Raises:
        ConfigError: a required tag is missing or empty.
    """
    missing = [name for name in REQUIRED_TAGS if not tags.get(name)]
    if missing:
        raise ConfigError(f"MLflow run {run_name!r}: lacks the tags {', '.join(missing)}")
    client = tracking_client(store)
    run = client.create_run(
        _experiment_id(client, store, experiment), tags=dict(tags), run_name=run_name
    )
    try:
        yield TrackedRun(client, run.info.run_id, store.uri)
    except BaseException:
        client.set_terminated(run.info.run_id, "FAILED")
        raise
    client.set_terminated(run.info.run_id, "FINISHED")


def tracking_client(store: TrackingStore) -> MlflowClient:
    """MLflow's client of a store; usage data are never sent."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow import MlflowClient

    for noisy in ("alembic", "mlflow.store", "mlflow.tracking"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    return MlflowClient(tracking_uri=store.uri, registry_uri=store.uri)


def _experiment_id(client: MlflowClient, store: TrackingStore, name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    where = None if store.artifact_root is None else f"{store.artifact_root}/{name}"
    return str(client.create_experiment(name, artifact_location=where))
