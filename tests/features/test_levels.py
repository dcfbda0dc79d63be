"""Levels: literal rows, look-ups, running extremes, an oracle from the prints, truncation."""

from __future__ import annotations

import numpy as np
import pytest

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.contracts.profile import LEVEL_KIND_CODES, LEVEL_KINDS
from spymaster_lake.features.arrays import NS, Trades
from spymaster_lake.features.bars import trade_bars
from spymaster_lake.features.levels import (
    Levels,
    level_at,
    level_series,
    running_extremes,
    session_levels,
)
from tests.features.session_walks import (
    CLOCK,
    EVENTS_END_NS,
    OPEN_NS,
    TICK,
    at,
    rough_walk,
    session_of,
    until,
    without,
)
from tests.features.zone_oracle import LevelOracle, as_prints

NAN = np.nan


def small_session() -> tuple[Trades, Levels]:
    """Prints around the windows' edges; averages are given, not computed."""
    rows = [  # time, ticks
        (at(3, 59, 59), 9_999),  # before the pre-market
        (at(4), 100),
        (at(9, 29, 59), 90),  # last second of the pre-market
        (at(9, 30), 200),  # opening range
        (at(9, 44, 59), 150),
        (at(9, 45), 8_888),  # after the opening range
        (at(16, 59, 59), 7_777),
    ]
    trades = Trades(
        np.asarray([t for t, _ in rows], dtype=np.int64),
        np.asarray([p for _, p in rows], dtype=np.int32),
        np.ones(len(rows), dtype=np.int64),
        np.zeros(len(rows), dtype=np.int8),
    )
    one = trade_bars(trades, width_ns=60 * NS, start_ns=at(-6), end_ns=at(17))
    two = trade_bars(trades, width_ns=120 * NS, start_ns=at(-6), end_ns=at(17))
    ends = [at(4), at(4, 2), at(9, 30), at(9, 32), at(9, 46), at(17)]
    assert two.end_ns.tolist() == ends
    levels = session_levels(
        bars_1min=one,
        bars_2min=two,
        sma_90=np.asarray([NAN, NAN, 11.0, 12.0, 13.0, 14.0]),
        ema_20=np.asarray([20.0, 21.0, 22.0, 23.0, 24.0, 25.0]),
        clock=CLOCK,
        tick=TICK,
    )
    return trades, levels


def test_session_levels__literal_rows() -> None:
    """Windows are half-open, null averages and empty validities give no row."""
    _, levels = small_session()
    names = {code: kind for kind, code in LEVEL_KIND_CODES.items()}
    rows = [
        (names[int(c)], float(p), int(a), int(b))
        for c, p, a, b in zip(
            levels.code, levels.price, levels.valid_from_ns, levels.valid_to_ns, strict=True
        )
    ]
    assert rows == [
        ("PM_HIGH", 25.0, at(9, 30), at(17)),
        ("PM_LOW", 22.5, at(9, 30), at(17)),
        ("OR_HIGH", 50.0, at(9, 45), at(17)),
        ("OR_LOW", 37.5, at(9, 45), at(17)),
        ("SMA_90", 11.0, at(9, 30), at(9, 32)),
        ("SMA_90", 12.0, at(9, 32), at(9, 46)),  # no bar in between: valid until the next bar ends
        ("SMA_90", 13.0, at(9, 46), at(17)),
        ("EMA_20", 20.0, at(4), at(4, 2)),
        ("EMA_20", 21.0, at(4, 2), at(9, 30)),
        ("EMA_20", 22.0, at(9, 30), at(9, 32)),
        ("EMA_20", 23.0, at(9, 32), at(9, 46)),
        ("EMA_20", 24.0, at(9, 46), at(17)),  # the bar that ends with the session has no validity
    ]


def test_level_at__edges() -> None:
    """valid_from is included, valid_to is not; unknown is NaN; order of LEVEL_KINDS."""
    _, levels = small_session()
    asked = [at(3), at(4), at(9, 30) - 1, at(9, 30), at(9, 45) - 1, at(9, 46), at(17) - 1, at(17)]
    found = level_at(levels, t_ns=np.asarray(asked, dtype=np.int64))
    expected = [
        [NAN, NAN, NAN, NAN, NAN, NAN],
        [NAN, NAN, NAN, NAN, NAN, 20.0],
        [NAN, NAN, NAN, NAN, NAN, 21.0],
        [25.0, 22.5, NAN, NAN, 11.0, 22.0],
        [25.0, 22.5, NAN, NAN, 12.0, 23.0],
        [25.0, 22.5, 50.0, 37.5, 13.0, 24.0],
        [25.0, 22.5, 50.0, 37.5, 13.0, 24.0],
        [NAN, NAN, NAN, NAN, NAN, NAN],
    ]
    np.testing.assert_array_equal(found, expected)


def test_session_levels__warm_up_gives_no_rows() -> None:
    """Averages of bars before the session start only seed later values."""
    trades, levels = small_session()
    late = CLOCK.__class__(at(9, 30), at(4), OPEN_NS, at(9, 45), at(17))
    two = trade_bars(trades, width_ns=120 * NS, start_ns=at(-6), end_ns=at(17))
    one = trade_bars(trades, width_ns=60 * NS, start_ns=at(-6), end_ns=at(17))
    values = np.arange(6.0)
    found = session_levels(
        bars_1min=one, bars_2min=two, sma_90=values, ema_20=values, clock=late, tick=TICK
    )
    averages = found.code == LEVEL_KIND_CODES["SMA_90"]
    assert found.price[averages].tolist() == [3.0, 4.0]
    assert len(levels) > len(found)


def test_session_levels__missing_sources() -> None:
    """Without pre-market or opening-range prints those kinds do not exist."""
    trades, _ = small_session()
    for start, end, gone in ((at(4), OPEN_NS, "PM"), (OPEN_NS, at(9, 45), "OR")):
        cut = without(trades, start, end)
        levels = session_of(cut, sma_window=2).levels
        present = {k for k in LEVEL_KINDS if LEVEL_KIND_CODES[k] in levels.code}
        assert present == {k for k in LEVEL_KINDS if not k.startswith(gone)}


def test_session_levels__length_mismatch() -> None:
    """An average per bar is required."""
    trades, _ = small_session()
    two = trade_bars(trades, width_ns=120 * NS, start_ns=at(-6), end_ns=at(17))
    with pytest.raises(DataError, match="ema_20 holds 5 values for 6 bars"):
        session_levels(
            bars_1min=two,
            bars_2min=two,
            sma_90=np.ones(6),
            ema_20=np.ones(5),
            clock=CLOCK,
            tick=TICK,
        )


def test_running_extremes__literal() -> None:
    """The extreme of whole bars ended by t; NaN before the first; final value after the window."""
    trades, _ = small_session()
    one = trade_bars(trades, width_ns=60 * NS, start_ns=at(-6), end_ns=at(17))
    asked = np.asarray(
        [at(4), at(4, 0, 59), at(4, 1), at(9, 30) - 1, at(9, 30), at(12)], dtype=np.int64
    )
    high, low = running_extremes(one, t_ns=asked, start_ns=at(4), end_ns=OPEN_NS, tick=TICK)
    np.testing.assert_array_equal(high, [NAN, NAN, 25.0, 25.0, 25.0, 25.0])
    np.testing.assert_array_equal(low, [NAN, NAN, 25.0, 25.0, 22.5, 22.5])


@pytest.mark.parametrize("seed", [11, 12])
def test_levels__oracle(seed: int) -> None:
    """Look-ups at every minute and at odd instants equal the values straight from the prints."""
    trades = rough_walk(np.random.default_rng(seed), start_ns=at(3), end_ns=at(13))
    oracle = LevelOracle(as_prints(trades), sma_window=30)
    asked = np.arange(at(3, 30), at(13), 61 * NS)
    found = level_at(session_of(trades, sma_window=30).levels, t_ns=asked)
    expected = [[oracle.known_at(kind, int(t)) for kind in LEVEL_KINDS] for t in asked]
    np.testing.assert_allclose(found, np.asarray(expected, dtype=float), rtol=1e-13)
    assert np.isfinite(found).sum() > 1000


def test_level_series__bar_starts() -> None:
    """One row per existing bar with start in [09:30, 12:30), valued at the bar's start."""
    trades = rough_walk(np.random.default_rng(13), start_ns=at(4), end_ns=at(13))
    trades = without(trades, at(10), at(10, 3))
    session = session_of(trades)
    starts, values = level_series(
        session.levels, session.bars_1min, open_ns=OPEN_NS, events_end_ns=EVENTS_END_NS
    )
    missing = {at(10), at(10, 1), at(10, 2)}
    assert not missing & set(starts.tolist())
    assert 170 <= len(starts) <= 177
    assert (starts[0], starts[-1]) == (at(9, 30), at(12, 29))
    np.testing.assert_array_equal(values, level_at(session.levels, t_ns=starts))
    by_start = dict(zip(starts.tolist(), values.tolist(), strict=True))
    assert np.isnan(by_start[at(9, 44)][2])
    assert not np.isnan(by_start[at(9, 45)][2])


def test_levels__truncation() -> None:
    """With all prints at or after t deleted, look-ups at t are the same, bit for bit."""
    trades = rough_walk(np.random.default_rng(14), start_ns=at(3), end_ns=at(13))
    levels = session_of(trades, sma_window=30).levels
    for t in [at(9, 30), at(9, 30, 1), at(9, 45), at(9, 46), at(10, 1), at(10, 2), at(12, 29, 30)]:
        cut = session_of(until(trades, t), known_at=t, sma_window=30).levels
        asked = np.asarray([t], dtype=np.int64)
        np.testing.assert_array_equal(level_at(cut, t_ns=asked), level_at(levels, t_ns=asked))
        known = levels.valid_from_ns <= t
        shown = cut.valid_from_ns <= t
        for column in ("code", "price", "valid_from_ns"):
            np.testing.assert_array_equal(
                getattr(cut, column)[shown], getattr(levels, column)[known]
            )


def test_levels__invariants() -> None:
    """High above low, averages near the day's range, validities disjoint per kind (01 2.5)."""
    trades = rough_walk(np.random.default_rng(15), start_ns=at(3), end_ns=at(13))
    levels = session_of(trades).levels
    price = {kind: levels.price[levels.code == code] for kind, code in LEVEL_KIND_CODES.items()}
    assert price["PM_HIGH"][0] > price["PM_LOW"][0]
    assert price["OR_HIGH"][0] > price["OR_LOW"][0]
    low, high = trades.ticks.min() * TICK - 50, trades.ticks.max() * TICK + 50
    for kind in ("SMA_90", "EMA_20"):
        assert np.all((price[kind] > low) & (price[kind] < high))
    assert np.all(levels.valid_to_ns > levels.valid_from_ns)
    same = np.diff(levels.code) == 0
    assert np.all(levels.valid_to_ns[:-1][same] == levels.valid_from_ns[1:][same])
