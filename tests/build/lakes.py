"""Builds in this process, without Spark, and the tables of one date as arrays."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from spymaster_lake.contracts.catalogue import contract_of
from spymaster_lake.contracts.settings import load_settings
from spymaster_lake.lake.delta_tables import open_snapshot
from spymaster_lake.lake.parquet_files import read_partition_files
from spymaster_lake.orchestration.build import BuildRequest, build
from spymaster_lake.orchestration.build_report import BuildReport
from spymaster_lake.orchestration.catalogue import build_registry
from spymaster_lake.orchestration.dates import DateRange
from spymaster_lake.orchestration.environment import build_environment
from spymaster_lake.orchestration.types import Environment
from spymaster_lake.sessions.calendar import SessionCalendar
from tests.laws.small_lake import in_process, without_spark

REPOSITORY = Path(__file__).resolve().parents[2]
GOLD = ("episodes/vectors", "episodes/metadata", "episodes/sequences", "episodes/rejected")


def environment(root: Path, home: Path = REPOSITORY) -> Environment:
    """An environment without Spark."""
    return without_spark(build_environment(load_settings(home=home, data_root=str(root))))


def build_lake(
    root: Path, instrument: str, version: str = "1.0.0", *, home: Path = REPOSITORY, **given: Any
) -> BuildReport:
    """Build in this process; `day` asks for one date."""
    if (day := given.pop("day", None)) is not None:
        given["asked"] = DateRange(day, day, by_range=False)
    with in_process():
        return build(
            environment(root, home), build_registry(), BuildRequest(instrument, version, **given)
        )


def new_home(folder: Path, instrument: str, *, like: str, **facts: str) -> Path:
    """A project folder with one instrument made from the profile and the manifests of another.

    Args:
        folder: the new folder.
        instrument: its name.
        like: an instrument of the repository.
        facts: texts of the profile to replace, as `name="old -> new"`.
    """
    profile = (REPOSITORY / "conf" / "instruments" / f"{like}.yaml").read_text(encoding="utf-8")
    for change in (f"instrument: {like} -> instrument: {instrument}", *facts.values()):
        old, new = change.split(" -> ")
        assert old in profile, old
        profile = profile.replace(old, new)
    (folder / "conf" / "instruments").mkdir(parents=True)
    (folder / "conf" / "instruments" / f"{instrument}.yaml").write_text(profile, encoding="utf-8")
    shutil.copytree(REPOSITORY / "manifests" / like, folder / "manifests" / instrument)
    for file in (folder / "manifests").rglob("manifest.json"):
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace(f'"{like}"', f'"{instrument}"'), encoding="utf-8")
    return folder


@dataclass(frozen=True)
class Session:
    """All tables of one date of a lake.

    Attributes:
        env: its environment.
        instrument: whose.
        day: the date.
        version: of the pipelines.
    """

    env: Environment
    instrument: str
    day: date
    version: str = "1.0.0"

    @cached_property
    def profile(self) -> Any:
        """With the widths that hold in the session."""
        (facts,) = self.table("work/sessions").to_pylist()
        return self.env.profiles[self.instrument].at_price(facts["reference_price"])

    @cached_property
    def calendar(self) -> SessionCalendar:
        """The instrument's sessions."""
        return SessionCalendar(self.profile.calendar)

    @cached_property
    def clock(self) -> Any:
        """Bounds of the session."""
        return SessionCalendar(self.env.profiles[self.instrument].calendar).clock(self.day)

    def table(self, dataset: str) -> pa.Table:
        """Rows of a Silver or Gold table on the date."""
        paths = self.env.resolver
        own = dataset in {*GOLD, "state_table", "work/anchors"}
        pipeline = "episode_construction" if own else "feature_engineering"
        make = paths.gold_table if dataset in GOLD else paths.silver_table
        files = open_snapshot(make(self.instrument, pipeline, self.version, dataset)).on([self.day])
        return read_partition_files(contract_of(dataset), files)

    def rows(self, dataset: str) -> list[dict[str, Any]]:
        """The same as dictionaries."""
        return list(self.table(dataset).to_pylist())

    def column(self, dataset: str, name: str) -> np.ndarray:
        """A number column, NaN where null; others as objects."""
        column = self.table(dataset).column(name)
        if pa.types.is_integer(column.type) and not column.null_count:
            return np.asarray(column.to_numpy(), np.int64)
        if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
            values = column.cast(pa.float64()).fill_null(float("nan"))
            return np.asarray(values.to_numpy(), np.float64)
        return np.array(column.to_pylist(), dtype=object)
