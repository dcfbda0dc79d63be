"""Synthetic Gold episodes in any number, made column by column: seeded, valid by the contracts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spymaster_lake.contracts.enums import DIRECTIONS, HORIZONS, OUTCOMES, TIME_BUCKET_BOUNDS
from spymaster_lake.contracts.episodes import METADATA, VECTORS
from spymaster_lake.contracts.profile import LEVEL_KIND_CODES, LEVEL_KINDS
from spymaster_lake.contracts.retrieval import Query
from spymaster_lake.contracts.vector import VECTOR_DIMENSION, vector_index
from spymaster_lake.stages.index_building.build_indices import STAGE
from spymaster_lake.stages.spec import StageContext
from spymaster_lake.stages.tables import build_table

NS_PER_DAY, NS_PER_MINUTE = 86_400_000_000_000, 60_000_000_000
OPEN_NS = 870 * NS_PER_MINUTE
"""14:30 UTC on every date: synthetic sessions know no summer time."""

FIRST_DAY = np.datetime64("2005-01-03")
_BUCKETS = tuple(TIME_BUCKET_BOUNDS)
_EDGES = [low for low, _ in TIME_BUCKET_BOUNDS.values()]


def context(**parameters: Any) -> StageContext:
    """Context of `build_indices` with some parameters changed; no profile is needed."""
    config = {"INSTRUMENT": "es", "PIPELINE_ID": "index_building", "PIPELINE_VERSION": "4.5.0"}
    return StageContext(config, None, {**STAGE.defaults, **parameters})  # type: ignore[arg-type]


def corpus(
    n: int, *, per_day: int = 25, one_partition: bool = False, seed: int = 7
) -> dict[str, pa.Table]:
    """Tables `vectors` and `metadata` of n episodes, `per_day` on each weekday.

    Args:
        n: episodes.
        per_day: episodes of a session date.
        one_partition: all of one level kind, direction and time bucket; else of all.
        seed: of everything random.
    """
    kinds, ways = (LEVEL_KINDS[:1], 1) if one_partition else (LEVEL_KINDS, len(DIRECTIONS))
    rng = np.random.default_rng(seed)
    day = np.busday_offset(FIRST_DAY, np.arange(n) // per_day).astype("datetime64[D]")
    kind = rng.integers(0, len(kinds), n)
    minutes = rng.integers(*((30, 60) if one_partition else (16, 180)), n)
    anchor = day.astype(np.int64) * NS_PER_DAY + OPEN_NS + minutes * NS_PER_MINUTE
    order = np.lexsort((np.arange(n), anchor))
    facts = _facts(rng, day, kind[order], rng.integers(0, ways, n), anchor[order])
    raw = _raw_vectors(rng, n)
    raw[:, vector_index("minutes_since_open")] = minutes[order]
    offsets = pa.array(np.arange(n + 1, dtype=np.int32) * VECTOR_DIMENSION)
    kind_of_vector = VECTORS.column("vector_raw").arrow_field.type
    nested = pa.ListArray.from_arrays(offsets, pa.array(raw.ravel()), type=kind_of_vector)
    keys = {name: facts[name] for name in ("event_id", "date", "anchor_ts_ns")}
    vectors = {**keys, "vector_raw": nested, "n_missing": np.zeros(n, np.int64)}
    return {
        "vectors": build_table(VECTORS, vectors, rows=n),
        "metadata": build_table(METADATA, facts, rows=n),
    }


def _facts(
    rng: np.random.Generator,
    day: NDArray[np.datetime64],
    kind: NDArray[np.int64],
    direction: NDArray[np.int64],
    anchor: NDArray[np.int64],
) -> dict[str, Any]:
    n = len(day)
    cluster, minutes = rng.integers(1, 4, n), (anchor % NS_PER_DAY - OPEN_NS) / NS_PER_MINUTE
    dates, names = pa.array(day), _named(LEVEL_KINDS, kind)
    ways, number = _named(DIRECTIONS, direction), pa.array(np.arange(n)).cast(pa.string())
    day_text = dates.cast(pa.string())
    episode = (day_text, names, ways, pa.array(cluster).cast(pa.string()))
    columns: dict[str, Any] = {
        "event_id": pc.binary_join_element_wise(day_text, names, number, ways, "_"),
        "episode_id": pc.binary_join_element_wise(*episode, "_"),
        "date": dates,
        "timestamp": pa.array(anchor // 1000, pa.timestamp("us", tz="UTC")),
        "anchor_ts_ns": anchor,
        "bar_start_ns": anchor - NS_PER_MINUTE,
        "level_kind": names,
        "level_kind_code": np.array([LEVEL_KIND_CODES[name] for name in LEVEL_KINDS], np.int8)[
            kind
        ],
        "level_price": np.full(n, 6000.0),
        "direction": ways,
        "spot": 6000.0 + rng.integers(-8, 8, n) * 0.25,
        "atr": 1.0 + rng.random(n),
        "minutes_since_open": minutes,
        "time_bucket": _named(_BUCKETS, np.searchsorted(_EDGES, minutes, side="right") - 1),
        "prior_touches": rng.integers(0, 5, n),
        "attempt_index": rng.integers(1, 4, n),
        "attempt_cluster_id": cluster,
        "time_since_last_touch_sec": rng.random(n) * 900,
        "emission_weight": rng.random(n),
        "traj_n_observed": np.full(n, 40),
        "n_missing": np.zeros(n, np.int64),
        "src_max_ts_ns": anchor - 1,
        "pipeline_version": _named(("4.5.0",), np.zeros(n, np.int64)),
        "label_status": _named(("COMPLETE",), np.zeros(n, np.int64)),
    }
    columns |= dict.fromkeys(("gate_zone", "gate_bars", "gate_velocity"), np.ones(n, np.bool_))
    columns |= dict.fromkeys(
        ("traj_padded", "roll_contaminated", "resolved_before_anchor"), np.zeros(n, np.bool_)
    )
    for horizon in HORIZONS:
        columns[f"outcome_{horizon}"] = _named(OUTCOMES, rng.integers(0, len(OUTCOMES), n))
        for name in ("t_break_s", "t_reject_s", "mfe_atr", "mae_atr"):
            columns[f"{name}_{horizon}"] = rng.random(n)
        columns[f"label_end_ns_{horizon}"] = anchor + 480_000_000_000
    return columns


def _named(names: Sequence[str], code: NDArray[np.int64]) -> pa.Array:
    return pa.array(list(names), pa.string()).take(pa.array(code))


def _raw_vectors(rng: np.random.Generator, n: int) -> NDArray[np.float32]:
    raw = rng.standard_normal((n, VECTOR_DIMENSION), dtype=np.float32)
    raw += np.float32(0.5)  # approaches resemble each other
    raw *= np.geomspace(1e-6, 1e4, VECTOR_DIMENSION, dtype=np.float32)
    return raw


def queries(tables: dict[str, pa.Table], day: date, n: int, *, seed: int = 11) -> list[Query]:
    """Queries of one later session date: episodes of the corpus with other vectors.

    Args:
        tables: of `corpus`.
        day: session date of all queries.
        n: queries.
        seed: of the choice and the vectors.
    """
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, tables["metadata"].num_rows, n)
    names = ("level_kind", "direction", "time_bucket", "minutes_since_open", "level_price")
    facts = tables["metadata"].select(names).take(pa.array(rows)).to_pylist()
    raw = _raw_vectors(rng, n)
    midnight = (day - date(1970, 1, 1)).days * NS_PER_DAY
    return [
        Query(
            **fact, event_id=f"query-{i}", date=day, vector_raw=raw[i],
            anchor_ts_ns=midnight + OPEN_NS + int(fact["minutes_since_open"] * NS_PER_MINUTE),
        )
        for i, fact in enumerate(facts)
    ]  # fmt: skip
