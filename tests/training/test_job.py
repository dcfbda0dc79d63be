"""A whole training on a small lake, and every request that must change nothing."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from spymaster_lake import cli
from spymaster_lake.contracts.bundle import required_heads
from spymaster_lake.contracts.labels import LABELS
from spymaster_lake.contracts.run_record import GitState
from spymaster_lake.contracts.signals import SIGNALS
from spymaster_lake.lake.model_registry import ModelRegistry
from spymaster_lake.lake.model_store import read_bundle
from spymaster_lake.orchestration import facts
from spymaster_lake.training import job, level_trees, prepare
from spymaster_lake.training.errors import HandOffError, InsufficientTrainingDataError
from spymaster_lake.training.job import train
from spymaster_lake.training.prepare import TrainRequest
from spymaster_lake.training.splits import SplitPlan
from tests.training.samples import (
    REPOSITORY,
    RUN_ID,
    environment,
    labels_table,
    listing,
    publish,
    sessions,
    signals_table,
    steep,
    write_lake,
)

DAYS, PER_DAY = 44, 30
GIT = GitState(sha="ab12cd3" + "0" * 33, dirty=False)
STARTED = datetime(2026, 1, 5, 14, 1, 2, 999, tzinfo=UTC)
VERSION = "4.5.0_ab12cd3_20260105140102"
TABLES = "silver/es/feature_engineering/version=4.5.0"


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """44 sessions of 30 events with a planted effect. Only `trained` writes, and only models."""
    root = tmp_path_factory.mktemp("lake")
    signals = signals_table(sessions(DAYS), PER_DAY)
    write_lake(root, signals, labels_table(signals, steep))
    return root


def request_of(**changes):
    """A request that is right."""
    days = sessions(DAYS)
    good = {
        "instrument": "es",
        "model_id": "level_trees",
        "pipeline_id": "feature_engineering",
        "pipeline_version": "4.5.0",
        "dataset": "signals",
        "feature_set": "ta@v1",
        "label_version": "labels@v1",
        "train_start": days[0],
        "train_end": days[-1],
        "seed": 42,
        "tracking_uri": "lake",
        "run_id": RUN_ID,
    }
    return TrainRequest(**{**good, **changes})


@pytest.fixture(scope="module")
def trained(lake):
    """One training with few trees, and the listing of the tables before it."""
    before = listing(lake / "silver")
    with pytest.MonkeyPatch.context() as patch:
        for parameters in (level_trees.CLASSIFIER, level_trees.REGRESSOR):
            patch.setitem(parameters, "max_iter", 30)
        env = environment(lake)
        plan = SplitPlan(8, 8, 1, 1)
        result = train(env, request_of(plan=plan), started=STARTED, git=GIT, who="quant")
    return env, result, before


def test_train__writes_no_table(trained, lake):
    """Silver is byte for byte what it was; Gold does not exist."""
    assert listing(lake / "silver") == trained[2]
    assert not (lake / "gold").exists()


def test_train__registers_the_version_it_published(trained):
    """Registry, bundle and record agree; the version says pipeline, commit and start."""
    env, result, _ = trained
    registry = ModelRegistry(env.filesystem, env.resolver, "es", "level_trees").read()
    (entry,) = registry.versions
    assert entry.model_version == result.prepared.model_version == VERSION
    assert (entry.state, entry.created_by, entry.created_at) == (
        "registered", "quant", "2026-01-05T14:01:02Z"
    )  # fmt: skip
    stored = read_bundle(env.filesystem, env.resolver, "es", "level_trees", VERSION)
    assert stored.bundle_sha256 == entry.bundle_sha256 == result.bundle_sha256
    record = env.filesystem.read_json(env.resolver.run_json("es", entry.run_id))
    assert (record["kind"], record["status"], record["hand_off_run_id"]) == (
        "train", "SUCCEEDED", RUN_ID
    )  # fmt: skip
    recorded = {f"sha256:{i['sha256']}" for i in record["inputs"]}
    assert recorded == set(entry.dataset_fingerprints.values())
    assert set(entry.dataset_fingerprints) == {f"{TABLES}/signals", f"{TABLES}/labels"}
    assert entry.metrics_summary["test.composed_4min.n_min"] == 300
    assert registry.pointers.production is None


def test_bundle__holds_every_file_of_the_specification(trained):
    """04 section 1.1: bundle, heads, feature set, splits, metrics, predictions, environment."""
    env, result, _ = trained
    stored = read_bundle(env.filesystem, env.resolver, "es", "level_trees", VERSION)
    fitted = [c.head for c in result.prepared.counts[-1] if c.status == "OK"]
    assert set(stored.files) == {
        *("bundle.json", "feature_set.json", "splits.json", "metrics.json", "env.json"),
        *("predictions/val.parquet", "predictions/test.parquet"),
        *(f"heads/{name}.joblib" for name in fitted),
    }
    bundle = json.loads(stored.read("bundle.json"))
    assert {n for n, h in bundle["heads"].items() if h["status"] == "OK"} == set(fitted)
    assert len(bundle["heads"]) == 21
    assert set(required_heads("level_trees")) <= set(fitted)
    assert bundle["mlflow_run_id"] == result.mlflow_run_id
    atr = next(c for c in bundle["columns"] if c["name"] == "atr")
    values = result.prepared.data.columns["atr"][result.prepared.splits[-1].train]
    width = values.max() - values.min()
    assert (atr["min"], atr["max"]) == pytest.approx(
        (values.min() - width / 4, values.max() + width / 4)
    )


def test_bundle__splits_list_every_session_once(trained):
    """Train, val, test and embargo together are the sessions of the range."""
    env, *_ = trained
    stored = read_bundle(env.filesystem, env.resolver, "es", "level_trees", VERSION)
    splits = json.loads(stored.read("splits.json"))
    blocks = splits["folds"][0]["sessions"]
    assert sorted(d for b in blocks.values() for d in b) == splits["sessions"]
    assert [len(blocks[b]) for b in ("train", "val", "test", "embargoed")] == [26, 8, 8, 2]
    assert splits["eligibility"] == {"events": 1320, "eligible": 1320, "reasons": {}}
    assert splits["plan"]["embargo_sessions"] == 1


def test_bundle__predictions_reproduce_the_measures(trained):
    """log-loss from predictions/test.parquet is the one in metrics.json; y is null off the head."""
    env, result, _ = trained
    stored = read_bundle(env.filesystem, env.resolver, "es", "level_trees", VERSION)
    table = pq.read_table(io.BytesIO(stored.read("predictions/test.parquet")), use_threads=False)
    assert table.column_names == ["event_id", "head", "p", "y"]
    rows = [r for r in table.to_pylist() if r["head"] == "direction_4min"]
    assert len(rows) == 8 * PER_DAY
    known = [r for r in rows if r["y"] is not None]
    m = result.metrics["blocks"]["test"]["direction_4min"]["overall"]
    assert m["n"] == len(known) < len(rows)
    p = np.array([r["p"] if r["y"] else 1 - r["p"] for r in known])
    assert m["log_loss"] == pytest.approx(-np.log(p).mean())


def test_tracking__has_experiment_tags_params_and_the_bundle(trained):
    """04 section 1.1: exact experiment name, required tags, every option, the whole bundle."""
    from mlflow import MlflowClient

    _, result, _ = trained
    client = MlflowClient(result.prepared.store.uri)
    run = client.get_run(result.mlflow_run_id)
    experiment = client.get_experiment(run.info.experiment_id)
    assert experiment.name == "spymaster/es/level_trees/4.5.0"
    assert (run.info.run_name, run.info.status) == (VERSION, "FINISHED")
    tags, params = run.data.tags, run.data.params
    assert (tags["run_id"], tags["git_dirty"], tags["git_sha"]) == (RUN_ID, "false", GIT.sha)
    assert tags["dataset_fingerprint"] == result.prepared.dataset_fingerprint
    assert (params["cli.val_sessions"], params["cli.seed"]) == ("8", "42")
    assert (params["model.early_stopping"], params["model.random_state"]) == ("False", "42")
    measured = result.metrics["blocks"]["test"]["direction_4min"]["overall"]["log_loss"]
    assert run.data.metrics["test.direction_4min.log_loss"] == pytest.approx(measured)
    files = {f.path for f in client.list_artifacts(run.info.run_id, "bundle")}
    assert {"bundle/bundle.json", "bundle/splits.json", "bundle/SHA256SUMS"} <= files


def test_tracking__the_pyfunc_predicts_what_the_bundle_predicts(trained, tmp_path):
    """Its signature is the feature set; its numbers are those of predictions/test.parquet."""
    import pandas as pd
    from mlflow.artifacts import download_artifacts
    from mlflow.models import Model

    from spymaster_lake.training.mlflow_model import _load_pyfunc

    _, result, _ = trained
    folder = download_artifacts(
        run_id=result.mlflow_run_id, artifact_path="model", dst_path=str(tmp_path),
        tracking_uri=result.prepared.store.uri,
    )  # fmt: skip
    model, names = Model.load(folder), result.prepared.feature_set.names
    assert tuple(model.signature.inputs.input_names()) == names
    data, rows = result.prepared.data, result.prepared.splits[-1].test
    frame = pd.DataFrame({n: data.columns[n][rows] for n in names})
    found = _load_pyfunc(f"{folder}/data/bundle").predict(frame)
    assert found["direction_4min"].between(0, 1).all()
    stored = folder_predictions(folder)
    np.testing.assert_array_equal(found["direction_4min"].to_numpy(), stored)


def folder_predictions(folder):
    """Test predictions of direction_4min in a copy of the bundle."""
    path = f"{folder}/data/bundle/predictions/test.parquet"
    rows = pq.read_table(path, use_threads=False).to_pylist()
    return np.array([r["p"] for r in rows if r["head"] == "direction_4min"])


def test_train__the_same_version_is_never_made_twice(trained, lake):
    """A version is immutable: the second training of that second stops before it writes."""
    env, *_ = trained
    before = listing(lake)
    with pytest.raises(Exception, match="immutable"):
        train(env, request_of(), started=STARTED, git=GIT)
    assert listing(lake) == before


def test_train__a_failure_leaves_a_record_and_no_version(trained, lake, monkeypatch):
    """The run record and MLflow say FAILED; nothing is published."""
    env, *_ = trained

    def fail(*_args, **_options):
        raise RuntimeError("disk full")

    monkeypatch.setattr(job, "fit_and_measure", fail)
    with pytest.raises(RuntimeError):
        train(env, request_of(), started=datetime(2026, 1, 6, tzinfo=UTC), git=GIT)
    version = "4.5.0_ab12cd3_20260106000000"
    record = env.filesystem.read_json(env.resolver.run_json("es", f"train-{version}"))
    assert (record["status"], record["error"]["message"]) == ("FAILED", "disk full")
    assert not (lake / f"models/es/level_trees/version={version}").exists()
    registry = ModelRegistry(env.filesystem, env.resolver, "es", "level_trees").read()
    assert len(registry.versions) == 1


WORDS = {
    "--instrument": "es",
    "--model-id": "level_trees",
    "--pipeline-id": "feature_engineering",
    "--pipeline-version": "4.5.0",
    "--dataset": "signals",
    "--feature-set": "ta@v1",
    "--label-version": "labels@v1",
    "--train-start": "2025-09-02",
    "--train-end": "2025-10-31",
    "--seed": "42",
    "--tracking-uri": "lake",
    "--run-id": RUN_ID,
}


def command(lake, **changes):
    """The words of the command; None leaves an option out."""
    words = ["train", "--data-root", str(lake)]
    for option, value in {**WORDS, **changes}.items():
        words += [] if value is None else [option, value]
    return words


@pytest.mark.parametrize("option", list(WORDS))
def test_command__a_missing_option_writes_nothing(lake, option, capsys):
    """Exit code 2, the option is named (04 section 1.1)."""
    before = listing(lake)
    assert cli.main(command(lake, **{option: None})) == 2
    assert option in capsys.readouterr().err
    assert listing(lake) == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"--instrument": "esx"}, "Unknown instrument 'esx'"),
        ({"--model-id": "level_tree"}, "Did you mean 'level_trees'"),
        ({"--feature-set": "ta"}, "Did you mean 'ta@v1'"),
        ({"--dataset": "state_table"}, "reads 'signals'"),
        ({"--label-version": "labels@v2"}, "the table holds 'labels@v1'"),
        ({"--run-id": "run-2"}, "Did you mean 'run-1'"),
        ({"--pipeline-version": "4.6.0"}, "is of feature_engineering 4.5.0"),
        ({"--pipeline-id": "episode_construction"}, "is of feature_engineering 4.5.0"),
        ({"--train-end": "2025-09-01"}, "lies before --train-start"),
        ({"--train-start": "2025-08-25"}, "5 sessions of 2025-08-25.."),
        ({"--train-start": "2024-01-02", "--train-end": "2024-03-01"}, "no session date in"),
        ({"--tracking-uri": "./mlruns"}, "file stores are refused"),
        ({"--tracking-uri": "file:///x"}, "file stores are refused"),
        ({"--seed": "-1"}, "--seed is -1"),
        ({"--val-sessions": "0"}, "val_sessions is 0"),
        ({"--n-folds": "9"}, "in fold 1 of 9"),
        ({"--policy": "dmo"}, "Did you mean 'demo'"),
        ({"--train-end": "2025-10-01"}, "22 sessions leave 0 for training"),
    ],
)
def test_command__a_wrong_request_writes_nothing(lake, changes, message, capsys, monkeypatch):
    """A clear message, exit code 2, no file made or changed."""
    monkeypatch.setattr(prepare, "git_state", lambda _home: GIT)
    before = listing(lake)
    assert cli.main(command(lake, **changes)) == 2
    assert message in capsys.readouterr().err
    assert listing(lake) == before


def test_command__without_git_there_is_no_version(lake, capsys, monkeypatch):
    """The version names a commit."""
    monkeypatch.setattr(facts, "_git", lambda *_: None)
    assert cli.main(command(lake)) == 2
    assert "no git commit" in capsys.readouterr().err


def small_lake(root, **options):
    """A lake of 42 sessions that a test may change."""
    signals = signals_table(sessions(42), 20)
    write_lake(root, signals, labels_table(signals, **options))
    return signals


def test_hand_off__a_date_made_again_is_a_mismatch(tmp_path):
    """The files are not those the run handed over; the date is named and nothing is written."""
    signals = small_lake(tmp_path)
    days = sessions(42)
    again = labels_table(signals, seed=9)
    publish(tmp_path, LABELS, again.filter(pc.equal(again["date"], days[7])))
    before = listing(tmp_path)
    ask = request_of(train_end=days[-1])
    with pytest.raises(HandOffError, match=f"fingerprint mismatch.*first {days[7]}"):
        train(environment(tmp_path), ask, git=GIT)
    assert listing(tmp_path) == before


def test_hand_off__later_dates_do_no_harm(tmp_path):
    """A date added after the hand-off, outside the range, changes no fingerprint."""
    small_lake(tmp_path)
    ask, env = (
        request_of(train_end=sessions(42)[-1], plan=SplitPlan(5, 5, 1)),
        environment(tmp_path),
    )
    first = prepare.prepare(env, ask, git=GIT).dataset_fingerprint
    later = signals_table(sessions(43)[-1:], 20, seed=8)
    for contract, table in ((SIGNALS, later), (LABELS, labels_table(later))):
        publish(tmp_path, contract, table)
    assert prepare.prepare(env, ask, git=GIT).dataset_fingerprint == first


def test_hand_off__only_a_succeeded_run(tmp_path):
    """A failed run hands nothing over."""
    small_lake(tmp_path)
    path = tmp_path / f"_meta/es/runs/{RUN_ID}/run.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "status": "FAILED"}))
    with pytest.raises(HandOffError, match="run-1 is FAILED"):
        train(environment(tmp_path), request_of(), git=GIT)
    path.write_text(json.dumps({**record, "outputs": record["outputs"][:1]}))
    with pytest.raises(HandOffError, match="neither published nor read dataset 'labels'"):
        train(environment(tmp_path), request_of(), git=GIT)


def test_heads__a_required_head_without_rows_stops_the_run(tmp_path):
    """Nothing tested: six required heads are listed; --allow-partial-heads would go on."""
    small_lake(tmp_path, tested=0.05)
    ask = request_of(train_end=sessions(42)[-1], plan=SplitPlan(5, 5, 1))
    before = listing(tmp_path)
    with pytest.raises(InsufficientTrainingDataError, match=r"9 required heads.*direction_2min"):
        train(environment(tmp_path), ask, git=GIT)
    assert listing(tmp_path) == before
    allowed = request_of(
        train_end=sessions(42)[-1], plan=SplitPlan(5, 5, 1), allow_partial_heads=True
    )
    counts = prepare.prepare(environment(tmp_path), allowed, git=GIT).counts[-1]
    assert {c.status for c in counts if c.head.startswith("direction")} == {"SKIPPED_INSUFFICIENT"}


def test_folds__are_measured_each_and_pooled(lake, monkeypatch):
    """Three expanding folds: pooled validation has the rows of all; test is that of the last."""
    for parameters in (level_trees.CLASSIFIER, level_trees.REGRESSOR):
        monkeypatch.setitem(parameters, "max_iter", 5)
    monkeypatch.setattr(
        level_trees.LevelTrees,
        "heads",
        tuple(h for h in level_trees.HEADS if h.name.endswith("4min")),
    )
    ask = request_of(plan=SplitPlan(4, 6, 1, 3), allow_partial_heads=True)
    fitted = job.fit_and_measure(prepare.prepare(environment(lake), ask, git=GIT))
    blocks = fitted.metrics["blocks"]
    assert list(blocks) == ["val", "val_fold_1", "val_fold_2", "val_fold_3", "test"]
    n = {name: b["tradeable_4min"]["overall"]["n"] for name, b in blocks.items()}
    assert n == {"val": 360, "val_fold_1": 120, "val_fold_2": 120, "val_fold_3": 120, "test": 180}
    assert [len(f.split.blocks.train) for f in fitted.folds] == [24, 28, 32]


def test_door__is_the_same_command(capsys):
    """jobs/train.py calls `spymaster train`."""
    text = (REPOSITORY / "jobs/train.py").read_text()
    assert 'main(["train", *sys.argv[1:]])' in text
    assert cli.main(["train", "--help"]) == 0
    assert "--allow-partial-heads" in capsys.readouterr().out
