"""Every path of the lake, as strings (00 section 3): no input or output, no global setting.

`LakePathResolver` is the only place that joins path segments. Each segment is checked before it
becomes part of a path, so that a typo can never create a second layout beside the first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import get_args

from spymaster_lake.contracts.bronze import PARTITION_KEY
from spymaster_lake.contracts.errors import PathError
from spymaster_lake.contracts.profile import LEVEL_KINDS, Product

PRODUCTS: tuple[str, ...] = get_args(Product)
BRONZE_SCHEMA = "v1"
INDEX_PIPELINE = "index_building"
PREDICTIONS = "predictions"
DIRECTIONS: tuple[str, ...] = ("UP", "DOWN")

_NAME = r"[a-z][a-z0-9_]*"
_PATTERNS: dict[str, tuple[str, str]] = {
    "instrument": (r"[a-z][a-z0-9]{0,15}", "lower-case letters and digits, such as 'abc'"),
    "source": (_NAME, "a lower-case name, such as 'databento'"),
    "dataset": (
        rf"{_NAME}(/{_NAME})*",
        "a lower-case name, such as 'trades' or 'episodes/vectors'",
    ),
    "pipeline_id": (_NAME, "a lower-case name, such as 'feature_engineering'"),
    "pipeline_version": (r"\d+\.\d+\.\d+", "a semantic version, such as '4.5.0'"),
    "model_id": (_NAME, "a lower-case name, such as 'touch_model'"),
    "model_version": (r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", "letters, digits, '.', '_' and '-'"),
    "run_id": (r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", "letters, digits, '.', '_' and '-'"),
    "stage": (_NAME, "a stage name, such as 'build_ohlcv_1min'"),
    "partition value": (r"[A-Z0-9][A-Z0-9._]{0,31}", "an upper-case code, such as 'ABCZ5'"),
    "date": (r"\d{4}-\d{2}-\d{2}", "YYYY-MM-DD"),
    "time bucket": (r"T\d+_\d+|ALL", "a bucket such as 'T0_15', or 'ALL'"),
    "name": (r"[A-Za-z0-9][A-Za-z0-9._=-]{0,254}", "letters, digits, '.', '_', '=' and '-'"),
}
_COMPILED = {segment: re.compile(pattern) for segment, (pattern, _) in _PATTERNS.items()}


def _checked(segment: str, value: str) -> str:
    """`value` if it may stand for `segment`, else PathError naming segment, value and rule."""
    if not isinstance(value, str) or not _COMPILED[segment].fullmatch(value):
        allowed = _PATTERNS[segment][1]
        raise PathError(f"Path segment {segment!r} is {value!r}; allowed: {allowed}")
    return value


def _one_of(segment: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise PathError(f"Path segment {segment!r} is {value!r}; allowed: {', '.join(allowed)}")
    return value


def _day(value: date | str) -> str:
    """ISO text of a date; a malformed or impossible date is a PathError."""
    text = value.isoformat() if isinstance(value, date) else value
    _checked("date", text)
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as exc:
        raise PathError(f"Path segment 'date' is {text!r}; allowed: a day that exists") from exc


@dataclass(frozen=True, slots=True)
class LakePathResolver:
    """Makes the paths of one lake.

    Attributes:
        data_root: local path or any fsspec URI (`memory://…`, `abfss://…`); no trailing slash
            after construction.

    Raises:
        PathError: from every method, if a segment is missing or malformed.
    """

    data_root: str

    def __post_init__(self) -> None:
        if not isinstance(self.data_root, str) or not self.data_root.strip():
            raise PathError(f"DATA_ROOT is {self.data_root!r}; allowed: a local path or a URI")
        trimmed = self.data_root.rstrip("/")
        if not trimmed or trimmed.endswith(":"):
            raise PathError(f"DATA_ROOT is {self.data_root!r}; allowed: a directory below the root")
        object.__setattr__(self, "data_root", trimmed)

    def _join(self, *segments: str) -> str:
        return "/".join((self.data_root, *segments))

    def relative(self, path: str) -> str:
        """`path` relative to the root, as lineage and fingerprints record it."""
        prefix = f"{self.data_root}/"
        if not path.startswith(prefix):
            raise PathError(f"Path {path!r} does not lie below DATA_ROOT {self.data_root!r}")
        return path[len(prefix) :]

    def absolute(self, relative: str) -> str:
        """The inverse of `relative`; refuses absolute paths and parent references."""
        parts = relative.split("/")
        if not relative or relative.startswith("/") or ".." in parts or "" in parts:
            raise PathError(f"Relative path is {relative!r}; allowed: a path below the root")
        return self._join(*parts)

    # raw and Bronze

    def raw_product(self, instrument: str, product: str) -> str:
        """Directory of all vendors' files of a product."""
        return self._join(
            "raw", _checked("instrument", instrument), _one_of("product", product, PRODUCTS)
        )

    def raw_dir(self, instrument: str, product: str, source: str) -> str:
        """Directory of the vendor's files."""
        return f"{self.raw_product(instrument, product)}/{_checked('source', source)}"

    def bronze_dataset(self, instrument: str, product: str, dataset: str) -> str:
        """Root of one Bronze dataset, its schema version included."""
        return self._join(
            "bronze",
            _checked("instrument", instrument),
            _one_of("product", product, PRODUCTS),
            _checked("dataset", dataset),
            f"schema={BRONZE_SCHEMA}",
        )

    def bronze_value(self, instrument: str, product: str, dataset: str, value: str) -> str:
        """Directory of one contract, underlying or symbol."""
        key = PARTITION_KEY[_one_of("product", product, PRODUCTS)]
        root = self.bronze_dataset(instrument, product, dataset)
        return f"{root}/{key}={_checked('partition value', value)}"

    def bronze_partition(
        self,
        instrument: str,
        product: str,
        dataset: str,
        value: str,
        day: date | str,
        hour: int | None = None,
    ) -> str:
        """Directory of one UTC date, or of one UTC hour of it.

        Args:
            instrument: such as "abc".
            product: "futures", "options" or "equities"; it decides the partition key.
            dataset: such as "mbp10".
            value: contract, underlying or symbol.
            day: UTC date.
            hour: UTC hour 0 to 23; None for the directory of the date.
        """
        path = f"{self.bronze_value(instrument, product, dataset, value)}/date={_day(day)}"
        if hour is None:
            return path
        if isinstance(hour, bool) or not isinstance(hour, int) or not 0 <= hour <= 23:
            raise PathError(f"Path segment 'hour' is {hour!r}; allowed: integers 0 to 23")
        return f"{path}/hour={hour:02d}"

    # Silver, Gold, indices, models

    def _table(self, layer: str, instrument: str, pipeline: str, version: str, dataset: str) -> str:
        return self._join(
            layer,
            _checked("instrument", instrument),
            _checked("pipeline_id", pipeline),
            f"version={_checked('pipeline_version', version)}",
            _checked("dataset", dataset),
        )

    def silver_table(
        self, instrument: str, pipeline_id: str, pipeline_version: str, dataset: str
    ) -> str:
        """Root of a Silver Delta table; hand-over tables are called `work/{name}`."""
        return self._table("silver", instrument, pipeline_id, pipeline_version, dataset)

    def gold_table(
        self, instrument: str, pipeline_id: str, pipeline_version: str, dataset: str
    ) -> str:
        """Root of a Gold Delta table, such as `episodes/vectors`."""
        return self._table("gold", instrument, pipeline_id, pipeline_version, dataset)

    def index_root(self, instrument: str, pipeline_version: str) -> str:
        """Directory of all index partitions of one version, with `manifest.json` in it."""
        return self._table("gold", instrument, INDEX_PIPELINE, pipeline_version, "indices")

    def index_partition(
        self, instrument: str, pipeline_version: str, kind: str, direction: str, bucket: str
    ) -> str:
        """Directory of one index partition; `bucket` is `ALL` for the pooled one."""
        return "/".join(
            (
                self.index_root(instrument, pipeline_version),
                _one_of("level kind", kind, LEVEL_KINDS),
                _one_of("direction", direction, DIRECTIONS),
                _checked("time bucket", bucket),
            )
        )

    def model_dir(self, instrument: str, model_id: str, model_version: str) -> str:
        """Directory of one model bundle."""
        return self._join(
            "models",
            _checked("instrument", instrument),
            _checked("model_id", model_id),
            f"version={_checked('model_version', model_version)}",
        )

    def model_staging(self, instrument: str, model_id: str, token: str) -> str:
        """Where a bundle is written before it gets its name; beside the versions, for one rename."""
        instrument, model_id = _checked("instrument", instrument), _checked("model_id", model_id)
        return self._join("models", instrument, model_id, f".staging-{_checked('name', token)}")

    def predictions_table(
        self, instrument: str, pipeline_version: str, model_id: str, model_version: str
    ) -> str:
        """Root of the Delta table of one model version's predictions on one feature version."""
        root = self._table(
            "gold", instrument, PREDICTIONS, pipeline_version, _checked("model_id", model_id)
        )
        return f"{root}/model_version={_checked('model_version', model_version)}"

    # _meta

    def registries_dir(self, instrument: str) -> str:
        """Directory of the registries of all models of an instrument."""
        return self._join("_meta", _checked("instrument", instrument), "models")

    def registry_dir(self, instrument: str, model_id: str) -> str:
        """Directory of one model's registry, history and locks."""
        return f"{self.registries_dir(instrument)}/{_checked('model_id', model_id)}"

    def registry_json(self, instrument: str, model_id: str) -> str:
        """The registry of one model."""
        return f"{self.registry_dir(instrument, model_id)}/registry.json"

    def registry_history(self, instrument: str, model_id: str) -> str:
        """The append-only audit of a registry."""
        return f"{self.registry_dir(instrument, model_id)}/history.jsonl"

    def registry_lock(self, instrument: str, model_id: str) -> str:
        """The file whose lock makes registry operations exclusive."""
        return f"{self.registry_dir(instrument, model_id)}/locks/registry.lock"

    def pipeline_manifest(self, instrument: str, pipeline_id: str, pipeline_version: str) -> str:
        """The published manifest of a pipeline version."""
        return self._join(
            "_meta",
            "pipelines",
            _checked("instrument", instrument),
            _checked("pipeline_id", pipeline_id),
            f"version={_checked('pipeline_version', pipeline_version)}",
            "manifest.json",
        )

    def schema_json(self, dataset: str, version: int) -> str:
        """The published schema of a dataset version."""
        if isinstance(version, bool) or not isinstance(version, int) or version < 1:
            raise PathError(f"Path segment 'schema version' is {version!r}; allowed: 1, 2, …")
        return self._join(
            "_meta", "schemas", _checked("dataset", dataset), f"schema=v{version}.json"
        )

    def tracking_db(self) -> str:
        """The lake's own MLflow store, a SQLite file; runs of every instrument."""
        return self._join("_meta", "mlflow.db")

    def tracking_artifacts(self) -> str:
        """Artefacts of the runs in `tracking_db`."""
        return self._join("_meta", "mlflow_artifacts")

    def runs_dir(self, instrument: str) -> str:
        """Directory of all runs of an instrument."""
        return self._join("_meta", _checked("instrument", instrument), "runs")

    def run_dir(self, instrument: str, run_id: str) -> str:
        """Directory of one run."""
        return f"{self.runs_dir(instrument)}/{_checked('run_id', run_id)}"

    def run_json(self, instrument: str, run_id: str) -> str:
        """Record of one run."""
        return f"{self.run_dir(instrument, run_id)}/run.json"

    def run_report(self, instrument: str, run_id: str) -> str:
        """The page of a run that has one."""
        return f"{self.run_dir(instrument, run_id)}/report.html"

    def stage_json(self, instrument: str, run_id: str, stage: str) -> str:
        """Record of one stage of a run."""
        return f"{self.run_dir(instrument, run_id)}/stages/{_checked('stage', stage)}/stage.json"

    def run_manifest(self, instrument: str, run_id: str, pipeline_id: str) -> str:
        """The manifest a run used."""
        run = self.run_dir(instrument, run_id)
        return f"{run}/pipelines/{_checked('pipeline_id', pipeline_id)}/manifest.json"

    def quarantine_dir(self, instrument: str, run_id: str) -> str:
        """Rejected Bronze rows of one run."""
        return f"{self.run_dir(instrument, run_id)}/quarantine"

    def quarantine_file(self, instrument: str, run_id: str, name: str) -> str:
        """One quarantine file of a run."""
        return f"{self.quarantine_dir(instrument, run_id)}/{_checked('name', name)}"

    def staging_dir(self, instrument: str, run_id: str, *parts: str) -> str:
        """Staging area of one run, or a directory in it."""
        checked = [_checked("name", part) for part in parts]
        return "/".join((self.run_dir(instrument, run_id), "staging", *checked))
