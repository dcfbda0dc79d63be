"""Synthetic Gold episodes for tests of the index: small, seeded, valid against the contracts."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from spymaster_lake.contracts.enums import HORIZONS, OUTCOMES, time_bucket_of
from spymaster_lake.contracts.episodes import METADATA, VECTORS
from spymaster_lake.contracts.profile import LEVEL_KIND_CODES, LEVEL_KINDS
from spymaster_lake.contracts.vector import VECTOR_DIMENSION, vector_index
from spymaster_lake.stages.index_building.build_indices import STAGE
from spymaster_lake.stages.spec import StageContext
from spymaster_lake.stages.tables import build_table

FIRST_DAY = date(2025, 1, 6)


def context(**params) -> StageContext:
    """Context of the stage with some parameters changed; no profile is needed."""
    config = {"INSTRUMENT": "es", "PIPELINE_ID": "index_building", "PIPELINE_VERSION": "4.5.0"}
    return StageContext(config, None, {**STAGE.defaults, **params})  # type: ignore[arg-type]


def weekdays(n: int, first: date = FIRST_DAY) -> list[date]:
    """The first n weekdays from a date on."""
    days = (first + timedelta(days=i) for i in range(2 * n + 7))
    return [d for d in days if d.weekday() < 5][:n]


def raw_vectors(rng: np.random.Generator, n: int) -> np.ndarray:
    """float32[n, 149] of mixed scales, 3 % unknown outside the required entries."""
    raw = rng.standard_normal((n, VECTOR_DIMENSION)).astype(np.float32)
    raw *= np.geomspace(1e-6, 1e4, VECTOR_DIMENSION, dtype=np.float32)
    unknown = rng.random(raw.shape) < 0.03
    unknown[:, 117:] = False
    raw[unknown] = np.nan
    raw[:, vector_index("minutes_since_open")] = rng.integers(1, 181, n)
    return raw


def episodes(
    n_days: int = 24,
    per_day: int = 30,
    *,
    seed: int = 7,
    first: date = FIRST_DAY,
    kinds: tuple[str, ...] = LEVEL_KINDS,
) -> dict[str, pa.Table]:
    """Tables `vectors` and `metadata` of n_days x per_day episodes, in canonical order."""
    rng = np.random.default_rng(seed)
    days, n = weekdays(n_days, first), n_days * per_day
    day = [days[i // per_day] for i in range(n)]
    kind = [kinds[i] for i in rng.integers(0, len(kinds), n)]
    direction = [("UP", "DOWN")[i] for i in rng.integers(0, 2, n)]
    minutes = np.array([rng.integers(16 if k.startswith("OR") else 1, 181) for k in kind], float)
    anchor = np.array([
        int((d - date(1970, 1, 1)).days) * 86_400_000_000_000 + (570 + int(m)) * 60_000_000_000
        for d, m in zip(day, minutes)
    ])  # fmt: skip
    order = sorted(range(n), key=lambda i: (day[i], anchor[i], i))
    day = [day[i] for i in order]
    kind = [kind[i] for i in order]
    direction = [direction[i] for i in order]
    minutes, anchor = minutes[order], anchor[order]
    ids = [
        f"{d}_{k}_{i:07d}_{a}_{s}"
        for i, (d, k, a, s) in enumerate(zip(day, kind, anchor, direction))
    ]
    cluster = rng.integers(1, 4, n)
    columns = {
        "event_id": np.array(ids, object),
        "episode_id": np.array(
            [f"{d}_{k}_{s}_{c}" for d, k, s, c in zip(day, kind, direction, cluster)], object
        ),
        "date": np.array(day, object),
        "timestamp": pa.array(anchor // 1000, pa.timestamp("us", tz="UTC")),
        "anchor_ts_ns": anchor,
        "bar_start_ns": anchor - 60_000_000_000,
        "level_kind": np.array(kind, object),
        "level_kind_code": np.array([LEVEL_KIND_CODES[k] for k in kind], np.int8),
        "level_price": np.full(n, 6000.0),
        "direction": np.array(direction, object),
        "spot": 6000.0 + rng.integers(-8, 8, n) * 0.25,
        "atr": 1.0 + rng.random(n),
        "minutes_since_open": minutes,
        "time_bucket": np.array([time_bucket_of(float(m)) for m in minutes], object),
        "prior_touches": rng.integers(0, 5, n),
        "attempt_index": rng.integers(1, 4, n),
        "attempt_cluster_id": cluster,
        "time_since_last_touch_sec": rng.random(n) * 900,
        "emission_weight": rng.random(n),
        "gate_zone": rng.random(n) < 0.9,
        "gate_bars": rng.random(n) < 0.9,
        "gate_velocity": rng.random(n) < 0.9,
        "traj_n_observed": np.full(n, 40),
        "traj_padded": np.zeros(n, bool),
        "n_missing": np.zeros(n, int),
        "roll_contaminated": np.zeros(n, bool),
        "src_max_ts_ns": anchor - 1,
        "pipeline_version": "4.5.0",
        "label_status": "COMPLETE",
        "resolved_before_anchor": np.zeros(n, bool),
    }
    for horizon in HORIZONS:
        columns[f"outcome_{horizon}"] = np.array(
            [OUTCOMES[i] for i in rng.integers(0, 4, n)], object
        )
        for name in ("t_break_s", "t_reject_s", "mfe_atr", "mae_atr"):
            columns[f"{name}_{horizon}"] = rng.random(n)
        columns[f"label_end_ns_{horizon}"] = anchor + 480_000_000_000
    raw = raw_vectors(rng, n)
    flat = pa.ListArray.from_arrays(
        pa.array(np.arange(n + 1, dtype=np.int32) * VECTOR_DIMENSION),
        pa.array(raw.ravel()), type=VECTORS.column("vector_raw").arrow_field.type,
    )  # fmt: skip
    keys = {name: columns[name] for name in ("event_id", "date", "anchor_ts_ns")}
    vectors = build_table(
        VECTORS, {**keys, "vector_raw": flat, "n_missing": np.isnan(raw).sum(axis=1)}, rows=n
    )
    return {"vectors": vectors, "metadata": build_table(METADATA, columns, rows=n)}


def replace(table: pa.Table, name: str, values) -> pa.Table:
    """The table with one column replaced, types kept."""
    at = table.schema.get_field_index(name)
    field = table.schema.field(at)
    return table.set_column(at, field, pa.array(values, field.type))


def raw_of(tables: dict[str, pa.Table]) -> np.ndarray:
    """float32[n, 149] of the vectors table."""
    return np.array(tables["vectors"].column("vector_raw").to_pylist(), np.float32)
