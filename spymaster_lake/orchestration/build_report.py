"""What a build did: sources, dates with and without episodes, runs, indices, seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar

from spymaster_lake.contracts.run_record import RunRecord
from spymaster_lake.ingest.summary import IngestSummary

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ingested:
    """One source of one product: what became of its files, or why nothing was read."""

    product: str
    source: str
    summary: IngestSummary | None
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        found = self.summary
        return {
            "product": self.product,
            "source": self.source,
            "run_id": found.run_id if found else None,
            "files": len(found.files) if found else 0,
            "rows_in": found.rows_in if found else 0,
            "rows_out": found.rows_out if found else 0,
            "quarantined": found.quarantined if found else {},
            "warnings": list(found.warnings) if found else [],
            "ignored": list(found.ignored) if found else [],
            "note": self.note,
        }


@dataclass
class BuildReport:
    """What a build did.

    Attributes:
        ingested: sources, in order.
        dates: dates that have episodes after the build, among those looked at.
        left_out: the other dates, with the reason.
        runs: records of the pipelines.
        indices: what became of the indices.
        seconds: wall time by step.
    """

    ingested: list[Ingested] = field(default_factory=list)
    dates: tuple[date, ...] = ()
    left_out: dict[date, str] = field(default_factory=dict)
    runs: list[RunRecord] = field(default_factory=list)
    indices: str = ""
    seconds: dict[str, float] = field(default_factory=dict)

    def step(self, name: str, work: Callable[[], T], announce: Callable[[str], None]) -> T:
        """Do one step and keep its wall time."""
        announce(name)
        began = time.perf_counter()
        result = work()
        self.seconds[name] = round(time.perf_counter() - began, 1)
        return result

    def to_json(self) -> dict[str, Any]:
        """JSON values; the runs as their records."""
        return {
            "ingested": [i.to_json() for i in self.ingested],
            "dates": [d.isoformat() for d in self.dates],
            "left_out": {d.isoformat(): reason for d, reason in sorted(self.left_out.items())},
            "indices": self.indices,
            "seconds": self.seconds,
            "runs": [r.model_dump(mode="json") for r in self.runs],
        }


def by_reason(left_out: dict[date, str]) -> list[tuple[str, int, str]]:
    """Dates that follow one another with the same reason as (first..last, dates, reason)."""
    lines: list[tuple[date, date, int, str]] = []
    for day, reason in sorted(left_out.items()):
        if lines and lines[-1][3] == reason:
            first, _, n, _ = lines[-1]
            lines[-1] = (first, day, n + 1, reason)
        else:
            lines.append((day, day, 1, reason))
    return [(f"{a}" if a == b else f"{a}..{b}", n, reason) for a, b, n, reason in lines]
