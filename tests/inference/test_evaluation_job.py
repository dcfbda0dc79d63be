"""The job around the evaluation: tables, run record, MLflow run and page; bad requests."""

from __future__ import annotations

import json
import re

import pytest

from spymaster_lake import cli
from spymaster_lake.commands.common import load_registry, make_environment
from spymaster_lake.contracts.episodes import METADATA, VECTORS
from spymaster_lake.contracts.errors import ContractError
from spymaster_lake.contracts.evaluation_record import EvaluationRecord
from spymaster_lake.contracts.retrieval_evaluation import EVALUATION_TABLES
from spymaster_lake.inference.evaluate_retrieval import evaluate_retrieval
from spymaster_lake.inference.evaluation_plan import EvaluationRequest
from spymaster_lake.lake.delta_replace import replace_table
from spymaster_lake.lake.delta_tables import open_snapshot
from spymaster_lake.lake.parquet_files import read_partition_files
from spymaster_lake.orchestration.tracking import REQUIRED_TAGS, tracking_client, tracking_store
from tests.inference.evaluation_corpus import corpus

SETTINGS = {"warmup_sessions": 24, "min_partition_size": 50, "resamples": 50, "seed": 1}
AT = ["evaluate-retrieval", "--instrument", "es", "--pipeline-version", "4.5.0"]


@pytest.fixture(scope="module")
def env(tmp_path_factory):
    """A lake with the two tables that an evaluation reads."""
    found = make_environment(str(tmp_path_factory.mktemp("lake")))
    vectors, metadata, _ = corpus(planted=False)
    for contract, rows in ((VECTORS, vectors), (METADATA, metadata)):
        path = found.resolver.gold_table("es", "episode_construction", "4.5.0", contract.dataset)
        replace_table(path, contract, rows, commit={})
    return found


@pytest.fixture(scope="module")
def record(env):
    """The first evaluation of it."""
    return run(env, "first")


def run(env, run_id):
    """One evaluation without ablations."""
    request = EvaluationRequest("es", "4.5.0", SETTINGS, ablations=(), run_id=run_id)
    return evaluate_retrieval(env, load_registry(), request)


def written(env):
    """All rows of all tables."""
    return {
        c.dataset: read_partition_files(
            c,
            open_snapshot(
                env.resolver.gold_table("es", "retrieval_evaluation", "4.5.0", c.dataset)
            ).files,
        )
        for c in EVALUATION_TABLES
    }


def test_record__says_what_was_read_and_written(env, record):
    """run.json holds settings, fingerprints, outputs and headline."""
    stored = env.filesystem.read_json(env.resolver.run_json("es", "first"))
    assert EvaluationRecord.model_validate(stored) == record
    assert record.status == "SUCCEEDED"
    assert record.settings.model_dump() == {**SETTINGS, "refit_sessions": 5}
    assert [i.dataset for i in record.inputs] == ["episodes/vectors", "episodes/metadata"]
    assert [o.dataset for o in record.outputs] == [c.dataset for c in EVALUATION_TABLES]
    assert len(record.dates) == 12
    assert set(record.headline) == {"2min", "4min", "8min"}
    assert record.index_params["min_partition_size"] == 50


def test_twice__equal_tables_and_nothing_left_over(env, record):
    """A second run replaces everything by equal rows."""
    before = written(env)
    again = run(env, "second")
    after = written(env)
    assert again.headline == record.headline
    assert all(after[name].equals(before[name]) for name in before)
    assert after["forecasts"].num_rows == record.rows["forecasts"] == 3 * 12 * 24


def test_tracking__one_run_with_all_tags(env, record):
    """Experiment, tags, metrics and the page are in the lake's own store."""
    client = tracking_client(tracking_store(None, env.resolver, env.filesystem))
    found = client.get_run(record.tracking["run_id"])
    assert record.tracking["experiment"] == "spymaster/es/retrieval/4.5.0"
    assert set(REQUIRED_TAGS) <= set(found.data.tags)
    assert found.data.tags["run_id"] == "first"
    assert found.data.tags["dataset_fingerprint"] == record.fingerprint
    assert found.data.params["seed"] == "1"
    skill = record.headline["4min"]["brier_skill"]
    assert found.data.metrics["eval.4min.brier_skill"] == skill["value"]
    assert found.data.metrics["eval.4min.brier_skill.ci_low"] == skill["ci_low"]
    names = {f.path for f in client.list_artifacts(record.tracking["run_id"])}
    assert names == {"report.html", "sessions.txt"}


def test_page__stands_alone(env, record):
    """No script, no link, no other file; the headline and every section are in it."""
    page = env.filesystem.read_text(env.resolver.absolute(record.report))
    assert not re.search(r"<script|<link|<img|@import|url\(|src=|href=|https?://", page)
    for title in ("Against base rates", "Where there is skill", "Reliability", "Ablations",
                  "Calibration", "Single guesses", "Coverage", "Drift", "Settings"):  # fmt: skip
        assert f"<h2>{title}" in page
    skill = record.headline["4min"]["brier_skill"]["value"]
    assert f"{100 * skill:+.1f} %".replace("-", "−") in page
    assert page.count("<svg") == page.count("</svg>") == 2 + 4 + 1
    assert "nan" not in page.lower().replace("dominan", "")


def test_command__prints_json(env, capsys):
    """The command gives the same record; progress goes elsewhere."""
    words = [*AT, "--data-root", env.resolver.data_root, "--warmup-sessions", "24"]
    code = cli.main([*words, "--min-partition-size", "2000", "--run-id", "none", "--json"])
    printed = json.loads(capsys.readouterr().out)
    assert code == 0
    assert printed["headline"]["4min"]["coverage"]["value"] == 0
    assert printed["headline"]["4min"]["brier_skill"]["value"] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--warmup-sessions", "36"], "InsufficientHistoryError"),
        (["--warmup-sessions", "5"], "needs at least 500 episodes"),
        (["--warmup-sessions", "0"], "warmup_sessions"),
        (["--tracking-uri", "./mlruns"], "file stores"),
        (["--pipeline-version", "9.9.9"], "9.9.9"),
        (["--instrument", "nq"], "Unknown instrument"),
        (["--set", "build_indices.compresor=identity"], "compresor"),
        (["--run-id", "first"], "a run of that id exists"),
    ],
)
def test_bad_requests__refused(env, record, words, message, capsys):
    """A clear error, exit code 2, and the tables of the last evaluation untouched."""
    versions = [o.delta_version for o in record.outputs]
    assert cli.main([*AT, "--data-root", env.resolver.data_root, *words]) == 2
    assert message in capsys.readouterr().err
    root = env.resolver.gold_table("es", "retrieval_evaluation", "4.5.0", "measures")
    assert open_snapshot(root).version >= max(versions)


def test_empty_lake__names_the_missing_table(tmp_path, capsys):
    """Without episodes nothing is evaluated and nothing is written."""
    assert cli.main([*AT, "--data-root", str(tmp_path)]) == 2
    assert "episodes/vectors" in capsys.readouterr().err
    assert not (tmp_path / "gold").exists()


def test_replace__refuses_rows_that_break_the_contract(tmp_path):
    """A table with a null key is not written at all."""
    vectors, _, _ = corpus(planted=False)
    broken = vectors.drop_columns(["n_missing"])
    with pytest.raises(ContractError, match="n_missing"):
        replace_table(str(tmp_path / "t"), VECTORS, broken, commit={})
    assert not (tmp_path / "t").exists()


def test_replace__leaves_no_older_date(tmp_path):
    """What the new rows do not hold is gone, other dates included."""
    vectors, _, days = corpus(planted=False)
    path = str(tmp_path / "t")
    replace_table(path, VECTORS, vectors, commit={})
    replace_table(path, VECTORS, vectors.slice(0, 24), commit={"run_id": "x"})
    assert open_snapshot(path).dates == [days[0]]
    again = read_partition_files(VECTORS, open_snapshot(path).files)
    assert again.equals(vectors.slice(0, 24))
