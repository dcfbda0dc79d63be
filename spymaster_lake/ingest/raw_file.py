"""Ingest one raw file into staging: the work of one Spark task."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from spymaster_lake.contracts.errors import LakeError, RawFileError, SymbolError
from spymaster_lake.ingest.daily_break import DailyBreak
from spymaster_lake.ingest.dbn import BATCH_RECORDS, DbnReader
from spymaster_lake.ingest.normalise import FIXED, ROUTES, Batch, Grid, Records, Route
from spymaster_lake.ingest.quarantine import (
    QuarantineWriter,
    Reason,
    Reasons,
    flag,
    quarantine_table,
)
from spymaster_lake.ingest.symbology import Symbology, symbology_of
from spymaster_lake.lake.bronze_writer import BronzeWriter, StagedFile
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.instruments import PRODUCT_OF_KIND, InstrumentResolver, SymbolKind
from spymaster_lake.lake.paths import LakePathResolver

_DAY_NS = 86_400_000_000_000
_HASH_DIGITS = 16


@dataclass(frozen=True, slots=True)
class RawFileTask:
    """What a task needs to ingest one file; picklable."""

    path: str
    data_root: str
    instrument: str
    product: str
    run_id: str
    number: int
    resolver: InstrumentResolver

    @property
    def name(self) -> str:
        """The file's name, for messages."""
        return self.path.rsplit("/", 1)[-1]

    def run(self) -> list[FileOutcome]:
        """The work of one Spark task."""
        return [ingest_raw_file(self)]


@dataclass(frozen=True)
class FileOutcome:
    """What became of one raw file.

    Attributes:
        path: the raw file.
        sha256: of its bytes; empty if it could not be read.
        schema: vendor schema; empty if the header could not be read.
        dataset: Bronze dataset.
        rows_in: records in the file.
        rows_out: rows staged for Bronze.
        not_kept: records Bronze does not keep by contract (statistics other than open interest).
        quarantined: rows by reason.
        parts: staged Bronze parts.
        quarantine: the staged quarantine file, if any row was rejected.
        error_type: class of the error that refused the file; empty if there was none.
        error: its message.
        warnings: sentences on what was read but is doubtful.
        facts: counts worth keeping beside rows and reasons (JSON values).
    """

    path: str
    sha256: str = ""
    schema: str = ""
    dataset: str = ""
    rows_in: int = 0
    rows_out: int = 0
    not_kept: int = 0
    quarantined: dict[str, int] = field(default_factory=dict)
    parts: tuple[StagedFile, ...] = ()
    quarantine: StagedFile | None = None
    error_type: str = ""
    error: str = ""
    warnings: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)


def ingest_raw_file(task: RawFileTask) -> FileOutcome:
    """Decode, map, normalise and stage one file; nothing is left in staging if it is refused.

    A `LakeError` is this file's verdict and is returned; any other exception is a defect and ends
    the job.
    """
    paths = LakePathResolver(task.data_root)
    filesystem = LakeFileSystem.of(task.data_root)
    staging = paths.staging_dir(task.instrument, task.run_id, f"file-{task.number:05d}")
    digest = ""
    try:
        digest = LakeFileSystem.of(task.path).sha256(task.path)
        return _FileIngest(task, paths, filesystem, staging, digest).run()
    except LakeError as exc:
        filesystem.remove_tree(staging)
        return FileOutcome(
            task.path, sha256=digest, error_type=type(exc).__name__, error=_named(task.name, exc)
        )
    except BaseException:
        filesystem.remove_tree(staging)
        raise


def _named(name: str, exc: LakeError) -> str:
    text = str(exc)
    return text if name in text else f"{name}: {text}"


class _FileIngest:
    """State of one file while it is read."""

    def __init__(
        self,
        task: RawFileTask,
        paths: LakePathResolver,
        filesystem: LakeFileSystem,
        staging: str,
        digest: str,
    ) -> None:
        self.task, self.paths, self.filesystem = task, paths, filesystem
        self.staging, self.digest = staging, digest
        self.src_file = digest[:_HASH_DIGITS]
        self.profile = task.resolver.profile(task.instrument)
        self.grid = Grid(round(self.profile.tick_size * FIXED))
        self.daily_break = DailyBreak(self.profile.calendar)
        self.verdicts: dict[int, Reason] = {}
        self.rows_in = self.not_kept = 0
        self.rejected = QuarantineWriter(
            filesystem,
            f"{staging}/quarantine.parquet",
            paths.quarantine_file(
                task.instrument, task.run_id, f"{task.product}-{self.src_file}.parquet"
            ),
        )

    def run(self) -> FileOutcome:
        """Read the whole file; the parts are complete only when this returns."""
        raw = LakeFileSystem.of(self.task.path)
        try:
            with raw.open(self.task.path) as stream:
                reader = DbnReader(stream, self.task.name)
                route = self._route(reader.schema)
                symbology = symbology_of(reader.metadata, self.task.name)
                writer = self._writer(route, reader.dataset)
                for records in reader.batches(BATCH_RECORDS):
                    self._batch(records, route, symbology, writer)
                parts = tuple(writer.close())
        finally:
            quarantine = self.rejected.close()
        return FileOutcome(
            path=self.task.path,
            sha256=self.digest,
            schema=reader.schema,
            dataset=route.dataset,
            rows_in=self.rows_in,
            rows_out=sum(part.rows for part in parts),
            not_kept=self.not_kept,
            quarantined=dict(sorted(self.rejected.counts.items())),
            parts=parts,
            quarantine=quarantine,
        )

    def _writer(self, route: Route, source: str) -> BronzeWriter:
        return BronzeWriter(
            paths=self.paths,
            filesystem=self.filesystem,
            resolver=self.task.resolver,
            instrument=self.task.instrument,
            product=self.task.product,
            dataset=route.dataset,
            staging=self.staging,
            src_file=self.src_file,
            source=source,
        )

    def _route(self, schema: str) -> Route:
        product = self.task.product
        if (product, schema) not in ROUTES:
            known = ", ".join(s for p, s in ROUTES if p == product) or "none"
            raise RawFileError(
                f"{self.task.name}: schema {schema!r} has no Bronze dataset of {product}; "
                f"allowed: {known}"
            )
        return ROUTES[product, schema]

    def _batch(
        self, records: Records, route: Route, symbology: Symbology, writer: BronzeWriter
    ) -> None:
        rows = np.arange(self.rows_in, self.rows_in + records.size, dtype=np.int64)
        self.rows_in += records.size
        batch = route.normalise(records, self.grid)
        symbols, codes = self._symbols(records, symbology)
        self._judge(batch.reasons, codes, symbols)
        if route.in_market:
            sane = batch.reasons != Reason.OUT_OF_BOUNDS_TIME
            inside = self.daily_break.contains(np.where(sane, batch.when_ns, 0))
            flag(batch.reasons, inside & sane, Reason.MAINTENANCE_BREAK)
        if batch.kept is not None:
            batch.reasons[~batch.kept] = Reason.NONE
        good = batch.reasons == Reason.NONE
        if not good.all():
            rejected = quarantine_table(
                records,
                rows=rows,
                reasons=batch.reasons,
                codes=codes,
                symbols=symbols,
                src_file=self.src_file,
                dataset=route.dataset,
            )
            self.rejected.add(rejected, batch.reasons)
        if batch.kept is not None:
            self.not_kept += int((~batch.kept).sum())
            good &= batch.kept
        self._keep(batch, good, rows, codes, symbols, writer)

    def _symbols(
        self, records: Records, symbology: Symbology
    ) -> tuple[list[str], npt.NDArray[np.int64]]:
        """Symbols and the code of each record; definitions carry their own symbol."""
        if "raw_symbol" in (records.dtype.names or ()):
            self.verdicts.clear()
            unique, codes = np.unique(records["raw_symbol"], return_inverse=True)
            return [s.decode() for s in unique.tolist()], codes.astype(np.int64)
        ids = records["instrument_id"].astype(np.int64)
        days = records["ts_recv"].astype(np.int64) // _DAY_NS
        return symbology.symbols, symbology.codes(ids, days)

    def _judge(self, reasons: Reasons, codes: npt.NDArray[np.int64], symbols: list[str]) -> None:
        """Flag rows by what their symbol is; a foreign symbol refuses the file."""
        for code in codes[:1].tolist() if (codes == codes[0]).all() else np.unique(codes).tolist():
            if code not in self.verdicts:
                self.verdicts[code] = self._verdict(symbols[code]) if code >= 0 else Reason.UNMAPPED
            if self.verdicts[code] is not Reason.NONE:
                flag(reasons, codes == code, self.verdicts[code])

    def _verdict(self, symbol: str) -> Reason:
        try:
            resolved = self.task.resolver.require(symbol, self.task.instrument)
        except SymbolError as exc:
            raise SymbolError(f"{self.task.name}: {exc}") from exc
        if resolved.kind is SymbolKind.USER_DEFINED:
            return Reason.USER_DEFINED
        if resolved.kind is SymbolKind.SPREAD:
            return Reason.SPREAD
        right = PRODUCT_OF_KIND.get(resolved.kind) == self.task.product
        return Reason.NONE if right else Reason.WRONG_PRODUCT

    def _keep(
        self,
        batch: Batch,
        good: npt.NDArray[np.bool_],
        rows: npt.NDArray[np.int64],
        codes: npt.NDArray[np.int64],
        symbols: list[str],
        writer: BronzeWriter,
    ) -> None:
        if good.all():
            writer.write(
                batch.columns, src_rows=rows, codes=codes, symbols=symbols, when_ns=batch.when_ns
            )
            return
        mask = pa.array(good)
        writer.write(
            {name: array.filter(mask) for name, array in batch.columns.items()},
            src_rows=rows[good],
            codes=codes[good],
            symbols=symbols,
            when_ns=batch.when_ns[good],
        )
