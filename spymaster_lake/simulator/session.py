"""All files of one session, from its plan alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from spymaster_lake.simulator import dbn, faults
from spymaster_lake.simulator.book import BookSource
from spymaster_lake.simulator.dbn import Records
from spymaster_lake.simulator.model import (
    SECOND,
    ContractPlan,
    MarketFacts,
    MarketModel,
    SessionPlan,
    SessionReport,
    SimulationSize,
)
from spymaster_lake.simulator.options import Chain, chain, definitions, option_prints, statistics
from spymaster_lake.simulator.path import StepPath, pressure, step_path, thinned
from spymaster_lake.simulator.queues import queue_changes
from spymaster_lake.simulator.randomness import generator
from spymaster_lake.simulator.rows import book_rows
from spymaster_lake.simulator.shape import F64, SessionShape, session_shape
from spymaster_lake.simulator.tape import Tape, contract_tape, print_counts

_QUOTE_ROWS_SHARE = 0.3
_QUOTES_PER_STEP = 0.55
_THIN_DEPTH = 0.25


@dataclass(frozen=True, slots=True)
class SessionTask:
    """What a worker is asked to do.

    Attributes:
        plan: the session.
        facts: facts of the instrument.
        model: constants of the price process.
        size: how much.
        seed: seed of the simulation.
        strength: strength of the planted effect, 0 for a null market.
        with_faults: whether malformed and foreign records are added.
        futures_dir, options_dir: where the files go.
    """

    plan: SessionPlan
    facts: MarketFacts
    model: MarketModel
    size: SimulationSize
    seed: int
    strength: float
    with_faults: bool
    futures_dir: Path
    options_dir: Path

    def rng(self, purpose: str) -> np.random.Generator:
        """Random numbers of this session for one purpose."""
        return generator(self.seed, self.plan.times.day, purpose)


@dataclass(frozen=True, slots=True)
class _Market:
    """What all files of the session share."""

    shape: SessionShape
    flow: F64
    path: StepPath


def write_session(task: SessionTask) -> SessionReport:
    """Write the five files of one session; the same task gives the same bytes."""
    plan = task.plan
    shape = session_shape(plan.times, task.rng("shape"))
    flow = pressure(task.rng("pressure"), shape.minutes * 60 + 1, task.model.pressure_seconds)
    path = step_path(
        task.rng("path"),
        plan,
        shape=shape,
        flow=flow,
        model=task.model,
        strength=task.strength,
        clusters=task.size.clusters,
    )
    market = _Market(shape, flow, path)
    files: dict[str, int] = {}
    counts: Counter[str] = Counter()
    paths = [_contract_path(task, market, place) for place in range(len(plan.contracts))]
    tapes = [_tape(task, market, c, p) for c, p in zip(plan.contracts, paths, strict=True)]
    trades = [_trade_records(c, t, task) for c, t in zip(plan.contracts, tapes, strict=True)]
    book = _write_book(task, market, tapes, files, counts)
    _write_trades(task, trades, files, counts)
    _write_options(task, market, tapes, files, counts)
    codes = [c.code for c in plan.contracts]
    return SessionReport(
        day=plan.times.day,
        files=files,
        trades=dict(zip(codes, map(len, trades), strict=True)),
        volume={code: int(t.size.sum()) for code, t in zip(codes, tapes, strict=True)},
        book=dict(zip(codes, book, strict=True)),
        faults=dict(sorted(counts.items())),
    )


def _contract_path(task: SessionTask, market: _Market, place: int) -> StepPath:
    """The path as one contract shows it: in full, or at as many steps as its book has room for."""
    contract, shape = task.plan.contracts[place], market.shape
    inside = float(shape.variance[shape.in_book_window].sum() / shape.variance.sum())
    expected = len(market.path.time) * _QUOTES_PER_STEP * (1.0 if task.size.book_outside else inside)
    room = task.size.book_updates * contract.book_share * _QUOTE_ROWS_SHARE
    path = market.path
    if place != task.plan.leader:
        path = replace(path, cluster=path.cluster[:0])
    return thinned(path, task.rng(f"thin {contract.code}"), room / expected)


def _tape(task: SessionTask, market: _Market, contract: ContractPlan, path: StepPath) -> Tape:
    rng = task.rng(f"tape {contract.code}")
    n = round(task.size.trades * contract.trade_share)
    return contract_tape(
        rng,
        path,
        print_counts(rng, task.plan, contract, shape=market.shape, n=n),
        offset=contract.offset,
        flow=market.flow,
        size=task.size,
        stop=contract.stop - task.plan.times.start,
    )


def _trade_records(contract: ContractPlan, tape: Tape, task: SessionTask) -> Records:
    records = dbn.blank("trades", len(tape.time))
    dbn.stamp(records, tape.time, task.plan.times.start)
    records["instrument_id"] = contract.instrument_id
    records["price"] = tape.price * task.facts.tick_fixed
    records["size"] = tape.size
    records["action"] = b"T"
    records["side"] = np.where(tape.side > 0, b"B", np.where(tape.side < 0, b"A", b"N"))
    return records


def _futures_symbols(plan: SessionPlan) -> dict[str, int]:
    symbols = {c.code: c.instrument_id for c in plan.contracts}
    return {**symbols, faults.spread_symbol(plan): faults.SPREAD_ID}


def _write_trades(
    task: SessionTask, trades: Sequence[Records], files: dict[str, int], counts: Counter[str]
) -> None:
    parts = list(trades)
    if task.with_faults:
        broken, reasons = faults.trade_faults(task.plan, trades[task.plan.leader])
        spread = faults.spread_trades(task.rng("spread trades"), task.plan)
        counts.update(f"trades/{r}" for r in reasons)
        counts["trades/spread"] += len(spread)
        parts += [spread, broken]
    _write(task, "futures", "trades", _futures_symbols(task.plan), [_merged(parts)], files)


def _merged(parts: Sequence[Records]) -> Records:
    """Records in time order; those of equal time keep the order of the parts."""
    records = np.concatenate(parts)
    records = records[np.argsort(records["ts_event"], kind="stable")]
    records["ts_recv"] = np.maximum.accumulate(records["ts_recv"])
    return records


def _write_book(
    task: SessionTask,
    market: _Market,
    tapes: Sequence[Tape],
    files: dict[str, int],
    counts: Counter[str],
) -> list[int]:
    """Write the book file; the number of records by contract, snapshots included."""
    plan = task.plan
    sources = [
        _book_source(task, market, c, t) for c, t in zip(plan.contracts, tapes, strict=True)
    ]
    leader = sources[plan.leader]
    others = [np.concatenate(list(s.chunks())) for s in sources if s is not leader]
    if task.with_faults:
        broken, reasons = faults.book_faults(plan, next(leader.chunks())[-len(faults.BOOK_FAULTS) :])
        spread = faults.spread_books(task.rng("spread books"), plan, facts=task.facts)
        counts.update(f"mbp-10/{r}" for r in reasons)
        counts["mbp-10/spread"] += len(spread)
        others += [spread, broken]
    snapshots = [
        s.snapshot(event=plan.times.previous_end - SECOND * (i + 1), receive=plan.times.start, is_last=i == 1)
        for i, s in enumerate(sources)
    ]
    chunks = _interleaved(leader.chunks(), _merged(others))
    _write(task, "futures", "mbp-10", _futures_symbols(plan), _chained(snapshots, chunks), files)
    return [len(s) + 1 for s in sources]


def _book_source(task: SessionTask, market: _Market, contract: ContractPlan, tape: Tape) -> BookSource:
    rng = task.rng(f"book {contract.code}")
    window = market.shape.in_book_window
    weights = np.where(window, market.shape.volume, 0.0)
    weights = window / window.sum() + weights / weights.sum()
    outside = market.shape.volume * ~window
    share = task.size.book_outside
    weights = weights / weights.sum() * (1.0 - share) + outside / outside.sum() * share
    minute = np.arange(market.shape.minutes)
    last_minute = (contract.stop - task.plan.times.start) // (60 * SECOND)
    depth = 1.0 if contract is task.plan.contracts[task.plan.leader] else _THIN_DEPTH
    rows = book_rows(
        rng,
        tape,
        minutes=np.where(minute < last_minute, weights, 0.0),
        n=round(task.size.book_updates * contract.book_share),
        flow=market.flow,
        size=task.size,
        depth=depth,
    )
    queues = queue_changes(rng, rows, depth=depth)
    start = task.plan.times.start
    return BookSource(rows, queues, contract.instrument_id, task.facts.tick_fixed, start)


def _chained(first: Sequence[Records], rest: Iterator[Records]) -> Iterator[Records]:
    yield from first
    yield from rest


def _interleaved(chunks: Iterator[Records], others: Records) -> Iterator[Records]:
    """Chunks of the leader with the other records put in by time, after leader rows of equal time."""
    done = 0
    received = np.uint64(0)
    for chunk in chunks:
        until = int(np.searchsorted(others["ts_event"], chunk["ts_event"][-1], "left"))
        part = others[done:until]
        done = until
        merged = _merged([chunk, part]) if len(part) else chunk
        merged["ts_recv"] = np.maximum(merged["ts_recv"], received)
        received = merged["ts_recv"][-1]
        yield merged
    rest = others[done:]
    rest["ts_recv"] = np.maximum(rest["ts_recv"], received)
    yield rest


def _write_options(
    task: SessionTask,
    market: _Market,
    tapes: Sequence[Tape],
    files: dict[str, int],
    counts: Counter[str],
) -> None:
    plan, facts = task.plan, task.facts
    chains: list[Chain] = []
    for member in plan.chains:
        spot = (plan.open_ticks + plan.contracts[member.underlying].offset) * facts.tick
        chains.append(chain(member, spot=spot, step=facts.strike_step))
    symbols = {name: i for member in chains for name, i in member.symbols.items()}
    prints = option_prints(
        task.rng("option prints"),
        plan,
        chains,
        tapes,
        shape=market.shape,
        facts=facts,
        n=task.size.option_trades,
    )
    if task.with_faults:
        broken, reasons = faults.trade_faults(plan, prints, options=True)
        counts.update(f"options trades/{r}" for r in reasons)
        prints = _merged([prints, broken])
    stats = statistics(task.rng("statistics"), plan, chains, facts=facts)
    _write(task, "options", "trades", symbols, [prints], files)
    _write(task, "options", "statistics", symbols, [stats], files)
    _write(task, "options", "definition", symbols, [definitions(plan, chains, facts=facts)], files)


def _write(
    task: SessionTask,
    product: str,
    schema: str,
    symbols: dict[str, int],
    chunks: Sequence[Records] | Iterator[Records],
    files: dict[str, int],
) -> None:
    folder = task.futures_dir if product == "futures" else task.options_dir
    path = folder / f"{task.plan.times.day.isoformat()}.{schema}.dbn.zst"
    times = task.plan.times
    head = dbn.header(schema, start=times.start, end=times.end, symbols=symbols)
    files[str(path)] = dbn.write(path, head, chunks)
