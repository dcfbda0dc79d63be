"""Runs each stage as one `spark-submit jobs/run_stage.py …`, as a cloud factory's activity would.

The child records the stage (stage.json); this side reads that record back. Results equal those of
the local driver because the child takes the same code path.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path

from spymaster_lake.contracts.errors import ConfigError, StageFailedError
from spymaster_lake.contracts.run_record import RunStatus, StageRecord
from spymaster_lake.contracts.settings import HOME_VARIABLE
from spymaster_lake.orchestration.prepare import PreparedRun
from spymaster_lake.orchestration.recorder import error_record, pending
from spymaster_lake.orchestration.records import RunStore, now
from spymaster_lake.orchestration.runner import StageResult
from spymaster_lake.orchestration.types import Environment

Launch = Callable[[Sequence[str], Mapping[str, str]], int]


class SubmittedStageRunner:
    """The counterpart of `StageRunner` that starts a process for each stage.

    Args:
        env: the environment.
        prepared: the run the stages belong to.
        run_id: its id.
        launch: starts a command and gives its exit code; the tests pass their own.
    """

    def __init__(
        self, env: Environment, prepared: PreparedRun, run_id: str, launch: Launch | None = None
    ) -> None:
        self._env, self._prepared, self._run_id = env, prepared, run_id
        self._store, self._launch = RunStore(env), launch or _launch

    def run(
        self,
        name: str,
        dates: tuple[date, ...],
        *,
        skipped: Mapping[date, str],
        done: Mapping[date, StageRecord] | None,
    ) -> StageResult:
        """Run one stage; arguments as for `StageRunner.run`."""
        reuse = "none" if done is None else "run" if self._prepared.request.resume else "all"
        before = self._store.read_stage(self._prepared.request.instrument, self._run_id, name)
        command = submit_command(self._env, self._prepared, self._run_id, name, dates, reuse=reuse)
        code = self._launch(command, child_environment(self._env))
        record = self._store.read_stage(self._prepared.request.instrument, self._run_id, name)
        fresh = record is not None and (code == 0 or record != before)
        if (
            record is not None
            and fresh
            and record.status not in {RunStatus.RUNNING, RunStatus.FAILED}
        ):
            return StageResult(record.model_copy(update={"skipped": {**skipped, **record.skipped}}))
        message = f"{' '.join(command[:1])} of stage {name!r} ended with exit code {code}"
        if record is not None and fresh and record.error is not None:
            message = f"{record.error.type}: {record.error.message}"
        error = StageFailedError(message)
        if record is None or not fresh or record.status is not RunStatus.FAILED:
            record = (record or pending(self._env, self._prepared, self._run_id, name)).model_copy(
                update={
                    "status": RunStatus.FAILED,
                    "ended_at": now(),
                    "error": error_record(error, stage=name),
                }
            )
            self._store.write_stage(record)
        return StageResult(record, error)


def submit_command(
    env: Environment,
    prepared: PreparedRun,
    run_id: str,
    name: str,
    dates: Sequence[date],
    *,
    reuse: str = "none",
) -> list[str]:
    """The command that runs one stage of a run in a process of its own."""
    request, spark = prepared.request, env.settings.spark
    asked = request.asked
    command = [find_spark_submit(), "--driver-memory", spark.driver_memory]
    command += ["--master", spark.master] if spark.master else []
    command += [str(_door(env.settings.home))]
    command += ["--instrument", request.instrument, "--pipeline-id", request.pipeline_id]
    command += ["--pipeline-version", request.pipeline_version, "--stage-id", name]
    command += (
        ["--start", str(asked.start), "--end", str(asked.end)]
        if asked.by_range
        else ["--date", str(asked.start)]
    )
    command += ["--run-id", run_id, "--data-root", env.settings.data_root]
    command += ["--within-run", "--dates", ",".join(map(str, dates)), "--reuse", reuse]
    for key, value in request.overrides.items():
        if key.partition(".")[0] in {name, prepared.bound[name].stage_id}:
            command += ["--set", f"{key}={value}"]
    return [*command, "--on-bad-date", request.on_bad_date]


def _door(home: Path) -> Path:
    """`jobs/run_stage.py` of the project folder; of the package's checkout if it has none."""
    own = home / "jobs" / "run_stage.py"
    return own if own.is_file() else Path(__file__).resolve().parents[2] / "jobs" / own.name


def child_environment(env: Environment) -> dict[str, str]:
    """Variables of a submitted process: this interpreter and this project, unless told otherwise."""
    return {"PYSPARK_PYTHON": sys.executable, **os.environ, HOME_VARIABLE: str(env.settings.home)}


def find_spark_submit() -> str:
    """The spark-submit of the installed pyspark, else the one on the path.

    Raises:
        ConfigError: there is none.
    """
    try:
        import pyspark
    except ImportError:
        found = shutil.which("spark-submit")
    else:
        own = Path(pyspark.__file__).parent / "bin" / "spark-submit"
        found = str(own) if own.is_file() else shutil.which("spark-submit")
    if found is None:
        raise ConfigError("submitter spark-submit: no spark-submit in pyspark or on the PATH")
    return found


def _launch(command: Sequence[str], environ: Mapping[str, str]) -> int:
    return subprocess.run(list(command), env=dict(environ), check=False).returncode
