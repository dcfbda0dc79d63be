"""How the price under an instrument's options becomes their forward, from its profile (08 A20)."""

from __future__ import annotations

import numpy as np

from spymaster_lake.features.carry import Carry
from spymaster_lake.sessions.calendar import SessionClock
from spymaster_lake.stages.spec import StageContext


def carry_of(context: StageContext, clock: SessionClock) -> Carry:
    """The carry of a session: none for options on futures, rate and dividends for those on shares.

    A dividend counts from the open of its ex-date's session; its amount is in prices of that date.
    """
    profile, day = context.profile, clock.day
    rate, facts = profile.rate_on(day), profile.options
    if facts is None or facts.pricing == "black76":
        return Carry.of_future(rate)
    steps = [s for s in profile.corporate_actions.dividends if s.ex_date > day]
    opens = [context.calendar.clock(s.ex_date).record_start_ns for s in steps]
    return Carry(
        rate,
        True,
        np.array(opens, dtype=np.int64),
        np.array([s.amount for s in steps], dtype=np.float64),
    )
