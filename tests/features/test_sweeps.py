"""Sweep clusters and the calibrated threshold."""

from __future__ import annotations

import numpy as np
import pytest

from spymaster_lake.features.arrays import NS, Queries, Trades
from spymaster_lake.features.sweeps import (
    SweepClusters,
    apply_sweep_threshold,
    sweep_clusters,
)
from tests.features.kernel_market import (
    BUY,
    SELL,
    T0,
    TICK,
    UNKNOWN,
    prints,
    queries,
    random_queries,
    random_session,
    reflect,
    reflect_queries,
    rows_of,
    scrambled,
    truncated,
)

CENTRE = 6000.125
Row = tuple[int, int, int, int, int]


def run(trades: Trades, asked: Queries, half_width: float = 5.0) -> list[Row]:
    """Clusters as rows (query, start, size, side, n_ticks)."""
    zone = np.full(len(asked), half_width)
    return rows(sweep_clusters(trades, asked, zone_half_width=zone, tick_size=TICK))


def rows(found: SweepClusters) -> list[Row]:
    """The table as a list of rows."""
    columns = (found.query, found.start_ns, found.size, found.side, found.n_ticks)
    return list(zip(*(c.tolist() for c in columns), strict=True))


def oracle(trades: Trades, asked: Queries, half_width: float) -> list[Row]:
    """02 N-7f print by print."""
    out: list[Row] = []
    for q in range(len(asked)):
        t, level = int(asked.t_ns[q]), float(asked.level[q])
        clusters: list[list[int]] = []
        for i in range(len(trades)):
            ts = int(trades.ts_ns[i])
            inside = abs(trades.ticks[i] * TICK - level) <= half_width + 1e-9
            if not (t - 60 * NS <= ts < t and inside):
                continue
            if clusters and ts - int(trades.ts_ns[clusters[-1][-1]]) <= NS // 10:
                clusters[-1].append(i)
            else:
                clusters.append([i])
        for members in clusters:
            sides = {int(trades.side[i]) for i in members}
            ticks = {int(trades.ticks[i]) for i in members}
            if len(sides) == 1 and sides != {0} and len(ticks) >= 2:
                size = sum(int(trades.size[i]) for i in members)
                start = int(trades.ts_ns[members[0]])
                out.append((q, start, size, sides.pop(), len(ticks)))
    return out


@pytest.mark.parametrize(
    ("tape", "expected"),
    [
        pytest.param(
            [(1.0, 6000.0, 5, BUY), (1.1, 6000.25, 6, BUY), (1.2, 6000.25, 1, BUY)],
            [(1.0, 12, 1, 2)],
            id="gaps of exactly 100 ms join",
        ),
        pytest.param(
            [(1.0, 6000.0, 5, BUY), (1.101, 6000.25, 6, BUY)], [], id="a longer gap parts"
        ),
        pytest.param([(1, 6000.0, 5, BUY), (1, 6000.0, 6, BUY)], [], id="one price is no sweep"),
        pytest.param(
            [(1, 6000.0, 5, BUY), (1.05, 6000.25, 6, SELL), (1.06, 6000.5, 6, BUY)],
            [],
            id="mixed sides",
        ),
        pytest.param([(1, 6000.0, 5, SELL), (1.05, 5999.75, 6, UNKNOWN)], [], id="an unknown side"),
        pytest.param(
            [(1, 6000.0, 5, SELL), (1.05, 6007.0, 6, BUY), (1.1, 5999.5, 6, SELL)],
            [(1.0, 11, -1, 2)],
            id="prints outside the zone do not count",
        ),
        pytest.param(
            [(59.95, 6000.0, 5, BUY), (60.0, 6000.25, 6, BUY)], [], id="t itself is not seen"
        ),
        pytest.param(
            [(0, 6000.0, 5, BUY), (0, 6000.25, 6, BUY)], [(0, 11, 1, 2)], id="left edge is closed"
        ),
    ],
)
def test_sweep_clusters__rules(
    tape: list[tuple[float, float, int, int]], expected: list[tuple[float, int, int, int]]
) -> None:
    """Gaps form clusters; only one-sided clusters over two prices are candidates."""
    wanted = [(0, T0 + round(s * NS), *rest) for s, *rest in expected]
    assert run(prints(tape), queries([(60, 6000.0, 1)])) == wanted


def test_sweep_clusters__equals_slow_oracle() -> None:
    """Candidates agree with a print-by-print reading of the definition."""
    trades, asked = random_session(21), random_queries(22, 60)
    for half_width in (1.0, 5.0):
        expected = oracle(trades, asked, half_width)
        assert expected
        assert run(trades, asked, half_width) == expected


def test_sweep_clusters__inactive_level() -> None:
    """A query without a level has no cluster."""
    tape = prints([(1, 6000.0, 5, BUY), (1, 6000.25, 6, BUY)])
    assert run(tape, queries([(60, None, 0), (60, 6000.0, 1)])) == [(1, T0 + NS, 11, 1, 2)]


def test_sweep_clusters__batch_equals_single() -> None:
    """A query finds the same clusters whatever else is asked."""
    trades, asked = random_session(3), random_queries(4, 40)
    batch = run(trades, asked)
    for row in range(len(asked)):
        single = run(trades, rows_of(asked, slice(row, row + 1)))
        assert [(row, *rest) for _, *rest in single] == [c for c in batch if c[0] == row]


def test_sweep_clusters__mirror_law() -> None:
    """Reflection negates the side and nothing else."""
    trades, asked = random_session(5), random_queries(6, 40)
    mirror = run(reflect(trades, centre=CENTRE), reflect_queries(asked, centre=CENTRE))
    assert mirror == [(q, start, size, -side, n) for q, start, size, side, n in run(trades, asked)]


@pytest.mark.parametrize("change", [truncated, scrambled])
def test_sweep_clusters__ignores_the_future(change: object) -> None:
    """Deleting or scrambling everything at t and after changes nothing."""
    trades = random_session(7)
    t_ns = int(trades.ts_ns[2500])
    asked = Queries(np.array([t_ns]), np.array([6000.0]), np.array([1], np.int8))
    assert callable(change)
    assert run(trades, asked)
    assert run(change(trades, t_ns), asked) == run(trades, asked)


CLUSTERS = SweepClusters(
    query=np.array([0, 0, 1, 1, 2]),
    start_ns=np.array([10, 20, 10, 20, 10]),
    size=np.array([50, 80, 70, 70, 49]),
    side=np.array([1, -1, 1, -1, 1], np.int8),
    n_ticks=np.array([2, 2, 2, 2, 2], np.int32),
)


@pytest.mark.parametrize(
    ("q", "detected", "side"),
    [
        pytest.param(50.0, [True, True, False, None], [-1, 1, 0, None], id="largest, then earlier"),
        pytest.param(70.5, [True, False, False, None], [-1, 0, 0, None], id="below q is none"),
        pytest.param(49.0, [True, True, True, None], [-1, 1, 1, None], id="q itself qualifies"),
        pytest.param(None, [None] * 4, [None] * 4, id="not yet calibrated"),
    ],
)
def test_apply_sweep_threshold__winner(
    q: float | None, detected: list[bool | None], side: list[int | None]
) -> None:
    """The largest qualifying cluster gives the side, the earlier on a tie; None without q."""
    active = np.array([True, True, True, False])
    found = apply_sweep_threshold(CLUSTERS, q=q, active=active)
    assert found["sweep_detected"].tolist() == detected
    assert found["sweep_side"].tolist() == side
