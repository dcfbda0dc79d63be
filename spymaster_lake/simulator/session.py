"""All files of one session, from its task alone."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from spymaster_lake.simulator import dbn, faults
from spymaster_lake.simulator.contract import Market, SessionTask, book_of, session_market, tape_of
from spymaster_lake.simulator.dbn import Records
from spymaster_lake.simulator.model import SECOND, ContractPlan, SessionPlan, SessionReport
from spymaster_lake.simulator.options import Chain, chain, definitions, option_prints, statistics
from spymaster_lake.simulator.tape import Tape


def write_session(task: SessionTask) -> SessionReport:
    """Write the five files of one session; the same task gives the same bytes."""
    plan = task.plan
    market = session_market(task)
    files: dict[str, int] = {}
    counts: Counter[str] = Counter()
    tapes = [tape_of(task, market, place) for place in range(len(plan.contracts))]
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
        spread = faults.spread_trades(
            task.rng("spread trades"), task.plan, tick_fixed=task.facts.tick_fixed
        )
        counts.update(f"trades/{r}" for r in reasons)
        counts["trades/spread"] += len(spread)
        parts += [spread, broken]
    files |= _write(task, "trades", _futures_symbols(task.plan), [_merged(parts)])


def _merged(parts: Sequence[Records]) -> Records:
    """Records in time order; those of equal time keep the order of the parts."""
    records = np.concatenate(parts)
    records = records[np.argsort(records["ts_event"], kind="stable")]
    records["ts_recv"] = np.maximum.accumulate(records["ts_recv"])
    return records


def _write_book(
    task: SessionTask,
    market: Market,
    tapes: Sequence[Tape],
    files: dict[str, int],
    counts: Counter[str],
) -> list[int]:
    """Write the book file; the number of records by contract, snapshots included."""
    plan = task.plan
    sources = [book_of(task, market, place, tape) for place, tape in enumerate(tapes)]
    leader = sources[plan.leader]
    others = [np.concatenate(list(s.chunks())) for s in sources if s is not leader]
    if task.with_faults:
        first = next(leader.chunks())
        broken, reasons = faults.book_faults(plan, first[-len(faults.BOOK_FAULTS) :])
        spread = faults.spread_books(
            task.rng("spread books"), plan, tick_fixed=task.facts.tick_fixed
        )
        counts.update(f"mbp-10/{r}" for r in reasons)
        counts["mbp-10/spread"] += len(spread)
        others += [faults.locked_books(plan, first), spread, broken]
    snapshots = [
        s.snapshot(
            event=plan.times.previous_end - SECOND * (i + 1),
            receive=plan.times.start,
            is_last=i == 1,
        )
        for i, s in enumerate(sources)
    ]
    chunks = _interleaved(leader.chunks(), _merged(others))
    files |= _write(task, "mbp-10", _futures_symbols(plan), itertools.chain(snapshots, chunks))
    return [len(s) + 1 for s in sources]


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
    market: Market,
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
    listed = definitions(plan, chains, facts=facts)
    parts = {"trades": prints, "statistics": stats, "definition": listed}
    for schema, records in parts.items():
        files |= _write(task, schema, symbols, [records], options=True)


def _write(
    task: SessionTask,
    schema: str,
    symbols: dict[str, int],
    chunks: Iterable[Records],
    *,
    options: bool = False,
) -> dict[str, int]:
    """Write one file; its number of records by path."""
    folder = task.options_dir if options else task.futures_dir
    path = folder / f"{task.plan.times.day.isoformat()}.{schema}.dbn.zst"
    times = task.plan.times
    dataset = task.facts.dataset
    head = dbn.header(schema, dataset=dataset, start=times.start, end=times.end, symbols=symbols)
    return {str(path): dbn.write(path, head, chunks)}
