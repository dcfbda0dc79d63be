"""Events and labels made of random numbers: tables in memory, and a small lake of two tables."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spymaster_lake.contracts.enums import HORIZONS
from spymaster_lake.contracts.feature_set import FeatureSet
from spymaster_lake.contracts.labels import LABELS
from spymaster_lake.contracts.profile import LEVEL_KIND_CODES, LEVEL_KINDS
from spymaster_lake.contracts.settings import load_settings
from spymaster_lake.contracts.signals import SIGNALS
from spymaster_lake.contracts.table import Column, TableContract
from spymaster_lake.lake.delta_publish import StagedPart, publish_dates
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.instruments import load_profiles
from spymaster_lake.lake.parquet_files import write_file
from spymaster_lake.lake.paths import LakePathResolver
from spymaster_lake.sessions.calendar import NS, SessionCalendar
from spymaster_lake.training.dataset import TrainingData, training_data
from spymaster_lake.training.feature_sets import load_feature_set

REPOSITORY = Path(__file__).resolve().parents[2]
CONF = REPOSITORY / "conf"
FIRST = date(2025, 9, 2)
RUN_ID = "run-1"
PIPELINE = ("es", "feature_engineering", "4.5.0")
NULLS = 0.1


@lru_cache
def calendar() -> SessionCalendar:
    """The calendar of es."""
    return SessionCalendar(load_profiles(CONF)["es"].calendar)


def sessions(count: int) -> list[date]:
    """The first sessions from FIRST on."""
    return calendar().sessions(FIRST, date(2026, 6, 30))[:count]


def feature_set(name: str = "ta@v1") -> FeatureSet:
    """A shipped feature set."""
    return load_feature_set(CONF, name)


def _column(column: Column, n: int, rng: np.random.Generator) -> pa.Array:
    null = rng.random(n) < NULLS if column.nullable else None
    if column.type == "string":
        return pa.array(rng.choice(column.allowed or ("x",), n), mask=null)
    if column.type == "bool":
        return pa.array(rng.random(n) < 0.3, mask=null)
    if column.type == "double":
        return pa.array(rng.normal(size=n), mask=null)
    kind = column.arrow_field.type
    low = int(column.minimum or 0)
    return pa.array(rng.integers(low, low + 2, n), type=kind, mask=null)


def signals_table(days: list[date], per_day: int, seed: int = 0) -> pa.Table:
    """`per_day` events a session of all columns of `signals`; features are independent noise."""
    rng, n = np.random.default_rng(seed), len(days) * per_day
    offset = np.tile(np.linspace(60, 10_700, per_day).astype(np.int64), len(days))
    opens = np.repeat([calendar().clock(d).open_ns for d in days], per_day)
    anchor = opens + offset * NS
    kinds = rng.choice(LEVEL_KINDS, n)
    given = {
        "event_id": [f"{d}-{i:04d}" for d in days for i in range(per_day)],
        "date": np.repeat(np.array(days, dtype="datetime64[D]"), per_day),
        "anchor_ts_ns": anchor,
        "bar_start_ns": anchor - 60 * NS,
        "first_touch_ts_ns": anchor - NS,
        "src_max_ts_ns": anchor - 1,
        "level_kind": kinds,
        "level_kind_code": [LEVEL_KIND_CODES[k] for k in kinds],
        "direction": rng.choice(("UP", "DOWN"), n),
        "minutes_since_open": offset / 60,
        "atr": 2 + np.abs(rng.normal(size=n)),
    }
    arrays = [
        pa.array(given[c.name], c.arrow_field.type)
        if c.name in given
        else pa.array([None] * n, c.arrow_field.type)
        if c.type.startswith("array") and c.nullable
        else pa.array([[]] * n, c.arrow_field.type)
        if c.type.startswith("array")
        else _column(c, n, rng)
        for c in SIGNALS.columns
    ]
    return pa.table(arrays, schema=SIGNALS.arrow_schema)


def values(table: pa.Table, name: str) -> np.ndarray:
    """A numeric column, null as 0."""
    return np.nan_to_num(table[name].cast(pa.float64()).to_numpy())


def labels_table(
    signals: pa.Table,
    p_break: Callable[[pa.Table], np.ndarray] | None = None,
    *,
    tested: float = 0.7,
    seed: int = 1,
) -> pa.Table:
    """Labels drawn with a chance of BREAK by row (one half when None); 15 % of tested are CHOP."""
    rng, n = np.random.default_rng(seed), signals.num_rows
    chance = np.full(n, 0.5) if p_break is None else p_break(signals)
    touched = rng.random(n) < tested
    broke, chop = rng.random(n) < chance, rng.random(n) < 0.15
    outcome = np.where(
        ~touched, "NO_TEST", np.where(chop, "CHOP", np.where(broke, "BREAK", "REJECT"))
    )
    seconds = rng.uniform(5, 400, n)
    anchor = signals["anchor_ts_ns"].to_numpy()
    given: dict[str, object] = {
        **{name: signals[name] for name in ("event_id", "date", "anchor_ts_ns")},
        "tested": touched,
        "resolved_before_anchor": np.zeros(n, dtype=bool),
        "label_status": ["COMPLETE"] * n,
        "entry_status": ["COMPLETE"] * n,
        "entry_x0": np.zeros(n),
    }
    for h, span in HORIZONS.items():
        strength = np.abs(rng.normal(size=n))
        given |= {
            f"outcome_{h}": outcome,
            f"t_break_s_{h}": pa.array(seconds, mask=outcome != "BREAK"),
            f"t_reject_s_{h}": pa.array(seconds, mask=outcome != "REJECT"),
            f"mfe_atr_{h}": pa.array(strength * (1 + broke), mask=~touched),
            f"mae_atr_{h}": pa.array(strength, mask=~touched),
            f"label_end_ns_{h}": anchor + (480 + span) * NS,
        }
    arrays = [
        given[c.name].combine_chunks()
        if isinstance(given.get(c.name), pa.ChunkedArray)
        else pa.array(given[c.name], c.arrow_field.type)
        if c.name in given
        else pa.array([None] * n, c.arrow_field.type)
        for c in LABELS.columns
    ]
    return pa.table(arrays, schema=LABELS.arrow_schema)


def steep(signals: pa.Table) -> np.ndarray:
    """A planted effect: fast approaches break."""
    return 1 / (1 + np.exp(-2.5 * values(signals, "velocity_1min")))


def made_data(
    days: int,
    per_day: int,
    p_break: Callable[[pa.Table], np.ndarray] | None = None,
    *,
    names: str = "ta@v1",
    **options: object,
) -> TrainingData:
    """Training data of made tables."""
    dates = sessions(days)
    signals = signals_table(dates, per_day)
    labels = labels_table(signals, p_break, **options)
    return training_data(signals, labels, feature_set(names), calendar(), dates)


def publish(root: Path, contract: TableContract, table: pa.Table) -> int:
    """Publish the dates of a table as the lake does; the Delta version."""
    days = sorted(set(table["date"].to_pylist()))
    staged = []
    for day in days:
        rows = table.filter(pc.equal(table["date"], day)).drop_columns(["date"])
        path = f"{root}/staging/{contract.dataset}-{day}.parquet"
        staged.append(StagedPart(day, path, rows.num_rows, write_file(path, rows)))
    return publish_dates(
        LakeFileSystem.of(str(root)),
        path=LakePathResolver(str(root)).silver_table(*PIPELINE, contract.dataset),
        contract=contract,
        staged=staged,
        days=days,
        properties={f"spymaster.{k}": v for k, v in contract.properties.items()},
        commit={"run_id": "made"},
    )


def write_lake(root: Path, signals: pa.Table, labels: pa.Table) -> None:
    """Both tables as Delta, and the run that hands them over."""
    from spymaster_lake.contracts.run_record import GitState, OutputRecord, RunRecord, RunStatus
    from spymaster_lake.orchestration.records import now, this_process

    paths, fs = LakePathResolver(str(root)), LakeFileSystem.of(str(root))
    outputs = []
    for contract, table in ((SIGNALS, signals), (LABELS, labels)):
        version = publish(root, contract, table)
        outputs.append(
            OutputRecord(
                layer="silver",
                dataset=contract.dataset,
                path=paths.relative(paths.silver_table(*PIPELINE, contract.dataset)),
                delta_version=version,
                rows=table.num_rows,
            )
        )
    days = sorted(set(signals["date"].to_pylist()))
    record = RunRecord(
        run_id=RUN_ID,
        kind="pipeline",
        status=RunStatus.SUCCEEDED,
        instrument="es",
        pipeline_id="feature_engineering",
        pipeline_version="4.5.0",
        start=days[0],
        end=days[-1],
        dates=tuple(days),
        git=GitState(),
        config_hash="0" * 64,
        manifest_hash="1" * 64,
        versions={},
        process=this_process(),
        started_at=now(),
        updated_at=now(),
        outputs=tuple(outputs),
    )
    fs.write_json(paths.run_json("es", RUN_ID), record.model_dump(mode="json"))


def environment(root: Path):
    """An environment at `root`, with the repository's conf."""
    from spymaster_lake.orchestration.environment import build_environment

    return build_environment(load_settings(home=REPOSITORY, data_root=str(root)))


def listing(root: Path) -> dict[str, int]:
    """Every file of a folder with its size."""
    return {str(p.relative_to(root)): p.stat().st_size for p in root.rglob("*") if p.is_file()}
