"""Scoring of session dates: refused before anything starts, equal rows when run again."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from spymaster_lake.contracts.errors import (
    ArtifactIntegrityError,
    BundleIdentityError,
    ConfigError,
    DataError,
    MissingInputError,
    RegistryError,
    SessionError,
    UnknownNameError,
)
from spymaster_lake.contracts.predictions import PREDICTIONS
from spymaster_lake.contracts.score_record import ScoreRecord
from spymaster_lake.inference.score import ScoreRequest, score
from spymaster_lake.inference.score_task import unpacked
from spymaster_lake.lake.checks import check_table
from spymaster_lake.lake.delta_tables import open_snapshot, table_exists
from spymaster_lake.lake.parquet_files import read_partition_files
from spymaster_lake.orchestration.dates import DateRange
from spymaster_lake.serving.frame_checks import session_windows
from spymaster_lake.serving.model_bundle import load, verify
from spymaster_lake.serving.predict import feature_frame, predict
from spymaster_lake.sessions.calendar import SessionCalendar
from tests.inference.score_lake import ABSENT, BUSY, QUIET, TRAINED, make_lake, publish, signals
from tests.serving.bundles import FEATURES, INSTRUMENT, MODEL, PIPELINE, V1, V2


def request(start=BUSY, end=QUIET, **changes):
    fields = {
        "instrument": INSTRUMENT, "model_id": MODEL, "pipeline_version": PIPELINE,
        "asked": DateRange(start, end, by_range=True), "model_version": V1,
    }  # fmt: skip
    return ScoreRequest(**{**fields, **changes})


def table_of(lake):
    return lake.resolver.predictions_table(INSTRUMENT, PIPELINE, MODEL, V1)


def rows_of(lake):
    files = open_snapshot(table_of(lake)).files
    return read_partition_files(PREDICTIONS, files)


@pytest.mark.parametrize(
    "changes, error, words",
    [
        ({"alias": "production"}, RegistryError, "only one"),
        ({"model_version": None}, RegistryError, "no implicit latest"),
        ({"model_version": None, "alias": "prod"}, UnknownNameError, "production"),
        ({"model_version": None, "alias": "candidate"}, RegistryError, "points at nothing"),
        ({"model_version": V2}, UnknownNameError, V1),
        ({"model_id": "level_tree"}, UnknownNameError, "level_trees"),
        ({"instrument": "esx"}, UnknownNameError, "'es'"),
        ({"pipeline_version": "4.6.0"}, BundleIdentityError, "pipeline_version"),
        ({"asked": DateRange(QUIET, ABSENT, by_range=True)}, MissingInputError, str(ABSENT)),
        ({"asked": DateRange(BUSY.replace(day=13), BUSY.replace(day=13), by_range=False)},
         SessionError, "2025-12-13"),
        ({"run_id": "train-1"}, ConfigError, "exists"),
    ],
)  # fmt: skip
def test_score__refused(tmp_path, changes, error, words):
    """A wrong request ends in one error; nothing is published, and no run begins."""
    env, lake = make_lake(tmp_path)
    with pytest.raises(error, match=words):
        score(env, request(**changes))
    assert not table_exists(table_of(lake))
    assert lake.filesystem.list_dir(lake.resolver.runs_dir(INSTRUMENT)) == ["train-1"]


def test_score__corrupted_bundle(tmp_path):
    """A corrupted artefact stops the job before Spark is asked for."""
    env, lake = make_lake(tmp_path)
    lake.path(V1, "heads/direction_4min.joblib").write_bytes(b"x")
    with pytest.raises(ArtifactIntegrityError):
        score(env, request())


def test_score__feature_set_not_deployed(tmp_path):
    """A deployment without the model's feature set cannot score with it."""
    env, _ = make_lake(tmp_path)
    (env.settings.conf_dir / "feature_sets" / f"{FEATURES.id}.json").unlink()
    with pytest.raises(MissingInputError, match="tiny_full@v1"):
        score(env, request())


def test_worker__unpacks_once(tmp_path):
    """A Python worker makes the estimators of one bundle once."""
    _, lake = make_lake(tmp_path)
    files = verify(
        lake.filesystem, lake.resolver, instrument=INSTRUMENT, model_id=MODEL,
        pipeline_version=PIPELINE, model_version=V1,
    )  # fmt: skip
    assert unpacked(files) is unpacked(files)


@pytest.mark.spark
def test_score__through_spark(spark, tmp_path):
    """Rows equal those of `predict`; again gives equal rows; a bad row publishes nothing."""
    env, lake = make_lake(tmp_path, spark)
    record = score(env, request(start=TRAINED, end=TRAINED))
    assert record.in_sample == (TRAINED,)
    lake.registry.promote("production", V1, reason="test")
    record = score(env, request(model_version=None, alias="production", run_id="s1"))

    model = load(
        lake.filesystem, lake.resolver, instrument=INSTRUMENT, model_id=MODEL,
        pipeline_version=PIPELINE, alias="production",
    )  # fmt: skip
    calendar = SessionCalendar(env.profiles[INSTRUMENT].calendar)
    expected = predict(
        model,
        feature_frame(model.bundle, FEATURES, signals(BUSY, 5)),
        windows=session_windows(calendar, [BUSY]),
    )
    rows = rows_of(lake)
    check_table(PREDICTIONS, rows)
    assert rows.slice(2).equals(expected.rows)
    assert open_snapshot(table_of(lake)).dates == [TRAINED, BUSY, QUIET]

    assert (record.alias, record.model_version, record.registry_revision) == ("production", V1, 2)
    assert record.rows == {"predictions": 5}
    assert record.inputs[0].dates == (BUSY, QUIET)
    assert record.in_sample == ()
    assert record.outputs[0].path.startswith(f"gold/es/predictions/version={PIPELINE}/{MODEL}/")
    written = lake.filesystem.read_json(lake.resolver.run_json(INSTRUMENT, "s1"))
    assert ScoreRecord.model_validate_json(json.dumps(written)) == record
    assert not lake.filesystem.list_dir(f"{lake.resolver.run_dir(INSTRUMENT, 's1')}/staging/score")

    again = score(env, request(model_version=None, alias="production"))
    assert again.inputs == record.inputs
    assert rows_of(lake).equals(rows)

    def unknown(table):
        at = table.column_names.index("atr")
        return table.set_column(at, "atr", pa.array([None] * table.num_rows, pa.float64()))

    before = open_snapshot(table_of(lake)).version
    publish(lake, {BUSY: 5}, unknown)
    with pytest.raises(DataError, match="NullPolicyError"):
        score(env, request(run_id="s2"))
    failed = lake.filesystem.read_json(lake.resolver.run_json(INSTRUMENT, "s2"))
    assert (failed["status"], failed["error"]["type"]) == ("FAILED", "DataError")
    assert open_snapshot(table_of(lake)).version == before
    publish(lake, {BUSY: 5})
    other = {**FEATURES.model_dump(mode="json"), "doc": "Changed since the training."}
    path = env.settings.conf_dir / "feature_sets" / f"{FEATURES.id}.json"
    path.write_text(json.dumps(other))
    with pytest.raises(DataError, match="VersionMismatchError"):
        score(env, request())
