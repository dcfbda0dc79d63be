"""The control table: three formats, checked as a whole, run in order."""

from __future__ import annotations

import json

import pytest

from spymaster_lake.contracts.control import load_control
from spymaster_lake.contracts.errors import (
    ConfigError,
    DataError,
    StageFailedError,
    UnknownNameError,
)
from spymaster_lake.orchestration.control_runs import request_of, run_control
from spymaster_lake.orchestration.driver import run
from tests.orchestration.small_project import MONDAY, REPOSITORY, TUESDAY, FakeExecution, registry

ROW = {
    "instrument": "es", "pipeline_id": "feature_engineering", "pipeline_version": "4.5.0",
    "start": "2025-12-15", "end": "2025-12-15", "enabled": "true",
}  # fmt: skip
NEXT = {**ROW, "start": "2025-12-16", "end": "2025-12-16"}


def write(tmp_path, rows, suffix="json"):
    """A control table in one of the formats."""
    path = tmp_path / f"control.{suffix}"
    if suffix == "csv":
        lines = [",".join(ROW), *(",".join(r.values()) for r in rows)]
        path.write_text("\n".join(lines) + "\n")
    else:
        path.write_text(json.dumps(rows))
    return path


@pytest.mark.parametrize("suffix", ["json", "yaml", "csv"])
def test_load__formats_agree(tmp_path, suffix):
    """YAML, JSON and CSV give the same rows."""
    rows = load_control(write(tmp_path, [ROW, {**NEXT, "enabled": "false"}], suffix))
    assert [(r.start, r.enabled) for r in rows] == [(MONDAY, True), (TUESDAY, False)]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        pytest.param([{**ROW, "instrument": "ES"}], "0.instrument", id="bad name"),
        pytest.param(
            [{k: v for k, v in ROW.items() if k != "enabled"}],
            "0.enabled: Field required",
            id="no default",
        ),
        pytest.param([{**ROW, "color": 1}], "0.color: Extra", id="unknown column"),
        pytest.param([{**ROW, "end": "2025-12-01"}], "lies before start", id="order"),
        pytest.param([ROW, ROW], "enabled rows overlap", id="overlap"),
    ],
)
def test_load__refuses_bad_rows(tmp_path, rows, message):
    """A malformed row names its number and column."""
    with pytest.raises(ConfigError, match=message):
        load_control(write(tmp_path, rows))


def test_load__disabled_rows_may_overlap(tmp_path):
    """Only enabled rows must not overlap."""
    assert len(load_control(write(tmp_path, [ROW, {**ROW, "enabled": "false"}]))) == 2


@pytest.mark.parametrize("name", ["none.yaml", "control.txt"])
def test_load__refuses_absent_and_foreign_files(tmp_path, name):
    """No file, or a file of another kind, is an error."""
    (tmp_path / "control.txt").write_text("")
    with pytest.raises(ConfigError):
        load_control(tmp_path / name)


def test_load__repository_table_is_valid():
    """The control table of the repository loads."""
    assert load_control(REPOSITORY / "conf" / "control.yaml")


def pairs(tmp_path, *rows):
    """Rows with the runs they ask for."""
    return [(row, request_of(row)) for row in load_control(write(tmp_path, list(rows)))]


def test_run__enabled_rows_in_order(env, execution, tmp_path):
    """Each enabled row is one run; a disabled one is listed and left alone."""
    disabled = {**NEXT, "enabled": "false"}
    results = run_control(
        env,
        registry(),
        pairs(tmp_path, ROW, disabled),
        lambda r: run(env, registry(), r, execute=execution),
    )
    assert [r.status for r in results] == ["SUCCEEDED", "DISABLED"]
    assert {days for _, days in execution.calls} == {(MONDAY,)}


@pytest.mark.parametrize(
    ("keep_going", "expected"), [(False, ["FAILED"]), (True, ["FAILED", "SUCCEEDED"])]
)
def test_run__failure_stops_unless_told_otherwise(env, tmp_path, keep_going, expected):
    """After a failed row the rest waits, or goes on with --keep-going."""
    broken = FakeExecution(fails={"load": DataError("no")})
    good = FakeExecution()

    def start(request):
        return run(
            env, registry(), request, execute=broken if request.asked.start == MONDAY else good
        )

    results = run_control(env, registry(), pairs(tmp_path, ROW, NEXT), start, keep_going=keep_going)
    assert [r.status for r in results] == expected
    assert isinstance(results[0].error, StageFailedError)


def test_run__every_row_is_checked_before_the_first_starts(env, execution, tmp_path):
    """An unknown pipeline in the last row stops all rows."""
    wrong = {**NEXT, "pipeline_id": "feature_enginering"}
    with pytest.raises(UnknownNameError, match="Did you mean 'feature_engineering'"):
        run_control(
            env,
            registry(),
            pairs(tmp_path, ROW, wrong),
            lambda r: run(env, registry(), r, execute=execution),
        )
    assert execution.calls == []
