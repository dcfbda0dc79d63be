"""What an ingest run did: counts, warnings, and the same as JSON values for run.json."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from spymaster_lake.ingest.raw_file import FileOutcome


@dataclass(frozen=True)
class IngestSummary:
    """What an ingest run did; `run.json` holds the same.

    Attributes:
        run_id: of the run.
        files: one outcome a raw file and dataset.
        duplicates: raw files with the bytes of another one of the run.
        ignored: files of the directory that are no data.
        replaced: parts of earlier raw files whose place the run's files took.
        removed: parts of the run's own raw files that an earlier run had made with other borders.
    """

    run_id: str
    files: tuple[FileOutcome, ...]
    duplicates: tuple[str, ...]
    ignored: tuple[str, ...]
    replaced: tuple[str, ...]
    removed: tuple[str, ...]

    @property
    def rows_in(self) -> int:
        """Records read."""
        return sum(f.rows_in for f in self.files)

    @property
    def rows_out(self) -> int:
        """Rows in Bronze."""
        return sum(f.rows_out for f in self.files)

    @property
    def not_kept(self) -> int:
        """Records Bronze does not keep by contract."""
        return sum(f.not_kept for f in self.files)

    @property
    def quarantined(self) -> dict[str, int]:
        """Rejected rows by reason."""
        counts: Counter[str] = Counter()
        for file in self.files:
            counts.update(file.quarantined)
        return dict(sorted(counts.items()))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences on files that gave nothing, on doubtful contents, and on refused files."""
        empty = [
            f"{f.path}: none of its {f.rows_in} records is in Bronze ({_shown(f)})"
            for f in self.files
            if f.rows_in and not f.rows_out
        ]
        doubtful = [warning for f in self.files for warning in f.warnings]
        return (*empty, *doubtful, *(f"refused: {f.error}" for f in self.refused))

    @property
    def refused(self) -> tuple[FileOutcome, ...]:
        """Files that could not be ingested."""
        return tuple(f for f in self.files if f.error)


def _shown(outcome: FileOutcome) -> str:
    counts = {**outcome.quarantined, **({"not kept": outcome.not_kept} if outcome.not_kept else {})}
    return ", ".join(f"{reason} {count}" for reason, count in counts.items())


def describe(summary: IngestSummary, relative: Callable[[str], str] = str) -> dict[str, Any]:
    """The summary as JSON values, for run.json and the console.

    Args:
        summary: of a run.
        relative: makes a path below the root relative to it, as lineage records it, and leaves
            others as they are.
    """
    return {
        "rows_in": summary.rows_in,
        "rows_out": summary.rows_out,
        "not_kept": summary.not_kept,
        "quarantined": summary.quarantined,
        "warnings": list(summary.warnings),
        "duplicates": list(summary.duplicates),
        "ignored": list(summary.ignored),
        "replaced": list(summary.replaced),
        "removed": list(summary.removed),
        "files": [
            {
                **{k: v for k, v in asdict(f).items() if k not in ("parts", "quarantine")},
                "path": relative(f.path),
                "parts": [relative(part.final) for part in f.parts],
                "quarantine": relative(f.quarantine.final) if f.quarantine else None,
            }
            for f in summary.files
        ],
    }
