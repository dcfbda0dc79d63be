"""The daily break in New York time, in winter and in summer."""

from __future__ import annotations

import numpy as np
import pytest

from spymaster_lake.contracts.profile import InstrumentProfile
from spymaster_lake.ingest.daily_break import DailyBreak
from tests.ingest.dbn_files import CONF, ES, ns


@pytest.mark.parametrize(
    ("utc", "expected"),
    [
        ("2025-12-16T21:59:59.999999999", False),
        ("2025-12-16T22:00:00", True),
        ("2025-12-16T22:59:59.999999999", True),
        ("2025-12-16T23:00:00", False),
        ("2025-06-16T20:59:59.999999999", False),
        ("2025-06-16T21:00:00", True),
        ("2025-06-16T22:00:00", False),
        ("2025-03-09T21:30:00", True),
        ("2025-03-08T22:30:00", True),
    ],
)
def test_contains__new_york_clock(utc: str, expected: bool) -> None:
    """17:00 belongs to the break, 18:00 to the next session, on both sides of the clock change."""
    assert DailyBreak(ES.calendar).contains(np.array([ns(utc)])).tolist() == [expected]


def test_contains__many_rows() -> None:
    """A day of minutes has sixty in the break."""
    minutes = ns("2025-12-16T00:00:00") + np.arange(1440) * 60_000_000_000
    inside = DailyBreak(ES.calendar).contains(minutes)
    assert inside.sum() == 60
    assert np.flatnonzero(inside)[0] == 22 * 60


def test_contains__market_without_break() -> None:
    """An instrument whose session does not start the evening before has no break."""
    tsla = InstrumentProfile.from_yaml(CONF / "instruments" / "tsla.yaml")
    day = ns("2025-12-16T00:00:00") + np.arange(1440) * 60_000_000_000
    assert not DailyBreak(tsla.calendar).contains(day).any()
