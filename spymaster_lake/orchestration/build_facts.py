"""Counts of what the core pipelines of an instrument hold, from the tables themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import Any

import pyarrow as pa

from spymaster_lake.contracts.catalogue import contract_of
from spymaster_lake.lake.delta_tables import open_snapshot, table_exists
from spymaster_lake.lake.parquet_files import read_partition_files
from spymaster_lake.orchestration.types import Environment

FEATURES, EPISODES, INDICES = "feature_engineering", "episode_construction", "index_building"


def lake_facts(env: Environment, instrument: str, version: str) -> dict[str, Any]:
    """Sessions, prints, events by kind, state rows, episodes and index partitions.

    Args:
        env: the environment.
        instrument: whose lake.
        version: of its core pipelines; sessions and episodes must stand.
    """
    paths = env.resolver
    signals = paths.silver_table(instrument, FEATURES, version, "signals")
    sessions = _read(
        paths.silver_table(instrument, FEATURES, version, "work/sessions"),
        "n_trades",
        "n_book_updates",
    )
    kinds = _read(signals, "level_kind")
    states = paths.silver_table(instrument, EPISODES, version, "state_table")
    return {
        "sessions in Silver": sessions.num_rows,
        "front trades": sum(sessions.column("n_trades").to_pylist()),
        "front book states": sum(sessions.column("n_book_updates").to_pylist()),
        "events": dict(sorted(Counter(kinds.column("level_kind").to_pylist()).items())),
        "state rows": _read(states, "ts_ns").num_rows,
        "episodes": _read(_episodes(env, instrument, version), "event_id").num_rows,
        "partitions": _partitions(env, instrument, version),
    }


def episode_counts(
    env: Environment, instrument: str, version: str, before: date
) -> dict[date, int]:
    """Episodes by session date before an as-of date."""
    path = _episodes(env, instrument, version)
    if not table_exists(path):
        return {}
    days = _read(path, "date").column("date").to_pylist()
    return dict(Counter(day for day in days if day < before))


def _episodes(env: Environment, instrument: str, version: str) -> str:
    return env.resolver.gold_table(instrument, EPISODES, version, "episodes/metadata")


def _read(path: str, *columns: str) -> pa.Table:
    """Columns of a whole table, one file after the other."""
    dataset = path.partition("/version=")[2].partition("/")[2]
    return read_partition_files(contract_of(dataset), open_snapshot(path).files, columns)


def _partitions(env: Environment, instrument: str, version: str) -> dict[str, int]:
    path = f"{env.resolver.index_root(instrument, version)}/manifest.json"
    if not env.filesystem.exists(path):
        return {}
    found = env.filesystem.read_json(path)["partitions"]
    items = found.items() if isinstance(found, Mapping) else ((p["key"], p) for p in found)
    return {str(key): int(value["n"]) for key, value in items}
