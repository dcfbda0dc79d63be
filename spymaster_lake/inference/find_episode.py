"""One episode of Gold, by its event id or by date, time and level kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spymaster_lake.contracts.enums import DIRECTIONS
from spymaster_lake.contracts.episodes import METADATA, REJECTED, SEQUENCE_CHANNELS, VECTORS
from spymaster_lake.contracts.episodes import SEQUENCES as SEQUENCE_TABLE
from spymaster_lake.contracts.errors import (
    AmbiguousNameError,
    ConfigError,
    DataError,
    MissingInputError,
    UnknownNameError,
)
from spymaster_lake.contracts.profile import LEVEL_KINDS
from spymaster_lake.contracts.table import TableContract
from spymaster_lake.lake.delta_tables import TableSnapshot, open_snapshot
from spymaster_lake.lake.parquet_files import read_partition_files
from spymaster_lake.lake.paths import LakePathResolver
from spymaster_lake.stages.sources import EPISODE_CONSTRUCTION

_DISTANCE = SEQUENCE_CHANNELS.index("distance_signed_atr")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which episode is meant: `event_id` alone, or `day`, `clock` and `level_kind`.

    Attributes:
        clock: exchange time of the anchor; without seconds, any anchor within that minute.
        direction: needed only where both directions have an anchor then.
    """

    event_id: str | None = None
    day: date | None = None
    clock: time | None = None
    level_kind: str | None = None
    direction: str | None = None

    def __post_init__(self) -> None:
        """Refuse what names no episode, or names it twice."""
        place = (self.day, self.clock, self.level_kind)
        if (self.event_id is None) != all(part is not None for part in place) or (
            self.event_id is not None and any(part is not None for part in place)
        ):
            raise ConfigError("Give --event-id, or --date with --time and --level-kind")
        for kind, value, allowed in (
            ("level kind", self.level_kind, LEVEL_KINDS),
            ("direction", self.direction, DIRECTIONS),
        ):
            if value is not None and value not in allowed:
                raise UnknownNameError(kind, value, allowed)


@dataclass(frozen=True, slots=True)
class GoldEpisodes:
    """The episode tables of one pipeline version.

    Attributes:
        resolver: paths of the lake.
        instrument, pipeline_version: whose episodes.
        zone: of the exchange clock.
    """

    resolver: LakePathResolver
    instrument: str
    pipeline_version: str
    zone: ZoneInfo

    def find(self, wanted: Wanted) -> tuple[dict[str, Any], NDArray[np.float32]]:
        """Metadata and raw vector of an episode.

        Raises:
            MissingInputError: no episode of that date was ever written.
            UnknownNameError: no such event; names those of the date.
            DataError: the event was rejected, or no anchor lies at that time.
            AmbiguousNameError: both directions have an anchor then.
        """
        day = wanted.day or _day_of(wanted.event_id or "")
        rows = self._read(METADATA, day)
        if wanted.event_id is not None:
            facts = self._named(rows, wanted.event_id, day)
        else:
            facts = self._timed(rows, wanted)
        return facts, self._vector(facts["event_id"], day)

    def approaches(
        self, events: Sequence[tuple[str, date]]
    ) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Paths of some episodes in the 20 minutes before their anchors.

        Args:
            events: (event_id, session date).

        Returns:
            By event_id float64[40] seconds before the anchor (<= 0) and float64[40] price less
            level in ATR, NaN where unknown.
        """
        snapshot = self._snapshot(SEQUENCE_TABLE)
        found: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
        days = sorted({day for _, day in events})
        names = ("event_id", "sequence", "sequence_mask")
        rows = read_partition_files(SEQUENCE_TABLE, snapshot.on(days), names)
        wanted = pa.array([event for event, _ in events], pa.string())
        for row in rows.filter(pc.is_in(rows.column("event_id"), value_set=wanted)).to_pylist():
            flat: NDArray[np.float64] = np.array(row["sequence"], np.float64)
            values = flat.reshape(-1, len(SEQUENCE_CHANNELS))
            known = np.array(row["sequence_mask"]).reshape(values.shape)[:, _DISTANCE] > 0
            steps = len(values)
            seconds = ((np.arange(steps) - (steps - 1)) * 30.0).astype(np.float64)
            path = np.where(known, values[:, _DISTANCE], np.nan).astype(np.float64)
            found[row["event_id"]] = seconds, path
        return found

    def clock(self, ts_ns: int) -> datetime:
        """Exchange time of an instant."""
        return datetime.fromtimestamp(ts_ns // 1_000_000_000, UTC).astimezone(self.zone)

    def _snapshot(self, contract: TableContract) -> TableSnapshot:
        return open_snapshot(
            self.resolver.gold_table(
                self.instrument, EPISODE_CONSTRUCTION, self.pipeline_version, contract.dataset
            )
        )

    def _read(self, contract: TableContract, day: date) -> pa.Table:
        snapshot = self._snapshot(contract)
        if day not in snapshot.dates:
            dates = snapshot.dates
            span = f"{dates[0]} to {dates[-1]}" if dates else "none"
            raise MissingInputError(f"{snapshot.path}: holds no session {day}; it holds {span}")
        return read_partition_files(contract, snapshot.on([day]))

    def _named(self, rows: pa.Table, event_id: str, day: date) -> dict[str, Any]:
        found = rows.filter(pc.equal(rows.column("event_id"), event_id)).to_pylist()
        if found:
            return dict(found[0])
        rejected = self._read(REJECTED, day)
        why = rejected.filter(pc.equal(rejected.column("event_id"), event_id)).to_pylist()
        if why:
            raise DataError(f"Event {event_id} became no episode: {why[0]['reason']} is unknown")
        known = rows.column("event_id").to_pylist()
        raise UnknownNameError(f"event of {self.instrument!r} on {day}", event_id, known)

    def _timed(self, rows: pa.Table, wanted: Wanted) -> dict[str, Any]:
        kind, clock = wanted.level_kind, wanted.clock
        facts = [f for f in rows.to_pylist() if f["level_kind"] == kind]
        meant = [
            f
            for f in facts
            if clock is not None
            and _fits(self.clock(f["anchor_ts_ns"]).time(), clock)
            and wanted.direction in (None, f["direction"])
        ]
        if len(meant) > 1:
            listed = ", ".join(f"{f['direction']} {f['event_id']}" for f in meant)
            raise AmbiguousNameError(
                f"{len(meant)} episodes of {kind} at {clock} on {wanted.day}: {listed}; add "
                "--direction or give --event-id"
            )
        if not meant:
            raise DataError(
                f"No episode of {kind} has its anchor at {clock} on {wanted.day}"
                f"{f' from direction {wanted.direction}' if wanted.direction else ''}; its anchors "
                f"({self.zone.key}): {self._times(facts)}"
            )
        return dict(meant[0])

    def _times(self, facts: Sequence[Mapping[str, Any]]) -> str:
        return (
            ", ".join(
                f"{self.clock(f['anchor_ts_ns']):%H:%M:%S} {f['direction']}"
                for f in sorted(facts, key=lambda f: int(f["anchor_ts_ns"]))
            )
            or "none"
        )

    def _vector(self, event_id: str, day: date) -> NDArray[np.float32]:
        rows = self._read(VECTORS, day)
        found = rows.filter(pc.equal(rows.column("event_id"), event_id)).column("vector_raw")
        if len(found) != 1:
            raise DataError(
                f"episodes/vectors: {len(found)} rows of {event_id}, which episodes/metadata holds"
            )
        return np.array(found[0].as_py(), np.float32)


def _fits(have: time, wanted: time) -> bool:
    """Whether a clock time lies at `wanted`, or in that minute if it has no seconds."""
    return have == wanted or (wanted.second == 0 and have.replace(second=0) == wanted)


def _day_of(event_id: str) -> date:
    try:
        return date.fromisoformat(event_id[:10])
    except ValueError as exc:
        raise ConfigError(
            f"Event {event_id!r}: an event id begins with its session date, as in "
            "2025-12-24_PM_HIGH_679000_1766586840000000000_UP"
        ) from exc
