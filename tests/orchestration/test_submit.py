"""One spark-submit a stage: the command, and the same records as the local driver."""

from __future__ import annotations

import pytest

from spymaster_lake.contracts.errors import DataError, StageFailedError
from spymaster_lake.contracts.run_record import RunStatus
from spymaster_lake.orchestration.driver import run, run_within
from spymaster_lake.orchestration.prepare import prepare
from spymaster_lake.orchestration.records import RunStore
from spymaster_lake.orchestration.submit import SubmittedStageRunner, submit_command
from tests.orchestration.small_project import (
    MONDAY,
    REPOSITORY,
    TUESDAY,
    FakeExecution,
    registry,
    request,
)


def option(command, name):
    """The value after an option."""
    return command[command.index(name) + 1]


def child(env, execution):
    """A launch that does in this process what the submitted one would do."""

    def launch(command, environ):
        days = [
            MONDAY if d.endswith("15") else TUESDAY for d in option(command, "--dates").split(",")
        ]
        asked = request(
            stage=option(command, "--stage-id"), run_id=option(command, "--run-id"),
            within_run=True, dates=tuple(days),
        )  # fmt: skip
        try:
            run_within(env, registry(), asked, execute=execution, reuse=option(command, "--reuse"))
        except StageFailedError:
            return 1
        return 0

    return launch


def submitted(env, asked, launch):
    """Run a pipeline with one submitted process a stage."""
    runner = SubmittedStageRunner(env, prepare(env, registry(), asked), asked.run_id, launch)
    return run(env, registry(), asked, runner=runner)


def test_command__says_everything(env):
    """The command names stage, dates, run, root, overrides and the rule for bad dates."""
    asked = request(overrides={"load.limit": 3}, on_bad_date="skip")
    command = submit_command(env, prepare(env, registry(), asked), "r1", "load", (TUESDAY,))
    assert command[0].endswith("spark-submit")
    job = command.index(str(REPOSITORY / "jobs" / "run_stage.py"))
    assert command[job + 1 :] == [
        "--instrument", "es", "--pipeline-id", "feature_engineering", "--pipeline-version", "4.5.0",
        "--stage-id", "load", "--start", "2025-12-15", "--end", "2025-12-16", "--run-id", "r1",
        "--data-root", env.settings.data_root, "--within-run", "--dates", "2025-12-16",
        "--reuse", "none", "--set", "load.limit=3", "--on-bad-date", "skip",
    ]  # fmt: skip


def test_command__takes_the_door_of_the_project_folder(env):
    """A project folder with doors of its own uses them; one without uses the package's."""
    door = env.settings.home / "jobs" / "run_stage.py"
    door.parent.mkdir()
    door.touch()
    command = submit_command(env, prepare(env, registry(), request()), "r1", "load", (TUESDAY,))
    assert str(door) in command


def test_submitted__equals_local(env, execution):
    """Both ways give the same stages, dates, rows and inputs."""
    local = run(env, registry(), request(run_id="r1"), execute=execution)
    other = submitted(env, request(run_id="r2"), child(env, FakeExecution()))
    assert other.status is RunStatus.SUCCEEDED
    assert other.rows == local.rows
    for one, two in zip(local.stages, other.stages, strict=True):
        assert (one.name, one.dates, one.params, one.date_inputs.keys()) == (
            two.name, two.dates, two.params, two.date_inputs.keys(),
        )  # fmt: skip
    assert local.stages[0].inputs == other.stages[0].inputs


def test_submitted__failure_of_a_stage(env):
    """The error that the child recorded is the error of the run."""
    execution = FakeExecution(fails={"load": DataError("3 rows break rule x")})
    with pytest.raises(StageFailedError, match="DataError: 3 rows break rule x"):
        submitted(env, request(run_id="r1"), child(env, execution))
    assert RunStore(env).read_run("es", "r1").error.stage == "load"


@pytest.mark.parametrize("code", [0, 137])
def test_submitted__child_that_left_no_record(env, code):
    """A process that ends without a final record is a failure, whatever its exit code."""
    with pytest.raises(StageFailedError, match=f"exit code {code}"):
        submitted(env, request(run_id="r1"), lambda command, environ: code)
    assert RunStore(env).read_stage("es", "r1", "load").status is RunStatus.FAILED


def test_submitted__resume_reuses_what_is_complete(env):
    """A resumed run starts no work for stages that are complete."""
    broken = FakeExecution(fails={"bars_10s": DataError("no"), "bars_1min": DataError("no")})
    with pytest.raises(StageFailedError):
        submitted(env, request(run_id="r1"), child(env, broken))
    again = FakeExecution()
    submitted(env, request(run_id="r1", resume=True), child(env, again))
    assert sorted(name for name, _ in again.calls) == ["bars_10s", "bars_1min"]
