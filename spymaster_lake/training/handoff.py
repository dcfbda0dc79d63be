"""The hand-off from a lake run to a training: run_id, fingerprints, locations (04 section 0, 08 B28).

A run hands over the tables it published or read, at the Delta versions its run.json records. The
training reads exactly those versions, and only if their files of the training dates are still what a
reader sees now: dates that were added later do no harm, dates that were made again do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from spymaster_lake.contracts.catalogue import contract_of
from spymaster_lake.contracts.run_record import DatasetFingerprint, RunRecord, RunStatus
from spymaster_lake.contracts.table import TableContract
from spymaster_lake.lake.delta_tables import TableSnapshot, open_snapshot, table_properties
from spymaster_lake.lake.parquet_files import DataFile
from spymaster_lake.orchestration.fingerprints import dataset_fingerprint
from spymaster_lake.orchestration.records import RunStore, effective_status
from spymaster_lake.orchestration.types import Environment
from spymaster_lake.training.errors import HandOffError
from spymaster_lake.training.handed_dates import require_same_dates, require_sessions

LABEL_VERSION_PROPERTY = "spymaster.label_version"


@dataclass(frozen=True)
class HandedTable:
    """One table as the run handed it over.

    Attributes:
        contract: of the dataset.
        path: location, relative to the root of the lake.
        snapshot: the recorded version.
        fingerprint: over the files of the training dates at that version.
    """

    contract: TableContract
    path: str
    snapshot: TableSnapshot
    fingerprint: DatasetFingerprint

    @property
    def dates(self) -> tuple[date, ...]:
        """Training dates the table holds, in order; some may be without rows."""
        return self.fingerprint.dates

    @property
    def files(self) -> tuple[DataFile, ...]:
        """Data files of the training dates."""
        return self.snapshot.on(self.dates)


@dataclass(frozen=True)
class HandOff:
    """What one run hands over for a range of dates.

    Attributes:
        run: the record of the run.
        tables: by dataset.
    """

    run: RunRecord
    tables: dict[str, HandedTable]

    @property
    def sessions(self) -> tuple[date, ...]:
        """Dates of the first table; all tables hold the same."""
        return next(iter(self.tables.values())).dates


@dataclass(frozen=True, slots=True)
class _Location:
    layer: str
    owner: str
    version: str
    table_version: int
    recorded: DatasetFingerprint | None = None


def read_run(
    env: Environment, instrument: str, pipeline_id: str, pipeline_version: str, run_id: str
) -> RunRecord:
    """The record of the run that hands over.

    Raises:
        UnknownNameError: there is no such run; lists the newest.
        HandOffError: it is of another pipeline or version, or did not succeed.
    """
    run = RunStore(env).read_run(instrument, run_id)
    wanted, found = (pipeline_id, pipeline_version), (run.pipeline_id, run.pipeline_version)
    if wanted != found:
        raise HandOffError(
            f"run {run_id} is of {' '.join(found)}; --pipeline-id and --pipeline-version say "
            f"{' '.join(wanted)}"
        )
    status = effective_status(run)
    if status is not RunStatus.SUCCEEDED:
        raise HandOffError(f"run {run_id} is {status.value}; only a SUCCEEDED run hands over")
    return run


def open_hand_off(
    env: Environment, run: RunRecord, datasets: Sequence[str], *, start: date, end: date
) -> HandOff:
    """The tables of a run for the dates in [start, end].

    Args:
        env: the environment.
        run: see `read_run`.
        datasets: dataset names; the run must have published or read each.
        start: first date.
        end: last date, included.

    Raises:
        HandOffError: the run neither published nor read a dataset; the files of a training date are
            not those of the recorded version; the recorded fingerprint differs; a table lacks dates
            that another has, or sessions of the calendar that no run skipped; no date at all.
        DataError: a recorded version cannot be read any more.
    """
    tables = {name: _open(env, run, name, start, end) for name in dict.fromkeys(datasets)}
    dates = {table.path: table.dates for table in tables.values()}
    require_sessions(
        env, run, require_same_dates(dates, start=start, end=end), start=start, end=end
    )
    return HandOff(run, tables)


def check_label_version(table: HandedTable, label_version: str) -> None:
    """Compare `--label-version` with the property of the labels table.

    Raises:
        HandOffError: they differ; names both.
    """
    number = table_properties(table.snapshot.path).get(LABEL_VERSION_PROPERTY, "unknown")
    found = f"{table.contract.dataset}@v{number}"
    if label_version != found:
        raise HandOffError(f"--label-version is {label_version!r}; the table holds {found!r}")


def _open(env: Environment, run: RunRecord, dataset: str, start: date, end: date) -> HandedTable:
    contract, place = contract_of(dataset), _locate(run, dataset)
    make = env.resolver.silver_table if place.layer == "silver" else env.resolver.gold_table
    path = make(run.instrument, place.owner, place.version, dataset)
    recorded, current = open_snapshot(path, place.table_version), open_snapshot(path)
    dates = tuple(d for d in recorded.dates if start <= d <= end)
    relative = env.resolver.relative(path)
    if place.recorded is not None:
        _require_recorded(env, run, contract, place, recorded)
    changed = [d for d in dates if _files(env, recorded, (d,)) != _files(env, current, (d,))]
    if changed:
        raise HandOffError(
            f"{relative}: fingerprint mismatch: run {run.run_id} handed over version "
            f"{place.table_version}, and {len(changed)} training dates were made again since "
            f"(first {changed[0]}); name the run that made them"
        )
    fingerprint = _fingerprint(env, run, contract, place, recorded, dates)
    return HandedTable(contract, relative, recorded, fingerprint)


def _locate(run: RunRecord, dataset: str) -> _Location:
    for output in run.outputs:
        if output.dataset == dataset and output.delta_version is not None:
            return _Location(
                output.layer, run.pipeline_id, run.pipeline_version, output.delta_version
            )
    for read in run.inputs:
        if read.dataset == dataset and read.table_version is not None:
            return _Location(
                read.layer, read.owner, read.pipeline_version, read.table_version, read
            )
    known = sorted(
        {o.dataset for o in run.outputs if o.delta_version is not None}
        | {i.dataset for i in run.inputs if i.table_version is not None}
    )
    raise HandOffError(
        f"run {run.run_id} neither published nor read dataset {dataset!r}; it has: "
        f"{', '.join(known) or 'none'}"
    )


def _files(
    env: Environment, snapshot: TableSnapshot, dates: Sequence[date]
) -> list[tuple[str, int]]:
    return [(env.resolver.relative(f.path), f.size) for f in snapshot.on(dates)]


def _fingerprint(
    env: Environment,
    run: RunRecord,
    contract: TableContract,
    place: _Location,
    snapshot: TableSnapshot,
    dates: Sequence[date],
) -> DatasetFingerprint:
    return dataset_fingerprint(
        layer=place.layer,
        owner=place.owner,
        dataset=contract.dataset,
        pipeline_version=place.version,
        manifest_hash=run.manifest_hash,
        schema_version=f"v{contract.version}",
        dates=dates,
        files=_files(env, snapshot, dates),
        table_version=place.table_version,
    )


def _require_recorded(
    env: Environment,
    run: RunRecord,
    contract: TableContract,
    place: _Location,
    snapshot: TableSnapshot,
) -> None:
    """An input's sha256 in run.json must be that of the files the version lists."""
    assert place.recorded is not None
    found = _fingerprint(env, run, contract, place, snapshot, place.recorded.dates)
    if found.sha256 != place.recorded.sha256:
        raise HandOffError(
            f"{contract.dataset}: fingerprint mismatch: run {run.run_id} recorded "
            f"{place.recorded.sha256[:12]}, version {place.table_version} has {found.sha256[:12]}"
        )
