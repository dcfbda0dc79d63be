"""Order-flow imbalance of the best level, over every collapsed book update (02 section 3, N-11).

Unit contracts, market frame (+ = net buying). Sums are integers, so windows are exact differences
of prefix sums: the sum over [t - 120, t) is the sum of its two halves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from spymaster_lake.features.arrays import I64, NO_MID, NO_TICK, NS, OfiCells
from spymaster_lake.features.book import BookStates, Sizes, require_collapsed
from spymaster_lake.features.grouping import group_sums, second_end

_MID_BITS = 35
_MID_SHIFT = 1 << 33
"""Added to a mid so that it is positive; 0 is left for NO_MID, which sorts first."""


def ofi_cells(states: BookStates, *, previous: BookStates | None) -> OfiCells:
    """Sums of e_n per (second, mid after the update).

    e_n = e^b - e^a with e^b = q_n if the bid rose, -q_{n-1} if it fell, q_n - q_{n-1} if it stayed,
    and e^a likewise with the directions swapped. A side that appears counts as a price improvement
    (+q_n), a side that vanishes as a worsening (-q_{n-1}); empty before and after counts 0.

    Args:
        states: collapsed states.
        previous: the state before the first of them, one row, or None; without it the first state
            has no e_n and enters no cell.

    Returns:
        Cells sorted by (second, mid). Updates with e_n = 0 are counted in `n_updates`.

    Raises:
        DataError: timestamps of the states do not strictly increase.
    """
    require_collapsed(states, previous)
    pair_states = (states,) if previous is None else (previous, states)
    bid = _column(part.bid_ticks[:, 0] for part in pair_states)
    bid_size = _column(part.bid_size[:, 0] for part in pair_states)
    ask = _column(part.ask_ticks[:, 0] for part in pair_states)
    ask_size = _column(part.ask_size[:, 0] for part in pair_states)
    ts_ns = states.ts_ns if previous is not None else states.ts_ns[1:]
    no_ask = ask == NO_TICK
    worst_last = np.where(no_ask, np.iinfo(np.int64).max, ask)
    e_n = _side_flow(bid, bid_size) - _side_flow(-worst_last, ask_size)
    mid = np.where(no_ask | (bid == NO_TICK), NO_MID, bid + ask)[1:]
    return _cells(second_end(ts_ns), mid, e_n, np.ones(len(ts_ns), np.int64))


def _column(parts: Iterable[Sizes]) -> I64:
    return np.concatenate([part.astype(np.int64) for part in parts])


def _side_flow(price: I64, size: I64) -> I64:
    """Flow e of one side for n - 1 pairs; a larger `price` is the better one."""
    now, before = size[1:], size[:-1]
    gained = np.where(price[1:] >= price[:-1], now, 0)
    return gained - np.where(price[1:] <= price[:-1], before, 0)


def merge_ofi_cells(cells: Sequence[OfiCells]) -> OfiCells:
    """One sorted table of several; equal (second, mid) are added up."""
    if not cells:
        none = np.empty(0, np.int64)
        return OfiCells(none, none, none, none)
    return _cells(
        np.concatenate([part.second_ns for part in cells]),
        np.concatenate([part.mid_half_ticks for part in cells]),
        np.concatenate([part.ofi for part in cells]),
        np.concatenate([part.n_updates for part in cells]),
    )


def _cells(second_ns: I64, mid: I64, ofi: I64, n_updates: I64) -> OfiCells:
    origin = int(second_ns.min()) if len(second_ns) else 0
    keyed_mid = np.where(mid == NO_MID, 0, mid + _MID_SHIFT)
    keys = (((second_ns - origin) // NS) << _MID_BITS) + keyed_mid
    keys, (ofi, n_updates) = group_sums(keys, ofi, n_updates)
    keyed_mid = keys & ((1 << _MID_BITS) - 1)
    return OfiCells(
        second_ns=origin + NS * (keys >> _MID_BITS),
        mid_half_ticks=np.where(keyed_mid == 0, NO_MID, keyed_mid - _MID_SHIFT),
        ofi=ofi,
        n_updates=n_updates,
    )
