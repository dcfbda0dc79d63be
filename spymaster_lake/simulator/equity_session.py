"""All files of one session of a share, from its task alone."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa

from spymaster_lake.simulator import equity_faults as faults
from spymaster_lake.simulator.csv_files import write_csv
from spymaster_lake.simulator.equity_book import QuoteTable, quote_table, quoted, thin_path
from spymaster_lake.simulator.equity_faults import OddRow
from spymaster_lake.simulator.equity_model import EquityTask
from spymaster_lake.simulator.equity_options import option_prints, with_odd_prints
from spymaster_lake.simulator.equity_shape import equity_shape
from spymaster_lake.simulator.equity_tape import (
    AUCTION,
    OFF_EXCHANGE,
    OFFICIAL,
    REGULAR,
    SUB_TICK,
    Prints,
    print_schedule,
    prints,
)
from spymaster_lake.simulator.model import SessionReport
from spymaster_lake.simulator.path import pressure, step_path
from spymaster_lake.simulator.shape import F64, I64, SessionShape

Columns = dict[str, np.ndarray]

_TAPE, _FACILITY = 3, 202
_NORMAL_QUOTE = "1"
_DELAY = (15_000, 400_000)
_STEP_OF_SEQUENCE = 40


def write_equity_session(task: EquityTask) -> SessionReport:
    """Write the files of one session; the same task gives the same bytes."""
    times, model = task.plan.times, task.model
    shape = equity_shape(times, task.rng("shape"))
    flow = pressure(task.rng("pressure"), shape.minutes * 60 + 1, model.pressure_seconds)
    path = step_path(
        task.rng("path"), task.plan, shape=shape, flow=flow, model=model,
        strength=task.strength, clusters=0,
    )  # fmt: skip
    time, kind, redraw = print_schedule(task, shape)
    states = quoted(task, thin_path(task, path), shape, redraw, flow)
    tape = prints(task, time, kind, states, shape)
    quotes = quote_table(task, states, tape.time, shape, flow)
    files: dict[str, int] = {}
    counts: Counter[str] = Counter()
    _write_quotes(task, quotes, files, counts)
    _write_trades(task, tape, files, counts)
    _write_options(task, tape, shape, files, counts)
    symbol = task.facts.symbol
    return SessionReport(
        day=times.day,
        files=files,
        trades={symbol: len(tape.time)},
        volume={symbol: int(tape.size[tape.kind != OFFICIAL].sum())},
        book={symbol: len(quotes.time)},
        faults=dict(sorted(counts.items())),
    )


def _with_odd_rows(columns: Columns, odd: list[OddRow]) -> Columns:
    """The columns with odd rows put in by time, after rows of equal time."""
    base = np.array([row.base for row in odd], np.int64)
    added = {name: values[base].copy() for name, values in columns.items()}
    added["time"] = np.array([row.time for row in odd], np.int64)
    for i, row in enumerate(odd):
        for name, value in row.change.items():
            added[name][i] = value
    whole = {name: np.concatenate([v, added[name]]) for name, v in columns.items()}
    order = np.argsort(whole["time"], kind="stable")
    return {name: values[order] for name, values in whole.items()}


def _stamps(task: EquityTask, purpose: str, time: I64) -> tuple[I64, I64, I64]:
    """Tape time, time at the exchange, and sequence number, strictly ascending."""
    rng = task.rng(purpose)
    tape = time + task.plan.times.start
    step = rng.integers(1, _STEP_OF_SEQUENCE, len(time))
    return tape, tape - rng.integers(*_DELAY, len(time)), np.cumsum(step)


def _write_quotes(
    task: EquityTask, quotes: QuoteTable, files: dict[str, int], counts: Counter[str]
) -> None:
    columns: Columns = {name: getattr(quotes, name) for name in QuoteTable.__slots__}
    if task.with_faults:
        odd = faults.odd_quotes(task, quotes.time, quotes.bid, quotes.ask)
        columns = _with_odd_rows(columns, odd)
        counts.update(f"quotes/{name}" for name in faults.REJECTED_QUOTES)
        counts.update(f"flagged quotes/{name}" for name in faults.FLAGGED_QUOTES)
    n = len(columns["time"])
    sip, participant, sequence = _stamps(task, "quote stamps", columns["time"])
    tick, lot = task.facts.tick, task.plan.lot
    table = pa.table(
        {
            "ticker": pa.repeat(task.facts.symbol, n),
            "ask_exchange": columns["ask_exchange"],
            "ask_price": np.round(columns["ask"] * tick, 6),
            "ask_size": _units(columns["ask_size"], lot),
            "bid_exchange": columns["bid_exchange"],
            "bid_price": np.round(columns["bid"] * tick, 6),
            "bid_size": _units(columns["bid_size"], lot),
            "conditions": pa.repeat(_NORMAL_QUOTE, n),
            "indicators": pa.nulls(n, pa.string()),
            "participant_timestamp": participant,
            "sequence_number": sequence,
            "sip_timestamp": sip,
            "tape": np.full(n, _TAPE),
            "trf_timestamp": np.zeros(n, np.int64),
        }
    )
    files |= _write(task, "quotes_v1", table)


def _units(shares: I64, lot: int) -> I64:
    """Shares in the vendor's units; at least one where there are any."""
    return np.where(shares > 0, np.maximum(shares // lot, 1), shares)


def _write_trades(
    task: EquityTask, tape: Prints, files: dict[str, int], counts: Counter[str]
) -> None:
    columns: Columns = {name: getattr(tape, name) for name in Prints.__slots__}
    columns["price"] = np.round(tape.price * task.facts.tick, 6)
    columns["correction"] = np.full(len(tape.time), "0", object)
    counts["flagged trades/sub_tick"] += int((tape.kind == SUB_TICK).sum())
    if task.with_faults:
        regular = np.flatnonzero(tape.kind == REGULAR)
        odd = faults.odd_trades(task, tape.time[regular], columns["price"][regular])
        odd = [OddRow(o.name, int(regular[o.base]), o.time, o.change) for o in odd]
        columns = _with_odd_rows(columns, odd)
        counts.update(f"trades/{name}" for name in faults.REJECTED_TRADES)
        counts.update(f"flagged trades/{name}" for name in faults.FLAGGED_TRADES)
    n = len(columns["time"])
    sip, participant, sequence = _stamps(task, "print stamps", columns["time"])
    is_off = columns["exchange"] == OFF_EXCHANGE
    price = columns["price"]
    table = pa.table(
        {
            "ticker": pa.repeat(task.facts.symbol, n),
            "conditions": _text(columns["conditions"]),
            "correction": _text(columns["correction"]),
            "exchange": columns["exchange"],
            "id": np.arange(1, n + 1),
            "participant_timestamp": participant,
            "price": pa.array(price, mask=np.isnan(price)),
            "sequence_number": sequence,
            "sip_timestamp": sip,
            "size": columns["size"],
            "tape": np.full(n, _TAPE),
            "trf_id": np.where(is_off, _FACILITY, 0),
            "trf_timestamp": np.where(is_off, participant, 0),
        }
    )
    files |= _write(task, "trades_v1", table)


def _write_options(
    task: EquityTask,
    tape: Prints,
    shape: SessionShape,
    files: dict[str, int],
    counts: Counter[str],
) -> None:
    facts = task.facts.options
    if facts is None or not task.size.option_trades:
        return
    regular = (tape.kind == REGULAR) | (tape.kind == AUCTION)
    spot: F64 = tape.price[regular] * task.facts.tick
    found = option_prints(task, facts, shape=shape, time=tape.time[regular], price=spot)
    if task.with_faults:
        found, names = with_odd_prints(task, found)
        counts.update(f"options/{name}" for name in names)
    n = len(found.time)
    table = pa.table(
        {
            "ticker": _text(found.ticker),
            "conditions": _text(found.conditions),
            "correction": pa.repeat("0", n),
            "exchange": found.exchange,
            "price": pa.array(found.price, mask=np.isnan(found.price)),
            "sip_timestamp": found.time + task.plan.times.start,
            "size": found.size,
        }
    )
    files |= _write(task, "trades_v1", table, options=True)


def _text(values: np.ndarray) -> pa.Array:
    """Texts; the empty one is blank, not a pair of quotes."""
    return pa.array([value or None for value in values], pa.string())


def _write(
    task: EquityTask, folder: str, table: pa.Table, *, options: bool = False
) -> dict[str, int]:
    """Write one file; its number of rows by path."""
    root = task.options_dir if options else task.equities_dir
    path = root / folder / f"{task.plan.times.day.isoformat()}.csv.gz"
    return {str(path): write_csv(path, table)}
