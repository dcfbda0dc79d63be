"""Which records lie in the exchange's daily break (08 A23), vectorised over time zones."""

from __future__ import annotations

from datetime import datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from spymaster_lake.contracts.profile import CalendarProfile

_NS = 1_000_000_000
_HOUR_S, _DAY_S = 3600, 86_400


def _seconds(clock: time) -> int:
    return clock.hour * 3600 + clock.minute * 60 + clock.second


@lru_cache(maxsize=4096)
def _offset(zone: str, hour: int) -> int:
    """UTC offset in seconds at the start of a UTC hour; zones change theirs on the hour."""
    local = datetime.fromtimestamp(hour * _HOUR_S, ZoneInfo(zone))
    delta = local.utcoffset()
    return 0 if delta is None else delta.days * _DAY_S + delta.seconds


class DailyBreak:
    """The time between session end and session start of a calendar that trades overnight."""

    def __init__(self, calendar: CalendarProfile) -> None:
        self._zone = calendar.timezone
        self._from = _seconds(calendar.session_end)
        self._to = _seconds(calendar.session_start)
        self._active = calendar.starts_evening_before and self._from < self._to

    def contains(self, ts_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """bool[n]: local clock in [session end, session start).

        Args:
            ts_ns: int64[n], ns UTC, within the supported range of dates.
        """
        inside = np.zeros(ts_ns.size, np.bool_)
        if not self._active or not ts_ns.size:
            return inside
        hours = ts_ns // (_HOUR_S * _NS)
        first, last = int(hours.min()), int(hours.max())
        every = [first] if first == last else np.unique(hours).tolist()
        for hour in every:
            start = (hour * _HOUR_S + _offset(self._zone, hour)) % _DAY_S
            if start + _HOUR_S <= self._from or start >= self._to:
                continue
            at = hours == hour
            second = start + (ts_ns[at] // _NS - hour * _HOUR_S)
            inside[at] = (second >= self._from) & (second < self._to)
        return inside
