"""Prints: coverage of the session, the roll, malformed records, the null market and the planted one."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from spymaster_lake.features.front_month import roll_lookback, select_front
from spymaster_lake.simulator.contract import SessionTask, session_market, tape_of
from spymaster_lake.simulator.market import market_model
from spymaster_lake.simulator.model import SIZES
from spymaster_lake.simulator.plans import market_facts, session_plans, share_of_next

MINUTE = 60_000_000_000
DAY = date(2025, 12, 2)


def test_trades__cover_the_session(simulated):
    """Nearly every minute from 04:00 to the close has a print, and nearly every two at night."""
    for session in simulated.report.sessions:
        clock = simulated.calendar.clock(session.day)
        leader = max(session.volume, key=session.volume.get)
        _, trades = simulated.records(session.day, "trades", leader)
        time = trades["ts_event"].astype(np.int64)
        minutes = np.unique(time // MINUTE)
        gate = np.arange(clock.premarket_start_ns // MINUTE, clock.trades_needed_until_ns // MINUTE)
        assert (
            np.isin(gate, minutes, invert=True).sum()
            <= simulated.profile.quality.max_missing_minutes
        )
        night = np.arange(clock.start_ns // (2 * MINUTE), clock.premarket_start_ns // (2 * MINUTE))
        assert np.isin(night, time // (2 * MINUTE)).mean() > 0.95
        regular = time[(time >= clock.open_ns) & (time < clock.close_ns)]
        assert np.diff(regular).max() <= MINUTE


def test_trades__some_share_a_packet(simulated):
    """A few prints share time and sequence, and some of these sweep several prices."""
    _, trades = simulated.records(DAY, "trades", "ESZ5")
    same = (np.diff(trades["ts_event"].astype(np.int64)) == 0) & (
        np.diff(trades["sequence"].astype(np.int64)) == 0
    )
    assert 0.01 < same.mean() < 0.2
    assert (same & (np.diff(trades["price"]) != 0)).any()


def test_trades__aggressor_sides(simulated):
    """Buys and sells balance, a few prints have no aggressor."""
    _, trades = simulated.records(DAY, "trades", "ESZ5")
    share = {side: (trades["side"] == side).mean() for side in (b"B", b"A", b"N")}
    assert 0.4 < share[b"B"] < 0.6
    assert 0.0 < share[b"N"] < 0.02
    assert sum(share.values()) == 1.0


def test_trades__malformed_records(simulated):
    """Every kind of record an ingest must set aside occurs exactly as often as reported."""
    symbols, trades = simulated.records(DAY, "trades")
    clock = simulated.calendar.clock(DAY)
    price, undefined = trades["price"], 2**63 - 1
    mapped = np.isin(trades["instrument_id"], list(symbols))
    outright = np.isin(trades["instrument_id"], [i for i, s in symbols.items() if "-" not in s])
    found = {
        "trades/negative_price": (price < 0).sum(),
        "trades/off_hours": (trades["ts_event"] >= clock.end_ns).sum(),
        "trades/off_tick": (outright & (price != undefined) & (price % 250_000_000 != 0)).sum(),
        "trades/spread": (mapped & ~outright).sum(),
        "trades/undefined_price": (price == undefined).sum(),
        "trades/unmapped": (~mapped).sum(),
        "trades/zero_price": (price == 0).sum(),
        "trades/zero_size": (trades["size"] == 0).sum(),
    }
    session = next(s for s in simulated.report.sessions if s.day == DAY)
    assert found == {k: v for k, v in session.faults.items() if k.startswith("trades/")}


def test_roll__volume_moves(simulated):
    """The front-month rule accepts every session and moves to the next contract the day after the roll."""
    rule, chosen = simulated.profile.futures, {}
    volumes = {s.day: s.volume for s in simulated.report.sessions}
    days = list(volumes)
    for day in days[1:]:
        needed = {d: volumes[d] for d in roll_lookback(day, days, rule=rule)}
        front = select_front(needed, day, rule=rule)
        chosen[day] = front.contract
        assert front.roll_contaminated is (front.dominance < 0.60)
    assert chosen[date(2025, 12, 11)] == "ESZ5"
    assert {d for d, c in chosen.items() if c == "ESH6"} == {
        d for d in days if d > date(2025, 12, 11)
    }


def test_roll__expired_contract_stops(simulated):
    """The old contract trades until the open of its expiry day and is gone the day after."""
    day = date(2025, 12, 19)
    _, trades = simulated.records(day, "trades", "ESZ5")
    assert len(trades) > 0
    assert trades["ts_event"].max() < simulated.calendar.clock(day).open_ns
    symbols, _ = simulated.records(date(2025, 12, 22), "trades")
    assert set(symbols.values()) == {"ESH6", "ESM6", "ESH6-ESM6"}


def test_roll__basis(simulated):
    """The next contract trades some points above, and the spread at their difference."""
    day = date(2025, 12, 11)
    symbols, records = simulated.records(day, "trades")
    _, old = simulated.records(day, "trades", "ESZ5")
    _, new = simulated.records(day, "trades", "ESH6")
    at = np.searchsorted(old["ts_event"], new["ts_event"][100:]) - 1
    basis = (new["price"][100:] - old["price"][at]) / 1e9
    spread = next(i for i, s in symbols.items() if s == "ESZ5-ESH6")
    assert abs(np.median(basis) - 55.0) <= 0.5
    assert np.abs(records["price"][records["instrument_id"] == spread] / 1e9 - 55.0).max() < 1.0


@pytest.mark.parametrize(
    ("day", "share"),
    [
        (date(2025, 11, 3), 0.02), (date(2025, 12, 5), 0.05), (date(2025, 12, 10), 0.35),
        (date(2025, 12, 11), 0.70), (date(2025, 12, 12), 0.80), (date(2025, 12, 19), 0.97),
    ],
)  # fmt: skip
def test_roll__share_of_next(day, share):
    """The next contract's share of the volume grows over the roll date 2025-12-11."""
    assert share_of_next(day, roll=date(2025, 12, 11)) == share


def _moves(profile, calendar, *, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Signed volume of four minutes and the price move of the next four, in standard deviations."""
    model, size = market_model(profile), SIZES["light"]
    plans = session_plans(
        profile, calendar, start=date(2025, 3, 24), sessions=24, seed=11, model=model
    )
    flows, moves = [], []
    for plan in plans:
        task = SessionTask(
            plan, market_facts(profile), model, size, 11, strength, False, Path(), Path()
        )
        tape = tape_of(task, session_market(task), plan.leader)
        opening, close = (t - plan.times.start for t in (plan.times.open, plan.times.close))
        grid = np.arange(opening, close, 4 * MINUTE)
        at = np.searchsorted(tape.time, grid)
        signed = np.concatenate([[0], np.cumsum(tape.side * tape.size)])
        price = tape.price[at - 1]
        flow, move = np.diff(signed[at])[:-1], np.diff(price)[1:]
        flows.append(flow / flow.std())
        moves.append(move / move.std())
    return np.concatenate(flows), np.concatenate(moves)


def test_market__null(profile, calendar):
    """At strength 0, past signed volume says nothing about the coming move."""
    flow, move = _moves(profile, calendar, strength=0.0)
    assert len(flow) > 2_000
    assert abs(np.corrcoef(flow, move)[0, 1]) < 3.5 / np.sqrt(len(flow))


def test_market__planted(profile, calendar):
    """At strength 1, it does."""
    flow, move = _moves(profile, calendar, strength=1.0)
    assert np.corrcoef(flow, move)[0, 1] > 0.12


def test_market__prints_are_a_martingale(profile, calendar):
    """At strength 0, a print's aggressor says nothing about the next price change."""
    model = market_model(profile)
    (plan,) = session_plans(profile, calendar, start=DAY, sessions=1, seed=5, model=model)
    task = SessionTask(
        plan, market_facts(profile), model, SIZES["light"], 5, 0.0, False, Path(), Path()
    )
    tape = tape_of(task, session_market(task), plan.leader)
    change = np.diff(tape.price) * tape.side[:-1]
    assert abs(change.mean()) < 3.5 * change.std() / np.sqrt(len(change))
