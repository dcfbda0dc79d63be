"""MLflow runs: required tags, refused stores, FAILED on error; nothing leaves the lake's folder."""

from __future__ import annotations

import pytest

from spymaster_lake.contracts.errors import ConfigError
from spymaster_lake.contracts.run_record import GitState
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.paths import LakePathResolver
from spymaster_lake.orchestration.tracking import (
    REQUIRED_TAGS,
    experiment_name,
    git_tags,
    tracked_run,
    tracking_client,
    tracking_store,
)

TAGS = dict.fromkeys(REQUIRED_TAGS, "x")


def store(root, uri=None):
    return tracking_store(uri, LakePathResolver(str(root)), LakeFileSystem.of(str(root)))


@pytest.mark.parametrize(
    "uri", ["./mlruns", "/some/mlruns", "file:///some/mlruns", "postgresql://db/x", "sqlite://", ""]
)
def test_store__file_stores_and_others_refused(tmp_path, uri):
    """Only SQLite and servers; the message says what is allowed, and nothing is written."""
    with pytest.raises(ConfigError, match="allowed: sqlite"):
        store(tmp_path, uri)
    assert list(tmp_path.iterdir()) == []


def test_store__sqlite_in_a_folder_that_does_not_exist(tmp_path):
    """A typo in a path does not create a second store."""
    with pytest.raises(ConfigError, match="does not exist"):
        store(tmp_path, f"sqlite:///{tmp_path}/nowhere/mlflow.db")


def test_store__default_and_given(tmp_path):
    """The lake's own file by default; a server keeps its own artefacts."""
    assert store(tmp_path).uri == f"sqlite:///{tmp_path}/_meta/mlflow.db"
    assert (
        store(tmp_path, f"sqlite:///{tmp_path}/other.db").artifact_root
        == f"{tmp_path}/other_artifacts"
    )
    assert store(tmp_path, "http://tracking:5000").artifact_root is None


def test_store__object_store_needs_a_uri():
    """SQLite cannot live on an object store."""
    with pytest.raises(ConfigError, match="--tracking-uri: needed"):
        store("memory://lake")


@pytest.mark.parametrize("missing", REQUIRED_TAGS)
def test_run__every_tag_is_required(tmp_path, missing):
    """No run without its lineage; nothing is written."""
    tags = {**TAGS, missing: ""}
    with pytest.raises(ConfigError, match=missing):
        with tracked_run(store(tmp_path), experiment="e", run_name="r", tags=tags):
            pytest.fail("must not open")
    assert not (tmp_path / "_meta/mlflow.db").exists()


def test_git_tags__outside_a_checkout():
    """Unknown is spelled out."""
    assert git_tags(GitState()) == {"git_sha": "none", "git_dirty": "none"}
    assert git_tags(GitState(sha="abc", dirty=True)) == {"git_sha": "abc", "git_dirty": "true"}


def test_run__is_kept_and_a_failure_is_marked(tmp_path, monkeypatch):
    """One store: a finished run with all it logged, and a failed one."""
    monkeypatch.chdir(tmp_path)
    where, name = store(tmp_path / "lake"), experiment_name("es", "retrieval", "4.5.0")
    with tracked_run(where, experiment=name, run_name="first", tags=TAGS) as run:
        run.log_params({"k": 3, "none": None})
        run.log_metrics({"skill": 0.25, "unknown": None, "nan": float("nan")})
        run.log_text("<html>", "report.html")
    with pytest.raises(KeyError), tracked_run(where, experiment=name, run_name="second", tags=TAGS):
        raise KeyError
    client = tracking_client(where)
    experiment = client.get_experiment_by_name("spymaster/es/retrieval/4.5.0")
    runs = {r.info.run_name: r for r in client.search_runs([experiment.experiment_id])}
    assert {key: r.info.status for key, r in runs.items()} == {
        "first": "FINISHED",
        "second": "FAILED",
    }
    first = runs["first"]
    assert first.data.params == {"k": "3", "none": "null"}
    assert first.data.metrics == {"skill": 0.25}
    assert first.data.tags.items() >= TAGS.items()
    assert [f.path for f in client.list_artifacts(first.info.run_id)] == ["report.html"]
    with pytest.raises(ConfigError, match="log a file"):
        with tracked_run(where, experiment=name, run_name="third", tags=TAGS) as run:
            run.log_params({"sessions": "x" * 7000})
    assert [p.name for p in tmp_path.iterdir()] == ["lake"]
