"""Bundle, registry and serving of `patchtst_event`: what was stored is what is served."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from spymaster_lake.contracts.bundle import SCALING_FILE, sha256_hex
from spymaster_lake.contracts.errors import (
    BundleSchemaError,
    DataError,
    MissingColumnsError,
    NullPolicyError,
)
from spymaster_lake.contracts.run_record import GitState
from spymaster_lake.contracts.signals import SIGNALS
from spymaster_lake.inference.score_task import with_sequences
from spymaster_lake.serving.frame_checks import session_windows
from spymaster_lake.serving.model_bundle import load, unpack, verify
from spymaster_lake.serving.patchtst.model import NETWORK_FILE, WEIGHTS_FILE, read_patchtst
from spymaster_lake.serving.predict import feature_frame, predict
from spymaster_lake.training import trainers
from spymaster_lake.training.job import train
from spymaster_lake.training.patchtst.trainer import PatchTstEvent
from spymaster_lake.training.prepare import TrainRequest
from tests.training import samples
from tests.training.sequence_samples import (
    DAYS,
    FAST,
    NEEDS_EXTRA,
    PER_DAY,
    PLAN,
    flow_breaks,
    sequences_table,
    write_lake,
)

pytestmark = NEEDS_EXTRA


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A made lake, and one version trained and registered on it through the job."""
    root = tmp_path_factory.mktemp("lake")
    days = samples.sessions(DAYS)
    signals = samples.signals_table(days, PER_DAY)
    sequences = sequences_table(signals)
    write_lake(root, signals, samples.labels_table(signals, flow_breaks), sequences)
    env = samples.environment(root)
    request = TrainRequest(
        instrument="es", model_id="patchtst_event", pipeline_id="feature_engineering",
        pipeline_version="4.5.0", dataset="signals", feature_set="ta@v1",
        label_version="labels@v1", train_start=days[0], train_end=days[-1], seed=3,
        tracking_uri="lake", run_id=samples.RUN_ID, plan=PLAN,
    )  # fmt: skip
    git, started = GitState(sha="a" * 40, dirty=False), datetime(2026, 1, 5, 14, tzinfo=UTC)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(trainers.TRAINERS, "patchtst_event", lambda: PatchTstEvent(FAST))
        result = train(env, request, started=started, git=git)
    return env, result, signals, sequences


def files_of(trained):
    """The verified files of the version."""
    env, result, *_ = trained
    return verify(
        env.filesystem, env.resolver, instrument="es", model_id="patchtst_event",
        pipeline_version="4.5.0", model_version=result.prepared.model_version,
    )  # fmt: skip


def served(trained):
    """The model as a service loads it, and the windows of all sessions."""
    env, result, signals, _ = trained
    model = load(
        env.filesystem, env.resolver, instrument="es", model_id="patchtst_event",
        pipeline_version="4.5.0", model_version=result.prepared.model_version,
    )  # fmt: skip
    days = sorted(set(signals["date"].to_pylist()))
    return model, session_windows(samples.calendar(), days)


def frame_of(trained, rows):
    """The frame that `predict` accepts, of some rows of the lake's tables."""
    _, _, signals, sequences = trained
    events, absent = with_sequences(signals.take(rows), sequences)
    assert absent == 0
    files = files_of(trained)
    return feature_frame(files.bundle, files.feature_set, events)


def test_bundle__declares_heads_sequences_and_scaling(trained):
    """One file of weights for three heads; sequences are declared; the scaling is vouched for."""
    files = files_of(trained)
    bundle = files.bundle
    assert {h.file for h in bundle.heads.values()} == {WEIGHTS_FILE}
    assert {h.status for h in bundle.heads.values()} == {"OK"}
    last = [(c.name, c.dtype, c.kind, c.nullable) for c in bundle.columns[-2:]]
    assert last == [
        ("sequence", "array<float>", "seq", False),
        ("sequence_mask", "array<tinyint>", "seq", False),
    ]
    assert bundle.normalisation_ref == sha256_hex(files.stored.read(SCALING_FILE))
    assert {"jax", "optax", "safetensors"} <= set(bundle.env.others)
    assert {NETWORK_FILE, "history.json", "metrics.json"} <= set(files.stored.files)


def test_registry__holds_the_version(trained):
    """The version stands in the registry of its own model, with gates and three tables' hashes."""
    _, result, *_ = trained
    (entry,) = result.registry.versions
    assert entry.mlflow_experiment == "spymaster/es/patchtst_event/4.5.0"
    assert len(entry.dataset_fingerprints) == 3
    assert "test.direction_4min.log_loss" in entry.metrics_summary
    assert {gate.name for gate in result.gates} == {"beats_B1", "calibrated"}


def test_serving__reproduces_the_stored_test_predictions(trained):
    """Loaded from the registry and asked session by session, the bits are those of the bundle."""
    model, windows = served(trained)
    content = files_of(trained).stored.read("predictions/test.parquet")
    stored = pq.read_table(io.BytesIO(content)).to_pylist()
    wanted = {(row["event_id"], row["head"]): row["p"] for row in stored}
    names = trained[2]["event_id"].to_pylist()
    columns = {
        "tradeable_4min": "p_tradeable_4min",
        "direction_4min": "p_break_given_tradeable_4min",
        "strength_4min": "strength_4min",
    }
    found = {}
    for day in sorted({row["event_id"][:10] for row in stored}):
        rows = [i for i, name in enumerate(names) if name[:10] == day]
        for row in predict(model, frame_of(trained, rows[::-1]), windows=windows).rows.to_pylist():
            found |= {(row["event_id"], head): row[column] for head, column in columns.items()}
            assert row["p_break_2min"] is None
            total = row["p_break_4min"] + row["p_reject_4min"] + row["p_none_4min"]
            assert total == pytest.approx(1.0, abs=1e-9)
    assert len(wanted) == 3 * PLAN.test_sessions * PER_DAY
    assert found == wanted


def test_serving__refuses_what_it_was_not_trained_for(trained):
    """Sequences are required, and unknown is only what the mask says."""
    model, windows = served(trained)
    frame = frame_of(trained, [0, 1])
    marks = frame.schema.metadata
    with pytest.raises(MissingColumnsError, match="sequence_mask"):
        predict(model, frame.drop_columns(["sequence_mask"]), windows=windows)

    at = frame.schema.get_field_index("sequence")
    field = frame.schema.field(at).with_nullable(True)

    def with_first(values):
        rows = frame["sequence"].to_pylist()
        rows[0] = values(rows[0])
        changed = frame.set_column(at, field, pa.array(rows, field.type))
        return changed.replace_schema_metadata(marks)

    with pytest.raises(NullPolicyError, match="null"):
        predict(model, with_first(lambda _: None), windows=windows)
    with pytest.raises(NullPolicyError, match="infinity"):
        predict(model, with_first(lambda row: [float("inf"), *row[1:]]), windows=windows)
    with pytest.raises(DataError, match="different lengths"):
        predict(model, with_first(lambda row: row[:-1]), windows=windows)

    hidden = frame["sequence_mask"].to_pylist()[0].index(0)
    same = with_first(lambda row: [5e3 if i == hidden else v for i, v in enumerate(row)])
    expected = predict(model, frame, windows=windows).rows
    assert predict(model, same, windows=windows).rows.equals(expected)


def test_events__without_sequence_are_counted(trained):
    """An event that construction rejected cannot be scored, and is counted."""
    _, _, signals, sequences = trained
    kept, absent = with_sequences(signals.slice(0, 5), sequences.slice(2, 100))
    assert kept["event_id"].to_pylist() == signals["event_id"].to_pylist()[2:5]
    assert absent == 2
    assert pc.list_value_length(kept["sequence"]).to_pylist() == [280] * 3


def test_weights__round_trip(trained):
    """Files give the same model, and the model the same files."""
    stored = files_of(trained).stored
    model = read_patchtst(stored.files, "here")
    assert {name: stored.files[name] for name in model.files()} == model.files()
    assert {str(w.dtype) for w in model.weights.values()} == {"float32"}


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda w: {k: v for k, v in w.items() if k != "norm.bias"}, "norm.bias: None"),
        (lambda w: {**w, "more": w["norm.bias"]}, "more"),
        (lambda w: {**w, "norm.bias": w["norm.bias"][:-1]}, "norm.bias"),
        (lambda w: {**w, "norm.bias": w["norm.bias"].astype(np.float64)}, "float64"),
        (lambda w: {**w, "norm.bias": w["norm.bias"] * np.nan}, "not finite: norm.bias"),
    ],
)
def test_weights__refused(trained, change, words):
    """Tensors must be exactly those of the network, in single precision, and finite."""
    from safetensors.numpy import load as read_weights
    from safetensors.numpy import save as write_weights

    files = dict(files_of(trained).stored.files)
    files[WEIGHTS_FILE] = write_weights(change(read_weights(files[WEIGHTS_FILE])))
    with pytest.raises(BundleSchemaError, match=words):
        read_patchtst(files, "here")


@pytest.mark.parametrize(
    "name, old, new, words",
    [
        (WEIGHTS_FILE, None, b"no tensors", WEIGHTS_FILE),
        (NETWORK_FILE, b'"d_ff": 16', b'"d_ff": 8', "tensors differ"),
        (NETWORK_FILE, b"strength_4min", b"strength_2min", "heads"),
        (SCALING_FILE, b'"clip": 6.0', b'"clip": 7.0', "sha256"),
        (SCALING_FILE, b'"clip": 6.0', b'"clip": "6"', "clip"),
    ],
)
def test_bundle__contradictions_are_refused(trained, name, old, new, words):
    """Network, scaling and weights must fit each other and bundle.json."""
    files = files_of(trained)
    content = files.stored.files[name]
    assert old is None or old in content
    changed = new if old is None else content.replace(old, new)
    stored = replace(files.stored, files={**files.stored.files, name: changed})
    with pytest.raises(BundleSchemaError, match=words):
        unpack(replace(files, stored=stored))


def test_signals__have_no_sequence_column():
    """The names of the sequence columns are free in the feature table."""
    assert not {"sequence", "sequence_mask"} & set(SIGNALS.names)
