"""Front month of a session from the previous session's volume, never rolling back (01 1.5 NEW).

The choice for a session reads volumes of earlier sessions only. "Never rolling back" needs to know
what was chosen before. That history is not stored; it is recomputed from the volumes since the
start of the current roll window: a roll can be undone only while the older contract still trades,
and the older contract expires at the end of the window. So a session's choice is a pure function
of the volumes that `roll_lookback` names, whatever was run before and in whatever order. Outside
every roll window the previous session's volume alone decides.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.contracts.profile import FuturesProfile
from spymaster_lake.features.expiry import calendar_front, contract_expiry, roll_window


@dataclass(frozen=True, slots=True)
class FrontMonth:
    """The front contract of one session.

    Attributes:
        contract: its code.
        dominance: its share of the previous session's volume, 1; None by calendar rule.
        runner_up: the other contract with the largest volume; None if there is none.
        runner_up_ratio: the runner-up's share of the same volume, 1; None if there is none.
        roll_contaminated: dominance below the minimum inside the roll window.
        by_rule: chosen by the calendar rule, because no earlier session has volumes.
    """

    contract: str
    dominance: float | None
    runner_up: str | None
    runner_up_ratio: float | None
    roll_contaminated: bool
    by_rule: bool


def roll_lookback(
    day: date, sessions_before: Sequence[date], *, rule: FuturesProfile
) -> list[date]:
    """Earlier sessions whose volumes `select_front` needs for `day`, oldest first.

    The previous session; inside the roll window also every session back to, and including, the last
    one before the window, because its volume decides the window's first session.

    Args:
        day: the session date.
        sessions_before: session dates of the dataset; dates not before `day` are ignored.
        rule: contract rule of the instrument.

    Returns:
        Session dates; empty for the first session of a dataset.
    """
    earlier = sorted(d for d in sessions_before if d < day)
    start, _ = roll_window(day, rule=rule)
    inside = sum(d >= start for d in earlier)
    return earlier[-(inside + 1) :]


def select_front(
    volumes_by_session: Mapping[date, Mapping[str, int]], day: date, *, rule: FuturesProfile
) -> FrontMonth:
    """Front contract of session `day`.

    Args:
        volumes_by_session: session date -> contract code -> sum(size) in [09:30, 16:00) ET of that
            session; the sessions of `roll_lookback`. Dates not before `day` are ignored, codes that
            do not match the outright pattern too.
        day: the session date.
        rule: contract rule of the instrument.

    Returns:
        The candidate with the largest volume in the previous session (the latest given), among
        those that expire neither before `day` nor before a contract chosen earlier in the roll
        window; the nearer expiry on a tie. Without any earlier session: the calendar rule.

    Raises:
        DataError: no volume in the previous session, no candidate left, or dominance below the
            minimum outside the roll window.

    Source: 01 1.5 NEW.
    """
    earlier = sorted(d for d in volumes_by_session if d < day)
    start, end = roll_window(day, rule=rule)
    floor = date.min
    for session in [*(d for d in earlier if d >= start), day]:
        before = [d for d in earlier if d < session]
        volumes = _outrights(volumes_by_session[before[-1]], rule=rule) if before else None
        contract = _choose(volumes, session, floor=floor, rule=rule)
        floor = contract_expiry(contract, around=session, rule=rule)
    if volumes is None:
        return FrontMonth(contract, None, None, None, roll_contaminated=False, by_rule=True)
    front = _describe(contract, volumes, minimum=rule.dominance_min)
    if front.roll_contaminated and not start <= day <= end:
        raise DataError(
            f"front month of {day}: {contract} holds {front.dominance:.3f} of the volume of "
            f"{before[-1]}; outside the roll window {start} to {end} at least "
            f"{rule.dominance_min} is required; volumes {dict(volumes)}"
        )
    return front


def _outrights(volumes: Mapping[str, int], *, rule: FuturesProfile) -> dict[str, int]:
    """The positive volumes of outright contracts."""
    pattern = re.compile(rule.contract_pattern)
    return {code: volume for code, volume in volumes.items() if pattern.search(code) and volume > 0}


def _choose(
    volumes: Mapping[str, int] | None, session: date, *, floor: date, rule: FuturesProfile
) -> str:
    """The contract of one session; `floor` is the expiry of the contract chosen before it."""
    if volumes is None:
        return calendar_front(session, rule=rule)
    expiry = {code: contract_expiry(code, around=session, rule=rule) for code in volumes}
    allowed = [c for c in volumes if expiry[c] >= max(session, floor)]
    if not allowed:
        raise DataError(
            f"front month of {session}: the session before holds no volume of a contract that "
            f"expires at or after {max(session, floor)}; found {dict(volumes) or 'no volume'}"
        )
    return min(allowed, key=lambda code: (-volumes[code], expiry[code]))


def _describe(contract: str, volumes: Mapping[str, int], *, minimum: float) -> FrontMonth:
    """Shares of the previous session's volume; contaminated means below the minimum."""
    total = sum(volumes.values())
    others = {code: volume for code, volume in volumes.items() if code != contract}
    runner_up = min(others, key=lambda code: (-others[code], code), default=None)
    dominance = volumes[contract] / total
    return FrontMonth(
        contract=contract,
        dominance=dominance,
        runner_up=runner_up,
        runner_up_ratio=None if runner_up is None else others[runner_up] / total,
        roll_contaminated=dominance < minimum,
        by_rule=False,
    )
