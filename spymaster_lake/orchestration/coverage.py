"""What the lake holds: instrument x dataset x session date, with the gaps named."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from spymaster_lake.contracts.manifest import DatasetRef, parse_manifest
from spymaster_lake.lake.bronze_reader import BronzeReader
from spymaster_lake.orchestration.inputs import Inventory
from spymaster_lake.orchestration.manifests import ManifestStore
from spymaster_lake.orchestration.runnable import overlaps
from spymaster_lake.orchestration.types import Environment
from spymaster_lake.sessions.calendar import NS, SessionCalendar

_HOUR_NS = 3600 * NS


@dataclass(frozen=True)
class DatasetCoverage:
    """The sessions of one dataset.

    Attributes:
        dataset: such as "bronze futures trades" or "silver feature_engineering 4.5.0 signals".
        expected: number of sessions asked for.
        present: sessions that are there, in order.
        gaps: first and last session of every run of missing sessions.
    """

    dataset: str
    expected: int
    present: tuple[date, ...]
    gaps: tuple[tuple[date, date], ...]

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "dataset": self.dataset,
            "expected": self.expected,
            "present": [d.isoformat() for d in self.present],
            "missing": [[a.isoformat(), b.isoformat()] for a, b in self.gaps],
        }


def coverage(
    env: Environment, instrument: str, *, start: date | None = None, end: date | None = None
) -> list[DatasetCoverage]:
    """Coverage of every dataset that the manifests of an instrument read or write.

    Args:
        env: the environment.
        instrument: whose datasets.
        start: first date; the first one found in the lake when None.
        end: last date; the last one found in the lake when None.
    """
    calendar = SessionCalendar(env.profiles[instrument].calendar)
    found = {ref: _dates(env, instrument, ref, calendar) for ref in _datasets(env, instrument)}
    every = sorted({day for days in found.values() for day in days})
    if not every and (start is None or end is None):
        return [DatasetCoverage(str(ref), 0, (), ()) for ref in found]
    sessions = calendar.sessions(start or every[0], end or every[-1])
    return [
        DatasetCoverage(
            str(ref),
            len(sessions),
            tuple(d for d in sessions if d in days),
            tuple(gaps(sessions, days)),
        )
        for ref, days in found.items()
    ]


def gaps(sessions: Sequence[date], present: Iterable[date]) -> list[tuple[date, date]]:
    """Runs of sessions that are not in `present`, each as (first, last)."""
    there, found = set(present), []
    first: date | None = None
    last: date | None = None
    for day in sessions:
        if day not in there:
            first, last = first or day, day
        elif first is not None and last is not None:
            found.append((first, last))
            first = None
    if first is not None and last is not None:
        found.append((first, last))
    return found


def _datasets(env: Environment, instrument: str) -> list[DatasetRef]:
    refs: dict[tuple[str, str, str, str], DatasetRef] = {}
    for file in ManifestStore(env.settings.manifests_dir):
        if file.instrument != instrument:
            continue
        manifest, _ = parse_manifest(file.path.read_text(encoding="utf-8"), source=file.source)
        for ref in (*manifest.inputs, *manifest.outputs) if manifest else ():
            if ref.dataset != "indices":
                refs.setdefault(ref.key, ref)
    return [refs[key] for key in sorted(refs)]


def _dates(
    env: Environment, instrument: str, ref: DatasetRef, calendar: SessionCalendar
) -> frozenset[date]:
    if ref.layer != "bronze":
        snapshot = Inventory(env).table(ref.layer, instrument, ref.key)
        return frozenset(() if snapshot is None else snapshot.dates)
    reader = BronzeReader(env.resolver, env.filesystem, instrument, ref.product or "")
    root = env.resolver.bronze_dataset(instrument, ref.product or "", ref.dataset)
    if not env.filesystem.exists(root):
        return frozenset()
    hours = sorted({f.hour_ns for f in reader.files(ref.dataset)})
    days = {calendar.session_of(hour + _HOUR_NS - 1) for hour in hours}
    clocks = [calendar.clock(day) for day in days]
    return frozenset(c.day for c in clocks if overlaps(hours, c.start_ns, c.end_ns))
