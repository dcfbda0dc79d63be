"""Small model bundles: a handful of columns of `signals`, tiny boosted trees, a registry entry."""

from __future__ import annotations

import io
import json
import platform
from datetime import date
from functools import lru_cache
from importlib.metadata import version

import joblib
import numpy as np
import pyarrow as pa
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from spymaster_lake.contracts.bundle import (
    KEYS,
    REQUIRED_HEADS,
    Bundle,
    BundleColumn,
    BundleEnv,
    BundleHead,
    SessionSpan,
    json_bytes,
    sha256_hex,
)
from spymaster_lake.contracts.enums import BARRIER_STATES, DIRECTIONS
from spymaster_lake.contracts.feature_set import FeatureColumn, FeatureSet, check_feature_set
from spymaster_lake.contracts.model_registry import Gates, RegistryVersion
from spymaster_lake.contracts.predictions import REACH_KINDS, REACH_SECONDS, reach_column
from spymaster_lake.contracts.profile import LEVEL_KINDS
from spymaster_lake.contracts.signals import SIGNALS
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.model_registry import ModelRegistry
from spymaster_lake.lake.model_store import publish_bundle
from spymaster_lake.lake.paths import LakePathResolver

INSTRUMENT, MODEL, PIPELINE = "es", "level_trees", "4.5.0"
GIT = "ab12cd3" + "0" * 33
V1, V2, V3 = (f"4.5.0_ab12cd3_2026010514010{n}" for n in (2, 3, 4))
FINGERPRINT = "f" * 64
RUN = "train-1"


def _column(name: str, *, sign: bool = False) -> FeatureColumn:
    declared = SIGNALS.column(name)
    return FeatureColumn(
        name=name,
        dtype=declared.type,
        kind="cat" if declared.type == "string" else "num",
        nullable=declared.nullable,
        enum=declared.allowed or None,
        frame=declared.frame.value if declared.frame else "unsigned",
        approach_sign=sign,
    )


FEATURES = FeatureSet(
    id="tiny_full@v1",
    version=1,
    dataset="signals",
    doc="A few columns.",
    columns=(
        _column("atr"),
        _column("distance_signed_atr", sign=True),
        _column("level_stacking_2pt"),
        _column("ofi_30s", sign=True),
        _column("level_kind"),
        _column("direction"),
        _column("barrier_state"),
    ),
)
check_feature_set(FEATURES)
RANGES = {"atr": (1.0, 9.0), "distance_signed_atr": (-2.0, 2.0), "ofi_30s": (-500.0, 500.0)}
SKIPPED = tuple(
    reach_column(kind, s) for kind in REACH_KINDS for s in REACH_SECONDS if (kind, s) != ("any", 60)
)


@lru_cache(maxsize=1)
def fitted_heads() -> dict[str, bytes]:
    """Joblib bytes by head, fitted on sixty random rows of the tiny matrix."""
    rng = np.random.default_rng(7)
    x = np.column_stack([rng.normal(size=(60, 4)), rng.integers(0, 2, size=(60, 3)).astype(float)])
    x[rng.random(60) < 0.2, 3] = np.nan
    settings = {"max_iter": 3, "min_samples_leaf": 5, "early_stopping": False, "random_state": 0}
    found = {}
    for i, name in enumerate((*REQUIRED_HEADS[MODEL], "reach_any_60")):
        if name.startswith("strength"):
            head = HistGradientBoostingRegressor(**settings).fit(x, x[:, 0] + 0.1 * i)
        else:
            head = HistGradientBoostingClassifier(**settings).fit(x, (x[:, i % 3] > 0).astype(int))
        buffer = io.BytesIO()
        joblib.dump(head, buffer)
        found[name] = buffer.getvalue()
    return found


def stub_heads() -> dict[str, bytes]:
    """Bytes that are no estimators: enough for store and registry."""
    return {name: name.encode() for name in REQUIRED_HEADS[MODEL]}


def bundle_of(
    model_version: str = V1,
    *,
    heads: dict[str, bytes] | None = None,
    skipped: tuple[str, ...] = SKIPPED,
    features: FeatureSet = FEATURES,
    **changes: object,
) -> Bundle:
    """A valid bundle.json; `changes` replace fields before validation."""
    heads = stub_heads() if heads is None else heads
    entries = {
        name: BundleHead(
            file=f"heads/{name}.joblib",
            sha256=sha256_hex(data),
            task="regression" if name.startswith("strength") else "binary",
            classes=None if name.startswith("strength") else (0, 1),
            horizon_s=240,
            status="OK",
        )
        for name, data in heads.items()
        if name not in skipped
    }
    entries |= {
        name: BundleHead(
            file=None,
            sha256=None,
            task="binary",
            classes=(0, 1),
            horizon_s=60,
            status="SKIPPED_INSUFFICIENT",
        )
        for name in skipped
    }
    fields = {
        "instrument": INSTRUMENT,
        "model_id": MODEL,
        "model_version": model_version,
        "pipeline_version": PIPELINE,
        "feature_set_id": features.id,
        "feature_set_sha256": features.sha256,
        "label_version": "labels@v1",
        "dataset_fingerprint": FINGERPRINT,
        "mlflow_run_id": "m1",
        "git_sha": GIT,
        "created_at": "2026-01-05T14:01:02Z",
        "columns": tuple(
            BundleColumn(
                name=c.name,
                dtype=c.dtype,
                kind=c.kind,
                nullable=c.nullable,
                enum=c.enum,
                min=RANGES.get(c.name, (None, None))[0],
                max=RANGES.get(c.name, (None, None))[1],
            )
            for c in features.columns
        ),
        "passthrough": KEYS,
        "heads": entries,
        "train_sessions": SessionSpan(first=date(2025, 6, 2), last=date(2025, 11, 28), n=120),
        "env": BundleEnv(
            python=platform.python_version(),
            numpy=version("numpy"),
            scikit_learn=version("scikit-learn"),
        ),
    }
    return Bundle(**{**fields, **changes})


def files_of(
    bundle: Bundle,
    heads: dict[str, bytes] | None = None,
    *,
    passed: bool = True,
    features: FeatureSet = FEATURES,
) -> dict[str, bytes]:
    """The files of a bundle."""
    heads = stub_heads() if heads is None else heads
    gates = {
        "beats_B1": {"passed": passed, "why": "log-loss gain over B1 -0.0100, 95 % [-0.02, +0.01]"},
        "calibrated": {"passed": True, "why": "ECE 0.0200"},
    }
    return {
        "bundle.json": bundle.to_bytes(),
        "feature_set.json": json_bytes(features.model_dump(mode="json")),
        "metrics.json": json_bytes({"gates": gates}),
        **{h.file: heads[name] for name, h in bundle.heads.items() if h.file is not None},
    }


def entry_of(bundle: Bundle, bundle_sha256: str, **changes: object) -> RegistryVersion:
    """The registry entry of a bundle; `changes` replace fields before validation."""
    fields = {
        "model_version": bundle.model_version,
        "artifact_path": (
            f"models/{bundle.instrument}/{bundle.model_id}/version={bundle.model_version}"
        ),
        "bundle_sha256": bundle_sha256,
        "mlflow_run_id": bundle.mlflow_run_id,
        "mlflow_experiment": f"spymaster/{bundle.instrument}/{bundle.model_id}/4.5.0",
        "pipeline_id": "feature_engineering",
        "pipeline_version": bundle.pipeline_version,
        "feature_set_id": bundle.feature_set_id,
        "feature_set_sha256": bundle.feature_set_sha256,
        "label_version": bundle.label_version,
        "dataset_fingerprints": {
            "silver/es/feature_engineering/version=4.5.0/signals": f"sha256:{FINGERPRINT}"
        },
        "run_id": RUN,
        "git_sha": bundle.git_sha,
        "git_dirty": False,
        "train_sessions": bundle.train_sessions,
        "metrics_summary": {"test.composed_4min.log_loss": 0.5, "test.x.roc_auc": None},
        "gates": Gates(beats_B1=True, calibrated=True),
        "state": "registered",
        "created_at": "2026-01-05T14:01:02Z",
        "created_by": "tests",
    }
    return RegistryVersion(**{**fields, **changes})


class ModelLake:
    """An empty lake with the run record that registered versions name."""

    def __init__(self, root) -> None:
        self.root = str(root)
        self.resolver = LakePathResolver(self.root)
        self.filesystem = LakeFileSystem.of(self.root)
        record = {"run_id": RUN, "inputs": [{"sha256": FINGERPRINT}]}
        self.filesystem.write_json(self.resolver.run_json(INSTRUMENT, RUN), record)

    @property
    def registry(self) -> ModelRegistry:
        return ModelRegistry(self.filesystem, self.resolver, INSTRUMENT, MODEL)

    def publish(self, bundle: Bundle, heads=None, **options) -> str:
        return publish_bundle(
            self.filesystem,
            self.resolver,
            INSTRUMENT,
            MODEL,
            bundle.model_version,
            files_of(bundle, heads, **options),
        )

    def add(self, model_version: str = V1, *, heads=None, passed: bool = True, **entry) -> None:
        """Publish and register one version."""
        bundle = bundle_of(model_version, heads=heads)
        sha256 = self.publish(bundle, heads, passed=passed)
        self.registry.register(entry_of(bundle, sha256, **entry), who="tests")

    def path(self, model_version: str, name: str):
        folder = self.resolver.model_dir(INSTRUMENT, MODEL, model_version)
        return self.filesystem.local_path(f"{folder}/{name}")

    def registry_json(self) -> dict:
        return json.loads(self.filesystem.read_text(self.resolver.registry_json(INSTRUMENT, MODEL)))


DAY = date(2025, 12, 16)
OPEN_NS = 1_765_895_400_000_000_000
"""09:30 New York on DAY."""
MINUTE = 60_000_000_000


def frame(n: int = 3, **columns: object) -> pa.Table:
    """A valid frame of `n` rows; `columns` replace or add values, None takes a column away."""
    anchors = [OPEN_NS + (i % 170 + 1) * MINUTE for i in range(n)]
    values: dict[str, pa.Array] = {
        "event_id": pa.array([f"e{i}" for i in range(n)]),
        "date": pa.array([DAY] * n),
        "anchor_ts_ns": pa.array(anchors),
        "src_max_ts_ns": pa.array([a - 1 for a in anchors]),
        "atr": pa.array([4.0 + 0.01 * (i % 9) for i in range(n)]),
        "distance_signed_atr": pa.array([-0.5 + 0.1 * (i % 9) for i in range(n)]),
        "level_stacking_2pt": pa.array([i % 3 for i in range(n)], pa.int8()),
        "ofi_30s": pa.array([None if i % 2 else 10.0 * i for i in range(n)], pa.float64()),
        "level_kind": pa.array([LEVEL_KINDS[i % 6] for i in range(n)]),
        "direction": pa.array([DIRECTIONS[i % 2] for i in range(n)]),
        "barrier_state": pa.array([None if i % 3 else BARRIER_STATES[0] for i in range(n)]),
    }
    for name, value in columns.items():
        if value is None:
            del values[name]
        else:
            values[name] = value if isinstance(value, pa.Array) else pa.array(value)
    marks = {"pipeline_version": PIPELINE, "feature_set_sha256": FEATURES.sha256}
    return pa.table(values).replace_schema_metadata(marks)
