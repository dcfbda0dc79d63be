"""Ingest one Polygon file of option prints into staging: the work of one Spark task.

The option symbol is the OCC string in 21 characters. The vendor has no instrument ids: a 63-bit
number made of the symbol stands for it. It has no quotes in these files either, so the aggressor is
the tick test on the contract's own prints of the day (0 for its first). Prints that the vendor marks
as canceled are quarantined; so are contracts adjusted for a corporate action.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from spymaster_lake.contracts.errors import ConfigError, LakeError, SymbolError
from spymaster_lake.contracts.occ import OccSymbol, parse_occ
from spymaster_lake.features.arrays import I8, I64, NS
from spymaster_lake.features.lee_ready import tick_test
from spymaster_lake.ingest import polygon
from spymaster_lake.ingest.equity_rows import UNITS, Texts, units, whole_numbers
from spymaster_lake.ingest.equity_staging import Staging, TaskPlace
from spymaster_lake.ingest.polygon import PolygonFile
from spymaster_lake.ingest.quarantine import Reason, Reasons, flag
from spymaster_lake.ingest.raw_file import FileOutcome
from spymaster_lake.ingest.session_bounds import session_clock
from spymaster_lake.lake.bronze_writer import StagedFile
from spymaster_lake.lake.filesystem import LakeFileSystem

CANCELED = frozenset({"201", "203", "205", "207"})
"""Condition numbers of option prints that are canceled."""

_DATASET = "trades"


@dataclass(frozen=True, slots=True)
class PolygonOptionsTask:
    """What a task needs to ingest one file of option prints; picklable."""

    file: PolygonFile
    place: TaskPlace
    number: int

    def run(self) -> list[FileOutcome]:
        """Stage the file; a `LakeError` is its verdict and is returned."""
        staging = Staging(self.place, f"options-{self.number:05d}")
        path, digest = self.file.path, ""
        try:
            digest = LakeFileSystem.of(path).sha256(path)
            return [_OptionFile(self, staging, digest).run()]
        except LakeError as exc:
            staging.clear()
            text, kind = str(exc), type(exc).__name__
            named = text if self.file.name in text else f"{self.file.name}: {text}"
            return [FileOutcome(path, sha256=digest, error_type=kind, error=named)]
        except BaseException:
            staging.clear()
            raise


def instrument_number(symbol: str) -> int:
    """A 63-bit number made of an OCC symbol, where a vendor has no instrument ids."""
    return int.from_bytes(hashlib.sha256(symbol.encode()).digest()[:8], "big") >> 1


@dataclass(slots=True)
class _Prints:
    """Prints of our underlying so far: a list of one array a block for each column."""

    row: list[I64] = field(default_factory=list)
    ts_ns: list[I64] = field(default_factory=list)
    price: list[I64] = field(default_factory=list)
    size: list[I64] = field(default_factory=list)
    code: list[I64] = field(default_factory=list)
    reasons: list[Reasons] = field(default_factory=list)


class _OptionFile:
    """State of one file while it is read."""

    def __init__(self, task: PolygonOptionsTask, staging: Staging, digest: str) -> None:
        self.task, self.staging, self.digest = task, staging, digest
        self.profile = task.place.resolver.profile(task.place.instrument)
        if self.profile.options is None:
            raise ConfigError(f"{task.place.instrument}: the profile has no options block")
        self.underlying = self.profile.options.underlying
        self.clock = session_clock(self.profile, task.file.day)
        self.symbols: list[str] = []
        self.code_of: dict[str, int] = {}
        self.known: dict[str, OccSymbol] = {}
        self.prints = _Prints()
        self.rows_in = self.foreign = 0

    def run(self) -> FileOutcome:
        for table, rows in polygon.option_batches(self.task.file):
            self._block(table, rows)
        joined = {
            name: np.concatenate(getattr(self.prints, name))
            if getattr(self.prints, name)
            else np.zeros(0, np.int64)
            for name in _Prints.__slots__
        }
        good = np.flatnonzero(joined["reasons"] == Reason.NONE)
        order = good[np.lexsort((joined["row"][good], joined["ts_ns"][good]))]
        kept = {name: values[order] for name, values in joined.items()}
        parts = self._write(kept)
        rejected = self.staging.reject(
            _DATASET,
            self.digest,
            rows=joined["row"],
            ts_ns=joined["ts_ns"],
            price=joined["price"],
            size=joined["size"],
            symbols=self.symbols,
            codes=joined["code"],
            reasons=joined["reasons"].astype(np.uint8),
        )
        return FileOutcome(
            path=self.task.file.path,
            sha256=self.digest,
            schema="option trades",
            dataset=_DATASET,
            rows_in=self.rows_in,
            rows_out=sum(part.rows for part in parts),
            not_kept=self.foreign,
            quarantined=dict(sorted(rejected.counts.items())),
            parts=tuple(parts),
            quarantine=rejected.close(),
            facts={"contracts": len(np.unique(kept["code"])), "aggressor": "tick test"},
        )

    def _contract(self, ticker: str) -> OccSymbol | None:
        """The contract of a ticker; None if it is of another underlying and to be left out."""
        if ticker in self.known:
            return self.known[ticker]
        found = parse_occ(ticker)
        if found.underlying == self.underlying:
            self.known[ticker] = found
            return found
        if self.task.place.skip_foreign:  # not remembered: the market has a million of them
            return None
        raise SymbolError(
            f"option {ticker!r} is on {found.underlying!r}, not on {self.underlying!r}; a file of "
            "the whole market is read with foreign symbols left out"
        )

    def _code(self, symbol: str) -> int:
        if symbol not in self.code_of:
            self.code_of[symbol] = len(self.symbols)
            self.symbols.append(symbol)
        return self.code_of[symbol]

    def _block(self, table: pa.Table, rows: I64) -> None:
        tickers = Texts.of(table.column("ticker"))
        used = np.unique(tickers.codes)
        contracts = {int(c): self._contract(tickers.values[int(c)]) for c in used}
        code_of = np.full(len(tickers.values), -1, np.int64)
        adjusted = np.zeros(len(tickers.values), np.bool_)
        for c, contract in contracts.items():
            if contract is not None:
                code_of[c], adjusted[c] = self._code(contract.text), contract.is_adjusted
        at = np.flatnonzero(code_of[tickers.codes] >= 0)
        self.rows_in += table.num_rows
        self.foreign += table.num_rows - len(at)
        price, price_known = units(_floats(table, "price")[at], UNITS)
        size, size_known = whole_numbers(_floats(table, "size")[at])
        stamps = table.column("sip_timestamp").fill_null(0).combine_chunks().to_numpy()
        ts = stamps[at].astype(np.int64)
        conditions = Texts.of(table.column("conditions"))
        canceled = np.array(
            [not CANCELED.isdisjoint(text.split(",")) for text in conditions.values], np.bool_
        )[conditions.codes[at]]
        reasons = np.zeros(len(at), np.uint8)
        end = self.clock.end_ns + round(self.profile.book.tape_close_grace_seconds * NS)
        flag(reasons, (ts < self.clock.start_ns) | (ts >= end), Reason.OUTSIDE_SESSION)
        flag(reasons, adjusted[tickers.codes[at]], Reason.ADJUSTED_OPTION)
        flag(reasons, canceled, Reason.DELETED)
        flag(reasons, ~price_known, Reason.UNDEFINED_PRICE)
        flag(reasons, price < 0, Reason.NEGATIVE_PRICE)
        flag(reasons, ~size_known | (size < 1), Reason.BAD_SIZE)
        block = (rows[at], ts, price, size, code_of[tickers.codes[at]], reasons)
        for name, values in zip(_Prints.__slots__, block, strict=True):
            getattr(self.prints, name).append(values)

    def _write(self, kept: dict[str, npt.NDArray[np.int64]]) -> list[StagedFile]:
        writer = self.staging.writer(_DATASET, self.digest, polygon.SOURCE)
        n = len(kept["row"])
        if n:
            numbers = np.array([instrument_number(s) for s in self.symbols], np.int64)
            writer.write(
                {
                    "ts_event_ns": pa.array(kept["ts_ns"]),
                    "ts_recv_ns": pa.array(kept["ts_ns"]),
                    "seq": pa.array(np.zeros(n, np.int64)),
                    "instrument_id": pa.array(numbers[kept["code"]]),
                    "price": pa.array(kept["price"] / UNITS),
                    "size": pa.array(kept["size"].astype(np.int32)),
                    "aggressor": pa.array(contract_ticks(kept["price"], kept["code"])),
                },
                src_rows=kept["row"],
                codes=kept["code"],
                symbols=self.symbols,
                when_ns=kept["ts_ns"],
            )
        return writer.close()


def contract_ticks(price: I64, code: I64) -> I8:
    """The tick test within each contract, int8[n].

    Args:
        price: int64[n] in total order.
        code: int64[n], contract of each print.
    """
    side = np.zeros(len(price), np.int8)
    order = np.argsort(code, kind="stable")
    edges = np.flatnonzero(np.diff(code[order])) + 1
    for rows in np.split(order, edges):
        side[rows] = tick_test(price[rows], np.ones(len(rows), np.bool_))
    return side


def _floats(table: pa.Table, name: str) -> npt.NDArray[np.float64]:
    values: npt.NDArray[np.float64] = (
        table.column(name).combine_chunks().to_numpy(zero_copy_only=False)
    )
    return values
