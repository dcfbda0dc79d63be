"""A standalone Spark cluster of two workers gives the tables of local mode, bit for bit."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pyspark
import pytest

from tests.end_to_end.lakes import FEATURES, REPOSITORY, differences
from tests.end_to_end.processes import bare_environment, free_port, process

pytestmark = [pytest.mark.spark, pytest.mark.cluster]

SPARK_CLASS = Path(pyspark.__file__).parent / "bin" / "spark-class"
DEPLOY = "org.apache.spark.deploy"
WORKERS = 2


@pytest.fixture
def foreign_python(tmp_path):
    """An interpreter with all libraries, but without the editable install of this project."""
    libraries = Path(pyspark.__file__).parents[1]
    script = tmp_path / "python"
    script.write_text(
        f'#!/bin/sh\nPYTHONPATH="$PYTHONPATH:{libraries}" exec "{sys.executable}" -S "$@"\n',
        encoding="utf-8",
    )
    script.chmod(0o755)
    seen = subprocess.run(
        [str(script), "-c", "import pyarrow, spymaster_lake"], cwd=tmp_path,
        env=bare_environment(tmp_path), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "No module named 'spymaster_lake'" in seen.stderr
    return script


@pytest.fixture
def cluster(tmp_path):
    """A master and two workers with a core each, started from the installed pyspark."""
    port, web = free_port(), free_port()
    env = {**bare_environment(tmp_path), "SPARK_LOCAL_IP": "127.0.0.1"}
    env |= {"SPARK_DAEMON_MEMORY": "256m"}
    url = f"spark://127.0.0.1:{port}"
    with contextlib.ExitStack() as stack:

        def start(name, *arguments):
            command = [str(SPARK_CLASS), *arguments]
            log = tmp_path / f"{name}.log"
            stack.enter_context(process(command, env=env, cwd=tmp_path, log=log))

        start(
            "master", f"{DEPLOY}.master.Master", "--host", "127.0.0.1", "--port", str(port),
            "--webui-port", str(web),
        )  # fmt: skip
        for number in range(WORKERS):
            start(
                f"worker{number}", f"{DEPLOY}.worker.Worker", url, "--host", "127.0.0.1",
                "--cores", "1", "--memory", "1g", "--webui-port", str(free_port()),
                "--work-dir", str(tmp_path / f"work{number}"),
            )  # fmt: skip
        wait_for_workers(web, tmp_path)
        yield url


def wait_for_workers(web, logs, seconds=90):
    """Wait until the master counts all workers."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{web}/json/", timeout=5) as answer,
        ):
            if json.load(answer)["aliveworkers"] == WORKERS:
                return
        time.sleep(0.5)
    raise AssertionError("\n".join(p.read_text()[-2000:] for p in logs.glob("*.log")))


def test_cluster__equals_local_mode(
    cluster, foreign_python, bronze_lake, built_tables, copy_of, tmp_path
):
    """Workers get the package from the driver, share the dates, and change no value."""
    lake = copy_of(bronze_lake)
    driver = REPOSITORY / "tests" / "end_to_end" / "cluster_run.py"
    done = subprocess.run(
        [sys.executable, str(driver), str(lake.root), str(lake.home), cluster],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=400,
        env={
            **bare_environment(tmp_path),
            "PYTHONPATH": str(REPOSITORY),
            "PYSPARK_PYTHON": str(foreign_python),
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["status"] == "SUCCEEDED"
    assert found["master"] == cluster
    assert found["executors"] == WORKERS
    assert len(found["folders"]) == WORKERS
    assert all("spymaster_lake.zip" in package for package in found["packages"])
    features = {n: t for n, t in built_tables.items() if f" {FEATURES} " in n}
    assert differences(features, lake.tables()) == []
