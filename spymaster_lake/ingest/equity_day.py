"""Ingest one symbol and day of equity ticks into staging: the work of one Spark task.

Prints need the quotes of their day (for the aggressor and for plausibility), so the files of a day
are read together, quotes first. Memory is bounded by one symbol's day in compact arrays; a file of
the whole market is read in blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pyarrow as pa

from spymaster_lake.contracts.errors import LakeError, RawFileError
from spymaster_lake.features.lee_ready import Quotes
from spymaster_lake.ingest import lean, polygon
from spymaster_lake.ingest.equity_quotes import (
    quote_book,
    quote_columns,
    quote_problems,
    require_plausible,
)
from spymaster_lake.ingest.equity_rows import QuoteRecords, TradeRows, in_order, select
from spymaster_lake.ingest.equity_staging import Staging, TaskPlace
from spymaster_lake.ingest.equity_trades import judge_trades, trade_columns, trade_problems
from spymaster_lake.ingest.lean import LeanFile
from spymaster_lake.ingest.polygon import PolygonFile
from spymaster_lake.ingest.quarantine import Reason, flag
from spymaster_lake.ingest.raw_file import FileOutcome
from spymaster_lake.ingest.sale_conditions import lean_verdict, polygon_verdict
from spymaster_lake.ingest.session_bounds import flag_outside, midnight_ns, session_clock
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.sessions.calendar import SessionClock

EquityFile = LeanFile | PolygonFile

CHUNK_ROWS = 262_144
_IMPLAUSIBLE_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class EquityDayTask:
    """What a task needs to ingest one symbol and day; picklable.

    Attributes:
        symbol: ticker.
        day: session date.
        trades: files of prints; copies of one file are allowed, different ones are not.
        quotes: files of quotes, likewise.
        place: of the run.
        number: of the task.
    """

    symbol: str
    day: date
    trades: tuple[EquityFile, ...]
    quotes: tuple[EquityFile, ...]
    place: TaskPlace
    number: int

    def run(self) -> list[FileOutcome]:
        """Stage the day; a `LakeError` is the verdict on all its files and is returned."""
        staging = Staging(self.place, f"day-{self.number:05d}")
        digests: dict[str, str] = {}
        files = (*self.quotes, *self.trades)
        try:
            for file in files:
                digests[file.path] = LakeFileSystem.of(file.path).sha256(file.path)
            return _Day(self, staging, digests).run()
        except LakeError as exc:
            staging.clear()
            error, kind = f"{self.symbol} {self.day}: {exc}", type(exc).__name__
            return [
                FileOutcome(f.path, sha256=digests.get(f.path, ""), error_type=kind, error=error)
                for f in files
            ]
        except BaseException:
            staging.clear()
            raise


class _Day:
    """State of one day while it is read."""

    def __init__(self, task: EquityDayTask, staging: Staging, digests: dict[str, str]) -> None:
        self.task, self.staging, self.digests = task, staging, digests
        self.profile = task.place.resolver.profile(task.place.instrument)
        self.what = f"{task.symbol} {task.day}"

    def run(self) -> list[FileOutcome]:
        task = self.task
        clock = session_clock(self.profile, task.day)
        quotes_file, trades_file = self._only(task.quotes), self._only(task.trades)
        if quotes_file is None:
            raise RawFileError(
                "a day without quotes: prints need the quotes of their day, for the aggressor and "
                "to be plausible; put the day's quote file beside the trade file, or name both"
            )
        quotes, outcome = self._quotes(quotes_file, clock)
        outcomes = [outcome]
        if trades_file is not None:
            outcomes.append(self._trades(trades_file, clock, quotes))
        copies = {*task.quotes, *task.trades} - {quotes_file, trades_file}
        outcomes += [
            FileOutcome(f.path, sha256=self.digests[f.path]) for f in sorted(copies, key=str)
        ]
        return outcomes

    def _only(self, files: tuple[EquityFile, ...]) -> EquityFile | None:
        """The one file of a kind; copies with the same bytes count once."""
        if len({self.digests[file.path] for file in files}) > 1:
            raise RawFileError(
                f"{len(files)} different files of one kind: {', '.join(f.path for f in files)}; "
                "their rows would be counted twice"
            )
        return min(files, key=lambda file: file.path) if files else None

    def _quotes(self, file: EquityFile, clock: SessionClock) -> tuple[Quotes, FileOutcome]:
        records, foreign = self._read_quotes(file, clock)
        n = len(records)
        flag_outside(records, clock, self.profile.book.tape_close_grace_seconds)
        kept = in_order(select(records, np.flatnonzero(records.reasons == Reason.NONE)))
        if not len(kept):
            raise RawFileError(
                f"{_name(file)}: a day without quotes ({n} rows, none of them usable)"
            )
        book = quote_book(kept, self.profile, self.what)
        problems, facts = quote_problems(book, clock, self.profile)
        warnings = self._settle(problems)
        outcome = self._publish(
            file,
            "quotes",
            records,
            kept,
            lambda start, stop: quote_columns(book, start, stop),
        )
        facts = {"quote_rows": book.kind, "stub_quotes": book.hidden, **facts}
        return book.prevailing(), replace(
            outcome, rows_in=n + foreign, not_kept=foreign, warnings=warnings, facts=facts
        )

    def _trades(self, file: EquityFile, clock: SessionClock, quotes: Quotes) -> FileOutcome:
        rows, foreign = self._read_trades(file, clock)
        flag_outside(rows, clock, self.profile.book.tape_close_grace_seconds)
        implausible = require_plausible(
            np.where(rows.reasons == Reason.NONE, rows.price, 0),
            self.profile,
            f"{_name(file)}: trades",
            most=_IMPLAUSIBLE_SHARE,
        )
        flag(rows.reasons, implausible, Reason.IMPLAUSIBLE_PRICE)
        kept = in_order(select(rows, np.flatnonzero(rows.reasons == Reason.NONE)))
        verdict = lean_verdict if isinstance(file, LeanFile) else polygon_verdict
        judged = judge_trades(kept, quotes, clock, self.profile, verdict=verdict, what=_name(file))
        warnings = self._settle(trade_problems(judged, self.profile))
        if judged.unknown:
            warnings += (
                f"{self.what}: sale conditions that no table holds count for volume only: "
                + ", ".join(f"{code} ({n} prints)" for code, n in judged.unknown.items()),
            )
        outcome = self._publish(
            file, "trades", rows, kept, lambda start, stop: trade_columns(judged, start, stop)
        )
        return replace(
            outcome,
            rows_in=len(rows) + foreign,
            not_kept=foreign,
            warnings=warnings,
            facts=judged.facts(),
        )

    def _settle(self, problems: list[str]) -> tuple[str, ...]:
        """Refuse the day or warn, as the profile says."""
        if problems and self.profile.book.on_bad_quotes == "refuse":
            raise RawFileError("; ".join(problems))
        return tuple(f"{self.what}: {problem}" for problem in problems)

    def _read_quotes(self, file: EquityFile, clock: SessionClock) -> tuple[QuoteRecords, int]:
        if isinstance(file, LeanFile):
            return lean.read_quotes(file, midnight_ns(clock, self.profile)), 0
        steps = [s for s in self.profile.book.quote_lots if s.valid_from <= self.task.day]
        if not steps:
            raise RawFileError(f"the profile's book.quote_lots say nothing about {self.task.day}")
        lot = max(steps, key=lambda step: step.valid_from).shares
        skip = self.task.place.skip_foreign
        return polygon.read_stock_quotes(file, self.task.symbol, skip_foreign=skip, lot=lot)

    def _read_trades(self, file: EquityFile, clock: SessionClock) -> tuple[TradeRows, int]:
        if isinstance(file, LeanFile):
            return lean.read_trades(file, midnight_ns(clock, self.profile)), 0
        skip = self.task.place.skip_foreign
        return polygon.read_stock_trades(file, self.task.symbol, skip_foreign=skip)

    def _publish(
        self,
        file: EquityFile,
        dataset: str,
        rows: TradeRows | QuoteRecords,
        kept: TradeRows | QuoteRecords,
        columns: Callable[[int, int], dict[str, pa.Array]],
    ) -> FileOutcome:
        """Stage Bronze parts of the kept rows and the quarantine of the others."""
        digest = self.digests[file.path]
        source = lean.SOURCE if isinstance(file, LeanFile) else polygon.SOURCE
        writer = self.staging.writer(dataset, digest, source)
        for start in range(0, len(kept), CHUNK_ROWS):
            stop = min(start + CHUNK_ROWS, len(kept))
            writer.write(
                columns(start, stop),
                src_rows=kept.row[start:stop],
                codes=np.zeros(stop - start, np.int64),
                symbols=[self.task.symbol],
                when_ns=kept.ts_ns[start:stop],
            )
        parts = tuple(writer.close())
        rejected = self.staging.reject(
            dataset,
            digest,
            rows=rows.row,
            ts_ns=rows.ts_ns,
            price=rows.price,
            size=rows.size,
            symbols=[self.task.symbol],
            codes=np.zeros(len(rows), np.int64),
            reasons=rows.reasons,
        )
        return FileOutcome(
            path=file.path,
            sha256=digest,
            schema=f"{dataset} of {self.task.symbol}",
            dataset=dataset,
            rows_out=sum(part.rows for part in parts),
            quarantined=dict(sorted(rejected.counts.items())),
            parts=parts,
            quarantine=rejected.close(),
        )


def _name(file: EquityFile) -> str:
    return file.path.rsplit("/", 1)[-1]
