"""The last book state strictly before each whole second, on a gapless grid (08 A10).

Everything the depth features read; exact because anchors and state instants are whole seconds.
"""

from __future__ import annotations

import numpy as np

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.features.arrays import (
    I64,
    NO_COMMON_ASK,
    NO_COMMON_BID,
    NO_TICK,
    NO_TIME,
    NS,
    BookSeconds,
)
from spymaster_lake.features.book import (
    BookStates,
    ask_bound,
    bid_bound,
    clip_states,
    require_collapsed,
)
from spymaster_lake.features.grouping import second_end


class SecondsGrid:
    """Builds BookSeconds from states that arrive in chunks, in order of time.

    The result does not depend on where the chunks are cut.
    """

    def __init__(self, *, start_ns: int, end_ns: int, levels: int) -> None:
        """An empty grid of tau = start_ns .. end_ns, both inclusive and whole seconds.

        Raises:
            DataError: an end is not a whole second, or end_ns < start_ns.
        """
        if start_ns % NS or end_ns % NS or end_ns < start_ns:
            raise DataError(
                f"book grid: found start_ns {start_ns}, end_ns {end_ns}; both must be whole "
                "seconds, start_ns <= end_ns"
            )
        n = (end_ns - start_ns) // NS + 1
        self._start_ns = start_ns
        self._second_ns = start_ns + NS * np.arange(n, dtype=np.int64)
        self._state_ts_ns = np.full(n, NO_TIME, np.int64)
        self._bid_ticks = np.full((n, levels), NO_TICK, np.int32)
        self._ask_ticks = np.full((n, levels), NO_TICK, np.int32)
        self._bid_size = np.zeros((n, levels), np.int64)
        self._ask_size = np.zeros((n, levels), np.int64)
        self._n_updates = np.zeros(n, np.int64)
        self._first_ts_ns = np.full(n, NO_TIME, np.int64)
        self._last_ts_ns = np.full(n, NO_TIME, np.int64)
        self._ask_common = np.full(n, NO_COMMON_ASK, np.int64)
        self._bid_common = np.full(n, NO_COMMON_BID, np.int64)

    def add(self, states: BookStates, *, previous: BookStates | None) -> None:
        """Add the next chunk.

        Args:
            states: collapsed states with ts in [start_ns - 1 s, end_ns).
            previous: the state before the first of them, one row, or None.
        """
        if previous is not None:
            self._carry(previous)
        if len(states):
            self._carry(states)
            self._count(states.ts_ns)
            self._bound(states, previous)

    def _carry(self, states: BookStates) -> None:
        """Each state holds from just after its time until the next one replaces it."""
        first = int(np.searchsorted(self._second_ns, states.ts_ns[0], side="right"))
        at = np.searchsorted(states.ts_ns, self._second_ns[first:], side="left") - 1
        self._state_ts_ns[first:] = states.ts_ns[at]
        self._bid_ticks[first:] = states.bid_ticks[at]
        self._bid_size[first:] = states.bid_size[at]
        self._ask_ticks[first:] = states.ask_ticks[at]
        self._ask_size[first:] = states.ask_size[at]

    def _rows(self, ts_ns: I64) -> tuple[I64, I64]:
        """(grid row of each run of states in one second, index of the run's first state)."""
        row = (second_end(ts_ns) - self._start_ns) // NS
        starts = np.flatnonzero(np.concatenate(([True], row[1:] != row[:-1])))
        return row[starts], starts

    def _count(self, ts_ns: I64) -> None:
        rows, starts = self._rows(ts_ns)
        stops = np.append(starts[1:], len(ts_ns))
        self._n_updates[rows] += stops - starts
        known = self._first_ts_ns[rows]
        self._first_ts_ns[rows] = np.where(known == NO_TIME, ts_ns[starts], known)
        self._last_ts_ns[rows] = ts_ns[stops - 1]

    def _bound(self, states: BookStates, previous: BookStates | None) -> None:
        """Widest common visibility of the pairs of each second (02 N-1, N-7a)."""
        ts_ns, ask, bid = states.ts_ns, ask_bound(states), bid_bound(states)
        if previous is None:
            ts_ns = ts_ns[1:]
        else:
            ask = np.concatenate((ask_bound(previous), ask))
            bid = np.concatenate((bid_bound(previous), bid))
        if len(ts_ns) == 0:
            return
        rows, starts = self._rows(ts_ns)
        ask_pairs = np.maximum.reduceat(np.minimum(ask[1:], ask[:-1]), starts)
        bid_pairs = np.minimum.reduceat(np.maximum(bid[1:], bid[:-1]), starts)
        self._ask_common[rows] = np.maximum(self._ask_common[rows], ask_pairs)
        self._bid_common[rows] = np.minimum(self._bid_common[rows], bid_pairs)

    def finish(self) -> BookSeconds:
        """The grid; call once, after the last chunk."""
        return BookSeconds(
            second_ns=self._second_ns,
            state_ts_ns=self._state_ts_ns,
            bid_ticks=self._bid_ticks,
            bid_size=self._bid_size,
            ask_ticks=self._ask_ticks,
            ask_size=self._ask_size,
            n_updates=self._n_updates,
            first_ts_ns=self._first_ts_ns,
            last_ts_ns=self._last_ts_ns,
            ask_common=self._ask_common,
            bid_common=self._bid_common,
        )


def book_seconds(states: BookStates, *, start_ns: int, end_ns: int) -> BookSeconds:
    """The book on the grid tau = start_ns .. end_ns (both inclusive), states strictly before tau.

    Args:
        states: collapsed states; those before start_ns - 1 s only say what held at the start.
        start_ns: first grid instant, a whole second.
        end_ns: last grid instant, a whole second.

    Raises:
        DataError: the states are not collapsed, or the grid is not of whole seconds.
    """
    grid = SecondsGrid(start_ns=start_ns, end_ns=end_ns, levels=states.levels)
    require_collapsed(states, None)
    previous, inside = clip_states(states, None, start_ns=start_ns, end_ns=end_ns)
    grid.add(inside, previous=previous)
    return grid.finish()
