"""From command-line dates to sessions."""

from __future__ import annotations

from datetime import date

import pytest

from spymaster_lake.contracts.errors import ConfigError, SessionError
from spymaster_lake.orchestration.dates import date_range, session_dates
from tests.orchestration.small_project import MONDAY, TUESDAY

SATURDAY, CHRISTMAS = date(2025, 12, 20), date(2025, 12, 25)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((None, None, None), "Dates are missing"),
        ((None, MONDAY, None), "Dates are missing"),
        ((None, None, MONDAY), "Dates are missing"),
        ((MONDAY, MONDAY, TUESDAY), "not both"),
        ((None, TUESDAY, MONDAY), "lies before"),
    ],
)
def test_date_range__refuses_unclear_requests(given, message):
    """One date or a whole range, nothing else."""
    with pytest.raises(ConfigError, match=message):
        date_range(*given)


@pytest.mark.parametrize("day", [SATURDAY, CHRISTMAS], ids=["weekend", "holiday"])
def test_session_dates__single_date_must_be_a_session(env, day):
    """A single date that is no session is an error that names its neighbours."""
    with pytest.raises(SessionError, match="is no session of calendar NYSE"):
        session_dates(env.profiles["es"], date_range(day, None, None))


def test_session_dates__excluded_session_is_refused_alone_and_left_out_of_ranges(env):
    """An excluded session cannot be asked for; a range goes on without it."""
    profile = env.profiles["es"]
    calendar = profile.calendar.model_copy(update={"excluded_sessions": (MONDAY,)})
    profile = profile.model_copy(update={"calendar": calendar})
    with pytest.raises(SessionError, match="excluded_sessions"):
        session_dates(profile, date_range(MONDAY, None, None))
    assert session_dates(profile, date_range(None, MONDAY, TUESDAY)) == (TUESDAY,)


def test_session_dates__range_takes_the_sessions_inside(env):
    """A range over Christmas holds seven sessions; the early close counts."""
    days = session_dates(env.profiles["es"], date_range(None, SATURDAY, date(2025, 12, 31)))
    assert [d.day for d in days] == [22, 23, 24, 26, 29, 30, 31]


def test_session_dates__range_without_sessions_is_an_error(env):
    """A weekend is no empty success."""
    with pytest.raises(
        SessionError, match=r"No session of es \(NYSE\) lies in 2025-12-20\.\.2025-12-21"
    ):
        session_dates(env.profiles["es"], date_range(None, SATURDAY, date(2025, 12, 21)))
