"""Sequences of random numbers for the made events of `samples`, in memory and as a lake table."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import deltalake
import numpy as np
import pyarrow as pa
import pytest

from spymaster_lake.contracts.episodes import SEQUENCE_CHANNELS, SEQUENCE_LENGTH, SEQUENCES
from spymaster_lake.serving.patchtst.extra import TRAINING
from spymaster_lake.training.dataset import TrainingData, training_data
from spymaster_lake.training.patchtst.recipe import Recipe
from spymaster_lake.training.splits import Split, SplitPlan, session_blocks, split_rows
from tests.training import samples

NEEDS_EXTRA = pytest.mark.skipif(
    any(find_spec(name) is None for name in TRAINING),
    reason="the extra 'sequence' is not installed",
)
CHANNELS, STEPS = len(SEQUENCE_CHANNELS), SEQUENCE_LENGTH // len(SEQUENCE_CHANNELS)
DAYS, PER_DAY = 34, 40
PLAN = SplitPlan(6, 6, 1)
FAST = Recipe(
    stride=8,
    d_model=16,
    attention_heads=2,
    layers=1,
    d_ff=16,
    d_static=8,
    learning_rate=3e-3,
    dropout=0.1,
    max_epochs=12,
    patience=4,
)
"""Learns in a second. One recipe and one shape of data for all tests: XLA compiles once."""
FLOW = SEQUENCE_CHANNELS.index("ofi_60s")


def sequences_table(signals: pa.Table, *, seed: int = 5) -> pa.Table:
    """One row per event: noise of different scales, three in ten values hidden behind a 7."""
    rng, n = np.random.default_rng(seed), signals.num_rows
    scale = np.array([3.0, 900.0, 4.0, 0.5, 0.02, 0.002, 0.001])
    drift = rng.normal(size=(n, 1, CHANNELS)) * 0.7
    values = (drift + rng.normal(size=(n, STEPS, CHANNELS))) * scale
    known = rng.random((n, STEPS, CHANNELS)) < 0.7
    stored = np.where(known, values, 7.0).reshape(n, -1)
    columns = {name: signals[name] for name in ("event_id", "date", "anchor_ts_ns")}
    columns["sequence"] = pa.array(list(stored), pa.list_(pa.float32()))
    columns["sequence_mask"] = pa.array(list(known.reshape(n, -1)), pa.list_(pa.bool_())).cast(
        SEQUENCES.column("sequence_mask").arrow_field.type
    )
    return pa.table([columns[c.name] for c in SEQUENCES.columns], schema=SEQUENCES.arrow_schema)


def flow_breaks(signals: pa.Table) -> np.ndarray:
    """A planted effect: order flow in the approach's direction makes a break likely."""
    table = sequences_table(signals)
    shape = (signals.num_rows, STEPS, CHANNELS)
    values = np.array(table["sequence"].to_pylist()).reshape(shape)[:, :, FLOW]
    known = np.array(table["sequence_mask"].to_pylist()).reshape(shape)[:, :, FLOW]
    mean = (values * known).sum(axis=1) / known.sum(axis=1)
    sign = np.where(np.array(signals["direction"].to_pylist()) == "UP", 1.0, -1.0)
    return 1 / (1 + np.exp(-sign * mean / 120))


def made(p_break=None, *, absent: int = 0) -> TrainingData:
    """Training data with sequences; the last `absent` events have none."""
    dates = samples.sessions(DAYS)
    signals = samples.signals_table(dates, PER_DAY)
    labels = samples.labels_table(signals, p_break)
    sequences = sequences_table(signals).select(["event_id", "sequence", "sequence_mask"])
    return training_data(
        signals,
        labels,
        samples.feature_set(),
        samples.calendar(),
        dates,
        (sequences.slice(0, signals.num_rows - absent),),
    )


def split_of(data: TrainingData) -> Split:
    """Train, six for validation, six for test; one embargoed before each."""
    return split_rows(data, session_blocks(data.sessions, PLAN)[0])


def changed(data: TrainingData, rows: np.ndarray) -> TrainingData:
    """The same data with other inputs, sequences and outcomes in some rows."""
    inputs = data.inputs.copy()
    inputs[rows] = inputs[rows] * 1000 + 3
    sequence = data.extra["sequence"].copy()
    sequence[rows] *= 1000
    labels = dict(data.labels)
    outcome = labels["outcome_4min"].copy()
    outcome[rows] = "REJECT"
    labels["outcome_4min"] = outcome
    return replace(data, inputs=inputs, labels=labels, extra={**data.extra, "sequence": sequence})


def write_lake(root: Path, signals: pa.Table, labels: pa.Table, sequences: pa.Table) -> None:
    """The lake of `samples`, where one run made the sequences too."""
    from spymaster_lake.contracts.run_record import OutputRecord, RunRecord
    from spymaster_lake.lake.filesystem import LakeFileSystem
    from spymaster_lake.lake.paths import LakePathResolver

    samples.write_lake(root, signals, labels)
    paths, fs = LakePathResolver(str(root)), LakeFileSystem.of(str(root))
    path = paths.gold_table("es", "feature_engineering", "4.5.0", SEQUENCES.dataset)
    deltalake.write_deltalake(path, sequences, partition_by=["date"])
    run_json = paths.run_json("es", samples.RUN_ID)
    record = RunRecord.model_validate_json(fs.read_bytes(run_json))
    made_too = OutputRecord(
        layer="gold",
        dataset=SEQUENCES.dataset,
        path=paths.relative(path),
        delta_version=0,
        rows=sequences.num_rows,
    )
    record = record.model_copy(update={"outputs": (*record.outputs, made_too)})
    fs.write_json(run_json, record.model_dump(mode="json"))
