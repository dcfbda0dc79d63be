"""Reading and writing run.json and stage.json, and telling a killed run from a running one."""

from __future__ import annotations

import json
import os
import secrets
import socket
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from spymaster_lake.contracts.errors import ConfigError, UnknownNameError
from spymaster_lake.contracts.run_record import ProcessInfo, RunRecord, RunStatus, StageRecord
from spymaster_lake.orchestration.fingerprints import canonical_json
from spymaster_lake.orchestration.types import Environment

COMPLETE = frozenset({RunStatus.SUCCEEDED, RunStatus.REUSED})


def now() -> str:
    """This instant, ISO, UTC, microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def new_run_id() -> str:
    """A run id that sorts by time: UTC to the microsecond, and six random hex digits."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(3)}"


def this_process() -> ProcessInfo:
    """Host, process id and start time of this process."""
    return ProcessInfo(host=socket.gethostname(), pid=os.getpid(), started=_started(os.getpid()))


def effective_status(record: RunRecord) -> RunStatus:
    """The status of a run; KILLED if it says RUNNING and its process is gone.

    Only the host that ran it can tell; on another host RUNNING stays RUNNING, and `updated_at`
    says since when nothing was heard of it.
    """
    if record.status is not RunStatus.RUNNING or record.process.host != socket.gethostname():
        return record.status
    return RunStatus.RUNNING if is_alive(record.process) else RunStatus.KILLED


def is_alive(process: ProcessInfo) -> bool:
    """Whether that very process still runs on this host."""
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return process.started is None or _started(process.pid) in {None, process.started}


class RunStore:
    """Run records of one lake."""

    def __init__(self, env: Environment) -> None:
        self._fs, self._paths = env.filesystem, env.resolver
        self._instruments = tuple(env.profiles)

    def exists(self, instrument: str, run_id: str) -> bool:
        """Whether a run of that id was ever started."""
        return self._fs.exists(self._paths.run_json(instrument, run_id))

    def write_run(self, record: RunRecord) -> None:
        """Write run.json atomically."""
        path = self._paths.run_json(record.instrument, record.run_id)
        self._fs.write_json(path, record.model_dump(mode="json"))

    def write_stage(self, record: StageRecord) -> None:
        """Write stage.json atomically."""
        path = self._paths.stage_json(record.instrument, record.run_id, record.name)
        self._fs.write_json(path, record.model_dump(mode="json"))

    def write_manifest(
        self, instrument: str, run_id: str, text: str, *, pipeline: tuple[str, str]
    ) -> None:
        """Copy a manifest to both of its places in `_meta`; a pipeline version never changes.

        Raises:
            ConfigError: `_meta/pipelines` holds another manifest under the same version.
        """
        pipeline_id, version = pipeline
        published = self._paths.pipeline_manifest(instrument, pipeline_id, version)
        if not self._fs.exists(published):
            self._fs.write_text(published, text)
        elif canonical_json(self._fs.read_json(published)) != canonical_json(json.loads(text)):
            raise ConfigError(
                f"{self._paths.relative(published)} differs from the repository's manifest: a "
                f"pipeline version is immutable; give {pipeline_id} a new version, or use another "
                "data root"
            )
        self._fs.write_text(self._paths.run_manifest(instrument, run_id, pipeline_id), text)

    def read_run(self, instrument: str, run_id: str) -> RunRecord:
        """One run record.

        Raises:
            UnknownNameError: the instrument has no such run; lists its newest ones.
            ConfigError: it is a run of another instrument.
        """
        path = self._paths.run_json(instrument, run_id)
        if not self._fs.exists(path):
            owners = [other for other in self._instruments if self.exists(other, run_id)]
            if owners:
                raise ConfigError(
                    f"Run {run_id} is a run of {' and '.join(owners)}, not of {instrument}"
                )
            known = self.run_ids(instrument)[-20:]
            raise UnknownNameError(f"run of {instrument!r}", run_id, known)
        return RunRecord.parse(self._fs.read_json(path), source=self._paths.relative(path))

    def read_stage(self, instrument: str, run_id: str, name: str) -> StageRecord | None:
        """One stage record, None if the stage never started in that run."""
        path = self._paths.stage_json(instrument, run_id, name)
        if not self._fs.exists(path):
            return None
        return StageRecord.parse(self._fs.read_json(path), source=self._paths.relative(path))

    def run_ids(self, instrument: str) -> list[str]:
        """Ids of all runs that have a run.json, oldest first where ids were generated."""
        names = self._fs.list_dir(self._paths.runs_dir(instrument))
        return [n for n in names if not n.startswith(".") and self.exists(instrument, n)]

    def raw_runs(self, instrument: str) -> list[dict[str, Any]]:
        """The run records of every kind (also ingest runs) as JSON values, oldest id first."""
        paths = [self._paths.run_json(instrument, run_id) for run_id in self.run_ids(instrument)]
        return [self._fs.read_json(path) for path in paths]

    def runs(self, instrument: str) -> list[RunRecord]:
        """The records of pipeline and stage runs, newest start first."""
        records = [
            RunRecord.parse(raw, source=str(raw.get("run_id")))
            for raw in self.raw_runs(instrument)
            if raw.get("kind") in {"pipeline", "stage"}
        ]
        return sorted(records, key=lambda r: r.started_at, reverse=True)

    def latest_by_date(
        self, instrument: str, pipeline_id: str, pipeline_version: str
    ) -> dict[str, dict[date, StageRecord]]:
        """By stage name and session date, the newest record that published the date."""
        found: dict[str, dict[date, StageRecord]] = {}
        for run in self.runs(instrument):
            if (run.pipeline_id, run.pipeline_version) != (pipeline_id, pipeline_version):
                continue
            for stage in run.stages:
                if stage.status is not RunStatus.SUCCEEDED:
                    continue
                by_date = found.setdefault(stage.name, {})
                for day in stage.date_inputs:
                    seen = by_date.get(day)
                    if seen is None or (stage.ended_at or "") > (seen.ended_at or ""):
                        by_date[day] = stage
        return found


def _started(pid: int) -> int | None:
    """Start of a process in clock ticks since boot, where /proc tells it."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[19])
