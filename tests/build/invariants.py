"""Every invariant of specs 01 and 02 as a row: a check of one session, or why it cannot apply to it.

The numbers that the specs give in points of a future (half width, distance, velocity) are bounds of
the profile here (08 A16); whatever is `None` is listed with its reason.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from spymaster_lake.contracts.enums import BARRIER_STATES
from spymaster_lake.contracts.features import GEX
from spymaster_lake.contracts.labels import LABELS
from spymaster_lake.contracts.profile import AVERAGE_KINDS, LEVEL_KIND_CODES, STATIC_KINDS
from spymaster_lake.contracts.signals import SIGNALS
from tests.build.lakes import Session

NS, MINUTE = 10**9, 60 * 10**9
EPS = 1e-9
Check = Callable[[Session], None]
FEATURE_TABLES = ("signals", "state_table")
HORIZONS = (("2min", 120), ("4min", 240), ("8min", 480))


@dataclass(frozen=True)
class Invariant:
    """One row of the table.

    Attributes:
        source: section of the specs.
        says: the invariant.
        check: holds it against a session; None where it cannot apply.
        why: why it cannot apply, or where it is proved instead.
    """

    source: str
    says: str
    check: Check | None = None
    why: str = ""


INVARIANTS: list[Invariant] = []


def invariant(source: str, says: str) -> Callable[[Check], Check]:
    """Adds a check to the table."""

    def add(check: Check) -> Check:
        INVARIANTS.append(Invariant(source, says, check))
        return check

    return add


def cannot_apply(source: str, says: str, why: str) -> None:
    """Adds a row without a check."""
    INVARIANTS.append(Invariant(source, says, None, why))


def known(*columns: np.ndarray) -> np.ndarray:
    """Rows where all number columns have a value."""
    return ~np.any([np.isnan(c.astype(np.float64)) for c in columns], axis=0)


# 01 2.0 load_bronze


@invariant("01 2.0", "one symbol")
def _(s: Session) -> None:
    assert {r["contract"] for r in s.rows("work/sessions")} == {s.profile.equity_symbol}
    assert set(s.column("signals", "contract")) == {s.profile.equity_symbol}


@invariant("01 2.0", "strict total order")
def _(s: Session) -> None:
    order, time = s.column("work/trades", "row_in_session"), s.column("work/trades", "ts_event_ns")
    assert (order == np.arange(len(order))).all()
    assert (np.diff(time) >= 0).all()
    assert (time >= s.clock.start_ns).all()
    assert (time < s.clock.end_ns).all()


@invariant("01 2.0", "price in bounds and on the tick grid, size of at least 1")
def _(s: Session) -> None:
    price = s.column("work/trades", "price_ticks") * s.profile.tick_size
    assert price.min() >= s.profile.quality.price_min
    assert price.max() <= s.profile.quality.price_max
    assert (s.column("work/trades", "size") >= 1).all()


@invariant("01 2.0", "book states are not crossed (08 A16: at most 0.1 % in regular hours)")
def _(s: Session) -> None:
    (facts,) = s.rows("work/sessions")
    assert facts["n_crossed"] <= 0.001 * facts["n_book_updates"]
    assert facts["n_book_updates"] > 10_000


@invariant("01 2.0", "one visible level a side, deeper ones absent")
def _(s: Session) -> None:
    for side in ("bid", "ask"):
        assert known(s.column("work/book_seconds", f"{side}_ticks_1")).mean() > 0.9
        assert not known(s.column("work/book_seconds", f"{side}_ticks_2")).any()
        assert (s.column("work/book_seconds", f"{side}_size_2") == 0).all()


@invariant("01 2.0", "aggressor in {-1, 0, 1}, with sells and buys")
def _(s: Session) -> None:
    assert set(s.column("work/trades", "aggressor").tolist()) == {-1, 0, 1}


cannot_apply("01 2.0", "250-ms bucket unique, coverage >= 99 %", "buckets are not built (08 A10)")
cannot_apply("01 2.0", "option expiry >= session date", "the instrument has no options")


# 01 2.1 to 2.3 bars

BARS = ("work/bars_10s", "work/bars_1min", "work/bars_2min")


@invariant("01 2.1", "L <= min(O, C) <= max(O, C) <= H, volume > 0, bar_start unique")
def _(s: Session) -> None:
    for table in BARS:
        o, h, low, c = (s.column(table, n) for n in ("open", "high", "low", "close"))
        assert (low <= np.minimum(o, c)).all()
        assert (np.maximum(o, c) <= h).all()
        assert (s.column(table, "volume") > 0).all()
        start = s.column(table, "bar_start_ns")
        assert len(np.unique(start)) == len(start) > 200
        width = s.column(table, "bar_end_ns") - start
        assert len(set(width.tolist())) == 1
        close = s.column(table, "close_ts_ns")
        assert ((close >= start) & (close < start + width)).all()


@invariant("01 2.1", "sum(volume) = sum(size) of kept trades")
def _(s: Session) -> None:
    size = int(s.column("work/trades", "size").sum())
    for table in BARS[:2]:
        assert int(s.column(table, "volume").sum()) == size
    own = s.column("work/bars_2min", "bar_session_date") == s.day
    assert int(s.column("work/bars_2min", "volume")[own].sum()) == size


@invariant("01 2.1", "ATR > 0, null before 14 bars, mean of 14 true ranges")
def _(s: Session) -> None:
    h, low, c = (s.column("work/bars_1min", n) for n in ("high", "low", "close"))
    before = np.concatenate([[np.nan], c[:-1]])
    true = np.nanmax([h - low, np.abs(h - before), np.abs(low - before)], axis=0)
    atr = s.column("work/bars_1min", "atr_14")
    assert np.isnan(atr[:13]).all()
    for i in range(13, len(atr)):
        assert atr[i] > 0
        assert abs(atr[i] - true[i - 13 : i + 1].mean()) < EPS


@invariant("01 2.1", "missing minutes within the profile's bounds (08 A4)")
def _(s: Session) -> None:
    (facts,) = s.rows("work/sessions")
    quality = s.profile.quality
    start = s.column("work/bars_1min", "bar_start_ns")
    regular = (start >= s.clock.open_ns) & (start < s.clock.trades_needed_until_ns)
    minutes = (s.clock.trades_needed_until_ns - s.clock.open_ns) // MINUTE
    assert minutes - regular.sum() <= quality.max_missing_regular_minutes
    assert facts["n_missing_minutes"] <= quality.max_missing_minutes


@invariant("01 2.2, 2.3", "10-s bars make the 1-min bars, 1-min bars the 2-min bars, exactly")
def _(s: Session) -> None:
    own = s.column("work/bars_2min", "bar_session_date") == s.day
    for small, large, width, rows in (
        ("work/bars_10s", "work/bars_1min", MINUTE, slice(None)),
        ("work/bars_1min", "work/bars_2min", 2 * MINUTE, own),
    ):
        made: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for bar in s.rows(small):
            made[bar["bar_start_ns"] // width * width].append(bar)
        wanted = {n: s.column(large, n)[rows] for n in ("bar_start_ns", *BAR_VALUES)}
        assert sorted(made) == wanted["bar_start_ns"].tolist()
        for i, start in enumerate(wanted["bar_start_ns"].tolist()):
            joined = _joined(made[start])
            assert joined == {n: wanted[n][i] for n in BAR_VALUES}


BAR_VALUES = ("open", "high", "low", "close", "volume", "n_trades", "buy_vol", "sell_vol")


def _joined(bars: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "open": bars[0]["open"],
        "high": max(b["high"] for b in bars),
        "low": min(b["low"] for b in bars),
        "close": bars[-1]["close"],
        **{n: sum(b[n] for b in bars) for n in BAR_VALUES[4:]},
    }


@invariant(
    "01 2.3", "exactly 3 warm-up sessions before D, at least 90 2-min bars before 04:00 of D"
)
def _(s: Session) -> None:
    days = s.column("work/bars_2min", "bar_session_date")
    warmup = sorted(set(days.tolist()) - {s.day})
    assert warmup == s.calendar.previous(s.day, 3)
    end = s.column("work/bars_2min", "bar_end_ns")
    assert (end <= s.clock.premarket_start_ns).sum() >= 90
    assert (np.diff(s.column("work/bars_2min", "bar_start_ns")) > 0).all()


@invariant("01 2.3", "SMA_90 of 90 bars, EMA_20 recursive from the first warm-up bar")
def _(s: Session) -> None:
    close = s.column("work/bars_2min", "close")
    sma, ema = s.column("work/bars_2min", "sma_90"), s.column("work/bars_2min", "ema_20")
    assert np.isnan(sma[:89]).all()
    for j in range(89, len(close)):
        assert abs(sma[j] - close[j - 89 : j + 1].mean()) < 1e-8
    value = close[0]
    for j, c in enumerate(close):
        value = c if j == 0 else 2 / 21 * c + 19 / 21 * value
        assert abs(ema[j] - value) < EPS


cannot_apply("01 2.3", "690, 660 or 630 2-min bars a day", "a fact of a 23-hour future")
cannot_apply("01 2.4", "delta, gamma, parity, rows in = out + rejected", "no options")


# 01 2.5, 2.6 levels and events


@invariant("01 2.5", "PM_HIGH > PM_LOW, OR_HIGH > OR_LOW, all six kinds present")
def _(s: Session) -> None:
    price = {r["level_kind"]: r["level_price"] for r in s.rows("work/levels")}
    assert set(price) == set(LEVEL_KIND_CODES)
    assert price["PM_HIGH"] > price["PM_LOW"]
    assert price["OR_HIGH"] > price["OR_LOW"]


@invariant("01 2.5", "static levels are the extremes of bars that ended by valid_from")
def _(s: Session) -> None:
    bars, clock = s.rows("work/bars_1min"), s.clock
    for r in s.rows("work/levels"):
        if r["level_kind"] not in STATIC_KINDS:
            continue
        pm = r["level_kind"].startswith("PM")
        start = clock.premarket_start_ns if pm else clock.open_ns
        end = clock.open_ns if pm else clock.opening_range_end_ns
        inside = [b for b in bars if start <= b["bar_start_ns"] and b["bar_end_ns"] <= end]
        high = r["level_kind"].endswith("HIGH")
        assert r["valid_from_ns"] == end
        assert r["level_price"] == (
            max(b["high"] for b in inside) if high else min(b["low"] for b in inside)
        )


@invariant(
    "01 2.5", "averages: the 2-min bar that ended by valid_from, valid to the next one's end"
)
def _(s: Session) -> None:
    value = {b["bar_end_ns"]: b for b in s.rows("work/bars_2min")}
    ends = sorted(value)
    for r in s.rows("work/levels"):
        if r["level_kind"] in AVERAGE_KINDS:
            last = max(e for e in ends if e <= r["valid_from_ns"])
            assert r["level_price"] == value[last][r["level_kind"].lower()]


@invariant("01 2.5", "averages within the day's range by the profile's bound")
def _(s: Session) -> None:
    low, high = s.column("work/bars_1min", "low").min(), s.column("work/bars_1min", "high").max()
    bound = s.profile.quality.max_distance_points
    for r in s.rows("work/levels"):
        assert low - bound <= r["level_price"] <= high + bound


cannot_apply(
    "01 2.5", "levels unchanged by data after valid_from",
    "proved with every column in tests/proof/test_look_ahead_equities.py",
)  # fmt: skip


@invariant("01 2.6", "event_id unique; direction UP or DOWN; half width of at least its floor")
def _(s: Session) -> None:
    ids = s.column("work/events", "event_id")
    assert len(set(ids)) == len(ids) > 0
    assert set(s.column("work/events", "direction")) <= {"UP", "DOWN"}
    assert (s.column("work/events", "zone_half_width") >= s.profile.bands.zone_half_width).all()


@invariant("01 2.6", "kind code and name agree; sorted by (anchor, code)")
def _(s: Session) -> None:
    events = s.rows("work/events")
    assert all(LEVEL_KIND_CODES[e["level_kind"]] == e["level_kind_code"] for e in events)
    order = [(e["anchor_ts_ns"], e["level_kind_code"]) for e in events]
    assert order == sorted(order)


@invariant(
    "01 2.6", "anchor in (09:30, 12:30], after 09:45 for opening-range kinds, at a bar's end"
)
def _(s: Session) -> None:
    for e in s.rows("work/events"):
        assert s.clock.open_ns < e["anchor_ts_ns"] <= s.clock.events_end_ns
        assert e["anchor_ts_ns"] - e["bar_start_ns"] == MINUTE
        if e["level_kind"].startswith("OR"):
            assert e["anchor_ts_ns"] > s.clock.opening_range_end_ns


@invariant("01 2.6", "s (close before - L) < -z")
def _(s: Session) -> None:
    closes = {b["bar_start_ns"]: b["close"] for b in s.rows("work/bars_1min")}
    for e in s.rows("work/events"):
        before = max(start for start in closes if start < e["bar_start_ns"])
        sign = 1 if e["direction"] == "UP" else -1
        assert sign * (closes[before] - e["level_price"]) < -e["zone_half_width"] + EPS
        assert e["bar_start_ns"] - before <= 5 * MINUTE


@invariant("01 2.6", "events are the outside-to-inside transitions of bars and levels, recounted")
def _(s: Session) -> None:
    bars = s.rows("work/bars_1min")
    level = {
        (r["bar_start_ns"], r["level_kind"]): r["level_price"] for r in s.rows("work/level_series")
    }
    found = set()
    for before, bar in pairwise(bars):
        if not s.clock.open_ns <= bar["bar_start_ns"] < s.clock.events_end_ns:
            continue
        if before["atr_14"] is None or bar["atr_14"] is None:
            continue
        bands = s.profile.bands
        z = max(bands.zone_half_width, bands.zone_atr_fraction * before["atr_14"])
        for kind in LEVEL_KIND_CODES:
            price = level[bar["bar_start_ns"], kind]
            if price is None or bar["bar_start_ns"] - before["bar_start_ns"] > 5 * MINUTE:
                continue
            inside = [
                b["low"] <= price + z + EPS and b["high"] >= price - z - EPS for b in (before, bar)
            ]
            if inside == [False, True]:
                found.add((bar["bar_start_ns"], kind))
    assert found == {(e["bar_start_ns"], e["level_kind"]) for e in s.rows("work/events")}


@invariant("01 2.6", "atr and spot are those known at the anchor")
def _(s: Session) -> None:
    atr = {b["bar_end_ns"]: b["atr_14"] for b in s.rows("work/bars_1min")}
    close = {b["bar_end_ns"]: b["close"] for b in s.rows("work/bars_1min")}
    for e in s.rows("work/events"):
        assert (e["atr"], e["spot"]) == (atr[e["anchor_ts_ns"]], close[e["anchor_ts_ns"]])


# 01 2.7, 2.8 labels and signals


@invariant("01 2.7", "one label row an event; a decided outcome stays decided at longer horizons")
def _(s: Session) -> None:
    labels = s.rows("labels")
    assert [r["event_id"] for r in labels] == s.column("work/events", "event_id").tolist()
    for r in labels:
        for prefix in ("", "entry_"):
            seen = [r[f"{prefix}outcome_{h}"] for h, _ in HORIZONS]
            for earlier, later in pairwise(seen):
                assert earlier not in ("BREAK", "REJECT") or later == earlier


@invariant("01 2.7", "crossing times within [0, 480 + h) unless resolved before the anchor")
def _(s: Session) -> None:
    for r in s.rows("labels"):
        for h, seconds in HORIZONS:
            for name in ("t_break_s", "t_reject_s"):
                value = r[f"{name}_{h}"]
                if value is not None and not r["resolved_before_anchor"]:
                    assert 0 <= value < 480 + seconds
                entry = r[f"entry_{name}_{h}"]
                assert entry is None or 0 <= entry < seconds
            for name in ("mfe_atr", "mae_atr"):
                assert r[f"{name}_{h}"] is None or r[f"{name}_{h}"] >= 0


@invariant("01 2.7", "labels decided again from the prints, trade by trade")
def _(s: Session) -> None:
    time = s.column("work/trades", "ts_event_ns")
    price = s.column("work/trades", "price_ticks") * s.profile.tick_size
    for event, r in zip(s.rows("work/events"), s.rows("labels"), strict=True):
        if r["tau_ns"] is None or r["resolved_before_anchor"]:
            continue
        sign = 1 if event["direction"] == "UP" else -1
        for h, seconds in HORIZONS:
            inside = (time >= r["tau_ns"]) & (time < r["tau_ns"] + seconds * NS)
            x = sign * (price[inside] - event["level_price"])
            crossed = np.flatnonzero(np.abs(x) >= event["atr"])
            decided = "CHOP" if not len(crossed) else "BREAK" if x[crossed[0]] > 0 else "REJECT"
            assert r[f"outcome_{h}"] in (decided, None)


cannot_apply("01 2.7", "null walk: share of BREAK = mean base rate", "needs simulated walks: tests/proof/test_labels.py")  # fmt: skip
cannot_apply("01 2.7", "labels unchanged by data after label_end", "proved in tests/proof/test_labels.py")  # fmt: skip


@invariant("01 2.8", "the final filter removes nothing; names are those of the contracts")
def _(s: Session) -> None:
    signals, labels = s.table("signals"), s.table("labels")
    assert signals.num_rows == len(s.rows("work/events"))
    assert tuple(signals.column_names) == SIGNALS.names
    assert len(signals.column_names) == 144
    assert tuple(labels.column_names) == LABELS.names
    assert len(labels.column_names) == 45


# 02


@invariant("02 N-0, 08 B27", "every source lies before its instant")
def _(s: Session) -> None:
    for table, instant in (("signals", "anchor_ts_ns"), ("state_table", "ts_ns")):
        assert (s.column(table, "src_max_ts_ns") < s.column(table, instant)).all()


@invariant(
    "02 1.5", "barrier states are of the closed set; depth, flows and ratios are not negative"
)
def _(s: Session) -> None:
    for table in FEATURE_TABLES:
        states = [v for v in s.column(table, "barrier_state") if v is not None]
        assert set(states) <= set(BARRIER_STATES)
        for name in ("wall_ratio", "barrier_replenishment_ratio", "barrier_depth_current"):
            values = s.column(table, name)
            assert (values[known(values)] >= 0).all()
    for name in ("barrier_added", "barrier_canceled", "barrier_filled", "facing_depth"):
        values = s.column("signals", name)
        assert known(values).any()
        assert (values[known(values)] >= 0).all()


@invariant("02 1.5", "volumes >= 0; |imbalance| <= 1; imbalance (B + S) = B - S, null iff neither")
def _(s: Session) -> None:
    for table, kinds in (("signals", ("tape", "tape_zone")), ("state_table", ("tape",))):
        for kind in kinds:
            buy, sell = (s.column(table, f"{kind}_{side}_vol") for side in ("buy", "sell"))
            share = s.column(table, f"{kind}_imbalance")
            rows = known(buy, sell)
            assert (buy[rows] >= 0).all()
            assert (sell[rows] >= 0).all()
            assert (known(share) == (rows & (buy + sell > 0))).all()
            both = known(share)
            assert both.any()
            assert (np.abs(share[both]) <= 1).all()
            assert np.allclose((share * (buy + sell))[both], (buy - sell)[both], rtol=0, atol=1e-6)


@invariant(
    "02 N-7a", "delta = added - canceled - filled; ratio = added / removed, null if none was"
)
def _(s: Session) -> None:
    added, canceled, filled, delta, ratio = (
        s.column("signals", f"barrier_{n}")
        for n in ("added", "canceled", "filled", "delta_liq", "replenishment_ratio")
    )
    rows = known(delta)
    assert rows.any()
    assert (delta[rows] == (added - canceled - filled)[rows]).all()
    removed = canceled + filled
    assert (known(ratio) == (rows & (removed > 0))).all()
    assert np.allclose(
        ratio[known(ratio)], (added / np.where(removed > 0, removed, 1))[known(ratio)]
    )


@invariant("02 N-1", "coverage in [0, 1]; depth known iff a price of the zone is in view")
def _(s: Session) -> None:
    coverage, depth = (
        s.column("signals", n) for n in ("barrier_zone_coverage", "barrier_depth_current")
    )
    rows = known(coverage)
    assert rows.any()
    assert ((coverage[rows] >= 0) & (coverage[rows] <= 1)).all()
    assert (known(depth) == (rows & (coverage > 0))).all()


@invariant("02 1.5, N-8, N-9", "without options every gamma column is null")
def _(s: Session) -> None:
    names = ["gamma_exposure", "fuel_effect", "call_tide", "put_tide", *(c.name for c in GEX)]
    assert all(
        s.table("signals").column(n).null_count == s.table("signals").num_rows for n in names
    )


cannot_apply("02 1.5", "sign of gamma_exposure fits fuel_effect; call_tide differs from put_tide", "no options")  # fmt: skip
cannot_apply("02 1.5", "one enum value <= 95 %, zeros <= 50 %", "a report over 20 sessions (08 A9)")
cannot_apply("02 6", "bands monotone, |calls| <= |all|, net = above + below + at L", "no options")


@invariant("02 2", "kinematics finite, |velocity_1min| within the profile's bound, trend = v1 - vW")
def _(s: Session) -> None:
    for table in FEATURE_TABLES:
        one = s.column(table, "velocity_1min")
        assert known(one).any()
        bound = s.profile.quality.max_velocity_points_per_s
        assert (np.abs(one[known(one)]) <= bound).all()
        for w in (2, 3, 5, 10, 20):
            v, trend = (
                s.column(table, f"velocity_{w}min"),
                s.column(table, f"momentum_trend_{w}min"),
            )
            rows = known(one, v)
            assert (known(trend) == rows).all()
            assert np.allclose(trend[rows], (one - v)[rows], rtol=0, atol=1e-12)


@invariant("02 2", "events of one anchor differ in sign only, by direction")
def _(s: Session) -> None:
    sign = {e["event_id"]: 1 if e["direction"] == "UP" else -1 for e in s.rows("work/events")}
    at: dict[int, set[float]] = defaultdict(set)
    for r in s.rows("signals"):
        if r["velocity_3min"] is not None:
            at[r["anchor_ts_ns"]].add(round(r["velocity_3min"] * sign[r["event_id"]], 12))
    assert at
    assert all(len(values) == 1 for values in at.values())


@invariant(
    "02 3, N-11", "OFI is the sum of its seconds, so windows add up; acceleration as defined"
)
def _(s: Session) -> None:
    end, ofi = s.column("work/ofi_seconds", "second_ns"), s.column("work/ofi_seconds", "ofi")
    for table, instant in (("signals", "anchor_ts_ns"), ("state_table", "ts_ns")):
        t = s.column(table, instant)
        found = {}
        for w in (30, 60, 120, 300):
            values = found[w] = s.column(table, f"ofi_{w}s")
            rows = np.flatnonzero(known(values))
            assert len(rows)
            for i in rows:
                inside = (end > t[i] - w * NS) & (end <= t[i])
                assert values[i] == ofi[inside].sum()
        fast = s.column(table, "ofi_acceleration")
        rows = known(found[30], found[120])
        assert (known(fast) == rows).all()
        assert np.allclose(fast[rows], (found[30] / 30 - found[120] / 120)[rows])


@invariant(
    "02 4", "depth change is a fraction of at least -1, and delta = fraction times past depth"
)
def _(s: Session) -> None:
    some = 0
    for w in (1, 2, 3, 5):
        delta, share = (
            s.column("state_table", f"barrier_{n}_{w}min") for n in ("delta", "pct_change")
        )
        rows = known(share)
        assert (share[rows] >= -1).all()
        assert known(delta[rows]).all()
        moved = rows & (share != 0)
        past = delta[moved] / share[moved]
        assert np.allclose(past, np.rint(past), atol=1e-6)
        assert (past > 0).all()
        some += int(rows.sum())
    assert some > 20


@invariant("02 5", "stacking 2 <= 5 <= 10 <= 5 kinds; high levels are above low ones")
def _(s: Session) -> None:
    for table in FEATURE_TABLES:
        two, five, ten = (s.column(table, f"level_stacking_{n}pt") for n in (2, 5, 10))
        rows = known(two)
        assert (two[rows] <= five[rows]).all()
        assert (five[rows] <= ten[rows]).all()
        assert (ten[rows] <= 5).all()
        for kind in ("pm", "or"):
            high, low = (s.column(table, f"dist_to_{kind}_{side}_atr") for side in ("high", "low"))
            assert (high <= low)[known(high, low)].all()


@invariant("02 5", "for a static tested level, its distance is spot - L")
def _(s: Session) -> None:
    rows = [r for r in s.rows("signals") if r["level_kind"] in STATIC_KINDS]
    assert rows
    for r in rows:
        assert r[f"dist_to_{r['level_kind'].lower()}"] == r["spot"] - r["level_price"]


@invariant("02 7, N-14", "force_mass_ratio = s ofi_60s / facing_depth; calibrated columns add up")
def _(s: Session) -> None:
    some = 0
    for r in s.rows("signals"):
        sign = 1 if r["direction"] == "UP" else -1
        if r["ofi_60s"] is not None and r["facing_depth"]:
            assert abs(r["force_mass_ratio"] - sign * r["ofi_60s"] / r["facing_depth"]) < EPS
            some += 1
        assert r["predicted_accel"] is None, "20 earlier sessions are not there"
        assert r["accel_residual"] is None
    assert some


@invariant("02 8", "approach: velocity = distance / 10 min, signs agree, at most 10 bars")
def _(s: Session) -> None:
    rows = [r for r in s.rows("signals") if r["approach_distance"] is not None]
    assert rows
    for r in rows:
        assert abs(r["approach_velocity"] * 10 - r["approach_distance"]) < EPS
        assert 0 <= r["approach_bars"] <= 10
        assert abs(r["approach_distance_atr"] * r["atr"] - r["approach_distance"]) < EPS


@invariant("02 8", "atr > 0; distance_signed_atr atr = distance_signed, within the profile's bound")
def _(s: Session) -> None:
    for r in s.rows("signals"):
        assert r["atr"] > 0
        assert r["distance_signed"] == r["spot"] - r["level_price"]
        assert abs(r["distance_signed_atr"] * r["atr"] - r["distance_signed"]) < EPS
        assert abs(r["distance_signed"]) <= s.profile.quality.max_distance_points


@invariant("02 8", "minutes since open in [1, 180], bars the same; prior touches grow from 0")
def _(s: Session) -> None:
    for r in s.rows("signals"):
        minutes = (r["anchor_ts_ns"] - s.clock.open_ns) / MINUTE
        assert r["minutes_since_open"] == minutes == r["bars_since_open"]
        assert 1 <= minutes <= 180
        assert r["prior_touches"] >= 0


@invariant("02 8", "attempt 1 exactly where the cluster id grows; trends null at attempt 1")
def _(s: Session) -> None:
    last: dict[tuple[str, str], tuple[int, int]] = {}
    for r in s.rows("signals"):
        key = (r["level_kind"], r["direction"])
        index, cluster = last.get(key, (0, 0))
        new = r["attempt_cluster_id"] > cluster
        assert r["attempt_cluster_id"] == cluster + new
        assert r["attempt_index"] == (1 if new else index + 1)
        last[key] = (r["attempt_index"], r["attempt_cluster_id"])
        if r["attempt_index"] == 1:
            names = [n for n in r if n.endswith("_trend")]
            assert [r[n] for n in names] == [None] * 4


cannot_apply(
    "02 10.4-1, 2", "truncation and perturbation", "tests/proof/test_look_ahead_equities.py"
)
cannot_apply("02 10.4-3", "mirror", "tests/proof/test_mirror.py")
cannot_apply("02 10.4-4", "degeneracy", "a month of sessions: tests/proof/test_degeneracy.py")


@invariant("02 10.4-5", "rows and keys of every feature table are those of the events")
def _(s: Session) -> None:
    ids = s.column("work/events", "event_id").tolist()
    for name in ("physics", "kinematics", "ofi", "barrier_evolution", "level_distances", "gex", "force_mass", "approach"):  # fmt: skip
        assert sorted(s.column(f"work/{name}", "event_id")) == sorted(ids)
    assert s.column("signals", "event_id").tolist() == ids
