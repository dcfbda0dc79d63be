"""Quarterly futures calendar: contract codes, expiries and the calendar roll rule (01 1.5).

Expiry is the third Friday of the contract month; the roll date lies a fixed number of calendar days
before it. The year in a code is one or two digits, so it wraps; it is resolved around a date.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta

from spymaster_lake.contracts.errors import SymbolError
from spymaster_lake.contracts.profile import FuturesProfile

EXPIRED_DAYS = 365
"""A code means the first expiry of its month and year digits that is not older than this many days
before the reference date. Listed contracts reach five years ahead, prints of expired ones do not
exist, so the code in a file is never ambiguous."""

_CODE = re.compile(r"(?P<root>.+)(?P<month>[A-Z])(?P<year>[0-9]{1,2})")


def third_friday(year: int, month: int) -> date:
    """Third Friday of a month, the last trade date of a quarterly index future."""
    first = date(year, month, 1)
    return first + timedelta(days=(4 - first.weekday()) % 7 + 14)


def contract_code(expiry: date, *, rule: FuturesProfile) -> str:
    """Contract code of an expiry, one year digit: root, month letter, last digit of the year.

    Raises:
        SymbolError: the rule lists no contract in that month.
    """
    for letter, month in rule.expiry_months.items():
        if month == expiry.month:
            return f"{rule.root}{letter}{expiry.year % 10}"
    raise SymbolError(
        f"{rule.root}: no contract expires in month {expiry.month}; allowed are "
        f"{dict(rule.expiry_months)}"
    )


def contract_expiry(code: str, *, around: date, rule: FuturesProfile) -> date:
    """Expiry date of an outright contract code, seen from a session date.

    Args:
        code: root, month letter, last digit of the year.
        around: a session date on which the code appears.
        rule: root, pattern and months of the instrument.

    Returns:
        The first third Friday of the code's month, in a year ending in its digits, that is later
        than `around` minus 365 days.

    Raises:
        SymbolError: the code does not match the instrument's pattern or months.
    """
    parts = _CODE.fullmatch(code) if re.search(rule.contract_pattern, code) else None
    if not parts or parts["month"] not in rule.expiry_months:
        raise SymbolError(
            f"{code!r} is no outright contract of {rule.root}; allowed is {rule.contract_pattern}"
        )
    cycle = 10 ** len(parts["year"])
    oldest = around - timedelta(days=EXPIRED_DAYS)
    year = oldest.year + (int(parts["year"]) - oldest.year) % cycle
    expiry = third_friday(year, rule.expiry_months[parts["month"]])
    if expiry <= oldest:
        expiry = third_friday(year + cycle, rule.expiry_months[parts["month"]])
    return expiry


def expiries_from(day: date, *, months: Mapping[str, int], count: int) -> list[date]:
    """The next `count` expiries at or after `day`, nearest first."""
    listed = sorted(set(months.values()))
    years = range(day.year, day.year + count // len(listed) + 2)
    dates = (third_friday(year, month) for year in years for month in listed)
    return [expiry for expiry in dates if expiry >= day][:count]


def roll_date(expiry: date, *, rule: FuturesProfile) -> date:
    """First session date on which the calendar rule names the next contract."""
    return expiry - timedelta(days=rule.roll_days_before_expiry)


def calendar_front(day: date, *, rule: FuturesProfile) -> str:
    """Front contract by the calendar: the nearest expiry, from its roll date on the next one.

    Source: 01 1.5 (test vectors there).
    """
    nearest, following = expiries_from(day, months=rule.expiry_months, count=2)
    return contract_code(following if day >= roll_date(nearest, rule=rule) else nearest, rule=rule)


def active_contracts(day: date, *, rule: FuturesProfile) -> tuple[str, ...]:
    """Contracts active on a day: the nearest while not expired, the next one from the roll date on.

    Source: 01 1.5.
    """
    nearest, following = expiries_from(day, months=rule.expiry_months, count=2)
    codes = (contract_code(nearest, rule=rule), contract_code(following, rule=rule))
    return codes if day >= roll_date(nearest, rule=rule) else codes[:1]


def roll_window(day: date, *, rule: FuturesProfile) -> tuple[date, date]:
    """The roll window of the nearest expiry: [roll date - n business days, expiry], both included.

    Business days are Monday to Friday; holidays are not skipped, so the window depends on the
    calendar alone. `day` may lie before it.

    Source: 01 1.5 NEW.
    """
    (nearest,) = expiries_from(day, months=rule.expiry_months, count=1)
    start, left = roll_date(nearest, rule=rule), rule.roll_window_business_days
    while left:
        start -= timedelta(days=1)
        left -= start.weekday() < 5
    return start, nearest
