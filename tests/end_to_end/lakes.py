"""A small lake of two markets, runs over it, and its tables as values that compare bit for bit."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import deltalake
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from spymaster_lake.contracts.run_record import RunRecord
from spymaster_lake.contracts.settings import SparkSettings, load_settings
from spymaster_lake.lake.delta_tables import open_snapshot
from spymaster_lake.lake.parquet_files import DataFile
from spymaster_lake.orchestration.catalogue import build_registry
from spymaster_lake.orchestration.dates import DateRange
from spymaster_lake.orchestration.driver import run
from spymaster_lake.orchestration.environment import build_environment
from spymaster_lake.orchestration.prepare import RunRequest
from spymaster_lake.orchestration.registry import StageRegistry
from spymaster_lake.orchestration.types import Environment
from tests.markets import ES, MARKETS, REPOSITORY, Market, simulate_market

INSTRUMENT, VERSION = ES.instrument, ES.version
FEATURES, EPISODES, INDICES = "feature_engineering", "episode_construction", "index_building"
FIRST_SESSION = date(2025, 12, 4)
SESSIONS = 6
DAYS = (date(2025, 12, 9), date(2025, 12, 10), date(2025, 12, 11))
"""The sessions that can be run."""

LOCAL = SparkSettings(master="local[2]", driver_memory="1g")
CALIBRATION_SESSIONS = 2
"""Instead of 20, so that the last of `DAYS` has calibrated columns."""


@dataclass(frozen=True)
class Lake:
    """A lake on disk as one market sees it, and the project folder it is run with.

    Attributes:
        root: data root; other markets may lie beside this one.
        home: folder with conf/ and manifests/.
        spark: how a session is built where none runs.
        market: whose runs and tables are meant.
    """

    root: Path
    home: Path
    spark: SparkSettings = LOCAL
    market: Market = ES

    def at(self, root: Path) -> Lake:
        """The same project over another data root."""
        return replace(self, root=root)

    def of(self, home: Path) -> Lake:
        """The same data root under another project folder."""
        return replace(self, home=home)

    def seen_by(self, market: Market) -> Lake:
        """The same lake for another market."""
        return replace(self, market=market)

    @cached_property
    def env(self) -> Environment:
        """The environment of a process that works on it."""
        root = str(self.root)
        return build_environment(load_settings(home=self.home, data_root=root, spark=self.spark))

    def run(
        self,
        pipeline: str,
        days: Sequence[date] = DAYS,
        *,
        registry: StageRegistry | None = None,
        **options: Any,
    ) -> RunRecord:
        """Run a pipeline, or one stage of it, over the range of `days`, a single one as `--date`."""
        asked = DateRange(days[0], days[-1], by_range=len(days) > 1)
        market = self.market
        request = RunRequest(market.instrument, pipeline, market.version, asked=asked, **options)
        return run(self.env, registry or build_registry(), request)

    def table_paths(self) -> dict[str, str]:
        """Every Delta table of the market: "layer pipeline dataset" to its path."""
        found = {}
        for log in sorted(self.root.glob(f"*/{self.market.instrument}/*/version=*/**/_delta_log")):
            layer, _, pipeline, _, *dataset = log.parent.relative_to(self.root).parts
            found[f"{layer} {pipeline} {'/'.join(dataset)}"] = str(log.parent)
        return found

    def tables(self) -> dict[str, pa.Table]:
        """All rows of every Delta table, in one canonical order."""
        return {name: canonical(read_table(path)) for name, path in self.table_paths().items()}

    def versions(self) -> dict[str, int]:
        """The Delta version of every table."""
        return {n: deltalake.DeltaTable(p).version() for n, p in self.table_paths().items()}

    def files(self) -> dict[str, list[str]]:
        """Names of the active files of every table, `date=…/part-….parquet`."""
        return {
            n: sorted(pa.table(deltalake.DeltaTable(p).get_add_actions())["path"].to_pylist())
            for n, p in self.table_paths().items()
        }


def make_home(folder: Path, *, calibration_sessions: int = CALIBRATION_SESSIONS) -> Path:
    """The project's conf/ and manifests/, with calibration after fewer sessions."""
    for part in ("conf", "manifests"):
        shutil.copytree(REPOSITORY / part, folder / part)
    for instrument in MARKETS:
        profile = folder / "conf" / "instruments" / f"{instrument}.yaml"
        text = profile.read_text(encoding="utf-8")
        assert "calibration_sessions" not in text
        profile.write_text(
            f"{text}calibration_sessions: {calibration_sessions}\n", encoding="utf-8"
        )
    return folder


def simulated_lake(folder: Path) -> Lake:
    """Raw and Bronze of `SESSIONS` light sessions of every market, side by side."""
    lake = Lake(folder / "lake", make_home(folder / "home"))
    for market in MARKETS.values():
        simulate_market(
            lake.root,
            market,
            start=FIRST_SESSION,
            sessions=SESSIONS,
            size="light",
            seed=5,
            enriched=False,
        )
    return lake


def read_table(path: str) -> pa.Table:
    """All rows of a Delta table, file by file: a dataset scan can abort the process at its exit."""
    snapshot = open_snapshot(path)
    schema = pa.schema(deltalake.DeltaTable(path).schema())
    return pa.concat_tables(
        [schema.empty_table(), *(_read_file(file, schema) for file in snapshot.files)]
    )


def _read_file(file: DataFile, schema: pa.Schema) -> pa.Table:
    rows = pq.read_table(file.path, use_threads=False, partitioning=None)
    if "date" not in rows.column_names:
        rows = rows.append_column("date", pa.array([file.day] * rows.num_rows, pa.date32()))
    return rows.select(schema.names).cast(schema)


def canonical(table: pa.Table) -> pa.Table:
    """The rows ordered by every column that can be ordered, columns by name."""
    table = table.select(sorted(table.column_names)).combine_chunks()
    scalars = [f.name for f in table.schema if not pa.types.is_list(f.type)]
    return table.sort_by([(name, "ascending") for name in scalars])


def differences(left: Mapping[str, pa.Table], right: Mapping[str, pa.Table]) -> list[str]:
    """Where two sets of canonical tables differ by any bit; empty if nowhere."""
    found = [f"{n}: only on one side" for n in sorted(set(left) ^ set(right))]
    for name in sorted(set(left) & set(right)):
        one, two = left[name], right[name]
        if one.schema.remove_metadata() != two.schema.remove_metadata():
            found.append(f"{name}: schemas differ")
        elif one.num_rows != two.num_rows:
            found.append(f"{name}: {one.num_rows} rows against {two.num_rows}")
        else:
            found += [
                f"{name}.{column}: {int(np.count_nonzero(rows))} rows, such as row {rows.argmax()}"
                for column in one.column_names
                if (rows := _differing(one.column(column), two.column(column))).any()
            ]
    return found


def _differing(one: pa.ChunkedArray, two: pa.ChunkedArray) -> np.ndarray:
    """bool[rows]: the rows that differ; NaN equals NaN of the same bits, 0.0 is not -0.0."""
    if pa.types.is_list(one.type):
        return np.array([a != b for a, b in zip(_list_bits(one), _list_bits(two))], dtype=bool)
    null = np.asarray(one.is_null()) != np.asarray(two.is_null())
    if pa.types.is_floating(one.type):
        a, b = (np.asarray(c.fill_null(0.0)).view(np.int64) for c in (one, two))
    elif pa.types.is_timestamp(one.type):
        a, b = (np.asarray(c.cast(pa.int64()).fill_null(0)) for c in (one, two))
    else:
        a, b = (np.array(c.to_pylist(), dtype=object) for c in (one, two))
    return null | (a != b)


def _list_bits(column: pa.ChunkedArray) -> list[bytes | list[Any] | None]:
    if not pa.types.is_floating(column.type.value_type):
        return column.to_pylist()  # type: ignore[no-any-return]
    return [
        None if row is None else np.asarray(row, dtype=np.float64).tobytes()
        for row in column.to_pylist()
    ]
