"""The files of a bundle, in memory, before `lake.model_store` publishes them (04 1.1, 2.1)."""

from __future__ import annotations

import io
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from spymaster_lake.contracts.bundle import (
    BUNDLE_FILE,
    ENV_FILE,
    FEATURE_SET_FILE,
    KEYS,
    METRICS_FILE,
    SCALING_FILE,
    SPLITS_FILE,
    Bundle,
    BundleColumn,
    BundleEnv,
    BundleHead,
    SessionSpan,
    json_bytes,
    sha256_hex,
)
from spymaster_lake.contracts.catalogue import contract_of
from spymaster_lake.contracts.feature_set import FeatureColumn, FeatureSet
from spymaster_lake.training.dataset import TrainingData
from spymaster_lake.training.folds import BlockForecasts, FittedFold
from spymaster_lake.training.heads import Head
from spymaster_lake.training.splits import Split, SplitPlan
from spymaster_lake.training.sufficiency import HeadCount
from spymaster_lake.training.trainer import ExtraDataset

WIDENING = 0.25
"""Each end of the train range is moved out by this share of its width; monitoring only."""

PREDICTIONS = pa.schema(
    [
        pa.field("event_id", pa.string(), nullable=False),
        pa.field("head", pa.string(), nullable=False),
        pa.field("p", pa.float64(), nullable=False),
        pa.field("y", pa.float64()),
    ]
)
"""One row per eligible event and head; `y` is null where the event is none of the head's rows."""


def bundle_files(
    header: Mapping[str, Any],
    *,
    fold: FittedFold,
    counts: Sequence[HeadCount],
    heads: Sequence[Head],
    data: TrainingData,
    feature_set: FeatureSet,
    extra: Sequence[ExtraDataset],
    libraries: Sequence[str],
    splits: Mapping[str, Any],
    metrics: Mapping[str, Any],
    val: Sequence[BlockForecasts],
    test: BlockForecasts,
) -> dict[str, bytes]:
    """Every file of the bundle but SHA256SUMS.

    Args:
        header: fields of bundle.json that say which model, run and commit it is.
        fold: the fold whose model is published.
        counts: of that fold, for the heads' status.
        heads: all heads of the trainer.
        data: all rows.
        feature_set: what the model reads.
        extra: what it reads besides, declared after the columns of the feature set.
        libraries: distributions whose versions go into env.json.
        splits: content of splits.json.
        metrics: content of metrics.json.
        val: forecasts of the validation block of every fold.
        test: forecasts of the test block.
    """
    artefacts = dict(fold.model.files())
    env = environment(libraries)
    train = fold.split.blocks.train
    bundle = Bundle(
        **header,
        feature_set_id=feature_set.id,
        feature_set_sha256=feature_set.sha256,
        columns=(
            *(_column(c, data, fold) for c in feature_set.columns),
            *(_sequence_column(e.dataset, name) for e in extra for name in e.columns),
        ),
        passthrough=(
            *KEYS,
            *(n for n in ("level_kind", "direction") if n not in feature_set.names),
        ),
        dead_columns=fold.model.dead_columns,
        heads=_heads(heads, counts, fold.model.head_files(), artefacts),
        train_sessions=SessionSpan(first=train[0], last=train[-1], n=len(train)),
        env=env,
        normalisation_ref=(
            sha256_hex(artefacts[SCALING_FILE]) if SCALING_FILE in artefacts else None
        ),
    )
    return {
        **artefacts,
        BUNDLE_FILE: bundle.to_bytes(),
        FEATURE_SET_FILE: json_bytes(feature_set.model_dump(mode="json")),
        SPLITS_FILE: json_bytes(splits),
        METRICS_FILE: json_bytes(metrics),
        ENV_FILE: json_bytes(env.model_dump(mode="json")),
        "predictions/val.parquet": predictions(data, heads, val),
        "predictions/test.parquet": predictions(data, heads, (test,)),
    }


def environment(libraries: Sequence[str]) -> BundleEnv:
    """Versions of Python and of the libraries that made the heads."""
    found = {name: version(name) for name in libraries}
    return BundleEnv(
        python=platform.python_version(),
        numpy=version("numpy"),
        scikit_learn=version("scikit-learn"),
        others={k: v for k, v in found.items() if k not in {"numpy", "scikit-learn"}},
    )


def splits_json(
    plan: SplitPlan, splits: Sequence[Split], counts: Sequence[Sequence[HeadCount]]
) -> dict[str, Any]:
    """`splits.json`: sizes, and per fold the sessions and rows of every block and head."""
    folds = []
    for split, heads in zip(splits, counts, strict=True):
        blocks = split.blocks
        sessions = {
            name: [d.isoformat() for d in getattr(blocks, name)]
            for name in ("train", "val", "test", "embargoed")
        }
        rows = {name: len(getattr(split, name)) for name in ("train", "val", "test", "purged")}
        folds.append({"sessions": sessions, "rows": rows, "heads": [asdict(c) for c in heads]})
    return {"schema_version": 1, "plan": asdict(plan), "folds": folds}


def predictions(
    data: TrainingData, heads: Sequence[Head], blocks: Sequence[BlockForecasts]
) -> bytes:
    """One Parquet file of `PREDICTIONS`."""
    pieces = []
    for head in heads:
        truth = head.truth(data.labels)
        for block in blocks:
            if head.name not in block.p:
                continue
            y = truth[block.rows]
            columns = [
                pa.array(data.event_id[block.rows].tolist(), pa.string()),
                pa.array([head.name] * len(y), pa.string()),
                pa.array(block.p[head.name]),
                pa.array(y, mask=np.isnan(y)),
            ]
            pieces.append(pa.table(columns, schema=PREDICTIONS))
    table = pa.concat_tables(pieces) if pieces else PREDICTIONS.empty_table()
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def _column(column: FeatureColumn, data: TrainingData, fold: FittedFold) -> BundleColumn:
    low = high = None
    if column.kind == "num":
        values = data.columns[column.name][fold.split.train]
        known = values[~np.isnan(values)]
        if len(known):
            margin = WIDENING * float(known.max() - known.min())
            low, high = float(known.min()) - margin, float(known.max()) + margin
    return BundleColumn(
        name=column.name,
        dtype=column.dtype,
        kind=column.kind,
        nullable=column.nullable,
        enum=column.enum,
        min=low,
        max=high,
    )


def _sequence_column(dataset: str, name: str) -> BundleColumn:
    column = contract_of(dataset).column(name)
    return BundleColumn.model_validate(
        {"name": name, "dtype": column.type, "kind": "seq", "nullable": column.nullable}
    )


def _heads(
    heads: Sequence[Head],
    counts: Sequence[HeadCount],
    files: Mapping[str, str],
    artefacts: Mapping[str, bytes],
) -> dict[str, BundleHead]:
    status = {c.head: c.status for c in counts}
    found = {}
    for head in heads:
        file = files.get(head.name)
        found[head.name] = BundleHead(
            file=file,
            sha256=None if file is None else sha256_hex(artefacts[file]),
            task=head.task,
            classes=(0, 1) if head.task == "binary" else None,
            horizon_s=head.horizon_s,
            status=status[head.name],
        )
    return found
