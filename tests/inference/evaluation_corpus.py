"""Small corpora of episodes whose truth is known, and their evaluation in process."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from spymaster_lake.contracts.episodes import METADATA, VECTORS
from spymaster_lake.contracts.evaluation_settings import EvaluationSettings
from spymaster_lake.contracts.profile import LEVEL_KIND_CODES
from spymaster_lake.contracts.vector import VECTOR_DIMENSION
from spymaster_lake.stages.index_building.build_indices import STAGE
from spymaster_lake.stages.spec import StageContext
from spymaster_lake.stages.tables import build_table
from tests.serving.toy_index import Row, table

FIRST = date(2025, 3, 3)
SESSIONS, PER_SESSION = 36, 24
SETTINGS = EvaluationSettings(
    warmup_sessions=24, refit_sessions=5, min_partition_size=50, seed=3, resamples=200
)
NAMES = np.array(["BREAK", "REJECT", "CHOP", "NO_TEST"])
EVEN = np.array([0.3, 0.3, 0.1, 0.3])


def sessions(count: int = SESSIONS) -> tuple[date, ...]:
    """Weekdays from 2025-03-03 on."""
    days = (FIRST + timedelta(days=i) for i in range(2 * count))
    return tuple(d for d in days if d.weekday() < 5)[:count]


def corpus(*, planted: bool, rare: int = 0, seed: int = 5):
    """Vectors, metadata and session dates.

    Args:
        planted: the sign of the first trajectory entries decides mostly between BREAK and REJECT;
            else nothing decides.
        rare: episodes a session of a kind with too few episodes for a partition.
        seed: of everything.
    """
    rng, rows, kinds = np.random.default_rng(seed), [], []
    for day in sessions():
        for i in range(PER_SESSION):
            raw = np.zeros(VECTOR_DIMENSION, np.float32)
            raw[117:] = rng.normal(size=32)
            side = rng.choice([-1.0, 1.0])
            p = EVEN
            if planted:
                raw[117:121] += 4 * side
                p = np.array([0.8, 0.1, 0.05, 0.05] if side > 0 else [0.05, 0.1, 0.05, 0.8])
            rows.append(
                Row(day=day, minutes=15.0 + i / 2, name=f"{day}_{i:02d}", raw=raw,
                    outcome=str(rng.choice(NAMES, p=p)))
            )  # fmt: skip
            kinds.append("PM_LOW" if i < rare and day >= sessions()[-3] else "PM_HIGH")
    return vectors_of(rows), with_kinds(table(rows), kinds), sessions()


def vectors_of(rows):
    """episodes/vectors of rows."""
    columns = {
        "event_id": [r.event_id for r in rows],
        "date": [r.day for r in rows],
        "anchor_ts_ns": table(rows).column("anchor_ts_ns").to_pylist(),
        "vector_raw": [r.raw.tolist() for r in rows],
        "n_missing": [0] * len(rows),
    }
    types = {c.name: c.arrow_field.type for c in VECTORS.columns}
    arrays = {n: pa.array(v, types[n]) for n, v in columns.items()}
    return build_table(VECTORS, arrays, rows=len(rows))


def with_kinds(metadata, kinds):
    """The same episodes at levels of other kinds."""
    codes = [LEVEL_KIND_CODES[k] for k in kinds]
    for name, values in (("level_kind", kinds), ("level_kind_code", codes)):
        field = METADATA.column(name).arrow_field
        at = metadata.column_names.index(name)
        metadata = metadata.set_column(at, field, pa.array(values, field.type))
    return metadata


def context(**params) -> StageContext:
    """Shipped parameters of build_indices, with changes."""
    config = {"INSTRUMENT": "es", "PIPELINE_ID": "index_building", "PIPELINE_VERSION": "4.5.0"}
    defaults = {**STAGE.defaults, "min_partition_size": SETTINGS.min_partition_size}
    return StageContext(config, None, {**defaults, **params})
