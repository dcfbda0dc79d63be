"""A small complete lake without Spark: simulated files, Bronze, and all tables of two sessions.

The sessions go over Thanksgiving: 2025-11-27 is a holiday, 2025-11-28 closes early. The lake of a
market is built once a process; tests work on copies whose large files are hard links, so a test that changes
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
from spymaster_lake.lake.delta_tables import open_snapshot
from spymaster_lake.lake.session_map import SessionOutcome, SessionTask, run_task
from spymaster_lake.orchestration import driver, execute
from spymaster_lake.orchestration.catalogue import build_registry
from spymaster_lake.orchestration.dates import date_range
from spymaster_lake.orchestration.environment import build_environment
from spymaster_lake.orchestration.prepare import RunRequest
from spymaster_lake.orchestration.registry import StageRegistry
from spymaster_lake.orchestration.types import Environment
from tests.markets import ES, REPOSITORY, Market, simulate_market

VERSION, FRONT, NEXT = ES.version, ES.front, ES.next
PIPELINES = ("feature_engineering", "episode_construction")
FIRST = date(2025, 11, 21)
SESSIONS = (FIRST, date(2025, 11, 24), date(2025, 11, 25), date(2025, 11, 26), date(2025, 11, 28))
EARLIER, HOLIDAY, DAY = date(2025, 11, 26), date(2025, 11, 27), date(2025, 11, 28)
"""The first runnable session, the day without one, and the second, which is a half day."""


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
        market: the instrument it holds.
    """

    root: Path
    home: Path = REPOSITORY
    market: Market = ES

    @property
    def env(self) -> Environment:
        """An environment over it."""
        return _environment(self.home, self.root)

    def run(
        self,
        pipeline_id: str = PIPELINES[0],
        *,
        start: date,
        end: date,
        registry: StageRegistry | None = None,
        **asked: Any,
    ) -> Any:
        """Run a pipeline, or with `stage` one stage, by all stages if no others are given.

        Returns:
            The run record.
        """
        asked_for = date_range(None, start, end)
        market = self.market
        request = RunRequest(
            market.instrument, pipeline_id, market.version, asked=asked_for, **asked
        )
        with in_process():
            return driver.run(self.env, registry or build_registry(), request)

    def table(self, dataset: str, pipeline_id: str = PIPELINES[0], layer: str = "silver") -> Path:
        """Folder of a table."""
        version = f"version={self.market.version}"
        return self.root / layer / self.market.instrument / pipeline_id / version / dataset

    def read(self, dataset: str, day: date, pipeline_id: str = PIPELINES[0]) -> pa.Table:
        """Rows of a published Silver table on one date, without `date`."""
        files = open_snapshot(str(self.table(dataset, pipeline_id))).on([day])
        return pa.concat_tables([pq.ParquetFile(f.path).read() for f in files])

    def bronze(self, product: str, dataset: str, value: str = "*", day: str = "*") -> list[Path]:
        """Bronze parts, sorted; `day` is a UTC date."""
        folder = self.root / "bronze" / self.market.instrument / product / dataset
        return sorted(folder.glob(f"schema=v1/*={value}/date={day}/hour=*/*.parquet"))

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
def _base(folder: Path, market: Market) -> SmallLake:
    lake = SmallLake(folder / market.instrument, market=market)
    simulate_market(
        lake.root,
        market,
        start=FIRST,
        sessions=len(SESSIONS),
        size="tiny",
        seed=3,
        processes=1,
    )
    for pipeline_id in PIPELINES:
        lake.run(pipeline_id, start=EARLIER, end=DAY)
    return lake


_FOLDER: list[Path] = []


def base(factory: pytest.TempPathFactory, market: Market = ES) -> SmallLake:
    """The lake of a market in this process, built at the first call; never to be changed."""
    if not _FOLDER:
        _FOLDER.append(factory.mktemp("small"))
    return _base(_FOLDER[0], market)


def copy_of(lake: SmallLake, folder: Path) -> SmallLake:
    """A copy to change; large files are hard links."""
    for name in ("raw", "bronze", "silver", "gold"):
        shutil.copytree(lake.root / name, folder / name, copy_function=os.link)
    shutil.copytree(lake.root / "_meta", folder / "_meta")
    return replace(lake, root=folder)
