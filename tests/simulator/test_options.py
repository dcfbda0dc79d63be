"""Options: symbols, definitions, statistics, and premiums that imply a volatility."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from spymaster_lake.features.black76 import price
from spymaster_lake.simulator.plans import option_root

DAY = date(2025, 12, 2)


@pytest.mark.parametrize(
    ("day", "root"),
    [
        (date(2025, 12, 1), "E1AZ5"), (date(2025, 12, 2), "E1BZ5"), (date(2025, 12, 17), "E3CZ5"),
        (date(2025, 12, 18), "E3DZ5"), (date(2025, 12, 19), "EW3Z5"), (date(2026, 1, 30), "EW5F6"),
    ],
)  # fmt: skip
def test_options__root(profile, day, root):
    """A root names the week of the month, the weekday, the month and the year."""
    assert option_root(day, roots=profile.simulation.option_roots) == root


def test_options__definitions(simulated):
    """A chain expires at the day's close and one at the next session's; strikes are 5 apart near spot."""
    symbols, listed = simulated.records(DAY, "definition", options=True)
    closes = [simulated.calendar.clock(d).close_ns for d in (DAY, date(2025, 12, 3))]
    assert sorted(set(listed["expiration"].tolist())) == closes
    assert set(listed["underlying"]) == {b"ESZ5"}
    assert {r.decode(): i for r, i in zip(listed["raw_symbol"], listed["instrument_id"])} == {
        s: i for i, s in symbols.items()
    }
    today = listed[listed["expiration"] == closes[0]]
    strikes = np.unique(today["strike_price"]) / 1e9
    assert 20 <= len(strikes) <= 200
    assert set(np.diff(strikes)) == {5.0, 25.0}
    assert sorted(set(today["instrument_class"])) == [b"C", b"P"]
    clock = simulated.calendar.clock(DAY)
    assert (listed["ts_event"] < clock.premarket_start_ns).all()
    assert (listed["ts_event"] >= clock.start_ns).all()
    for row in today[:4]:
        right, strike = row["instrument_class"].decode(), int(row["strike_price"] // 10**9)
        assert row["raw_symbol"].decode() == f"E1BZ5 {right}{strike}"


def test_options__underlying_of_the_expiry_day(simulated):
    """Options that expire with the old future are on the next one, those before on the old one."""
    _, listed = simulated.records(date(2025, 12, 18), "definition", options=True)
    by_expiry = {
        int(e): set(listed["underlying"][listed["expiration"] == e])
        for e in set(listed["expiration"])
    }
    assert [by_expiry[e] for e in sorted(by_expiry)] == [{b"ESZ5"}, {b"ESH6"}]


def test_options__statistics(simulated):
    """Open interest comes once per option, before the open; other types look alike."""
    symbols, rows = simulated.records(DAY, "statistics", options=True)
    interest = rows[rows["stat_type"] == 9]
    assert set(rows["stat_type"]) == {3, 6, 9}
    assert len(set(interest["instrument_id"])) == len(interest)
    assert 0.95 < len(interest) / len(symbols) < 1.0
    assert (interest["quantity"] >= 0).all()
    assert interest["quantity"].max() > 100
    assert (interest["ts_event"] < simulated.calendar.clock(DAY).open_ns).all()
    settle = rows[rows["stat_type"] == 3]
    assert (settle["quantity"] == 2**63 - 1).all()


def test_options__premiums(simulated):
    """Premiums lie on the tick, within the no-arbitrage bounds, shortly after a print of the future."""
    symbols, prints = simulated.records(DAY, "trades", options=True)
    clock = simulated.calendar.clock(DAY)
    good = np.isin(prints["instrument_id"], list(symbols)) & (prints["ts_event"] < clock.end_ns)
    good &= (prints["size"] > 0) & (prints["price"] > 0) & (prints["price"] < 2**62)
    prints = prints[good]
    assert len(prints) > 100
    assert (prints["price"] % 50_000_000 == 0).all()
    _, future = simulated.records(DAY, "trades", "ESZ5")
    at = np.searchsorted(future["ts_event"], prints["ts_event"]) - 1
    assert (prints["ts_event"] - future["ts_event"][at] <= 2_000_000_000).all()
    names = [symbols[i].split(" ")[1] for i in prints["instrument_id"]]
    strike = np.array([float(n[1:]) for n in names])
    is_call = np.array([n[0] == "C" for n in names])
    forward, premium = future["price"][at] / 1e9, prints["price"] / 1e9
    expiry = np.where(
        prints["instrument_id"] < 705_000,
        clock.close_ns,
        simulated.calendar.clock(date(2025, 12, 3)).close_ns,
    )
    t_years = (expiry - prints["ts_event"].astype(np.int64)) / (365 * 86_400e9)
    assert (premium > np.maximum(np.where(is_call, forward - strike, strike - forward), 0.0)).all()
    bounds = [
        price(forward=forward, strike=strike, sigma=s, t_years=t_years, is_call=is_call, rate=0.045)
        for s in (0.08, 0.6)
    ]
    inside = (premium >= bounds[0] - 0.11) & (premium <= bounds[1] + 0.11)
    assert inside.mean() > 0.98


def test_options__malformed_records(simulated):
    """One malformed print per reason."""
    symbols, prints = simulated.records(DAY, "trades", options=True)
    session = next(s for s in simulated.report.sessions if s.day == DAY)
    assert {k: v for k, v in session.faults.items() if k.startswith("options")} == {
        "options trades/negative_price": (prints["price"] < 0).sum(),
        "options trades/off_hours": (
            prints["ts_event"] >= simulated.calendar.clock(DAY).end_ns
        ).sum(),
        "options trades/undefined_price": (prints["price"] == 2**63 - 1).sum(),
        "options trades/unmapped": (~np.isin(prints["instrument_id"], list(symbols))).sum(),
        "options trades/zero_size": (prints["size"] == 0).sum(),
    }
