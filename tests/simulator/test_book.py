"""Book records: order, valid ladders, and agreement with the prints."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from spymaster_lake.simulator.contract import SessionTask, book_of, session_market, tape_of
from spymaster_lake.simulator.market import market_model
from spymaster_lake.simulator.model import SIZES
from spymaster_lake.simulator.plans import market_facts, session_plans

TICK = 250_000_000
UNDEFINED = 2**63 - 1
DAYS = [date(2025, 12, 2), date(2025, 12, 12)]
LEADER = {DAYS[0]: "ESZ5", DAYS[1]: "ESH6"}


@pytest.fixture(params=DAYS, ids=str)
def book(simulated, request):
    """The leading contract's book of one session, snapshots and malformed records left out."""
    return simulated.records(request.param, "mbp-10", LEADER[request.param])[1]


@pytest.fixture
def trades(simulated, book, request):
    """The prints of the same contract within the book's time."""
    day = request.node.callspec.params["book"]
    _, trades = simulated.records(day, "trades", LEADER[day])
    inside = (trades["ts_event"] >= book["ts_event"][0]) & (
        trades["ts_event"] <= book["ts_event"][-1]
    )
    return trades[inside]


def test_book__event_order(book):
    """Event times and sequences never decrease; the last row of an event, and no other, is flagged."""
    time = book["ts_event"].astype(np.int64)
    assert (np.diff(time) >= 0).all()
    assert (np.diff(book["sequence"].astype(np.int64)) >= 0).all()
    ends = np.append(np.diff(time) != 0, True)
    assert ((book["flags"] & 128 > 0) == ends).all()
    assert 0.02 < 1.0 - ends.mean() < 0.5


def test_book__ladders_are_valid(book):
    """Bids descend, asks ascend, on the tick grid, with positive sizes; a few ticks are empty."""
    levels = book["levels"]
    bid, ask = levels["bid_px"] // TICK, levels["ask_px"] // TICK
    assert (np.diff(bid, axis=1) < 0).all()
    assert (np.diff(ask, axis=1) > 0).all()
    for name in ("bid", "ask"):
        defined = levels[f"{name}_px"] != UNDEFINED
        assert defined.mean() > 0.99
        assert (levels[f"{name}_px"][defined] % TICK == 0).all()
        assert ((levels[f"{name}_sz"] > 0) == defined).all()
        assert 20 < np.median(levels[f"{name}_sz"]) < 300
    gaps = (np.diff(ask, axis=1) > 1).mean()
    assert 0.0 < gaps < 0.05


def test_book__crossed_only_before_the_open(simulated):
    """A few books are locked before the open, none is locked or crossed in regular hours."""
    day = DAYS[0]
    _, book = simulated.records(day, "mbp-10", LEADER[day])
    crossed = book["levels"]["bid_px"][:, 0] >= book["levels"]["ask_px"][:, 0]
    assert 0 < crossed.sum() < 10
    assert (book["ts_event"][crossed] < simulated.calendar.clock(day).open_ns).all()


def test_book__shows_every_print(book, trades):
    """The rows with action T are the prints of the trades file, in order."""
    prints = book[book["action"] == b"T"]
    for column in ("ts_event", "price", "size", "side", "sequence"):
        assert (prints[column] == trades[column]).all()


def test_book__prints_hit_the_touch(book):
    """A buy prints at the ask and a sell at the bid of the row itself and of the row before."""
    at = np.flatnonzero(book["action"] == b"T")
    at = at[at > 0]
    for rows in (at, at - 1):
        levels, side = book["levels"][rows], book["side"][at]
        price = np.where(side == b"B", levels["ask_px"][:, 0], levels["bid_px"][:, 0])
        aggressive = side != b"N"
        assert (price == book["price"][at])[aggressive].all()


def test_book__fills_take_the_size(book):
    """The row after a print takes its size from the touch, unless more was taken than was visible."""
    at = np.flatnonzero((book["action"] == b"T") & (book["side"] != b"N"))
    at = at[at < len(book) - 1]
    buys = book["side"][at] == b"B"
    levels = book["levels"]
    before, after = (
        np.where(buys, levels["ask_sz"][rows, 0], levels["bid_sz"][rows, 0]).astype(np.int64)
        for rows in (at, at + 1)
    )
    size = book["size"][at].astype(np.int64)
    assert (book["ts_event"][at + 1] == book["ts_event"][at]).all()
    hidden = size > before - 3
    assert (before - after == size)[~hidden].all()
    assert hidden.mean() < 0.25
    assert (after[hidden] <= 3).mean() > 0.9


def test_book__one_change_per_row(book):
    """Between rows of an unmoved touch at most one level per side set changes its size."""
    levels = book["levels"]
    same = (np.diff(levels["bid_px"], axis=0) == 0).all(axis=1) & (
        np.diff(levels["ask_px"], axis=0) == 0
    ).all(axis=1)
    changed = (np.diff(levels["bid_sz"].astype(np.int64), axis=0) != 0).sum(axis=1)
    changed += (np.diff(levels["ask_sz"].astype(np.int64), axis=0) != 0).sum(axis=1)
    assert same.mean() > 0.5
    assert changed[same].max() == 1


def test_book__window(simulated, book, request):
    """All book records of small sizes lie between 08:20 and 12:40."""
    clock = simulated.calendar.clock(request.node.callspec.params["book"])
    minutes = (book["ts_event"].astype(np.int64) - clock.open_ns) / 60e9
    assert -70 <= minutes.min() < -68
    assert 188 < minutes.max() <= 190


def test_book__light_states_are_fresh(profile, calendar):
    """A light book is older than five seconds on at most two per cent of its window."""
    (plan,) = session_plans(
        profile, calendar, start=DAYS[0], sessions=1, seed=3, model=market_model(profile)
    )
    task = SessionTask(
        plan,
        market_facts(profile),
        market_model(profile),
        SIZES["light"],
        3,
        0.0,
        False,
        Path(),
        Path(),
    )
    tape = tape_of(task, session_market(task), plan.leader)
    pause = np.diff(book_of(task, session_market(task), plan.leader, tape).rows.time) / 1e9
    assert pause[pause > 5.0].sum() / pause.sum() < 0.02
    assert pause.max() < 30.0


def test_book__snapshots_come_first(simulated):
    """A file begins with one snapshot per outright: received at the session start, much older by event time."""
    _, book = simulated.records(DAYS[0], "mbp-10")
    clock = simulated.calendar.clock(DAYS[0])
    is_snapshot = book["flags"] & 32 > 0
    assert is_snapshot.sum() == 2
    assert is_snapshot[:2].all()
    assert (book["ts_recv"][:2] == clock.start_ns).all()
    assert (book["ts_event"][:2] < clock.record_start_ns).all()
    assert sorted(book["flags"][:2] & 128) == [0, 128]


def test_book__malformed_records(simulated):
    """Spread, unmapped, off-tick and off-hours records occur as often as reported."""
    day = DAYS[0]
    symbols, book = simulated.records(day, "mbp-10")
    mapped = np.isin(book["instrument_id"], list(symbols))
    spread = np.isin(book["instrument_id"], [i for i, s in symbols.items() if "-" in s])
    found = {
        "mbp-10/off_hours": (book["ts_event"] >= simulated.calendar.clock(day).end_ns).sum(),
        "mbp-10/off_tick": (~spread & (book["levels"]["bid_px"][:, 0] % TICK != 0)).sum(),
        "mbp-10/spread": spread.sum(),
        "mbp-10/unmapped": (~mapped).sum(),
    }
    session = next(s for s in simulated.report.sessions if s.day == day)
    assert found == {k: v for k, v in session.faults.items() if k.startswith("mbp-10/")}
