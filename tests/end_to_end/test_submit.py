"""Stages as processes of their own: `spark-submit jobs/run_stage.py` as a factory would call it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from spymaster_lake.contracts.run_record import RunStatus
from tests.end_to_end.lakes import DAYS, FEATURES, INSTRUMENT, REPOSITORY, VERSION, differences
from tests.end_to_end.processes import bare_environment

pytestmark = pytest.mark.spark

SPARK_SUBMIT = Path(sys.executable).parent / "spark-submit"
DAY = DAYS[-1]


# Spark's launcher joins the two output streams of a Python application: logs precede the result.


def replaced(before, after):
    """Tables of which a file was replaced."""
    return {name for name in after if before[name] != after[name]}


def test_spark_submit__one_stage(built_lake, built_tables, copy_of, tmp_path):
    """Without any set-up of the shell: right interpreter, one date replaced, equal rows."""
    lake = copy_of(built_lake)
    files = lake.files()
    command = [
        str(SPARK_SUBMIT), "--driver-memory", "1g", str(REPOSITORY / "jobs" / "run_stage.py"),
        "--instrument", INSTRUMENT, "--pipeline-id", FEATURES, "--pipeline-version", VERSION,
        "--date", str(DAY), "--stage-id", "compute_physics", "--run-id", "submitted",
        "--data-root", str(lake.root), "--json",
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=tmp_path, env=bare_environment(tmp_path), capture_output=True, text=True,
        check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    record = json.loads(done.stdout[done.stdout.index("\n{\n") :])
    assert record["status"] == "SUCCEEDED"
    assert record["dates"] == [DAY.isoformat()]
    written = {f"silver {FEATURES} work/physics", f"silver {FEATURES} work/sweep_clusters"}
    after = lake.files()
    assert replaced(files, after) == written
    for name in written:
        kept = set(files[name]) & set(after[name])
        assert kept == {f for f in files[name] if f"date={DAY}" not in f}
    assert differences(built_tables, lake.tables()) == []


def test_spark_submit__says_what_is_wrong(built_lake, tmp_path):
    """A wrong request ends with its exit code and one message, and starts no job."""
    command = [
        str(SPARK_SUBMIT), str(REPOSITORY / "jobs" / "run_stage.py"), "--instrument", INSTRUMENT,
        "--pipeline-id", FEATURES, "--pipeline-version", VERSION, "--date", str(DAY),
        "--stage-id", "compute_physic", "--data-root", str(built_lake.root),
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=tmp_path, env=bare_environment(tmp_path), capture_output=True, text=True,
        check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 2
    assert "'compute_physic'. Did you mean 'compute_physics'" in done.stdout
    assert "Traceback" not in done.stdout


def test_submitter__equals_this_process(built_lake, built_tables, copy_of):
    """A slice of a pipeline, each stage as one spark-submit: equal rows, one run record."""
    lake = copy_of(built_lake).of(REPOSITORY)
    files = lake.files()
    record = lake.run(
        FEATURES,
        (DAY,),
        run_id="slice",
        since="detect_interaction_zones",
        until="compute_level_distances",
        submitter="spark-submit",
    )
    assert record.status is RunStatus.SUCCEEDED
    assert record.submitter == "spark-submit"
    names = ["detect_interaction_zones", "compute_level_distances"]
    assert [s.name for s in record.stages] == names
    assert all(s.status is RunStatus.SUCCEEDED and s.dates == (DAY,) for s in record.stages)
    pids = {s.process.pid for s in record.stages}
    assert len(pids) == 2
    assert os.getpid() not in pids
    assert record.process.pid == os.getpid()
    assert replaced(files, lake.files()) == {
        f"silver {FEATURES} work/events", f"silver {FEATURES} work/level_distances",
    }  # fmt: skip
    assert differences(built_tables, lake.tables()) == []
