"""Book states of one contract and the rule which rows are states (08 A10, A13).

A vendor row is a state only if it closes its event and is the last such row of its timestamp.
Matrices are fastest in column order (`np.empty((n, k), order="F")`); any order is correct.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.features.arrays import I32, I64, NO_TICK, NS, UNBOUNDED, Bool

Sizes: TypeAlias = NDArray[np.signedinteger[Any]]
"""Contracts as int32 or int64."""

_Integer = TypeVar("_Integer", bound=np.signedinteger[Any])


@dataclass(frozen=True, slots=True)
class BookStates:
    """Book rows in total order, best level first.

    Attributes:
        ts_ns: int64[n] event time.
        bid_ticks, ask_ticks: int32[n, k] prices in ticks, NO_TICK where the level is absent; absent
            levels come last.
        bid_size, ask_size: int32[n, k] or int64[n, k] contracts, 0 where absent.

    Raises:
        DataError: a column has another shape or type.
    """

    ts_ns: I64
    bid_ticks: I32
    bid_size: Sizes
    ask_ticks: I32
    ask_size: Sizes

    def __post_init__(self) -> None:
        shape = (len(self.ts_ns), self.levels)
        for name, allowed in _COLUMN_TYPES.items():
            column = getattr(self, name)
            if column.shape != shape or column.dtype not in allowed:
                raise DataError(
                    f"book states, column {name}: found {column.dtype}{list(column.shape)}, "
                    f"allowed {' or '.join(map(str, allowed))} of shape {list(shape)}"
                )

    def __len__(self) -> int:
        return len(self.ts_ns)

    @property
    def levels(self) -> int:
        """Number of price levels a side can show (k)."""
        return int(self.bid_ticks.shape[1])

    def rows(self, start: int, stop: int) -> BookStates:
        """Rows [start, stop) as views."""
        part = slice(start, stop)
        return BookStates(
            self.ts_ns[part],
            self.bid_ticks[part],
            self.bid_size[part],
            self.ask_ticks[part],
            self.ask_size[part],
        )

    def last(self) -> BookStates:
        """The last state as a copy of one row, so that it does not hold its chunk in memory."""
        row = self.rows(len(self) - 1, len(self))
        return BookStates(
            row.ts_ns.copy(),
            row.bid_ticks.copy(),
            row.bid_size.copy(),
            row.ask_ticks.copy(),
            row.ask_size.copy(),
        )


_INT32, _INT64 = np.dtype(np.int32), np.dtype(np.int64)
_COLUMN_TYPES: dict[str, tuple[np.dtype[np.generic], ...]] = {
    "bid_ticks": (_INT32,),
    "bid_size": (_INT32, _INT64),
    "ask_ticks": (_INT32,),
    "ask_size": (_INT32, _INT64),
}


def join_states(first: BookStates, second: BookStates) -> BookStates:
    """Rows of `first`, then rows of `second`."""
    return BookStates(
        np.concatenate((first.ts_ns, second.ts_ns)),
        np.concatenate((first.bid_ticks, second.bid_ticks)),
        np.concatenate((first.bid_size, second.bid_size)),
        np.concatenate((first.ask_ticks, second.ask_ticks)),
        np.concatenate((first.ask_size, second.ask_size)),
    )


def collapse_states(states: BookStates, complete: Bool) -> BookStates:
    """Keep one state per timestamp: the last row that closes its event (08 A10, A13).

    Args:
        states: rows in total order (ts_event, sequence, row in file).
        complete: bool[n], True where the row ends its event (vendor flag 128) and is no snapshot.

    Returns:
        States with strictly increasing time, matrices in column order.

    Raises:
        DataError: rows are not in order of time.
    """
    kept = state_rows(states.ts_ns, complete)
    return BookStates(
        states.ts_ns[kept],
        _take_rows(states.bid_ticks, kept),
        _take_rows(states.bid_size, kept),
        _take_rows(states.ask_ticks, kept),
        _take_rows(states.ask_size, kept),
    )


def state_rows(ts_ns: I64, complete: Bool) -> I64:
    """Positions of the rows that are states; int64[m], see `collapse_states`.

    Raises:
        DataError: rows are not in order of time.
    """
    kept = np.flatnonzero(complete)
    times = ts_ns[kept]
    backwards = np.flatnonzero(times[1:] < times[:-1])
    if len(backwards):
        raise DataError(
            f"book states: {len(backwards)} rows go back in time, the first at ts_ns "
            f"{times[backwards[0] + 1]}; rows must be sorted by (ts_event, sequence, row in file)"
        )
    return kept[np.append(times[1:] != times[:-1], True)] if len(kept) else kept


def _take_rows(matrix: NDArray[_Integer], rows: I64) -> NDArray[_Integer]:
    """`matrix[rows]` in column order, which makes every per-level pass contiguous."""
    out = np.empty((len(rows), matrix.shape[1]), matrix.dtype, order="F")
    for level in range(matrix.shape[1]):
        # "raise" would go through a buffer; the positions are known to be inside
        np.take(matrix[:, level], rows, out=out[:, level], mode="clip")
    return out


def require_collapsed(states: BookStates, previous: BookStates | None) -> None:
    """Refuse states whose time does not strictly increase, also across a chunk border.

    Raises:
        DataError: equal or decreasing timestamps; equal ones must be collapsed first, and a border
            between chunks may not split them.
    """
    bad = np.flatnonzero(states.ts_ns[1:] <= states.ts_ns[:-1])
    if len(bad):
        raise DataError(
            f"book states: {len(bad)} timestamps do not increase, the first at ts_ns "
            f"{states.ts_ns[bad[0] + 1]}; states must be collapsed to one per timestamp"
        )
    if previous is not None and len(states) and states.ts_ns[0] <= previous.ts_ns[-1]:
        raise DataError(
            f"book states: a chunk begins at ts_ns {states.ts_ns[0]}, not after the last state of "
            f"the chunk before it ({previous.ts_ns[-1]}); chunks must be in order and may not "
            "split a timestamp"
        )


def clip_states(
    states: BookStates, previous: BookStates | None, *, start_ns: int, end_ns: int
) -> tuple[BookStates | None, BookStates]:
    """Split a chunk into (the state before the grid, the states that fall in the grid's seconds).

    Args:
        states: collapsed states.
        previous: last state before the chunk, one row, or None.
        start_ns: first grid instant; its second is [start_ns - 1 s, start_ns).
        end_ns: last grid instant; states at or after it are dropped.

    Returns:
        (predecessor of the first kept state or None, states with ts in [start_ns - 1 s, end_ns)).
    """
    first, stop = np.searchsorted(states.ts_ns, [start_ns - NS, end_ns], side="left").tolist()
    if first > 0:
        previous = states.rows(first - 1, first).last()
    return previous, states.rows(first, max(first, stop))


def ask_bound(states: BookStates) -> I64:
    """Largest tick visible on the ask side: k-th ask, UNBOUNDED with fewer; int64[n] (02 N-1)."""
    last = states.ask_ticks[:, -1].astype(np.int64)
    return np.where(last == NO_TICK, UNBOUNDED, last)


def bid_bound(states: BookStates) -> I64:
    """Smallest tick visible on the bid side: the k-th bid, -UNBOUNDED with fewer; int64[n]."""
    last = states.bid_ticks[:, -1].astype(np.int64)
    return np.where(last == NO_TICK, -UNBOUNDED, last)
