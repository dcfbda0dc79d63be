"""Contract calendar (test vectors of 01 1.5) and the volume rule that never rolls back."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from spymaster_lake.contracts.errors import DataError, SymbolError
from spymaster_lake.contracts.profile import FuturesProfile
from spymaster_lake.features.expiry import (
    active_contracts,
    calendar_front,
    contract_code,
    contract_expiry,
    roll_date,
    roll_window,
    third_friday,
)
from spymaster_lake.features.front_month import FrontMonth, roll_lookback, select_front

RULE = FuturesProfile(
    root="ES", contract_pattern="^ES[HMUZ][0-9]$", expiry_months={"H": 3, "M": 6, "U": 9, "Z": 12}
)


@pytest.mark.parametrize(
    ("day", "front", "active"),
    [
        (date(2025, 6, 11), "ESM5", ("ESM5",)),
        (date(2025, 6, 12), "ESU5", ("ESM5", "ESU5")),
        (date(2025, 6, 20), "ESU5", ("ESM5", "ESU5")),
        (date(2025, 6, 21), "ESU5", ("ESU5",)),
        (date(2025, 12, 10), "ESZ5", ("ESZ5",)),
        (date(2025, 12, 11), "ESH6", ("ESZ5", "ESH6")),
        (date(2025, 12, 16), "ESH6", ("ESZ5", "ESH6")),
    ],
)
def test_calendar_front__vectors(day: date, front: str, active: tuple[str, ...]) -> None:
    """The test vectors of 01 1.5."""
    assert calendar_front(day, rule=RULE) == front
    assert active_contracts(day, rule=RULE) == active


def test_third_friday__is_one() -> None:
    """In every month of a century: a Friday with two earlier Fridays in the month."""
    for month in range(1200):
        found = third_friday(2000 + month // 12, month % 12 + 1)
        assert found.weekday() == 4
        assert 15 <= found.day <= 21


@pytest.mark.parametrize(
    ("code", "around", "expiry"),
    [
        ("ESZ5", date(2025, 12, 16), date(2025, 12, 19)),
        ("ESZ5", date(2025, 12, 22), date(2025, 12, 19)),  # just expired, not 2035
        ("ESH6", date(2025, 12, 16), date(2026, 3, 20)),
        ("ESH0", date(2029, 12, 3), date(2030, 3, 15)),  # the digit wraps into the next decade
        ("ESH0", date(2025, 1, 6), date(2030, 3, 15)),  # five years out, not 2020
        ("ESH1", date(2020, 12, 28), date(2021, 3, 19)),
        ("ESZ4", date(2025, 6, 5), date(2024, 12, 20)),  # expired within the year before
        ("ESH4", date(2025, 6, 5), date(2034, 3, 17)),  # longer ago than that: the next decade
        ("ESU4", date(2024, 7, 2), date(2024, 9, 20)),  # as in the exchange's definition
    ],
)
def test_contract_expiry__wraps_decades(code: str, around: date, expiry: date) -> None:
    """A year digit means the contract that can trade around the session date."""
    assert contract_expiry(code, around=around, rule=RULE) == expiry
    assert contract_code(expiry, rule=RULE) == code


@pytest.mark.parametrize("code", ["ESZ5-ESH6", "NQZ5", "ESF5", "ESZ", "", "E1AZ5 C6850"])
def test_contract_expiry__refuses_others(code: str) -> None:
    """Spreads, other roots and other months are no outright contracts."""
    with pytest.raises(SymbolError, match="no outright contract of ES"):
        contract_expiry(code, around=date(2025, 12, 1), rule=RULE)


def test_contract_code__other_month() -> None:
    """An expiry in a month without contract is refused."""
    with pytest.raises(SymbolError, match="month 5"):
        contract_code(date(2025, 5, 16), rule=RULE)


def test_roll_window__business_days() -> None:
    """Three business days before the Thursday of the roll is a Monday; it ends with the expiry."""
    assert roll_date(date(2025, 12, 19), rule=RULE) == date(2025, 12, 11)
    assert roll_window(date(2025, 10, 1), rule=RULE) == (date(2025, 12, 8), date(2025, 12, 19))
    assert roll_window(date(2025, 12, 20), rule=RULE)[1] == date(2026, 3, 20)


WEEKDAYS = [d for k in range(40) if (d := date(2025, 11, 17) + timedelta(days=k)).weekday() < 5]


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2025, 11, 17), []),  # first session of the dataset
        (date(2025, 12, 5), [date(2025, 12, 4)]),  # before the window
        (date(2025, 12, 8), [date(2025, 12, 5)]),  # its first day
        (date(2025, 12, 10), [date(2025, 12, 5), date(2025, 12, 8), date(2025, 12, 9)]),
        (date(2025, 12, 22), [date(2025, 12, 19)]),  # after the expiry
    ],
)
def test_roll_lookback__sessions(day: date, expected: list[date]) -> None:
    """The previous session; in the window all back to the last session before it."""
    assert roll_lookback(day, WEEKDAYS, rule=RULE) == expected


def volumes(*rows: tuple[str, dict[str, int]]) -> dict[date, dict[str, int]]:
    """Volumes by December date."""
    return {date(2025, 12, int(day)): by_code for day, by_code in rows}


def test_select_front__previous_session_decides() -> None:
    """The largest volume of the latest earlier session, with shares of that volume; never same-day."""
    given = volumes(
        ("2", {"ESZ5": 1, "ESH6": 99}),
        ("3", {"ESZ5": 900, "ESH6": 75, "ESM6": 25, "ESZ5-ESH6": 5_000, "NQZ5": 9_999}),
        ("4", {"ESZ5": 1, "ESH6": 99}),  # the session itself: invisible
    )
    assert select_front(given, date(2025, 12, 4), rule=RULE) == FrontMonth(
        contract="ESZ5",
        dominance=0.9,
        runner_up="ESH6",
        runner_up_ratio=0.075,
        roll_contaminated=False,
        by_rule=False,
    )


def test_select_front__first_session_by_calendar() -> None:
    """Without an earlier session the calendar rule decides and shares are unknown."""
    expected = FrontMonth("ESH6", None, None, None, roll_contaminated=False, by_rule=True)
    assert select_front({}, date(2025, 12, 11), rule=RULE) == expected


def test_select_front__never_rolls_back() -> None:
    """Once rolled, a larger volume of the older contract does not win; the session is contaminated."""
    given = volumes(
        ("9", {"ESZ5": 700, "ESH6": 300}),
        ("10", {"ESZ5": 450, "ESH6": 550}),
        ("11", {"ESZ5": 600, "ESH6": 400}),
    )
    rolled = select_front(given, date(2025, 12, 11), rule=RULE)
    assert (rolled.contract, rolled.dominance, rolled.roll_contaminated) == ("ESH6", 0.55, True)
    stays = select_front(given, date(2025, 12, 12), rule=RULE)
    assert (stays.contract, stays.dominance, stays.roll_contaminated) == ("ESH6", 0.4, True)
    assert (stays.runner_up, stays.runner_up_ratio) == ("ESZ5", 0.6)
    alone = select_front(
        {date(2025, 12, 11): given[date(2025, 12, 11)]}, date(2025, 12, 12), rule=RULE
    )
    # The dataset starts on the 11th, which the calendar rule gave to ESH6: still no way back.
    assert alone.contract == "ESH6"


def test_select_front__lookback_suffices() -> None:
    """The volumes that `roll_lookback` names give the same choice as all volumes, rolling once."""
    share = {8: 70, 9: 45, 10: 55, 11: 40, 12: 65, 15: 30, 16: 20, 17: 10, 18: 55, 19: 1}
    given = {}
    for d in WEEKDAYS:
        old = share.get(d.day, 95 if d < date(2025, 12, 8) else 0) if d.month == 12 else 95
        given[d] = {"ESZ5": old, "ESH6": 100 - old}
    chosen = []
    for day in WEEKDAYS[1:]:
        needed = {d: given[d] for d in roll_lookback(day, WEEKDAYS, rule=RULE)}
        chosen.append(select_front(needed, day, rule=RULE))
        assert select_front(given, day, rule=RULE) == chosen[-1]
    first_rolled = WEEKDAYS.index(date(2025, 12, 10)) - 1
    assert {f.contract for f in chosen[:first_rolled]} == {"ESZ5"}
    assert {f.contract for f in chosen[first_rolled:]} == {"ESH6"}


def test_select_front__expired_contracts_do_not_count() -> None:
    """On the Monday after expiry the expired contract is no candidate whatever its volume."""
    given = volumes(("19", {"ESZ5": 300, "ESH6": 700}))
    assert select_front(given, date(2025, 12, 22), rule=RULE).contract == "ESH6"
    given = volumes(("19", {"ESZ5": 300}))
    with pytest.raises(
        DataError, match="no volume of a contract that expires at or after 2025-12-22"
    ):
        select_front(given, date(2025, 12, 22), rule=RULE)


def test_select_front__tie_goes_to_nearer_expiry() -> None:
    """Equal volumes inside the window: the nearer expiry, contaminated."""
    found = select_front(volumes(("9", {"ESH6": 500, "ESZ5": 500})), date(2025, 12, 10), rule=RULE)
    assert (found.contract, found.roll_contaminated) == ("ESZ5", True)


def test_select_front__low_dominance() -> None:
    """0.60 is enough everywhere; below it, an error outside the window, a flag inside."""
    enough = {"ESZ5": 600, "ESH6": 400}
    low = {"ESZ5": 599, "ESH6": 401}
    assert not select_front(volumes(("4", enough)), date(2025, 12, 5), rule=RULE).roll_contaminated
    with pytest.raises(
        DataError, match=r"ESZ5 holds 0.599 .* roll window 2025-12-08 to 2025-12-19"
    ):
        select_front(volumes(("4", low)), date(2025, 12, 5), rule=RULE)
    assert select_front(volumes(("5", low)), date(2025, 12, 8), rule=RULE).roll_contaminated


def test_select_front__no_volume() -> None:
    """A previous session without outright volume is an error, not a fallback to the calendar."""
    for empty in ({}, {"ESZ5": 0}, {"ESZ5-ESH6": 50}):
        with pytest.raises(DataError, match="found no volume"):
            select_front(volumes(("4", empty)), date(2025, 12, 5), rule=RULE)
