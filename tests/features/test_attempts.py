"""Touches, attempts and trends."""

from __future__ import annotations

import numpy as np
import pytest

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.features.arrays import NS
from spymaster_lake.features.attempts import (
    Attempts,
    LevelEvents,
    attempt_clusters,
    attempt_trends,
    carried_touch_columns,
    newest_event,
    touch_history,
)
from tests.features.kernel_market import (
    BUY,
    T0,
    TICK,
    prints,
    random_session,
    reflect,
    scrambled,
    truncated,
)

PM_HIGH, PM_LOW, SMA = 0, 1, 6
UP, DOWN = 1, -1


def events(rows: list[tuple[int, int, float, float]]) -> LevelEvents:
    """Events from rows of (kind code, sigma, anchor in s after T0, level)."""
    return LevelEvents(
        kind_code=np.array([r[0] for r in rows], np.int8),
        sigma=np.array([r[1] for r in rows], np.int8),
        anchor_ns=np.array([T0 + round(r[2] * NS) for r in rows], np.int64),
        level=np.array([r[3] for r in rows], np.float64),
    )


def clusters(table: LevelEvents) -> Attempts:
    """Clusters with the widths of the index future."""
    return attempt_clusters(table, max_gap_s=900, max_move=1.0)


def random_events(seed: int, e: int = 60) -> LevelEvents:
    """Events on whole minutes, distinct anchors within a kind, in random order."""
    rng = np.random.default_rng(seed)
    minutes = np.concatenate([rng.permutation(30)[: e // 3] for _ in range(3)])
    return LevelEvents(
        kind_code=np.repeat(np.array([PM_HIGH, PM_LOW, SMA], np.int8), e // 3),
        sigma=rng.choice(np.array([-1, 1], np.int8), len(minutes)),
        anchor_ns=T0 + (minutes + 1) * 60 * NS,
        level=np.asarray(
            6000.0 + rng.integers(-20, 20, len(minutes)) * TICK + TICK / 2, np.float64
        ),
    )


TOUCHES = prints(
    [
        (100, 6002.0, 1, BUY),  # touches 6000 within 2.0
        (400, 6002.25, 1, BUY),  # does not
        (800, 6013.0, 1, BUY),  # touches 6012, the level of the third event
        (1000, 6000.0, 1, BUY),
    ]
)


def test_touch_history__each_event_by_its_own_level() -> None:
    """Earlier events of the kind count if a print came within 2 points before the next began."""
    table = events(
        [
            (PM_HIGH, UP, 120, 6000.0),  # [60, 240): print at 100 s touches
            (PM_HIGH, DOWN, 300, 6000.0),  # [240, 660): 6002.25 is out of reach
            (PM_HIGH, UP, 720, 6012.0),  # [660, 840): touched at 800 s
            (PM_LOW, UP, 800, 6000.0),  # another kind
            (PM_HIGH, UP, 900, 6012.0),
        ]
    )
    found = touch_history(table, TOUCHES, tick_size=TICK, touch_band=2.0)
    assert found["prior_touches"].tolist() == [0, 1, 1, 0, 2]
    assert found["prior_touches"].dtype == np.int32
    np.testing.assert_array_equal(found["time_since_prev_event_s"], [np.nan, 180, 420, np.nan, 180])


@pytest.mark.parametrize(
    ("second_anchor_s", "touches"),
    [
        pytest.param(160, 0, id="print at the next event's start is not counted"),
        pytest.param(161, 1, id="a second later it is"),
    ],
)
def test_touch_history__half_open_interval(second_anchor_s: int, touches: int) -> None:
    """An event's touches end where the entry bar of the next event begins."""
    table = events([(PM_HIGH, UP, 90, 6000.0), (PM_HIGH, UP, second_anchor_s, 6000.0)])
    found = touch_history(table, TOUCHES, tick_size=TICK, touch_band=2.0)
    assert found["prior_touches"].tolist() == [0, touches]


def test_touch_history__equals_slow_oracle() -> None:
    """Counts agree with a reading of the definition pair by pair, in any row order."""
    trades, table = random_session(41), random_events(42)
    found = touch_history(table, trades, tick_size=TICK, touch_band=2.0)
    ts, price = trades.ts_ns, trades.ticks * TICK
    for e in range(len(table)):
        t = table.anchor_ns[e]
        same = [j for j in range(len(table)) if table.kind_code[j] == table.kind_code[e]]
        earlier = sorted(
            (j for j in same if table.anchor_ns[j] < t), key=lambda j: table.anchor_ns[j]
        )
        touched = 0
        for j in earlier:
            start = table.anchor_ns[j] - 60 * NS
            following = min(
                table.anchor_ns[k] for k in same if table.anchor_ns[k] > table.anchor_ns[j]
            )
            inside = (ts >= start) & (ts < min(following - 60 * NS, t))
            touched += bool((inside & (np.abs(price - table.level[j]) <= 2.0 + 1e-9)).any())
        assert found["prior_touches"][e] == touched
        since = (t - table.anchor_ns[earlier[-1]]) / NS if earlier else np.nan
        np.testing.assert_equal(found["time_since_prev_event_s"][e], since)
    assert found["prior_touches"].max() > 3


@pytest.mark.parametrize("change", [truncated, scrambled])
def test_touch_history__ignores_the_future(change: object) -> None:
    """Rows with anchor <= t do not change with trades at t and after, or with later events."""
    trades, table = random_session(41), random_events(42)
    t_ns = T0 + 900 * NS
    past = table.anchor_ns <= t_ns
    cut = LevelEvents(
        table.kind_code[past], table.sigma[past], table.anchor_ns[past], table.level[past]
    )
    assert callable(change)
    found = touch_history(cut, change(trades, t_ns), tick_size=TICK, touch_band=2.0)
    full = touch_history(table, trades, tick_size=TICK, touch_band=2.0)
    for name, values in found.items():
        np.testing.assert_array_equal(values, full[name][past])
    assert clusters(cut).index.tolist() == clusters(table).index[past].tolist()


def test_touch_history__mirror_law() -> None:
    """Reflection leaves the unsigned columns unchanged."""
    centre = 6000.125
    trades, table = random_session(41), random_events(42)
    mirrored = LevelEvents(table.kind_code, -table.sigma, table.anchor_ns, 2 * centre - table.level)
    found = touch_history(mirrored, reflect(trades, centre=centre), tick_size=TICK, touch_band=2.0)
    for name, values in touch_history(table, trades, tick_size=TICK, touch_band=2.0).items():
        np.testing.assert_array_equal(found[name], values)
    assert clusters(mirrored).cluster_id.tolist() == clusters(table).cluster_id.tolist()


def test_attempts__golden_vector() -> None:
    """900 s is not more than 900 s, 901 s is; trends are null at the first attempt (02 N-15d)."""
    table = events([(PM_HIGH, UP, s, 6000.0) for s in (0, 900, 1801, 2000)])
    found = clusters(table)
    assert found.columns()["attempt_index"].tolist() == [1, 2, 1, 2]
    assert found.columns()["attempt_cluster_id"].tolist() == [1, 1, 2, 2]
    delta = np.array([10.0, -5.0, 0.0, 3.0])
    unknown = np.array([1.0, np.nan, np.nan, 2.0])
    trends = attempt_trends(
        found,
        {
            "barrier_delta_liq": delta,
            "barrier_replenishment_ratio": unknown,
            "tape_velocity": delta,
            "tape_imbalance": unknown,
        },
    )
    nan = np.nan
    np.testing.assert_array_equal(trends["barrier_delta_liq_trend"], [nan, -15, nan, 3])
    np.testing.assert_array_equal(trends["barrier_replenishment_trend"], [nan] * 4)
    assert list(trends) == [
        "barrier_replenishment_trend",
        "barrier_delta_liq_trend",
        "tape_velocity_trend",
        "tape_imbalance_trend",
    ]


@pytest.mark.parametrize(
    ("levels", "index", "cluster"),
    [
        pytest.param([6000.0, 6001.0, 6002.0], [1, 2, 3], [1, 1, 1], id="steps of 1.0 stay"),
        pytest.param([6000.0, 6001.25, 6001.0], [1, 1, 2], [1, 2, 2], id="a larger step parts"),
        pytest.param([6000.0, 6001.0 + 5e-10, 6000.0], [1, 2, 3], [1, 1, 1], id="tolerance"),
    ],
)
def test_attempts__level_may_drift(
    levels: list[float], index: list[int], cluster: list[int]
) -> None:
    """The one-point test compares with the previous event and holds for averages too."""
    found = clusters(events([(SMA, UP, 100 * i, x) for i, x in enumerate(levels)]))
    assert (found.index.tolist(), found.cluster_id.tolist()) == (index, cluster)


def test_attempts__per_kind_and_direction_in_any_row_order() -> None:
    """Directions and kinds count apart; the order of the rows does not matter."""
    table = events(
        [
            (PM_HIGH, UP, 500, 6000.0),
            (PM_HIGH, DOWN, 100, 6000.0),
            (PM_LOW, UP, 50, 5990.0),
            (PM_HIGH, UP, 0, 6000.0),
            (PM_HIGH, DOWN, 1100, 6000.0),
        ]
    )
    found = clusters(table)
    assert found.index.tolist() == [2, 1, 1, 1, 1]
    assert found.cluster_id.tolist() == [1, 1, 1, 1, 2]
    assert found.first_row.tolist() == [3, 1, 2, 3, 4]


def test_attempts__no_events() -> None:
    """A session without events is legal."""
    table = events([])
    assert len(clusters(table).index) == 0
    assert len(touch_history(table, TOUCHES, tick_size=TICK, touch_band=2.0)["prior_touches"]) == 0
    asked = newest_event(table, t_ns=np.array([T0]), kind_code=np.array([PM_HIGH]))
    assert asked.tolist() == [-1]


def test_attempts__equal_anchors_are_refused() -> None:
    """Two events of a kind at one anchor cannot be ordered."""
    table = events([(PM_HIGH, UP, 60, 6000.0), (PM_HIGH, DOWN, 60, 6000.0)])
    with pytest.raises(DataError, match="1 pairs share kind and anchor"):
        clusters(table)


def test_carried_touch_columns__newest_event_of_the_kind() -> None:
    """State rows carry the newest event with anchor <= t, either direction; before it, 08 B20."""
    table = events(
        [(PM_HIGH, DOWN, 300, 6000.0), (PM_LOW, UP, 200, 5990.0), (PM_HIGH, UP, 120, 6000.0)]
    )
    seconds = np.array([90, 120, 299.5, 300, 4000, 300])
    kinds = np.array([PM_HIGH] * 5 + [SMA])
    t_ns = T0 + (seconds * NS).astype(np.int64)
    newest = newest_event(table, t_ns=t_ns, kind_code=kinds)
    assert newest.tolist() == [-1, 2, 2, 0, 0, -1]
    trend = np.array([7.5, 1.0, np.nan])
    found = carried_touch_columns(
        newest,
        t_ns=t_ns,
        anchor_ns=table.anchor_ns,
        event_columns={
            "prior_touches": np.array([2, 5, 1], np.int32),
            "attempt_index": np.array([3, 6, 1], np.int64),
            "barrier_replenishment_trend": trend,
            "barrier_delta_liq_trend": trend,
            "tape_velocity_trend": trend,
            "tape_imbalance_trend": trend,
        },
    )
    nan = np.nan
    assert found["prior_touches"].tolist() == [0, 1, 1, 2, 2, 0]
    assert found["attempt_index"].tolist() == [0, 1, 1, 3, 3, 0]
    np.testing.assert_array_equal(found["tape_velocity_trend"], [nan, nan, nan, 7.5, 7.5, nan])
    np.testing.assert_array_equal(found["time_since_last_touch_sec"], [nan, 0, 179.5, 0, 3700, nan])
