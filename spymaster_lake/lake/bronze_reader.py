"""Read Bronze: list what exists, and read columns of a time span in total order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from spymaster_lake.contracts.bronze import BRONZE, PARTITION_KEY
from spymaster_lake.contracts.errors import MissingInputError
from spymaster_lake.lake.bronze_parts import (
    HOUR_NS,
    BronzeFile,
    BronzeScan,
    overlapping,
    read_bronze,
)
from spymaster_lake.lake.bronze_writer import bronze_contract
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.paths import LakePathResolver

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

__all__ = ["BronzeFile", "BronzeReader", "BronzeScan", "Coverage", "read_bronze"]

_PART = re.compile(r"(?P<key>[a-z]+)=(?P<value>[^/]+)/date=(?P<day>[^/]+)/hour=(?P<hour>\d{2})/")
_FIRST_NS, _LAST_NS = 0, np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Coverage:
    """What Bronze holds of one dataset, partition value and UTC date."""

    dataset: str
    value: str
    day: date
    hours: tuple[int, ...]
    files: int
    size: int


@dataclass(frozen=True)
class BronzeReader:
    """Bronze of one instrument and product, as it lies in the lake.

    Attributes:
        paths: path resolver.
        filesystem: file system of the same root.
        instrument: such as "abc".
        product: "futures", "options" or "equities".
    """

    paths: LakePathResolver
    filesystem: LakeFileSystem
    instrument: str
    product: str

    def _root(self, dataset: str) -> str:
        bronze_contract(self.product, dataset)
        return self.paths.bronze_dataset(self.instrument, self.product, dataset)

    def datasets(self) -> tuple[str, ...]:
        """Datasets of the contracts that exist in the lake."""
        known = [d for p, d in BRONZE if p == self.product]
        return tuple(d for d in known if self.filesystem.exists(self._root(d)))

    def values(self, dataset: str) -> tuple[str, ...]:
        """Contracts, underlyings or symbols of a dataset, sorted."""
        return tuple(self._keys(self._root(dataset), PARTITION_KEY[self.product]))

    def _keys(self, folder: str, key: str) -> list[str]:
        prefix = f"{key}="
        names = self.filesystem.list_dir(folder)
        return [name[len(prefix) :] for name in names if name.startswith(prefix)]

    def dates(self, dataset: str, value: str | None = None) -> tuple[date, ...]:
        """UTC dates of a dataset, or of one partition value of it, sorted."""
        days: set[str] = set()
        for one in [value] if value is not None else self.values(dataset):
            folder = self.paths.bronze_value(self.instrument, self.product, dataset, one)
            days.update(self._keys(folder, "date"))
        return tuple(date.fromisoformat(day) for day in sorted(days))

    def hours(self, dataset: str, value: str, day: date) -> tuple[int, ...]:
        """UTC hours of one date, sorted."""
        folder = self.paths.bronze_partition(self.instrument, self.product, dataset, value, day)
        return tuple(int(hour) for hour in self._keys(folder, "hour"))

    def files(
        self,
        dataset: str,
        *,
        contract: str | None = None,
        start_ns: int | None = None,
        end_ns: int | None = None,
    ) -> list[BronzeFile]:
        """The parts whose hour overlaps [start_ns, end_ns), sorted by path.

        Args:
            dataset: Bronze dataset.
            contract: contract, underlying or symbol; None for all.
            start_ns: int64 ns UTC; None for no bound.
            end_ns: exclusive; None for no bound.
        """
        begin = _FIRST_NS if start_ns is None else start_ns
        end = _LAST_NS if end_ns is None else end_ns
        found: list[BronzeFile] = []
        for value in [contract] if contract is not None else self.values(dataset):
            for day in self.dates(dataset, value):
                midnight = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
                first = midnight * 1_000_000_000
                if first < end and first + 24 * HOUR_NS > begin:
                    found += self._parts(dataset, value, day)
        return sorted(overlapping(found, begin, end, contract), key=lambda file: file.path)

    def _parts(self, dataset: str, value: str, day: date) -> Iterator[BronzeFile]:
        folder = self.paths.bronze_partition(self.instrument, self.product, dataset, value, day)
        for info in self.filesystem.find(folder):
            path = self.paths.relative(info.path)
            part = _PART.search(path)
            if part is None or not path.endswith(".parquet"):
                continue
            stamp = datetime.fromisoformat(part["day"]).replace(tzinfo=UTC)
            hour_ns = (int(stamp.timestamp()) + int(part["hour"]) * 3600) * 1_000_000_000
            yield BronzeFile(path, info.size, info.path, part["value"], hour_ns)

    def scan(
        self,
        dataset: str,
        *,
        contract: str | None = None,
        start_ns: int | None = None,
        end_ns: int | None = None,
    ) -> BronzeScan:
        """A picklable scan over the parts that overlap the span; it may have none."""
        files = self.files(dataset, contract=contract, start_ns=start_ns, end_ns=end_ns)
        return BronzeScan(self.product, dataset, tuple(files))

    def read(
        self,
        dataset: str,
        columns: Sequence[str] = (),
        *,
        start_ns: int,
        end_ns: int,
        contract: str | None = None,
    ) -> pa.Table:
        """Rows of the span in total order, see `read_bronze`.

        Raises:
            MissingInputError: no part overlaps the span; says what exists.
        """
        scan = self.scan(dataset, contract=contract, start_ns=start_ns, end_ns=end_ns)
        if not scan.files:
            raise MissingInputError(self._missing(dataset, contract, start_ns, end_ns))
        return scan.read(columns, start_ns=start_ns, end_ns=end_ns, contract=contract)

    def _missing(self, dataset: str, value: str | None, start_ns: int, end_ns: int) -> str:
        days = self.dates(dataset)
        have = f"{days[0]} to {days[-1]}" if days else "nothing"
        return (
            f"Bronze {self.instrument}/{self.product}/{dataset}: no file of {value or 'any value'} "
            f"in [{_iso(start_ns)}, {_iso(end_ns)}); it has {have} of "
            f"{', '.join(self.values(dataset)) or 'no value'}"
        )

    def coverage(self, dataset: str) -> list[Coverage]:
        """What exists, one row per partition value and UTC date."""
        grouped: dict[tuple[str, date], list[BronzeFile]] = {}
        for file in self.files(dataset):
            grouped.setdefault((file.value, file.day), []).append(file)
        return [
            Coverage(
                dataset,
                value,
                day,
                tuple(sorted({f.hour_ns // HOUR_NS % 24 for f in files})),
                len(files),
                sum(f.size for f in files),
            )
            for (value, day), files in sorted(grouped.items())
        ]

    def as_spark(self, spark: SparkSession, dataset: str) -> DataFrame:
        """The dataset as a Spark DataFrame, partition columns included; for exploration."""
        return spark.read.parquet(self._root(dataset))


def _iso(ns: int) -> str:
    return datetime.fromtimestamp(ns // 1_000_000_000, UTC).isoformat()
