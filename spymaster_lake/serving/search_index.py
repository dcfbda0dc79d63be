"""A loaded index made ready for searching: columns as arrays, checked once (03 D48, 08 B16)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spymaster_lake.contracts.enums import HORIZONS, OUTCOMES
from spymaster_lake.contracts.episodes import METADATA
from spymaster_lake.contracts.errors import IndexArtifactError
from spymaster_lake.contracts.index_manifest import BaseRate, IndexManifest
from spymaster_lake.features.compress import Projection
from spymaster_lake.features.neighbours import tie_ranks
from spymaster_lake.features.normalise import day_number
from spymaster_lake.lake.index_store import LoadedIndex, LoadedPartition

ORDER: tuple[str, ...] = ("date", "anchor_ts_ns", "event_id")

SHOWN: tuple[str, ...] = ("spot", "atr", "minutes_since_open")


@dataclass(frozen=True)
class SearchPartition:
    """One partition of n rows, sorted by (date, anchor, event_id).

    Attributes:
        loaded: index, unit vectors, metadata, record.
        day: int32[n], session dates in days since 1970-01-01, ascending.
        episode: int64[n], code of the episode_id.
        ranks: int64[n], order among equal similarities.
        outcome: int8[n] by horizon, position in OUTCOMES, -1 = null.
        favorable, adverse: float64[n] by horizon, ATR, NaN = null.
        event_id: text[n].
        anchor_ns: int64[n], UTC.
        shown: float64[n] by name, NaN = null: facts that an answer shows of its neighbours.
        base_rate: float64[4] by horizon, None where no outcome is known.
    """

    loaded: LoadedPartition
    day: NDArray[np.int32]
    episode: NDArray[np.int64]
    ranks: NDArray[np.int64]
    outcome: Mapping[str, NDArray[np.int8]]
    favorable: Mapping[str, NDArray[np.float64]]
    adverse: Mapping[str, NDArray[np.float64]]
    event_id: pa.Array
    anchor_ns: NDArray[np.int64]
    shown: Mapping[str, NDArray[np.float64]]
    base_rate: Mapping[str, NDArray[np.float64] | None]

    @classmethod
    def of(cls, loaded: LoadedPartition, manifest: IndexManifest) -> SearchPartition:
        """The partition ready for searching.

        Raises:
            IndexArtifactError: its rows lack a column, are not sorted, hold an outcome that does
                not exist, or reach the as-of date.
        """
        rows, key = loaded.rows, loaded.key
        missing = [name for name in METADATA.names if name not in rows.column_names]
        if missing:
            raise IndexArtifactError(f"{key}/rows.parquet: lacks the columns {missing}")
        day: NDArray[np.int32] = rows.column("date").cast(pa.int32()).to_numpy()
        _check_order(key, rows)
        if len(day) and int(day[-1]) >= day_number(manifest.asof_date):
            raise IndexArtifactError(
                f"{key}/rows.parquet: holds {rows.column('date')[-1]}; the index knows dates "
                f"before {manifest.asof_date} only"
            )
        return cls(
            loaded=loaded,
            day=day,
            episode=_codes(rows.column("episode_id"), rows.column("episode_id").unique()),
            ranks=tie_ranks(rows.column("anchor_ts_ns").to_numpy()),
            outcome={h: _outcome(key, rows, h) for h in HORIZONS},
            favorable={h: _floats(rows, f"mfe_atr_{h}") for h in HORIZONS},
            adverse={h: _floats(rows, f"mae_atr_{h}") for h in HORIZONS},
            event_id=rows.column("event_id").combine_chunks(),
            anchor_ns=rows.column("anchor_ts_ns").to_numpy(),
            shown={name: _floats(rows, name) for name in SHOWN},
            base_rate={h: _rates(loaded.record.base_rates[h]) for h in HORIZONS},
        )

    def event_ids(self, rows: NDArray[np.int64]) -> list[str]:
        """Names of some rows."""
        return list(self.event_id.take(pa.array(rows)).to_pylist())


@dataclass(frozen=True)
class SearchIndex:
    """An index ready for queries.

    Attributes:
        manifest: its manifest.
        projection: raw vector to unit vector of the index, as the manifest describes it.
        partitions: by key.
    """

    manifest: IndexManifest
    projection: Projection
    partitions: Mapping[str, SearchPartition]

    @classmethod
    def of(cls, loaded: LoadedIndex) -> SearchIndex:
        """The index ready for queries.

        Raises:
            IndexArtifactError: a partition contradicts the manifest.
        """
        manifest = loaded.manifest
        projection = Projection.of(
            manifest.normalisation, manifest.feature_weights, manifest.compressor
        )
        return cls(
            manifest,
            projection,
            {key: SearchPartition.of(part, manifest) for key, part in loaded.partitions.items()},
        )


def _check_order(key: str, rows: pa.Table) -> None:
    order = pc.sort_indices(rows, sort_keys=[(name, "ascending") for name in ORDER])
    if not np.array_equal(order.to_numpy(), np.arange(rows.num_rows)):
        raise IndexArtifactError(f"{key}/rows.parquet: rows must be sorted by {', '.join(ORDER)}")


def _codes(column: pa.ChunkedArray, names: pa.Array) -> NDArray[np.int64]:
    found = pc.fill_null(pc.index_in(column, value_set=names), -1)
    codes: NDArray[np.int64] = found.to_numpy().astype(np.int64)
    return codes


def _outcome(key: str, rows: pa.Table, horizon: str) -> NDArray[np.int8]:
    column = rows.column(f"outcome_{horizon}")
    codes = _codes(column, pa.array(OUTCOMES, pa.string()))
    if int((codes < 0).sum()) != column.null_count:
        raise IndexArtifactError(
            f"{key}/rows.parquet: outcome_{horizon} holds {column.unique().to_pylist()}; allowed: "
            f"{', '.join(OUTCOMES)} and null"
        )
    return codes.astype(np.int8)


def _floats(rows: pa.Table, name: str) -> NDArray[np.float64]:
    values: NDArray[Any] = rows.column(name).cast(pa.float64()).to_numpy()
    return values.astype(np.float64)


def _rates(base: BaseRate) -> NDArray[np.float64] | None:
    return None if base.rates is None else np.array([base.rates[name] for name in OUTCOMES])
