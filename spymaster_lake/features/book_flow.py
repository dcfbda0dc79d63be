"""Added, canceled and filled contracts per second, side and price (02 N-7a, 08 A11, A12).

For a pair of consecutive states a gain of size is added; a loss x is filled as far as the passive
volume traded at that price in (t_{k-1}, t_k] reaches, and canceled beyond it. Windows of whole
seconds are exact sums of these cells.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spymaster_lake.features.arrays import (
    ASK,
    BID,
    I32,
    I64,
    NO_TICK,
    NS,
    FlowCells,
    Trades,
)
from spymaster_lake.features.book import BookStates, join_states, require_collapsed
from spymaster_lake.features.book_changes import SizeChanges, size_changes
from spymaster_lake.features.grouping import group_sums, second_end

_TICK_BITS = 32


def flow_cells(states: BookStates, *, previous: BookStates | None, trades: Trades) -> FlowCells:
    """Flow cells of all pairs whose later state is in `states`.

    Args:
        states: collapsed states.
        previous: the state before the first of them, one row, or None; its pair with the first
            state is counted.
        trades: prints sorted by time, at least those in (previous, last state]; prints outside a
            pair are ignored. Prints of unknown side fill nothing.

    Returns:
        Cells sorted by (second, side, ticks), bids before asks, none of them all zero.

    Raises:
        DataError: timestamps of the states do not strictly increase.
    """
    require_collapsed(states, previous)
    parts = [states] if len(states) > 1 else []
    if previous is not None and len(states):
        parts.insert(0, join_states(previous, states.rows(0, 1)))
    return merge_flow_cells(
        [_side_cells(part, trades, side) for part in parts for side in (BID, ASK)]
    )


def merge_flow_cells(cells: Sequence[FlowCells]) -> FlowCells:
    """One sorted table of several; equal (second, side, tick) are added up."""
    if not cells:
        none = np.empty(0, np.int64)
        return FlowCells(none, none.astype(np.int8), none.astype(np.int32), none, none, none)
    second_ns = np.concatenate([part.second_ns for part in cells])
    side = np.concatenate([part.side for part in cells])
    ticks = np.concatenate([part.ticks for part in cells])
    flows = [
        np.concatenate([part.added for part in cells]),
        np.concatenate([part.canceled for part in cells]),
        np.concatenate([part.filled for part in cells]),
    ]
    origin = int(second_ns.min()) if len(second_ns) else 0
    second = 2 * ((second_ns - origin) // NS) + (side == ASK)
    keys, (added, canceled, filled) = group_sums(_with_tick(second, ticks), *flows)
    second, ticks = keys >> _TICK_BITS, _tick_of(keys)
    return FlowCells(
        second_ns=origin + NS * (second >> 1),
        side=np.where(second & 1, ASK, BID).astype(np.int8),
        ticks=ticks,
        added=added,
        canceled=canceled,
        filled=filled,
    )


def _side_cells(states: BookStates, trades: Trades, side: np.int8) -> FlowCells:
    if side == ASK:
        changes = size_changes(states.ask_ticks, states.ask_size, side=ASK)
    else:
        changes = size_changes(states.bid_ticks, states.bid_size, side=BID)
    filled = _filled(changes, states.ts_ns, trades, side)
    added = np.maximum(changes.change, 0)
    lost = added - changes.change
    second_ns = second_end(states.ts_ns)
    second = (second_ns - second_ns[0]) // NS
    keys, (added, lost, filled) = group_sums(
        _with_tick(second[changes.state], changes.ticks), added, lost, filled
    )
    return FlowCells(
        second_ns=second_ns[0] + NS * (keys >> _TICK_BITS),
        side=np.full(len(keys), side, np.int8),
        ticks=_tick_of(keys),
        added=added,
        canceled=lost - filled,
        filled=filled,
    )


def _filled(changes: SizeChanges, ts_ns: I64, trades: Trades, side: np.int8) -> I64:
    """min(loss, passive volume at that price between the two states), int64[c]; 0 for gains."""
    filled = np.zeros(len(changes.change), np.int64)
    first = np.searchsorted(trades.ts_ns, ts_ns[0], side="right")
    stop = np.searchsorted(trades.ts_ns, ts_ns[-1], side="right")
    hits = first + np.flatnonzero(trades.side[first:stop] == side)
    if len(hits) == 0:
        return filled
    state = np.searchsorted(ts_ns, trades.ts_ns[hits], side="left")
    keys, (volume,) = group_sums(_with_tick(state, trades.ticks[hits]), trades.size[hits])
    has_trade = np.zeros(len(ts_ns), bool)
    has_trade[state] = True
    losses = np.flatnonzero((changes.change < 0) & has_trade[changes.state])
    wanted = _with_tick(changes.state[losses], changes.ticks[losses])
    at = np.minimum(np.searchsorted(keys, wanted, side="left"), len(keys) - 1)
    passive = np.where(keys[at] == wanted, volume[at], 0)
    filled[losses] = np.minimum(-changes.change[losses], passive)
    return filled


def _with_tick(index: I64, ticks: I32) -> I64:
    """One sortable int64 key of a small index and a tick (index, then price)."""
    return (index << _TICK_BITS) + (ticks.astype(np.int64) - NO_TICK)


def _tick_of(keys: I64) -> I32:
    return ((keys & ((1 << _TICK_BITS) - 1)) + NO_TICK).astype(np.int32)
