"""`run.json` and `stage.json`: what a run was asked, what it read, wrote and took (00 section 5).

A record is written atomically at the start of a run and at every change of state. It names the
process that writes it, so that a run whose process is gone while its status still says RUNNING is
recognised as KILLED (`spymaster_lake.orchestration.records.effective_status`).
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from spymaster_lake.contracts.model import FrozenModel


class RunStatus(StrEnum):
    """State of a run or of one of its stages.

    KILLED is never written: it is what a reader makes of RUNNING without its process. REUSED marks
    a stage that a resumed run found complete with unchanged inputs.
    """

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    REUSED = "REUSED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"
    KILLED = "KILLED"


class GitState(FrozenModel):
    """The code that ran; both are null where the package runs outside a git checkout."""

    sha: str | None = None
    dirty: bool | None = None


class ProcessInfo(FrozenModel):
    """The process that owns a record.

    Attributes:
        host: host name.
        pid: process id on it.
        started: start time of the process in clock ticks since boot, where the system tells it;
            distinguishes a process from a later one with the same id.
    """

    host: str
    pid: int
    started: int | None = None


class DatasetFingerprint(FrozenModel):
    """Identity of one dataset as a reader would have read it.

    Attributes:
        layer, owner, dataset: which dataset; `owner` is the product or the pipeline_id.
        pipeline_version: empty for Bronze.
        schema_version: "v1" for Bronze, the version of the table contract otherwise.
        dates: partitions `date=` that were read, sorted.
        table_version: Delta version, null for Parquet.
        n_files, n_bytes: size of the listing.
        sha256: 64 hex digits over canonical JSON of all of it and of the file list.
    """

    layer: str
    owner: str
    dataset: str
    pipeline_version: str = ""
    schema_version: str
    dates: tuple[date, ...] = ()
    table_version: int | None = None
    n_files: int
    n_bytes: int
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class OutputRecord(FrozenModel):
    """One published output: where it lies, at which Delta version, how many rows were written."""

    layer: str
    dataset: str
    path: str
    delta_version: int | None = None
    rows: int


class NullGroup(FrozenModel):
    """Columns of one output that are null in most rows a run wrote or found, for one reason.

    Attributes:
        columns: their names; `array.entry` for an entry of a fixed-length array.
        rows: rows of the run's dates.
        fewest, most: null rows of the column with the fewest and with the most.
        reason: from `contracts.null_rules` and the facts of profile and lake.
        source: where it stands: the "profile", the "lake", the "contract"; "unknown" if nowhere.
    """

    dataset: str
    columns: tuple[str, ...]
    rows: int
    fewest: int
    most: int
    reason: str
    source: Literal["profile", "lake", "contract", "unknown"]


class ErrorRecord(FrozenModel):
    """The error that ended a run."""

    stage: str | None = None
    type: str
    message: str
    traceback: str = ""


class StageRecord(FrozenModel):
    """`stage.json`, and the entry of the stage in `run.json`.

    Attributes:
        date_inputs: session date to {source: hash of the partitions it reads}; staleness compares it.
        definition_hash: sha256 of what defines the result beside its inputs: stage id, resolved
            parameters, instrument profile, output schema versions.
        null_counts: null rows by dataset and column, of columns that have any; of a REUSED stage
            those of the record that made exactly its dates.
    """

    schema_version: Literal[1] = 1
    run_id: str
    name: str
    stage_id: str
    status: RunStatus
    instrument: str
    pipeline_id: str
    pipeline_version: str
    params: dict[str, Any] = Field(default_factory=dict)
    definition_hash: str
    dates: tuple[date, ...] = ()
    skipped: dict[date, str] = Field(default_factory=dict)
    started_at: str | None = None
    ended_at: str | None = None
    seconds: float | None = None
    inputs: tuple[DatasetFingerprint, ...] = ()
    date_inputs: dict[date, dict[str, str]] = Field(default_factory=dict)
    outputs: tuple[OutputRecord, ...] = ()
    rows: dict[str, int] = Field(default_factory=dict)
    null_counts: dict[str, dict[str, int]] = Field(default_factory=dict)
    metrics: dict[str, Any] = Field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    error: ErrorRecord | None = None
    process: ProcessInfo | None = None


class JobRecord(FrozenModel):
    """What `run.json` holds of every kind of job.

    Attributes:
        kind: of job; each kind has a record of its own.
        dates: the sessions it works on.
        inputs: fingerprints of what was read.
        outputs: what was published.
        error: what ended it; null unless it failed.
    """

    schema_version: Literal[1] = 1
    run_id: str
    kind: str
    status: RunStatus
    instrument: str
    pipeline_version: str
    dates: tuple[date, ...] = ()
    git: GitState
    versions: dict[str, str | None]
    process: ProcessInfo
    started_at: str
    updated_at: str
    ended_at: str | None = None
    seconds: float | None = None
    inputs: tuple[DatasetFingerprint, ...] = ()
    outputs: tuple[OutputRecord, ...] = ()
    error: ErrorRecord | None = None


class RunRecord(JobRecord):
    """`run.json` of a pipeline or of one stage.

    Attributes:
        kind: "pipeline" or "stage".
        start, end: the requested range; `dates` are the sessions it holds.
        config_hash: sha256 of settings, profile, manifest, overrides and date rules together.
        overrides: parameters set for this run (`--set`), by "stage.param" (08 B8).
        stages: every stage of the run in execution order, also those not reached.
        rows: row counts by dataset over all stages.
        nulls: columns that are null in most of the written rows, and why.
        resume: the command that goes on after a failure.
    """

    kind: Literal["pipeline", "stage"]
    pipeline_id: str
    start: date
    end: date
    on_bad_date: Literal["fail", "skip"] = "fail"
    overrides: dict[str, Any] = Field(default_factory=dict)
    submitter: str = "local"
    config_hash: str
    manifest_hash: str
    rows: dict[str, int] = Field(default_factory=dict)
    skipped: dict[date, str] = Field(default_factory=dict)
    stages: tuple[StageRecord, ...] = ()
    nulls: tuple[NullGroup, ...] = ()
    resume: str | None = None
