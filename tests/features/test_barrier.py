"""Barrier flows in a window, and the state they are named by."""

from __future__ import annotations

import math

import numpy as np
import pytest

from spymaster_lake.features.arrays import NS
from spymaster_lake.features.barrier import BARRIER_STATES, barrier_flows, barrier_state
from spymaster_lake.features.book_flow import flow_cells
from spymaster_lake.features.book_seconds import book_seconds
from tests.features.book_oracle import Print, Row
from tests.features.book_samples import START, contiguous, queries, to_states, to_trades

T = START + 400 * NS
L = 6000.0
UP, DOWN = 1, -1
NULL = {
    "barrier_delta_liq": None,
    "barrier_replenishment_ratio": None,
    "barrier_added": None,
    "barrier_canceled": None,
    "barrier_filled": None,
}

LIMITS = {"delta_threshold": 100.0, "weak_depth": 50.0}


def book(seconds: float, best_ask: float, *, size: int = 50, first: int | None = None) -> Row:
    """A contiguous book at T + seconds; `first` is the size at the best ask if it differs."""
    ask = round(best_ask * 4)
    asks = contiguous(1, ask, size)
    if first is not None:
        asks[ask] = first
    return Row(T + round(seconds * NS), contiguous(-1, ask - 1, size), asks)


def flows(
    rows: list[Row], asked: tuple[int, float, int], prints: list[Print] | None = None
) -> dict[str, float | None]:
    """The flow columns of one question, None for null."""
    states = to_states(rows)
    cells = flow_cells(states, previous=None, trades=to_trades(prints or []))
    grid = book_seconds(states, start_ns=START, end_ns=T + 300 * NS)
    found = barrier_flows(cells, grid, queries(asked), tick=0.25, zone_half_width=2.0)
    return {
        name: None if math.isnan(column[0]) else float(column[0]) for name, column in found.items()
    }


def known(added: int, canceled: int, filled: int) -> dict[str, float | None]:
    """All five columns from the three counts."""
    removed = canceled + filled
    return {
        "barrier_delta_liq": added - removed,
        "barrier_replenishment_ratio": added / removed if removed else None,
        "barrier_added": added,
        "barrier_canceled": canceled,
        "barrier_filled": filled,
    }


@pytest.mark.parametrize(
    "best_asks",
    [
        pytest.param((5994.25, 5997.00, 5996.00), id="first golden book"),
        pytest.param((5994.25, 5997.25, 5997.25), id="second golden book"),
    ],
)
def test_barrier_flows__golden_scrolling_book(best_asks: tuple[float, ...]) -> None:
    """No order changed, so nothing was added or removed and the ratio is null."""
    rows = [book(second, ask) for second, ask in enumerate(best_asks)]
    assert flows(rows, (T + 3 * NS, L, UP)) == known(0, 0, 0)


def test_barrier_flows__null_when_the_zone_was_never_common() -> None:
    """The golden evolution book: no two neighbouring states show the same zone price."""
    rows = [book(-180, 5994.25), book(-60, 5996.00), book(0, 5994.25)]
    assert flows(rows, (T + NS, L, UP)) == NULL
    # the bids lie below and are seen throughout, so a zone around them is known
    assert flows(rows, (T + NS, 5994.0, DOWN))["barrier_added"] is not None


@pytest.mark.parametrize(
    ("seconds", "counts"),
    [
        pytest.param(-240, (20, 0, 0), id="at the left edge: inside"),
        pytest.param(-240.001, None, id="before the left edge: outside"),
        pytest.param(-0.001, (20, 0, 0), id="just before t: inside"),
        pytest.param(0, None, id="at t: not yet known"),
    ],
)
def test_barrier_flows__window(seconds: float, counts: tuple[int, int, int] | None) -> None:
    """A pair counts if its later state falls in [t - 240 s, t), wherever its predecessor lies."""
    rows = [book(-300, 5999.0), book(seconds, 5999.0, first=70)]
    assert flows(rows, (T, L, UP)) == (known(*counts) if counts else NULL)


@pytest.mark.parametrize(
    ("best_ask", "columns"),
    [
        pytest.param(5995.75, known(0, 0, 0), id="one common price"),
        pytest.param(5995.50, NULL, id="none"),
    ],
)
def test_barrier_flows__one_common_price_is_enough(
    best_ask: float, columns: dict[str, float | None]
) -> None:
    """The tenth ask at the zone's edge makes a quiet barrier; one tick lower it is unknown."""
    assert flows([book(-10, best_ask), book(-5, best_ask)], (T, L, UP)) == columns


def test_barrier_flows__fills_and_cancels_of_the_facing_side() -> None:
    """Of 30 lost at 5999.00, 12 were bought; the other side's view is its own."""
    rows = [book(-10, 5999.0), book(-5, 5999.0, first=20), book(-4, 5999.0, first=25)]
    prints = [Print(T - 6 * NS, 4 * 5999, 12, 1)]
    assert flows(rows, (T, L, UP), prints) == known(5, 18, 12)
    assert flows(rows, (T, L, DOWN), prints) == known(0, 0, 0)


def test_barrier_flows__zone_ends_are_closed() -> None:
    """A price exactly 2 points from the level belongs to the zone, one tick farther does not."""
    rows = [book(-10, 6002.0), book(-5, 6002.0, first=60)]
    assert flows(rows, (T, L, UP)) == known(10, 0, 0)
    assert flows(rows, (T, L - 0.25, UP)) == known(0, 0, 0)


@pytest.mark.parametrize("asked", [(T, math.nan, UP), (T, L, 0)], ids=["no level", "no direction"])
def test_barrier_flows__null_without_a_level(asked: tuple[int, float, int]) -> None:
    """An inactive level has no barrier."""
    assert flows([book(-10, 5999.0), book(-5, 5999.0, first=60)], asked) == NULL


def test_barrier_flows__null_where_the_window_begins_before_the_grid() -> None:
    """Of the time before the grid nothing is known."""
    rows = [book(-200, 5999.0), book(-190, 5999.0, first=60)]
    assert flows(rows, (START + 239 * NS, L, UP)) == NULL
    assert flows(rows, (START + 240 * NS, L, UP)) == known(10, 0, 0)


@pytest.mark.parametrize(
    ("added", "canceled", "filled", "depth", "expected"),
    [
        pytest.param(10, 150, 50, 500, "VACUUM", id="pulled: R 0.05, delta -190"),
        pytest.param(29, 100, 0, 500, "NEUTRAL", id="delta -71 is not below -100"),
        pytest.param(300, 100, 0, 500, "WALL", id="R 3, delta 200"),
        pytest.param(101, 0, 0, 500, "WALL", id="nothing removed: R infinite"),
        pytest.param(100, 0, 0, 500, "ABSORPTION", id="delta 100 is not above 100"),
        pytest.param(100, 50, 200, 500, "CONSUMED", id="R 0.4, delta -150, mostly filled"),
        pytest.param(100, 200, 50, 500, "NEUTRAL", id="R 0.4, delta -150, mostly canceled"),
        pytest.param(450, 300, 0, 500, "ABSORPTION", id="R 1.5 is not above 1.5"),
        pytest.param(51, 50, 0, 500, "ABSORPTION", id="R just above 1"),
        pytest.param(0, 0, 0, 20, "WEAK", id="nothing happened: no test on R holds"),
        pytest.param(0, 0, 0, 25, "NEUTRAL", id="25 on half the zone is 50, not below it"),
        pytest.param(60, 60, 0, 24, "WEAK", id="weak before contested"),
        pytest.param(60, 60, 0, 500, "ABSORPTION", id="contested: delta 0, churn 120"),
        pytest.param(50, 50, 0, 500, "NEUTRAL", id="churn 100 is not above 100"),
        pytest.param(60, 110, 0, 500, "NEUTRAL", id="abs(delta) 50 is not below 50"),
    ],
)
def test_barrier_state__ordered_rules(
    added: int, canceled: int, filled: int, depth: float, expected: str
) -> None:
    """First match wins, every threshold is strict; half of the zone is visible."""
    columns = known(added, canceled, filled)
    arrays = {
        name: np.array([math.nan if value is None else value]) for name, value in columns.items()
    }
    found = barrier_state(
        arrays, **LIMITS, coverage=np.array([0.5]), depth=np.array([float(depth)])
    )
    assert found.tolist() == [expected]
    assert expected in BARRIER_STATES


@pytest.mark.parametrize(
    ("coverage", "added", "expected"),
    [
        pytest.param(0.25, 0.0, "NEUTRAL", id="a quarter is enough"),
        pytest.param(0.249, 0.0, None, id="too little of the zone in sight"),
        pytest.param(math.nan, 0.0, None, id="stale state"),
        pytest.param(0.5, math.nan, None, id="no common pair"),
    ],
)
def test_barrier_state__null(coverage: float, added: float, expected: str | None) -> None:
    """An unobservable barrier has no state, never a default one."""
    arrays = {name: np.array([added]) for name in NULL}
    arrays["barrier_replenishment_ratio"] = np.array([math.nan])
    found = barrier_state(arrays, **LIMITS, coverage=np.array([coverage]), depth=np.array([100.0]))
    assert found.tolist() == [expected]


def test_barrier_state__thresholds_are_parameters() -> None:
    """Another instrument brings its own numbers."""
    arrays = {name: np.array([value or 0.0]) for name, value in known(30, 10, 0).items()}
    half = np.array([0.5])
    assert barrier_state(arrays, **LIMITS, coverage=half, depth=half * 500).tolist() == [
        "ABSORPTION"
    ]
    walls = barrier_state(
        arrays, coverage=half, depth=half * 500, delta_threshold=10.0, weak_depth=50.0
    )
    assert walls.tolist() == ["WALL"]
