"""Zone entries: literal bars, an oracle from the prints, truncation, mirror, invariants."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.contracts.profile import LEVEL_KIND_CODES
from spymaster_lake.features.arrays import F64, NO_TIME, NS, Bars, Trades
from spymaster_lake.features.levels import Levels
from spymaster_lake.features.zones import ZoneEntries, detect_zone_entries
from tests.features.session_walks import (
    DAY,
    EVENTS_END_NS,
    OPEN_NS,
    TICK,
    at,
    mirrored,
    rough_walk,
    session_of,
    until,
)
from tests.features.zone_oracle import zone_entries

NEVER = at(17)


def minute_bars(*rows: tuple[int, float, float, float]) -> Bars:
    """Bars (minute after 09:00, low, high, close) in points."""
    minute, low, high, close = (np.asarray(c) for c in zip(*rows, strict=True))
    start = at(9) + minute.astype(np.int64) * 60 * NS
    one = np.ones(len(start), dtype=np.int64)
    l, h, c = ((x / TICK).astype(np.int32) for x in (low, high, close))
    return Bars(start, start + 60 * NS, start + 59 * NS, c, h, l, c, one, one, one, one)


def levels_of(*rows: tuple[str, float, int, int]) -> Levels:
    """Level rows (kind, price, valid_from, valid_to)."""
    kind, price, start, end = zip(*rows, strict=True)
    return Levels(
        np.asarray([LEVEL_KIND_CODES[k] for k in kind], dtype=np.int8),
        np.asarray(price),
        np.asarray(start, dtype=np.int64),
        np.asarray(end, dtype=np.int64),
    )


def prints(*rows: tuple[int, float]) -> Trades:
    """Prints (ns, points)."""
    n = len(rows)
    return Trades(
        np.asarray([t for t, _ in rows], dtype=np.int64),
        np.asarray([p / TICK for _, p in rows], dtype=np.int32),
        np.ones(n, dtype=np.int64),
        np.zeros(n, dtype=np.int8),
    )


def detect(
    bars: Bars, levels: Levels, *, trades: Trades | None = None, atr: F64 | None = None
) -> ZoneEntries:
    """Events with the ES widths."""
    return detect_zone_entries(
        day=DAY,
        bars_1min=bars,
        atr=np.full(len(bars), 3.0) if atr is None else atr,
        levels=levels,
        trades=prints((at(9), 1.0)) if trades is None else trades,
        open_ns=OPEN_NS,
        events_end_ns=EVENTS_END_NS,
        tick=TICK,
        half_width=5.0,
        atr_fraction=0.1,
    )


HIGH = ("PM_HIGH", 6000.0, OPEN_NS, NEVER)


def test_entry__literal() -> None:
    """One bar outside below, the next reaches the zone's edge exactly: an UP event at its end."""
    bars = minute_bars((40, 5990, 5994.75, 5993), (41, 5992, 5995, 5994.25), (42, 5993, 5999, 5998))
    trades = prints(
        (at(9, 41, 5), 5993), (at(9, 41, 30), 5995), (at(9, 41, 31), 5995), (at(9, 41, 59), 5994.25)
    )  # fmt: skip
    found = detect(bars, levels_of(HIGH), trades=trades, atr=np.asarray([2.0, 2.5, 2.75]))
    assert len(found) == 1
    assert found.event_id[0] == f"2025-06-05_PM_HIGH_600000_{at(9, 42)}_UP"
    assert (found.level_kind[0], found.level_kind_code[0], found.sigma[0]) == ("PM_HIGH", 0, 1)
    assert (found.anchor_ts_ns[0], found.bar_start_ns[0]) == (at(9, 42), at(9, 41))
    assert found.first_touch_ts_ns[0] == at(9, 41, 30)
    assert (found.level_price[0], found.spot[0], found.zone_half_width[0]) == (6000, 5994.25, 5)
    assert found.atr[0] == 2.5
    assert found.colocated_kinds[0] == ()


@pytest.mark.parametrize(
    ("before", "bar", "direction"),
    [
        pytest.param((5990, 5994.75, 5993), (5992, 5995, 5994), "UP", id="from below"),
        pytest.param((6005.25, 6009, 6007), (6005, 6006, 6005.5), "DOWN", id="from above"),
        pytest.param((5990, 5994, 5993), (5992, 6010, 6009), "UP", id="through the whole zone"),
        pytest.param((5990, 5994, 5993), (6006, 6010, 6009), None, id="gap over the zone"),
        pytest.param((5990, 5995, 5993), (5992, 5999, 5998), None, id="already inside"),
        pytest.param((5990, 5994, 5993), (5990, 5994.75, 5994), None, id="one tick short"),
        pytest.param(
            (5990, 6010, 6008), (5992, 5999, 5998), None, id="previous bar spans the zone"
        ),
    ],
)
def test_entry__direction(
    before: tuple[float, float, float], bar: tuple[float, float, float], direction: str | None
) -> None:
    """Outside to inside fires, in the direction of the previous close."""
    found = detect(minute_bars((40, *before), (41, *bar)), levels_of(HIGH))
    assert found.direction.tolist() == ([direction] if direction else [])


@pytest.mark.parametrize(
    ("minutes", "fires"),
    [
        pytest.param((29, 30), True, id="09:30 bar, 09:29 as lag"),
        pytest.param((28, 29), False, id="09:29 bar"),
        pytest.param((208, 209), True, id="12:29 bar"),
        pytest.param((209, 210), False, id="12:30 bar"),
        pytest.param((40, 45), True, id="previous bar 5 min older"),
        pytest.param((40, 46), False, id="previous bar 6 min older"),
    ],
)
def test_entry__which_bars(minutes: tuple[int, int], fires: bool) -> None:
    """Starts in [09:30, 12:30); the previous bar at most five minutes older."""
    bars = minute_bars((minutes[0], 5990, 5994, 5993), (minutes[1], 5992, 5996, 5995))
    always = ("PM_HIGH", 6000.0, at(4), NEVER)
    assert len(detect(bars, levels_of(always))) == fires


def test_entry__half_width_from_previous_atr() -> None:
    """Half width = max(5, 0.1 ATR of bar i-1); the entry bar's own ATR widens nothing."""
    bars = minute_bars((40, 5980, 5990, 5985), (41, 5985, 5993, 5992))
    assert len(detect(bars, levels_of(HIGH), atr=np.asarray([60.0, 100.0]))) == 0
    found = detect(bars, levels_of(HIGH), atr=np.asarray([70.0, 1.0]))
    assert found.zone_half_width.tolist() == [7.0]


def test_entry__unknown_atr_decides_nothing() -> None:
    """Without the ATR of the previous bar there is no event; the pair is counted."""
    bars = minute_bars((40, 5990, 5994, 5993), (41, 5992, 5996, 5995))
    found = detect(bars, levels_of(HIGH), atr=np.asarray([np.nan, 3.0]))
    assert (len(found), found.n_atr_unknown) == (0, 1)


def test_entry__level_known_at_bar_start() -> None:
    """A level that becomes valid during the bar is not tested; the one at its start is."""
    bars = minute_bars((44, 5990, 5994, 5993), (45, 5992, 5996, 5995))
    assert len(detect(bars, levels_of(("OR_HIGH", 6000.0, at(9, 45) + 1, NEVER)))) == 0
    assert len(detect(bars, levels_of(("OR_HIGH", 6000.0, at(9, 45), NEVER)))) == 1


def test_entry__average_drifts_onto_price() -> None:
    """A level that moves onto price fires nothing and is counted; price that moves in fires."""
    drift = levels_of(
        ("EMA_20", 6001.0, at(9, 30), at(9, 41)), ("EMA_20", 5999.0, at(9, 41), NEVER)
    )
    still = minute_bars((40, 5992, 5995, 5993), (41, 5992, 5995, 5993))
    found = detect(still, drift)
    assert (len(found), found.n_level_moved_onto_price) == (0, 1)
    moves = minute_bars((40, 5990, 5993, 5992), (41, 5992, 5995, 5993))
    found = detect(moves, drift)
    assert (found.level_price.tolist(), found.n_level_moved_onto_price) == ([5999.0], 0)


def test_entry__colocated_and_order() -> None:
    """Kinds of one price in hundredths name each other; same-bar events follow the kind code."""
    bars = minute_bars((50, 5990, 5994, 5993), (51, 5992, 5996, 5995))
    levels = levels_of(
        ("PM_HIGH", 6000.0, OPEN_NS, NEVER),
        ("OR_HIGH", 6000.0, at(9, 45), NEVER),
        ("SMA_90", 5999.9951, at(9, 50), NEVER),
        ("EMA_20", 5999.99, at(9, 50), NEVER),
    )
    found = detect(bars, levels)
    assert found.level_kind.tolist() == ["PM_HIGH", "OR_HIGH", "SMA_90", "EMA_20"]
    assert found.colocated_kinds.tolist() == [
        ("OR_HIGH", "SMA_90"), ("PM_HIGH", "SMA_90"), ("PM_HIGH", "OR_HIGH"), ()
    ]  # fmt: skip
    assert [e.split("_")[3] for e in found.event_id] == ["600000", "600000", "600000", "599999"]


def test_entry__no_print_in_zone() -> None:
    """Prints that jump across the whole zone leave the first touch unknown."""
    bars = minute_bars((40, 5990, 5994, 5993), (41, 5992, 6010, 6009))
    trades = prints((at(9, 41, 1), 5992), (at(9, 41, 2), 6010), (at(9, 42), 6000))
    assert detect(bars, levels_of(HIGH), trades=trades).first_touch_ts_ns.tolist() == [NO_TIME]


def test_entry__nothing_there() -> None:
    """No bars, or no levels: no events, no error."""
    bars = minute_bars((40, 5990, 5994, 5993), (41, 5992, 5996, 5995))
    none = Bars(*(getattr(bars, name)[:0] for name in Bars.__slots__))
    assert len(detect(none, levels_of(HIGH))) == 0
    empty = Levels(*(getattr(levels_of(HIGH), name)[:0] for name in Levels.__slots__))
    assert len(detect(bars, empty)) == 0


def test_entry__length_mismatch() -> None:
    """An ATR per bar is required."""
    bars = minute_bars((40, 5990, 5994, 5993), (41, 5992, 5996, 5995))
    with pytest.raises(DataError, match="1 ATR values for 2 bars"):
        detect(bars, levels_of(HIGH), atr=np.ones(1))


def as_rows(events: ZoneEntries) -> list[dict[str, object]]:
    """Events as plain dictionaries, without sigma and counts."""
    names = (
        "event_id", "level_kind", "level_kind_code", "direction", "anchor_ts_ns", "bar_start_ns",
        "first_touch_ts_ns", "level_price", "spot", "zone_half_width", "atr", "colocated_kinds",
    )  # fmt: skip
    rows = []
    for i in range(len(events)):
        row = {n: getattr(events, n)[i] for n in names}
        row["first_touch_ts_ns"] = (
            None if row["first_touch_ts_ns"] == NO_TIME else row["first_touch_ts_ns"]
        )
        rows.append(row)
    return rows


def walk(seed: int) -> Trades:
    """A rough walk from the pre-market to noon."""
    return rough_walk(np.random.default_rng(seed), start_ns=at(5), end_ns=at(12, 40), sd=1.5)


@pytest.mark.parametrize("seed", range(20, 26))
def test_events__oracle(seed: int) -> None:
    """Events of random walks equal the plain loops over the prints, ids and all."""
    trades = walk(seed)
    found = as_rows(session_of(trades).events)
    expected = zone_entries(trades)
    assert len(expected) > 5
    for row, slow in zip(found, expected, strict=True):
        for name, value in slow.items():
            if isinstance(value, float):
                assert row[name] == pytest.approx(value, rel=1e-13)
            else:
                assert row[name] == value


@pytest.mark.parametrize("seed", [30, 31])
def test_events__truncation(seed: int) -> None:
    """With data at or after t deleted, exactly the events with anchor <= t exist, bit for bit."""
    trades = walk(seed)
    full = as_rows(session_of(trades).events)
    anchors = sorted({int(r["anchor_ts_ns"]) for r in full})  # type: ignore[call-overload]
    for t in [
        anchors[0],
        anchors[len(anchors) // 2],
        anchors[len(anchors) // 2] + 30 * NS,
        anchors[-1],
    ]:
        cut = as_rows(session_of(until(trades, t), known_at=t).events)
        assert cut == [r for r in full if r["anchor_ts_ns"] <= t]  # type: ignore[operator]


def test_events__mirror() -> None:
    """Upside down: high and low kinds swap, directions flip, everything else stays (08 A35)."""
    trades, axis = walk(32), 2 * 24_000
    events = session_of(trades).events
    flipped = session_of(mirrored(trades, twice_axis=axis)).events
    other = {"PM_HIGH": "PM_LOW", "PM_LOW": "PM_HIGH", "OR_HIGH": "OR_LOW", "OR_LOW": "OR_HIGH"}

    def keys(e: ZoneEntries, *, mirror: bool) -> list[tuple[int, str, int]]:
        kinds = [other.get(k, k) if mirror else k for k in e.level_kind]
        signs = -e.sigma if mirror else e.sigma
        return sorted(zip(e.anchor_ts_ns.tolist(), kinds, signs.tolist(), strict=True))

    assert keys(flipped, mirror=True) == keys(events, mirror=False)
    order = np.lexsort((events.level_price, events.anchor_ts_ns))
    order_flipped = np.lexsort((-flipped.level_price, flipped.anchor_ts_ns))
    np.testing.assert_allclose(
        flipped.level_price[order_flipped], axis * TICK - events.level_price[order], rtol=1e-12
    )
    assert np.array_equal(flipped.atr[order_flipped], events.atr[order])


@pytest.mark.parametrize("seed", range(40, 44))
def test_events__invariants(seed: int) -> None:
    """The invariants of 01 2.6."""
    session = session_of(walk(seed))
    events = session.events
    assert len(set(events.event_id)) == len(events)
    assert events.zone_half_width.min() >= 5.0
    assert np.all((events.anchor_ts_ns > OPEN_NS) & (events.anchor_ts_ns <= EVENTS_END_NS))
    opening = np.char.startswith(events.level_kind.astype(str), "OR")
    assert np.all(events.anchor_ts_ns[opening] > at(9, 45))
    assert [LEVEL_KIND_CODES[k] for k in events.level_kind] == events.level_kind_code.tolist()
    order = list(zip(events.anchor_ts_ns, events.level_kind_code, strict=True))
    assert order == sorted(order)
    row = np.searchsorted(session.bars_1min.start_ns, events.bar_start_ns)
    before = session.bars_1min.close[row - 1] * TICK
    assert np.all(events.sigma * (before - events.level_price) < -events.zone_half_width)
    assert np.array_equal(session.bars_1min.close[row] * TICK, events.spot)
    assert np.all(events.atr > 0)


def test_events__only_price_can_enter() -> None:
    """A constant price never fires, whatever the levels do."""
    trades = walk(45)
    flat = replace(trades, ticks=np.full(len(trades), 24_000, dtype=np.int32))
    assert len(session_of(flat).events) == 0
