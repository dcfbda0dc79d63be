"""Option prints on a simulated share: OCC symbols, a volatility smile, exercise before expiry ignored."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from spymaster_lake.contracts.occ import OccSymbol
from spymaster_lake.features.black76 import price as premium
from spymaster_lake.simulator.equity_faults import REJECTED_OPTIONS, odd_times
from spymaster_lake.simulator.equity_model import EquityTask, Expiry, OptionFacts
from spymaster_lake.simulator.equity_shape import regular_hours
from spymaster_lake.simulator.model import SECOND
from spymaster_lake.simulator.option_market import (
    LAST_PRINT,
    OUT_OF_THE_MONEY,
    STRIKE_SPREAD,
    YEAR_NS,
    option_weights,
    smile,
    strikes,
)
from spymaster_lake.simulator.shape import F64, I64, SessionShape, random_times

_EXCHANGES = (300, 302, 303, 309, 313, 322)
_CONDITIONS = np.array(["209", "219", "227", "233"], object)
_CONDITION_SHARES = (0.5, 0.1, 0.3, 0.1)
_CANCELED = "201"
_SIZE, _MOST = 0.12, 500
_WORTHLESS = 2.0
"""Fair value in ticks below which a contract does not trade."""
_PRINTS = 1.0
"""Option prints for each print of the share: those of an actively traded one are about as many."""
_HALF_SPREAD = 1.6
"""Of a print from its fair value, in option ticks: offers are some cents above bids."""
_NS_FROM, _NS_TO = 1_000_000, 2 * SECOND

Text = np.ndarray[tuple[int], np.dtype[np.object_]]


@dataclass(frozen=True, slots=True)
class OptionPrints:
    """Option prints in time order.

    Attributes:
        time: int64[n], ns since the session start.
        ticker: object[n], the vendor's prefix and the OCC symbol without blanks.
        price: float64[n], points.
        size: int64[n], contracts.
        exchange: int64[n], the vendor's numbers.
        conditions: object[n], texts.
    """

    time: I64
    ticker: Text
    price: F64
    size: I64
    exchange: I64
    conditions: Text


def option_prints(
    task: EquityTask, facts: OptionFacts, *, shape: SessionShape, time: I64, price: F64
) -> OptionPrints:
    """Prints in regular hours, each within two seconds after a regular print of the share.

    Args:
        task: the session.
        facts: of the options.
        shape: the session's minutes.
        time: int64[k], times of the share's regular prints, ascending.
        price: float64[k], their prices, points.
    """
    parts = [
        _of_expiry(task, facts, expiry, shape=shape, time=time, price=price)
        for expiry in task.plan.expiries
    ]
    return _joined(parts)


def _joined(parts: list[OptionPrints]) -> OptionPrints:
    names = [f.name for f in fields(OptionPrints)]
    whole = [np.concatenate([getattr(p, n) for p in parts]) for n in names]
    order = np.argsort(whole[0], kind="stable")
    return OptionPrints(*(values[order] for values in whole))


def _of_expiry(
    task: EquityTask,
    facts: OptionFacts,
    expiry: Expiry,
    *,
    shape: SessionShape,
    time: I64,
    price: F64,
) -> OptionPrints:
    plan = task.plan
    rng = task.rng(f"options {expiry.day}")
    when = _times(task, rng, expiry, shape=shape, time=time)
    n = len(when)
    spot = price[np.searchsorted(time, when, "left") - 1]
    t_years = np.asarray((expiry.expiration - plan.times.start - when) / YEAR_NS, np.float64)
    forward = np.asarray((spot - expiry.dividends) * np.exp(plan.rate * t_years), np.float64)
    listed = strikes(plan.open_ticks * plan.basis * task.facts.tick, facts.strike_step)
    wished = spot + rng.laplace(0.0, STRIKE_SPREAD * facts.strike_step, n)
    place = np.clip(np.searchsorted(listed, wished), 0, len(listed) - 1)
    strike = listed[place]
    is_call = (strike > spot) == (rng.random(n) < OUT_OF_THE_MONEY)
    fair = premium(
        forward=forward,
        strike=strike,
        sigma=smile(forward, strike, t_years, at_the_money=facts.volatility * plan.volatility),
        t_years=t_years,
        is_call=is_call,
        rate=plan.rate,
    )
    side = rng.choice((-1, 1), n)
    discount = np.exp(-plan.rate * t_years)
    least = discount * np.maximum(np.where(is_call, forward - strike, strike - forward), 0.0)
    ticks = np.rint((fair + side * _HALF_SPREAD * facts.tick) / facts.tick)
    ticks = np.maximum(ticks, np.floor(least / facts.tick + 1e-6) + 1.0)
    names = np.array(
        [
            [_ticker(OccSymbol(facts.root, expiry.day, "P", float(k))),
             _ticker(OccSymbol(facts.root, expiry.day, "C", float(k)))]
            for k in listed
        ],
        object,
    )  # fmt: skip
    prints = OptionPrints(
        when,
        names[place, is_call.astype(np.int64)],
        np.round(ticks * facts.tick, 6),
        np.minimum(rng.geometric(_SIZE, n), _MOST),
        rng.choice(_EXCHANGES, n),
        rng.choice(_CONDITIONS, n, p=_CONDITION_SHARES),
    )
    traded = fair >= _WORTHLESS * facts.tick
    return OptionPrints(*(getattr(prints, f.name)[traded] for f in fields(OptionPrints)))


def _ticker(symbol: OccSymbol) -> str:
    return f"O:{symbol.text.replace(' ', '')}"


def _times(
    task: EquityTask,
    rng: np.random.Generator,
    expiry: Expiry,
    *,
    shape: SessionShape,
    time: I64,
) -> I64:
    n = round(task.size.trades * _PRINTS * expiry.trade_share)
    weights = np.where(regular_hours(shape), option_weights(shape), 0.0)
    wished = random_times(rng, n, weights)
    at = np.searchsorted(time, wished)
    when = time[at[at < len(time)]]
    when = np.sort(when + rng.integers(_NS_FROM, _NS_TO, len(when)))
    last = min(expiry.expiration - LAST_PRINT, task.plan.times.close) - task.plan.times.start
    return when[when < last]


def with_odd_prints(task: EquityTask, good: OptionPrints) -> tuple[OptionPrints, tuple[str, ...]]:
    """One more print per name of `REJECTED_OPTIONS`, made from good ones."""
    names = REJECTED_OPTIONS
    if not len(good.time):
        return good, ()
    base = np.minimum(np.arange(len(names)), len(good.time) - 1)
    values = {f.name: getattr(good, f.name)[base].copy() for f in fields(OptionPrints)}
    values["time"] = np.array(odd_times(task, names), np.int64)
    at = {name: i for i, name in enumerate(names)}
    values["price"][at["undefined_price"]] = np.nan
    values["price"][at["negative_price"]] *= -1
    values["size"][at["zero_size"]] = 0
    values["conditions"][at["canceled"]] = _CANCELED
    root = task.facts.options.root if task.facts.options else ""
    ticker = values["ticker"][at["adjusted"]]
    values["ticker"][at["adjusted"]] = ticker.replace(f"O:{root}", f"O:{root}1", 1)
    return _joined([good, OptionPrints(**values)]), names
