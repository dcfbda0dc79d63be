"""A lake with a few rows of `signals` and a tiny registered model, for the scoring job."""

from __future__ import annotations

import dataclasses
import json
import shutil
from datetime import date
from pathlib import Path

import pyarrow as pa

from spymaster_lake.contracts.settings import load_settings
from spymaster_lake.contracts.signals import SIGNALS
from spymaster_lake.contracts.table import TYPES
from spymaster_lake.lake.delta_publish import StagedPart, publish_dates
from spymaster_lake.lake.parquet_files import write_file
from spymaster_lake.orchestration.environment import build_environment
from spymaster_lake.orchestration.types import Environment
from spymaster_lake.sessions.calendar import SessionCalendar
from tests.serving.bundles import (  # fmt: skip
    FEATURES,
    INSTRUMENT,
    MINUTE,
    PIPELINE,
    V1,
    ModelLake,
    fitted_heads,
    frame,
)

REPOSITORY = Path(__file__).resolve().parents[2]
BUSY, QUIET, ABSENT = date(2025, 12, 16), date(2025, 12, 17), date(2025, 12, 18)
TRAINED = date(2025, 11, 28)
"""BUSY and TRAINED have events, QUIET is published without, ABSENT was never run."""


def signals(day: date, n: int) -> pa.Table:
    """`n` events of a date: the columns of the tiny model, null or a plain value elsewhere."""
    open_ns = SessionCalendar(environment_profile().calendar).clock(day).open_ns
    known = frame(n)
    anchors = [open_ns + (i + 1) * MINUTE for i in range(n)]
    columns = {name: known[name].combine_chunks() for name in known.column_names}
    columns |= {
        "event_id": pa.array([f"{day}-{i}" for i in range(n)]),
        "date": pa.array([day] * n),
        "anchor_ts_ns": pa.array(anchors),
        "src_max_ts_ns": pa.array([a - 1 for a in anchors]),
    }
    plain = {"string": "x", "bool": False, "array<string>": [], "double": 1.0}
    for column in SIGNALS.columns:
        if column.name not in columns:
            value = None if column.nullable else plain.get(column.type, 1)
            columns[column.name] = pa.array([value] * n, TYPES[column.type])
    return pa.table([columns[n] for n in SIGNALS.names], schema=SIGNALS.arrow_schema)


def environment_profile():
    """The profile of the instrument, from the repository."""
    return build_environment(load_settings(data_root="/nowhere")).profiles[INSTRUMENT]


def make_lake(root: Path, spark=None) -> tuple[Environment, ModelLake]:
    """The lake below `root`, and an environment whose conf/ has the tiny feature set."""
    home = root / "home"
    for name in ("conf", "manifests"):
        shutil.copytree(REPOSITORY / name, home / name)
    text = json.dumps(FEATURES.model_dump(mode="json"))
    (home / "conf" / "feature_sets" / f"{FEATURES.id}.json").write_text(text)
    lake = ModelLake(root / "lake")
    lake.add(V1, heads=fitted_heads())
    env = build_environment(load_settings(home=home, data_root=lake.root))
    if spark is not None:
        env = dataclasses.replace(env, spark_factory=lambda: spark)
    publish(lake, {TRAINED: 2, BUSY: 5, QUIET: 0})
    return env, lake


def publish(lake: ModelLake, events: dict[date, int], change=lambda table: table) -> None:
    """Publish so many events a date, in one transaction."""
    path = lake.resolver.silver_table(INSTRUMENT, "feature_engineering", PIPELINE, "signals")
    staged = []
    for day, n in events.items():
        if n:
            name = f"{lake.root}/staged/{day}.parquet"
            size = write_file(name, change(signals(day, n)).drop_columns(["date"]))
            staged.append(StagedPart(day, name, n, size))
    publish_dates(
        lake.filesystem,
        path=path,
        contract=SIGNALS,
        staged=staged,
        days=list(events),
        properties={},
        commit={},
    )
