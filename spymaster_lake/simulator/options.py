"""Options on the simulated futures: chain, prints, definitions and statistics as vendor records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spymaster_lake.features.black76 import price
from spymaster_lake.simulator import dbn
from spymaster_lake.simulator.dbn import Records
from spymaster_lake.simulator.model import MINUTE, SECOND, ChainPlan, MarketFacts, SessionPlan
from spymaster_lake.simulator.shape import F64, I64, SessionShape, random_times
from spymaster_lake.simulator.tape import Tape

NEAR_STRIKES, FAR_STRIKES, FAR_FACTOR = 20, 8, 5
"""Strikes on each side: near ones a step apart, then far ones `FAR_FACTOR` steps apart."""

TICK = 0.05
_TICK_FIXED = 50_000_000
_YEAR_NS = 365 * 86_400 * SECOND
_LAST_PRINT = 2 * MINUTE
_BASE_VOLATILITY, _SKEW, _SMILE = 0.19, -0.05, 0.015
_STRIKE_SPREAD = 14.0
_OUT_OF_THE_MONEY = 0.8
_NO_AGGRESSOR_SHARE = 0.015
_HALF_SPREAD = 0.03
_NO_INTEREST_SHARE = 0.01
_INTEREST_MEAN, _INTEREST_WIDTH = 400.0, 60.0
_UNDEFINED_TIME = 2**64 - 1
_OPEN_INTEREST, _SETTLEMENT, _CLEARED_VOLUME = 9, 3, 6


@dataclass(frozen=True, slots=True)
class Chain:
    """The options of one expiry.

    Attributes:
        plan: root, expiry, underlying, first vendor id.
        strike: float64[k], points, ascending; a call and a put each: ids first_id + 2·i (+ 1).
    """

    plan: ChainPlan
    strike: F64

    @property
    def symbols(self) -> dict[str, int]:
        """Vendor ids by raw symbol."""
        names = [f"{self.plan.root} {right}{k:.0f}" for k in self.strike for right in "CP"]
        return {name: self.plan.first_id + i for i, name in enumerate(names)}


def chain(plan: ChainPlan, *, spot: float, step: float) -> Chain:
    """Strikes around `spot` (points), `step` apart near it and wider further out."""
    wide = step * FAR_FACTOR
    middle = round(spot / wide) * wide
    near = middle + step * np.arange(-NEAR_STRIKES, NEAR_STRIKES + 1)
    edge = step * NEAR_STRIKES
    far = edge + wide * np.arange(1, FAR_STRIKES + 1)
    return Chain(plan, np.sort(np.concatenate([near, middle + far, middle - far])))


def option_prints(
    rng: np.random.Generator,
    plan: SessionPlan,
    chains: Sequence[Chain],
    tapes: Sequence[Tape],
    *,
    shape: SessionShape,
    facts: MarketFacts,
    n: int,
) -> Records:
    """Option prints, each within two seconds after a print of its underlying, in time order."""
    parts = []
    for member in chains:
        tape = tapes[member.plan.underlying]
        time = random_times(rng, round(n * member.plan.trade_share), _option_weights(shape))
        at = np.searchsorted(tape.time, time)
        time = tape.time[at[at < len(tape.time)]]
        time = np.sort(time + rng.integers(1_000_000, 2 * SECOND, len(time)))
        time = time[
            time < min(member.plan.expiration - _LAST_PRINT, plan.times.stop) - plan.times.start
        ]
        parts.append(_prints(rng, plan, member, tape, time=time, facts=facts))
    time = np.concatenate([p[1] for p in parts])
    order = np.argsort(time, kind="stable")
    records = np.concatenate([p[0] for p in parts])[order]
    dbn.stamp(records, time[order], plan.times.start)
    return records


def _option_weights(shape: SessionShape) -> F64:
    """Weights per minute: most of the trading from the open to three and a half hours later."""
    minute = np.arange(shape.minutes)
    weights = np.where(minute < shape.open, 0.08, np.where(minute < shape.open + 200, 2.0, 1.0))
    weights = np.where((minute >= shape.open - 60) & (minute < shape.open), 0.7, weights)
    return np.where((minute < shape.premarket) | (minute >= shape.close), 0.0, weights)


def _prints(
    rng: np.random.Generator,
    plan: SessionPlan,
    member: Chain,
    tape: Tape,
    *,
    time: I64,
    facts: MarketFacts,
) -> tuple[Records, I64]:
    n = len(time)
    last = tape.price[np.searchsorted(tape.time, time, "left") - 1]
    forward = np.asarray(last * facts.tick, np.float64)
    wished = forward + rng.laplace(0.0, _STRIKE_SPREAD, n)
    place = np.clip(np.searchsorted(member.strike, wished), 0, len(member.strike) - 1)
    strike = member.strike[place]
    is_call = (strike > forward) == (rng.random(n) < _OUT_OF_THE_MONEY)
    t_years = np.asarray((member.plan.expiration - plan.times.start - time) / _YEAR_NS, np.float64)
    side = rng.choice((-1, 1), n)
    side[rng.random(n) < _NO_AGGRESSOR_SHARE] = 0
    fair = price(
        forward=forward,
        strike=strike,
        sigma=_smile(forward, strike, t_years, volatility=plan.volatility),
        t_years=t_years,
        is_call=is_call,
        rate=plan.rate,
    )
    intrinsic = np.maximum(np.where(is_call, forward - strike, strike - forward), 0.0)
    ticks = np.rint((fair + side * _HALF_SPREAD) / TICK)
    ticks = np.maximum(ticks, np.floor(intrinsic / TICK + 1e-6) + 1.0)
    records = dbn.blank("trades", n)
    records["instrument_id"] = member.plan.first_id + 2 * place + ~is_call
    records["price"] = ticks.astype(np.int64) * _TICK_FIXED
    records["size"] = np.minimum(rng.geometric(0.12, n), 500)
    records["action"] = b"T"
    records["side"] = np.where(side > 0, b"B", np.where(side < 0, b"A", b"N"))
    return records, time


def _smile(forward: F64, strike: F64, t_years: F64, *, volatility: float) -> F64:
    """Volatility per root year, by moneyness in standard deviations."""
    at_the_money = _BASE_VOLATILITY * volatility
    deviations = np.log(strike / forward) / (at_the_money * np.sqrt(t_years))
    m = np.clip(deviations, -4.0, 4.0)
    return np.asarray(at_the_money * (1.0 + _SKEW * m + _SMILE * m * m), np.float64)


def definitions(plan: SessionPlan, chains: Sequence[Chain], *, facts: MarketFacts) -> Records:
    """One definition record per option, published in the first second of the session."""
    parts = [_definition(plan, member, facts=facts) for member in chains]
    records = np.concatenate(parts)
    dbn.stamp(records, np.arange(len(records), dtype=np.int64) * 1_000_000, plan.times.start)
    return records


def _definition(plan: SessionPlan, member: Chain, *, facts: MarketFacts) -> Records:
    records = dbn.blank("definition", 2 * len(member.strike))
    for name in ("price_ratio", "leg_price", "leg_delta", "max_price_variation"):
        records[name] = dbn.UNDEFINED_PRICE
    for name in ("contract_multiplier", "decay_quantity", "original_contract_size"):
        records[name] = 2**31 - 1
    symbols = member.symbols
    contract = plan.contracts[member.plan.underlying]
    year, month, day = (np.datetime64(member.plan.expiration, "ns").astype(str)[:10]).split("-")
    text = {
        "currency": "USD", "strike_price_currency": "USD", "exchange": "XCME", "asset": facts.root,
        "group": member.plan.root[:-2], "cfi": "OCEFPS", "security_type": "OOF", "unit_of_measure": "IPNT",
        "underlying": contract.code, "match_algorithm": "F", "security_update_action": "A",
        "user_defined_instrument": "N", "leg_instrument_class": " ", "leg_side": "N",
    }  # fmt: skip
    number = {
        "min_price_increment": _TICK_FIXED,
        "display_factor": 10_000_000,
        "expiration": member.plan.expiration,
        "activation": plan.times.start - 7 * 86_400 * SECOND,
        "high_limit_price": 99_999 * 10**9,
        "low_limit_price": _TICK_FIXED,
        "unit_of_measure_qty": round(facts.multiplier * 1e9),
        "min_price_increment_amount": round(facts.multiplier * TICK * 1e9),
        "underlying_id": contract.instrument_id,
        "market_depth": 3,
        "max_trade_vol": 3_000,
        "min_trade_vol": 1,
        "maturity_year": int(year),
        "maturity_month": int(month),
        "maturity_day": int(day),
        "decay_start_date": 65_535,
        "maturity_week": 255, "main_fraction": 255, "price_display_format": 255, "sub_fraction": 255,
        "tick_rule": 4, "underlying_product": 5, "contract_multiplier_unit": 127, "flow_schedule_type": 127,
    }  # fmt: skip
    for name, value in {**text, **number}.items():
        records[name] = value
    records["instrument_id"] = list(symbols.values())
    records["raw_symbol"] = [s.encode() for s in symbols]
    records["strike_price"] = np.repeat(np.rint(member.strike * 1e9).astype(np.int64), 2)
    records["instrument_class"] = np.tile(np.array([b"C", b"P"]), len(member.strike))
    return records


def statistics(
    rng: np.random.Generator, plan: SessionPlan, chains: Sequence[Chain], *, facts: MarketFacts
) -> Records:
    """Open interest once before the open, and rows of other types that look alike.

    Settlement prices and cleared volumes come at the start of the pre-market, open interest half an
    hour later, for the day before. One option in a hundred has no open interest.
    """
    parts = []
    for member in chains:
        contract = plan.contracts[member.plan.underlying]
        spot = (plan.open_ticks + contract.offset) * facts.tick
        strike = np.repeat(member.strike, 2)
        ids = np.fromiter(member.symbols.values(), np.int64)
        is_round = np.where(strike % (4 * FAR_FACTOR * facts.strike_step) == 0, 3.0, 1.0)
        mean = _INTEREST_MEAN * np.exp(-(np.abs(strike - spot) / _INTEREST_WIDTH)) * is_round
        interest = rng.poisson(mean * rng.gamma(2.0, 0.5, len(ids)))
        known = rng.random(len(ids)) >= _NO_INTEREST_SHARE
        settle = np.rint(rng.exponential(8.0, len(ids)) / TICK).astype(np.int64) * _TICK_FIXED
        undefined = np.full(len(ids), dbn.UNDEFINED_PRICE)
        parts += [
            _stat(ids, _SETTLEMENT, settle, undefined, minute=0),
            _stat(ids, _CLEARED_VOLUME, undefined, rng.poisson(mean), minute=1),
            _stat(ids[known], _OPEN_INTEREST, undefined[known], interest[known], minute=30),
        ]
    minute = np.concatenate([p[1] for p in parts])
    order = np.argsort(minute, kind="stable")
    records = np.concatenate([p[0] for p in parts])[order]
    time = plan.times.premarket - plan.times.start + minute[order] * MINUTE
    dbn.stamp(records, time + np.arange(len(records)) * 1_000, plan.times.start)
    day_before = (plan.times.previous_end // (86_400 * SECOND)) * 86_400 * SECOND
    records["ts_ref"] = np.where(
        records["stat_type"] == _OPEN_INTEREST, day_before, _UNDEFINED_TIME
    )
    return records


def _stat(
    ids: I64, kind: int, value: I64, quantity: npt.NDArray[np.integer], *, minute: int
) -> tuple[Records, I64]:
    records = dbn.blank("statistics", len(ids))
    records["instrument_id"] = ids
    records["stat_type"] = kind
    records["price"] = value
    records["quantity"] = quantity
    records["update_action"] = 1
    return records, np.full(len(ids), minute, np.int64)
