"""materialize_state_table: cardinality, base columns, equality with events, no look-ahead."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.contracts.profile import LEVEL_KINDS
from spymaster_lake.contracts.state_table import LEVEL_FREE, STATE_TABLE
from spymaster_lake.contracts.table import Role
from spymaster_lake.contracts.work_events import LEVELS
from spymaster_lake.features.arrays import NS
from spymaster_lake.features.levels import session_levels
from spymaster_lake.stages.episode_construction import materialize_state_table
from spymaster_lake.stages.episode_construction.materialize_state_table import STAGE
from spymaster_lake.stages.tables import array_of, build_table
from spymaster_lake.stages.work_arrays import bars_of, level_clock
from tests.stages.synthetic_market import SyntheticMarket, scrambled, truncated
from tests.stages.synthetic_session import (
    DAY,
    FEATURE_STAGES,
    SyntheticSession,
    base_tables,
    build,
    session,
)

KINDS = dict(enumerate(LEVEL_KINDS))


def state_of(built: SyntheticSession, **replaced: pa.Table) -> pa.Table:
    """The state table of a session."""
    return STAGE.run(built.inputs(STAGE, **replaced), built.context).tables["state_table"]


def known_at(table: pa.Table, t_ns: int) -> pa.Table:
    """Rows of instants up to t."""
    return table.filter(pc.less_equal(table.column("ts_ns"), t_ns))


def at(minutes: float) -> int:
    """Nanoseconds UTC, minutes after the open."""
    return session().market.clock.open_ns + round(minutes * 60) * NS


@pytest.fixture(scope="module")
def state() -> pa.Table:
    """The state table of the synthetic session."""
    return session().tables["state_table"]


def test_state__cardinality(state: pa.Table) -> None:
    """400 instants x 6 kinds = 2,400 rows, events or not."""
    assert state.num_rows == 2400
    assert set(Counter(state.column("level_kind").to_pylist()).values()) == {400}
    assert sum(state.column("is_warmup").to_pylist()) == 39 * 6


def test_state__keys_are_unique(state: pa.Table) -> None:
    """(date, level_kind, ts_ns) identifies a row."""
    keys = state.select(list(STATE_TABLE.keys)).group_by(list(STATE_TABLE.keys)).aggregate([])
    assert keys.num_rows == 2400


def test_state__cardinality_without_events() -> None:
    """A session without events has the same grid, counts 0 and no recency."""
    built = session()
    empty = state_of(built, signals=built.tables["signals"].slice(0, 0))
    assert empty.num_rows == 2400
    assert set(empty.column("prior_touches").to_pylist()) == {0}
    assert set(empty.column("attempt_index").to_pylist()) == {0}
    for name in ("time_since_last_touch_sec", "tape_velocity_trend", "barrier_delta_liq_trend"):
        assert empty.column(name).null_count == 2400, name


def test_state__clock_columns(state: pa.Table) -> None:
    """Minutes 0 to 180, bars the same as integers, both null in the warm-up; buckets follow."""
    for row in state.select(
        ["timestamp", "ts_ns", "minutes_since_open", "bars_since_open", "time_bucket", "is_warmup"]
    ).to_pylist():
        minutes = (row["ts_ns"] - at(0)) / (60 * NS)
        assert row["timestamp"] == datetime.fromtimestamp(row["ts_ns"] // NS, UTC)
        assert row["is_warmup"] == (minutes < 0)
        if minutes < 0:
            assert row["minutes_since_open"] is row["bars_since_open"] is row["time_bucket"] is None
            continue
        assert (row["minutes_since_open"], row["bars_since_open"]) == (minutes, int(minutes))
        ends = {15: "T0_15", 30: "T15_30", 60: "T30_60", 120: "T60_120", 181: "T120_180"}
        assert row["time_bucket"] == next(name for end, name in ends.items() if minutes < end)


def test_state__price_columns_match_a_slow_oracle(state: pa.Table) -> None:
    """Spot, level, direction, ATR, distance and stacking, from the tables by plain loops."""
    tables = session().tables
    prints = tables["work/trades"].select(["ts_event_ns", "price_ticks"]).to_pylist()
    bars = tables["work/bars_1min"].to_pylist()
    levels = tables["work/levels"].to_pylist()
    rng = np.random.default_rng(3)
    for i in rng.choice(2400, 60, replace=False):
        row = state.slice(int(i), 1).to_pylist()[0]
        t = row["ts_ns"]
        spot = [p["price_ticks"] for p in prints if p["ts_event_ns"] < t][-1] * 0.25
        known = _levels_at(levels, bars, t)
        level = known.get(row["level_kind"])
        atr = [b["atr_14"] for b in bars if b["bar_end_ns"] <= t][-1]
        assert (row["spot"], row["level_price"], row["atr"]) == (spot, level, atr)
        assert row["level_active"] == (level is not None)
        for kind in LEVEL_KINDS:
            own = known.get(kind)
            expected = None if own is None else (spot - own) / atr
            assert row[f"dist_to_{kind.lower()}_atr"] == expected
        if level is None:
            assert row["direction"] is None
            continue
        assert row["direction"] == ("UP" if spot < level else "DOWN")
        assert row["distance_signed_atr"] == (spot - level) / atr
        others = [abs(x - level) for k, x in known.items() if k != row["level_kind"]]
        for band in (2, 5, 10):
            assert row[f"level_stacking_{band}pt"] == sum(gap <= band + 1e-9 for gap in others)


def _levels_at(
    levels: list[dict[str, Any]], bars: list[dict[str, Any]], t: int
) -> dict[str, float]:
    """Levels valid at t; before the open the running premarket extremes."""
    clock = session().market.clock
    known = {
        row["level_kind"]: row["level_price"]
        for row in levels
        if row["valid_from_ns"] <= t < row["valid_to_ns"]
    }
    if t < clock.open_ns:
        ended = [
            b
            for b in bars
            if clock.premarket_start_ns <= b["bar_start_ns"] and b["bar_end_ns"] <= t
        ]
        known["PM_HIGH"] = max(b["high"] for b in ended)
        known["PM_LOW"] = min(b["low"] for b in ended)
    return known


def test_state__touch_columns_match_a_slow_oracle(state: pa.Table) -> None:
    """The newest event of the kind, either direction, anchor <= t (08 B20)."""
    events = session().tables["signals"].to_pylist()
    seen = set()
    for row in state.to_pylist():
        own = [
            e
            for e in events
            if e["level_kind"] == row["level_kind"] and e["anchor_ts_ns"] <= row["ts_ns"]
        ]
        newest = max(own, key=lambda e: e["anchor_ts_ns"], default=None)
        seen.add(newest is None)
        since = None if newest is None else (row["ts_ns"] - newest["anchor_ts_ns"]) / NS
        assert row["time_since_last_touch_sec"] == since
        for name in ("prior_touches", "attempt_index"):
            assert row[name] == (0 if newest is None else newest[name])
        for name in (
            "barrier_replenishment",
            "barrier_delta_liq",
            "tape_velocity",
            "tape_imbalance",
        ):
            trend = f"{name}_trend"
            assert row[trend] == (None if newest is None else newest[trend])
    assert seen == {True, False}


def test_state__inactive_rows(state: pa.Table) -> None:
    """Before 09:45 the opening range is not active: level columns null, the rest filled."""
    rows = state.filter(pc.invert(state.column("level_active")))
    assert set(rows.column("level_kind").to_pylist()) == {"OR_HIGH", "OR_LOW"}
    assert rows.num_rows == 2 * (39 + 30)
    filled = {
        *LEVEL_FREE,
        "minutes_since_open",
        "bars_since_open",
        "prior_touches",
        "attempt_index",
    }
    filled -= {"dist_to_or_high_atr", "dist_to_or_low_atr"}
    for column in STATE_TABLE.of_role(Role.FEATURE):
        nulls = rows.column(column.name).null_count
        if column.name in filled:
            allowed = 78 if column.name in {"minutes_since_open", "bars_since_open"} else 0
            assert nulls == allowed, column.name
        else:
            assert nulls == rows.num_rows, column.name


def test_state__first_active_instants(state: pa.Table) -> None:
    """OR kinds become active at 09:45:00 inclusive, the others stand from the first instant on."""
    active = state.filter(state.column("level_active"))
    first = {
        kind: min(
            r["ts_ns"]
            for r in active.select(["level_kind", "ts_ns"]).to_pylist()
            if r["level_kind"] == kind
        )
        for kind in LEVEL_KINDS
    }
    assert first["OR_HIGH"] == first["OR_LOW"] == at(15)
    assert {first[k] for k in ("PM_HIGH", "PM_LOW", "SMA_90", "EMA_20")} == {at(-19.5)}


def test_state__sources_lie_before_the_instant(state: pa.Table) -> None:
    """src_max_ts_ns < ts_ns, strictly (08 B27)."""
    assert pc.all(pc.less(state.column("src_max_ts_ns"), state.column("ts_ns"))).as_py()


def test_state__refuses_a_source_at_the_instant(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that read something at its instant fails the session."""
    monkeypatch.setattr(
        materialize_state_table,
        "source_time_column",
        lambda rows, _market: np.ma.array(rows.t_ns - (rows.t_ns == at(10) - 1)),
    )
    with pytest.raises(DataError, match="2400 rows read no input, or one at or after"):
        state_of(session())


def test_state__needs_the_calibration_of_the_date() -> None:
    """A threshold may be null, but its row must be there."""
    built = session()
    table = built.tables["work/calibration"]
    with pytest.raises(DataError, match=r"no row for \['q'\]"):
        state_of(built, calibration=table.filter(pc.not_equal(table.column("name"), "q")))


def test_state__uncalibrated_columns_are_null() -> None:
    """Without 20 earlier sessions the calibrated columns are null and nothing else changes."""
    built, names = session(), ("fuel_effect", "sweep_detected", "predicted_accel", "accel_residual")
    calibration = built.tables["work/calibration"]
    at_value = calibration.column_names.index("value")
    empty = calibration.set_column(at_value, "value", pa.nulls(calibration.num_rows, pa.float64()))
    found = state_of(built, calibration=empty)
    assert [found.column(n).null_count for n in names] == [2400] * 4
    assert found.drop_columns(list(names)).equals(
        built.tables["state_table"].drop_columns(list(names))
    )
    assert set(built.tables["state_table"].column("sweep_detected").to_pylist()) == {
        True,
        False,
        None,
    }


@pytest.mark.parametrize("minutes", [16, 47.5, 120])
@pytest.mark.parametrize("change", [truncated, scrambled], ids=["deleted", "noise"])
def test_state__truncation_law(minutes: float, change: Any) -> None:
    """Rows up to t are bit-identical when everything at or after t is deleted or noise."""
    built, t = session(), at(minutes)
    other = build(change(built.market, t), history=built.tables)
    found = state_of(other, calibration=built.tables["work/calibration"])
    expected = known_at(built.tables["state_table"], t)
    assert expected.num_rows == 6 * (39 + int(minutes * 2) + 1)
    assert known_at(found, t).equals(expected)
    assert not found.equals(built.tables["state_table"])


@pytest.mark.parametrize("minutes", [-19.5, -10, 0, 14.5, 15])
def test_state__truncation_law_before_levels_are_complete(minutes: float) -> None:
    """The same for the warm-up grid and the opening range, where stages would gate the session."""
    built, t = session(), at(minutes)
    other = _without_gates(truncated(built.market, t), built)
    signals = built.tables["signals"].slice(0, 0)
    found = state_of(other, calibration=built.tables["work/calibration"], signals=signals)
    expected = known_at(state_of(built, signals=signals), t)
    assert expected.num_rows >= 6
    assert known_at(found, t).equals(expected)


def _without_gates(market: SyntheticMarket, full: SyntheticSession) -> SyntheticSession:
    """Bars, Greeks and levels of a session that is cut off before its levels exist."""
    built = SyntheticSession(market, full.context, base_tables(market))
    for stage in FEATURE_STAGES[:4]:
        built.run(stage)
    two = built.tables["work/bars_2min"]
    levels = session_levels(
        bars_1min=bars_of(built.tables["work/bars_1min"], 0.25),
        bars_2min=bars_of(two, 0.25),
        sma_90=array_of(two, "sma_90"),
        ema_20=array_of(two, "ema_20"),
        clock=level_clock(market.clock),
        tick=0.25,
    )
    built.tables["work/levels"] = build_table(
        LEVELS,
        {
            "date": DAY,
            "level_kind": np.array(["by code"] * len(levels), object),
            "level_kind_code": levels.code,
            "level_price": levels.price,
            "valid_from_ns": levels.valid_from_ns,
            "valid_to_ns": levels.valid_to_ns,
        },
    )
    built.tables |= {n: full.tables[n] for n in ("work/calibration", "signals")}
    return built


def test_state__options_are_optional() -> None:
    """Without option data the gamma columns are null and the rest stays."""
    built = session()
    names = ("option_trades_greeks", "option_contracts", "open_interest")
    empty = {n: built.tables[f"work/{n}"].slice(0, 0) for n in names}
    found = state_of(built, **empty)
    gamma = ["gamma_exposure", "fuel_effect", "call_tide", "put_tide"]
    gamma += [n for n in STATE_TABLE.names if "gex" in n]
    assert [found.column(n).null_count for n in gamma] == [2400] * len(gamma)
    rest = [n for n in STATE_TABLE.names if n not in (*gamma, "src_max_ts_ns")]
    assert found.select(rest).equals(built.tables["state_table"].select(rest))
