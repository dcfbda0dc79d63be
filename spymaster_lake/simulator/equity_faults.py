"""Rows of share and option files that an ingest must set aside, flag, or read without surprise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spymaster_lake.simulator.equity_model import EquityTask
from spymaster_lake.simulator.model import MINUTE, SECOND
from spymaster_lake.simulator.shape import I64

_AFTER_OPEN, _AFTER_END = 30 * MINUTE, 30 * MINUTE
_DECIMALS = 10_000
_FAR_TIMES = 3.0
_UNDEFINED = 1e12
_BRIEF = SECOND // 1000
_NO_CONDITION = "99"
_CANCELED = "12"

REJECTED_TRADES: tuple[str, ...] = (
    "undefined_price", "zero_price", "negative_price", "zero_size", "implausible_price", "off_hours",
)  # fmt: skip
FLAGGED_TRADES: tuple[str, ...] = ("off_quote", "correction", "unknown_condition")
REJECTED_QUOTES: tuple[str, ...] = ("undefined_price", "negative_price", "bad_size", "off_hours")
FLAGGED_QUOTES: tuple[str, ...] = ("stub", "one_sided", "locked", "crossed")
"""The last three last a millisecond each; then the quote is as before."""

REJECTED_OPTIONS: tuple[str, ...] = (
    "undefined_price", "negative_price", "zero_size", "adjusted", "canceled", "off_hours",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class OddRow:
    """A row made from a good one.

    Attributes:
        name: what is odd about it.
        base: row that it is made from.
        time: ns since the session start.
        change: column name to value.
    """

    name: str
    base: int
    time: int
    change: Mapping[str, object]


def odd_times(task: EquityTask, names: tuple[str, ...]) -> list[int]:
    """One minute apart after the open; off-hours rows after the session's end."""
    times = task.plan.times
    inside = times.open - times.start + _AFTER_OPEN
    late = times.end - times.start + task.facts.close_grace_ns + _AFTER_END
    return [late if n == "off_hours" else inside + i * MINUTE + 7 for i, n in enumerate(names)]


def _bases(time: I64, wanted: list[int]) -> list[int]:
    """The last row before each instant."""
    return [max(int(np.searchsorted(time, t)) - 1, 0) for t in wanted]


def odd_trades(task: EquityTask, time: I64, price: np.ndarray) -> list[OddRow]:
    """One print per name.

    Args:
        task: the session.
        time: int64[n] of regular prints, ascending.
        price: float64[n], points.
    """
    names = REJECTED_TRADES + FLAGGED_TRADES
    wanted = odd_times(task, names)
    rows = []
    for name, at, base in zip(names, wanted, _bases(time, wanted), strict=True):
        good = float(price[base])
        far = round(good * (1.0 + _FAR_TIMES * task.facts.far) / task.facts.tick) * task.facts.tick
        changes: dict[str, Mapping[str, object]] = {
            "undefined_price": {"price": math.nan},
            "zero_price": {"price": 0.0},
            "negative_price": {"price": -good},
            "zero_size": {"size": 0},
            "implausible_price": {"price": max(good, task.facts.price_max / 1000) * _DECIMALS},
            "off_quote": {"price": round(far, 6)},
            "correction": {"correction": _CANCELED},
            "unknown_condition": {"conditions": _NO_CONDITION},
        }
        rows.append(OddRow(name, base, at, changes.get(name, {})))
    return rows


def odd_quotes(task: EquityTask, time: I64, bid: I64, ask: I64) -> list[OddRow]:
    """One record per name, and what restores the quote after those that are read.

    Args:
        task: the session.
        time: int64[n], ascending.
        bid: int64[n], ticks.
        ask: int64[n], ticks.
    """
    names = REJECTED_QUOTES + FLAGGED_QUOTES
    wanted = odd_times(task, names)
    rows = []
    for name, at, base in zip(names, wanted, _bases(time, wanted), strict=True):
        spread = int(ask[base] - bid[base])
        beyond = math.ceil(task.facts.price_max / task.facts.tick)
        changes: dict[str, Mapping[str, object]] = {
            "undefined_price": {"bid": round(_UNDEFINED / task.facts.tick)},
            "negative_price": {"bid": -int(bid[base])},
            "bad_size": {"bid_size": -1},
            "stub": {"bid": 1, "ask": 2 * beyond},
            "one_sided": {"ask": 0, "ask_size": 0},
            "locked": {"ask": int(bid[base])},
            "crossed": {"ask": int(bid[base]) - spread},
        }
        rows.append(OddRow(name, base, at, changes.get(name, {})))
        if name in FLAGGED_QUOTES:
            rows.append(OddRow("restored", base, at + _BRIEF, {}))
    return rows
