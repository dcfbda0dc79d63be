"""A small complete lake without Spark: simulated files, Bronze, and all tables of two sessions.

The sessions go over Thanksgiving: 2025-11-27 is a holiday, 2025-11-28 closes early. The lake is
built once a process; tests work on copies whose large files are hard links, so a test that changes
a file must replace it (`replace_file`), never write into it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spymaster_lake.contracts.settings import load_settings
from spymaster_lake.ingest.job import IngestRequest, ingest
from spymaster_lake.lake.delta_tables import open_snapshot
from spymaster_lake.lake.session_map import SessionOutcome, SessionTask, run_task
from spymaster_lake.orchestration import driver, execute
from spymaster_lake.orchestration.catalogue import build_registry
from spymaster_lake.orchestration.dates import date_range
from spymaster_lake.orchestration.environment import build_environment
from spymaster_lake.orchestration.prepare import RunRequest
from spymaster_lake.orchestration.types import Environment
from spymaster_lake.sessions.calendar import SessionCalendar
from spymaster_lake.simulator import simulate

REPOSITORY = Path(__file__).resolve().parents[2]
VERSION = "4.5.0"
PIPELINES = ("feature_engineering", "episode_construction")
FIRST = date(2025, 11, 21)
SESSIONS = (FIRST, date(2025, 11, 24), date(2025, 11, 25), date(2025, 11, 26), date(2025, 11, 28))
EARLIER, HOLIDAY, DAY = date(2025, 11, 26), date(2025, 11, 27), date(2025, 11, 28)
"""The first runnable session, the day without one, and the second, which is a half day."""
FRONT, NEXT = "ESZ5", "ESH6"


def here(
    spark: object,
    tasks: Sequence[SessionTask],
    call: Callable[[SessionTask, Mapping[str, pa.Table]], Any],
    outputs: Sequence[Any],
) -> list[SessionOutcome]:
    """`map_sessions` in this process; `spark` is not used."""
    return [run_task(task, call, outputs) for task in tasks]


def without_spark(env: Environment) -> Environment:
    """The environment with no session to build."""
    return replace(env, spark_factory=lambda: None)


@lru_cache(maxsize=4)
def _environment(home: Path, root: Path) -> Environment:
    return without_spark(build_environment(load_settings(home=home, data_root=str(root))))


@contextmanager
def in_process() -> Iterator[None]:
    """Stages run in this process."""
    with mock.patch.object(execute, "map_sessions", here):
        yield


@dataclass(frozen=True)
class SmallLake:
    """A lake in a folder.

    Attributes:
        root: the folder.
        home: project folder with `conf` and `manifests`.
    """

    root: Path
    home: Path = REPOSITORY

    @property
    def env(self) -> Environment:
        """An environment over it."""
        return _environment(self.home, self.root)

    def run(self, pipeline_id: str = PIPELINES[0], *, start: date, end: date, **asked: Any) -> Any:
        """Run a pipeline, or with `stage` one stage; the run record."""
        asked_for = date_range(None, start, end)
        request = RunRequest("es", pipeline_id, VERSION, asked=asked_for, **asked)
        with in_process():
            return driver.run(self.env, build_registry(), request)

    def table(self, dataset: str, pipeline_id: str = PIPELINES[0], layer: str = "silver") -> Path:
        """Folder of a table."""
        return self.root / layer / "es" / pipeline_id / f"version={VERSION}" / dataset

    def read(self, dataset: str, day: date, pipeline_id: str = PIPELINES[0]) -> pa.Table:
        """Rows of a published Silver table on one date, without `date`."""
        files = open_snapshot(str(self.table(dataset, pipeline_id))).on([day])
        return pa.concat_tables([pq.ParquetFile(f.path).read() for f in files])

    def bronze(self, product: str, dataset: str, value: str = "*", day: str = "*") -> list[Path]:
        """Bronze parts, sorted; `day` is a UTC date."""
        pattern = f"bronze/es/{product}/{dataset}/schema=v1/*={value}/date={day}/hour=*/*.parquet"
        return sorted(self.root.glob(pattern))

    def published(self) -> dict[str, tuple[int, int]]:
        """Every file below Silver and Gold with its size and time.

        A Delta version is a file of the table's log, so equal listings are equal versions.
        """
        found: dict[str, tuple[int, int]] = {}
        for layer in ("silver", "gold"):
            for folder, _, names in os.walk(self.root / layer):
                for name in names:
                    path = Path(folder, name)
                    found[str(path)] = (path.stat().st_size, path.stat().st_mtime_ns)
        return found

    def staging(self) -> list[Path]:
        """What is left of staged files."""
        return sorted(self.root.glob("_meta/*/runs/*/staging/**/*.parquet"))


def replace_file(path: Path, content: bytes | pa.Table) -> None:
    """Put other content under a name; the old file may be shared by other copies of the lake."""
    path.unlink(missing_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        pq.write_table(content, path, compression="zstd")


@cache
def _base(folder: Path) -> SmallLake:
    lake = SmallLake(folder / "lake")
    profiles = dict(lake.env.profiles)
    es = profiles["es"]
    raw = lake.root / "raw" / "es"
    simulate(
        raw / "futures" / "databento", raw / "options" / "databento", es,
        SessionCalendar(es.calendar),
        start=FIRST, sessions=len(SESSIONS), size="tiny", seed=3, processes=1,
    )  # fmt: skip
    for product in ("futures", "options"):
        ingest(None, IngestRequest(str(lake.root), "es", product), profiles)
    for pipeline_id in PIPELINES:
        lake.run(pipeline_id, start=EARLIER, end=DAY)
    return lake


_FOLDER: list[Path] = []


def base(factory: pytest.TempPathFactory) -> SmallLake:
    """The lake of this process, built at the first call; never to be changed."""
    if not _FOLDER:
        _FOLDER.append(factory.mktemp("small"))
    return _base(_FOLDER[0])


def copy_of(lake: SmallLake, folder: Path) -> SmallLake:
    """A copy to change; large files are hard links."""
    for name in ("raw", "bronze", "silver", "gold"):
        shutil.copytree(lake.root / name, folder / name, copy_function=os.link)
    shutil.copytree(lake.root / "_meta", folder / "_meta")
    return replace(lake, root=folder)
