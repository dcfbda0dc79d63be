"""Raw files whose records Bronze would hold twice, and what a corrected file replaces.

Identity of a row is (raw file, row), so a second file with the same market in it (a correction, an
overlapping download, another vendor) would count everything twice. It is refused, or replaces the
earlier file as a whole if asked: its parts go once the new ones are in place.

A share, and the options on it, have one file of a kind a day. Other files may share an hour
(downloads are cut by time of receipt, options by root); they clash if a record is in both: same
times, sequence and instrument. To replace one, the new files must hold every UTC date that it
holds, or rows of the others would be lost. Definitions and statistics may repeat: the newest one
known counts.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from spymaster_lake.contracts.errors import DataError, RawFileError
from spymaster_lake.ingest.raw_file import FileOutcome
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.paths import LakePathResolver

COUNTED = ("trades", "mbp10", "quotes")
"""Datasets whose rows are added up or compared with the row before."""

_PART = re.compile(r"part-([0-9a-f]{16})-")
_DAY = re.compile(r"/date=(\d{4}-\d{2}-\d{2})/")
_KEY = ("ts_event_ns", "ts_recv_ns", "seq")


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of this run (staged) or of Bronze: where its rows are, and whose they are."""

    path: str
    folder: str
    digits: str
    raw: str


@dataclass(frozen=True, slots=True)
class Replaced:
    """Parts of earlier raw files that a run's files replace.

    Attributes:
        digits: first 16 hex digits of the sha256 of each earlier file, sorted.
        parts: their parts in Bronze.
    """

    digits: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()


class EarlierFiles:
    """The files of a run against each other and against what Bronze holds.

    Args:
        filesystem: of the lake.
        paths: of the lake.
        outcomes: accepted files of the run, each content once.
        instrument: of the run.
        product: of the run.
        one_file: a symbol and day has one file of a kind, whatever its records.
    """

    def __init__(
        self,
        filesystem: LakeFileSystem,
        paths: LakePathResolver,
        outcomes: Sequence[FileOutcome],
        *,
        instrument: str,
        product: str,
        one_file: bool,
    ) -> None:
        self.filesystem, self.paths = filesystem, paths
        self.instrument, self.product, self.one_file = instrument, product, one_file
        self.new: dict[str, list[_Part]] = defaultdict(list)
        self.days: dict[str, set[str]] = defaultdict(set)
        for outcome in outcomes:
            for part in outcome.parts if outcome.dataset in COUNTED else ():
                folder, name = part.final.rsplit("/", 1)
                self.new[folder].append(_Part(part.staged, folder, _digits(name), outcome.path))
                self.days[outcome.dataset].add(_day(part.final))
        self.own = {part.digits for parts in self.new.values() for part in parts}

    def settle(self, *, replace: bool) -> Replaced:
        """What is to be removed once the run's parts are in place.

        Raises:
            RawFileError: two files of the run hold the same records; Bronze holds records of the
                run's files from an earlier one and `replace` was not asked for; or the run's files
                lack dates that an earlier file has.
        """
        self._refuse_twice_in_run()
        clashes = self._with_bronze()
        if clashes and not replace:
            new, old = clashes[0]
            raise RawFileError(
                f"{new.raw}: Bronze holds its records already, from another raw file "
                f"({self.paths.relative(old.path)}; {_files(clashes)} of such files), and they "
                "would count twice, nothing was published; --replace puts the new file in the "
                "place of the earlier one"
            )
        return self._replaced({old.digits for _, old in clashes})

    def _refuse_twice_in_run(self) -> None:
        for folder in sorted(self.new):
            for one, other in combinations(_by_file(self.new[folder]), 2):
                if self._clash(one, other):
                    raise RawFileError(
                        f"{one[0].raw} and {other[0].raw} hold the same records "
                        f"({self.paths.relative(folder)}), which would count twice; leave one out, "
                        "nothing was published"
                    )

    def _with_bronze(self) -> list[tuple[_Part, _Part]]:
        found = []
        for folder in sorted(self.new):
            old = [p for p in self._present(folder) if p.digits not in self.own]
            for mine in _by_file(self.new[folder]):
                clashing = [o[0] for o in _by_file(old) if self._clash(mine, o)]
                found += [(mine[0], other) for other in clashing]
        return found

    def _present(self, folder: str) -> list[_Part]:
        if not self.filesystem.exists(folder):
            return []
        names = (name for name in self.filesystem.list_dir(folder) if _PART.match(name))
        return [_Part(f"{folder}/{name}", folder, _digits(name), "") for name in names]

    def _clash(self, one: Sequence[_Part], other: Sequence[_Part]) -> bool:
        if self.one_file:
            return True
        mine, theirs = (self._records(parts) for parts in (one, other))
        both = np.intersect1d(mine[:, 0], theirs[:, 0])
        mine, theirs = (r[np.isin(r[:, 0], both)] for r in (mine, theirs))
        return not {*map(tuple, mine.tolist())}.isdisjoint(map(tuple, theirs.tolist()))

    def _records(self, parts: Iterable[_Part]) -> npt.NDArray[np.int64]:
        """Identities of the records of parts in one folder, int64[n, k], event time first."""
        names = (*_KEY, *(("instrument_id",) if self.product == "options" else ()))
        tables = [self._read(part.path, names) for part in parts]
        return np.concatenate(
            [np.column_stack([t.column(n).to_numpy() for n in names]) for t in tables]
        )

    def _read(self, path: str, names: Sequence[str]) -> pa.Table:
        try:
            with self.filesystem.open(path) as stream, pq.ParquetFile(stream) as file:
                return file.read(columns=list(names), use_threads=False)
        except pa.ArrowException as exc:
            raise DataError(f"{self.paths.relative(path)}: unreadable Bronze file: {exc}") from exc

    def _replaced(self, digits: set[str]) -> Replaced:
        gone: list[str] = []
        for dataset, days in sorted(self.days.items()) if digits else ():
            root = self.paths.bronze_dataset(self.instrument, self.product, dataset)
            files = (file.path for file in self.filesystem.find(root))
            old = [f for f in files if _digits(f.rsplit("/", 1)[-1]) in digits]
            lost = [] if self.one_file else sorted({_day(path) for path in old} - days)
            if lost:
                raise RawFileError(
                    f"{dataset}: the raw file to be replaced also holds {', '.join(lost[:5])}"
                    f"{' …' if len(lost) > 5 else ''} (UTC), the new files hold "
                    f"{min(days)} to {max(days)}; name files that hold all of it, nothing was "
                    "published"
                )
            gone += old
        return Replaced(tuple(sorted(digits)), tuple(gone))


def _digits(name: str) -> str:
    found = _PART.match(name)
    return found[1] if found else ""


def _day(path: str) -> str:
    found = _DAY.search(path)
    return found[1] if found else ""


def _by_file(parts: Sequence[_Part]) -> list[list[_Part]]:
    """The parts of each raw file."""
    files: dict[str, list[_Part]] = defaultdict(list)
    for part in parts:
        files[part.digits].append(part)
    return list(files.values())


def _files(clashes: Sequence[tuple[_Part, _Part]]) -> int:
    return len({old.digits for _, old in clashes})
