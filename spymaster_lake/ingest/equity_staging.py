"""Where tasks of equity sources put rows: Bronze parts and quarantine files in staging."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from spymaster_lake.features.arrays import I64
from spymaster_lake.ingest.equity_rows import UNITS
from spymaster_lake.ingest.normalise import FIXED
from spymaster_lake.ingest.quarantine import (
    QUARANTINE_SCHEMA,
    QuarantineWriter,
    Reason,
    Reasons,
)
from spymaster_lake.lake.bronze_writer import BronzeWriter
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.instruments import InstrumentResolver
from spymaster_lake.lake.paths import LakePathResolver

_HASH_DIGITS = 16


@dataclass(frozen=True, slots=True)
class TaskPlace:
    """What all tasks of a run share; picklable.

    Attributes:
        data_root: root of the lake.
        instrument: such as "abc".
        product: "equities" or "options".
        run_id: of the run.
        resolver: profiles and symbols.
        skip_foreign: leave out rows of other symbols in files of a whole market.
    """

    data_root: str
    instrument: str
    product: str
    run_id: str
    resolver: InstrumentResolver
    skip_foreign: bool = False


class Staging:
    """The staging area of one task.

    Args:
        place: of the run.
        name: of the task, unique in the run.
    """

    def __init__(self, place: TaskPlace, name: str) -> None:
        self.place = place
        self.paths = LakePathResolver(place.data_root)
        self.filesystem = LakeFileSystem.of(place.data_root)
        self.folder = self.paths.staging_dir(place.instrument, place.run_id, name)

    def clear(self) -> None:
        """Remove everything staged."""
        self.filesystem.remove_tree(self.folder)

    def writer(self, dataset: str, digest: str, source: str) -> BronzeWriter:
        """The Bronze writer of one raw file.

        Args:
            dataset: Bronze dataset.
            digest: sha256 of the raw file.
            source: vendor, as rows name it.
        """
        return BronzeWriter(
            paths=self.paths,
            filesystem=self.filesystem,
            resolver=self.place.resolver,
            instrument=self.place.instrument,
            product=self.place.product,
            dataset=dataset,
            staging=self.folder,
            src_file=digest[:_HASH_DIGITS],
            source=source,
        )

    def reject(
        self,
        dataset: str,
        digest: str,
        *,
        rows: I64,
        ts_ns: I64,
        price: I64,
        size: I64,
        symbols: list[str],
        codes: I64,
        reasons: Reasons,
    ) -> QuarantineWriter:
        """Stage the quarantine of one raw file; no file if no row has a reason.

        Args:
            dataset: Bronze dataset the rows were meant for.
            digest: sha256 of the raw file.
            rows: int64[n] ordinals in the file.
            ts_ns: int64[n].
            price: int64[n] units.
            size: int64[n].
            symbols: symbols by code.
            codes: int64[n].
            reasons: uint8[n]; rows with 0 are left out.
        """
        src_file = digest[:_HASH_DIGITS]
        name = f"{self.place.product}-{src_file}.parquet"
        writer = QuarantineWriter(
            self.filesystem,
            f"{self.folder}/quarantine-{dataset}.parquet",
            self.paths.quarantine_file(self.place.instrument, self.place.run_id, name),
        )
        at = np.flatnonzero(reasons)
        if len(at):
            names = {int(reason): reason.name for reason in Reason}
            why = reasons[at]
            stamps = pa.array(ts_ns[at], mask=why == Reason.OUT_OF_BOUNDS_TIME)
            columns = [
                pa.repeat(src_file, len(at)),
                pa.array(rows[at]),
                pa.array([names[int(r)] for r in why], pa.string()),
                pa.repeat(dataset, len(at)),
                pa.array(np.zeros(len(at), np.int64)),
                pa.array([symbols[int(c)] for c in codes[at]], pa.string()),
                stamps,
                stamps,
                pa.array(price[at] * (FIXED // UNITS)),
                pa.array(size[at]),
            ]
            writer.add(pa.table(columns, schema=QUARANTINE_SCHEMA), why)
        return writer
