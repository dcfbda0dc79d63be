"""Run records on disk: ids, atomic writes, and a killed run that is visible as such."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from spymaster_lake.contracts.errors import UnknownNameError
from spymaster_lake.contracts.run_record import ProcessInfo, RunStatus
from spymaster_lake.orchestration.driver import run
from spymaster_lake.orchestration.prepare import prepare
from spymaster_lake.orchestration.recorder import RunRecorder, new_record
from spymaster_lake.orchestration.records import (
    RunStore,
    effective_status,
    is_alive,
    new_run_id,
    this_process,
)
from tests.orchestration.small_project import REPOSITORY, registry, request

KILLED_RUN = """
import sys, time
from pathlib import Path
from spymaster_lake.contracts.settings import load_settings
from spymaster_lake.orchestration.driver import run
from spymaster_lake.orchestration.environment import build_environment
from tests.orchestration.small_project import FakeExecution, registry, request
from spymaster_lake.orchestration.logs import configure_logging
home = Path(sys.argv[1])
configure_logging(load_settings(home=home).log)
env = build_environment(load_settings(home=home, data_root=str(home / "lake")))
execution = FakeExecution(during=lambda name: (print("working", flush=True), time.sleep(60)))
run(env, registry(), request(run_id="killed"), execute=execution)
"""


def test_new_run_id__sorts_by_time():
    """Ids made later sort later, and no two are equal."""
    ids = []
    for _ in range(5):
        ids.append(new_run_id())
        time.sleep(0.001)
    assert ids == sorted(ids)
    assert len(set(ids)) == 5


def test_effective_status__killed_run_is_visible(env):
    """A run ended by SIGKILL still says RUNNING on disk and is recognised as KILLED."""
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED_RUN, str(env.settings.home)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )  # fmt: skip
    with child:
        try:
            assert child.stdout.readline() == b"working\n"
            assert effective_status(RunStore(env).read_run("es", "killed")) is RunStatus.RUNNING
        finally:
            child.kill()
    record = RunStore(env).read_run("es", "killed")
    assert record.status is RunStatus.RUNNING
    assert record.stages[0].status is RunStatus.RUNNING
    assert effective_status(record) is RunStatus.KILLED


def test_resume__goes_on_with_a_killed_run(env, execution):
    """A killed run can be resumed; a running one cannot."""
    prepared = prepare(env, registry(), request())
    record = new_record(env, prepared, "r1")
    gone = ProcessInfo(host=record.process.host, pid=2**22 + 1)
    RunRecorder(env, record.model_copy(update={"process": gone})).start()
    again = run(env, registry(), request(run_id="r1", resume=True), execute=execution)
    assert again.status is RunStatus.SUCCEEDED


@pytest.mark.parametrize(
    ("changes", "alive"),
    [
        pytest.param({}, True, id="this process"),
        pytest.param({"started": 1}, False, id="the id was given to a later process"),
        pytest.param({"pid": 2**22 + 1}, False, id="no such process"),
        pytest.param({"started": None}, True, id="start time unknown"),
    ],
)
def test_is_alive__tells_processes_apart(changes, alive):
    """A process is the same only with the same id and start time."""
    assert is_alive(this_process().model_copy(update=changes)) is alive


def test_effective_status__another_host_cannot_tell(env):
    """A run on another host stays RUNNING; nothing is guessed."""
    record = new_record(env, prepare(env, registry(), request()), "r1")
    elsewhere = record.model_copy(update={"process": ProcessInfo(host="elsewhere", pid=1)})
    assert effective_status(elsewhere) is RunStatus.RUNNING


def test_read_run__unknown_id_lists_runs(env, execution):
    """An unknown run id lists near matches."""
    run(env, registry(), request(run_id="first"), execute=execution)
    with pytest.raises(UnknownNameError, match="Did you mean 'first'"):
        RunStore(env).read_run("es", "frist")


def test_runs__other_kinds_do_not_disturb(env, execution):
    """The record of an ingest run is listed raw and left out of pipeline runs."""
    run(env, registry(), request(run_id="r1"), execute=execution)
    path = env.resolver.run_json("es", "ingest-1")
    env.filesystem.write_json(path, {"run_id": "ingest-1", "kind": "ingest", "status": "SUCCEEDED"})
    store = RunStore(env)
    assert [r.run_id for r in store.runs("es")] == ["r1"]
    assert len(store.raw_runs("es")) == 2
