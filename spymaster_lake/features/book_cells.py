"""One pass over a session's book, in chunks, to the three compact tables features read (08 A10).

A session has millions of wide rows; only one chunk is in memory at a time. Windows of whole seconds
over the compact tables are exact, and they do not depend on where the chunks are cut.
"""

from __future__ import annotations

from collections.abc import Iterable

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.features.arrays import BookSeconds, FlowCells, OfiCells, Trades
from spymaster_lake.features.book import BookStates, clip_states, require_collapsed
from spymaster_lake.features.book_flow import flow_cells, merge_flow_cells
from spymaster_lake.features.book_seconds import SecondsGrid
from spymaster_lake.features.ofi import merge_ofi_cells, ofi_cells


def book_cells(
    chunks: Iterable[BookStates],
    trades: Trades,
    *,
    start_ns: int,
    end_ns: int,
    levels: int,
) -> tuple[BookSeconds, FlowCells, OfiCells]:
    """Per-second states, flow cells and OFI cells of the grid tau = start_ns .. end_ns.

    Args:
        chunks: collapsed states in order of time; a chunk may be empty, and may end anywhere but
            between equal timestamps.
        trades: all prints of the session in total order.
        start_ns: first grid instant, a whole second; states before its second [start - 1 s, start)
            only say what held there.
        end_ns: last grid instant, a whole second, inclusive; states at or after it are ignored.
        levels: price levels per side (k).

    Returns:
        (per-second states, flow cells, OFI cells). Cells belong to seconds start_ns .. end_ns.

    Raises:
        DataError: chunks overlap, split a timestamp, are not collapsed or have another k; prints
            are not in order of time; or an end is not a whole second.
    """
    _require_sorted(trades)
    grid = SecondsGrid(start_ns=start_ns, end_ns=end_ns, levels=levels)
    flows: list[FlowCells] = []
    ofis: list[OfiCells] = []
    previous: BookStates | None = None
    for chunk in chunks:
        if chunk.levels != levels:
            raise DataError(f"book chunk: found {chunk.levels} levels, allowed {levels}")
        require_collapsed(chunk, previous)
        before, states = clip_states(chunk, previous, start_ns=start_ns, end_ns=end_ns)
        grid.add(states, previous=before)
        flows.append(flow_cells(states, previous=before, trades=trades))
        ofis.append(ofi_cells(states, previous=before))
        if len(chunk):
            previous = chunk.last()
    return grid.finish(), merge_flow_cells(flows), merge_ofi_cells(ofis)


def _require_sorted(trades: Trades) -> None:
    backwards = int((trades.ts_ns[1:] < trades.ts_ns[:-1]).sum())
    if backwards:
        raise DataError(
            f"trades: {backwards} prints go back in time; prints must be in total order "
            "(ts_event, sequence, row in file)"
        )
