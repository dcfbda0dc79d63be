"""What raw rows must fulfil before a session is made of them (00 section 6-3, 08 A6, A15, A16).

Ingest guarantees all of this; parts that were copied, edited or left out afterwards are found here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from spymaster_lake.contracts.errors import DataError, SessionError
from spymaster_lake.features.arrays import I64
from spymaster_lake.sessions.calendar import SessionCalendar
from spymaster_lake.stages.tables import array_of

IDENTITY: tuple[str, ...] = ("ts_event_ns", "seq", "src_file", "src_row")
"""Columns that tell raw rows apart, and put them into total order."""

_SHOWN = 3


def may_repeat(rows: pa.Table) -> bool:
    """Whether neighbours agree in time and row number; decides if file names are worth reading."""
    return bool(len(_repeats(rows)))


def require_distinct(rows: pa.Table, what: str) -> None:
    """Refuse raw rows that are there twice: a part of Bronze was copied (08 A6).

    Args:
        rows: with the columns IDENTITY, in total order.
        what: for the message.

    Raises:
        DataError: neighbours have the same raw file and row in it.
    """
    at = _repeats(rows)
    if not len(at):
        return
    names = rows.column("src_file")
    own, before = names.take(pa.array(at)).to_pylist(), names.take(pa.array(at - 1)).to_pylist()
    numbers = array_of(rows, "src_row")[at].tolist()
    twice = [(a, n) for a, b, n in zip(own, before, numbers, strict=True) if a == b]
    if twice:
        raise DataError(
            f"{what}: {len(twice)} rows are in Bronze more than once, such as (src_file, src_row) "
            f"{twice[:_SHOWN]}; a part lies there under two names: remove the copy"
        )


def _repeats(rows: pa.Table) -> I64:
    """Positions of rows that agree with the row before in time and row number."""
    time, number = array_of(rows, "ts_event_ns"), array_of(rows, "src_row")
    same = (time[1:] == time[:-1]) & (number[1:] == number[:-1])
    return np.flatnonzero(same) + 1


def require_at_least(rows: pa.Table, column: str, least: float, what: str) -> None:
    """Refuse values below `least`; nulls pass.

    Raises:
        DataError: names the column, the count and a few values.
    """
    values = array_of(rows, column)
    low = values < least
    if low.any():
        raise DataError(
            f"{what}: {int(low.sum())} values of {column} below {least:g}, such as "
            f"{values[low][:_SHOWN].tolist()}"
        )


def require_symbol(rows: pa.Table, symbol: str, what: str) -> None:
    """Refuse rows of another contract than the partition they lie in.

    Raises:
        DataError: names the contracts and the count.
    """
    found = dict(zip(*_counts(rows.column("symbol")), strict=True))
    foreign = {name: count for name, count in found.items() if name != symbol}
    if foreign:
        raise DataError(f"{what}: rows of other contracts than {symbol}: {foreign}")


def _counts(column: pa.ChunkedArray) -> tuple[list[str], list[int]]:
    counted = column.value_counts()
    return counted.field("values").to_pylist(), counted.field("counts").to_pylist()


def require_warmup_trades(
    day: date, calendar: SessionCalendar, warmup: Sequence[date], lacking: Sequence[date]
) -> None:
    """Refuse a session whose warm-up sessions are not all there (08 A15).

    Args:
        day: the session.
        calendar: its sessions.
        warmup: the sessions before it that it needs.
        lacking: those of them without trades, oldest first.

    Raises:
        SessionError: names what is lacking and the first runnable date.
    """
    if not lacking:
        return
    later = calendar.sessions(
        lacking[-1] + timedelta(days=1), lacking[-1] + timedelta(days=2 * len(warmup) + 20)
    )
    raise SessionError(
        f"{day}: the {len(warmup)} sessions before it are its warm-up, and Bronze holds no trades "
        f"on {', '.join(map(str, lacking))}; with trades from {later[0]} on, the first runnable "
        f"date is {later[len(warmup)]}"
    )
