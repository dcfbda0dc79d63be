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
from spymaster_lake.simulator.option_market import (
    FAR_FACTOR,
    HALF_SPREAD,
    LAST_PRINT,
    OUT_OF_THE_MONEY,
    STRIKE_SPREAD,
    YEAR_NS,
    option_weights,
    smile,
    strikes,
)
from spymaster_lake.simulator.shape import F64, I64, SessionShape, random_times
from spymaster_lake.simulator.tape import Tape

_NO_AGGRESSOR_SHARE = 0.015
_NO_INTEREST_SHARE = 0.01
_INTEREST_MEAN, _INTEREST_STEPS = 400.0, 12.0
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
    """The options of one expiry, see `strikes`."""
    return Chain(plan, strikes(spot, step))


def _fixed(facts: MarketFacts) -> int:
    """One option tick in the vendor's fixed-point prices."""
    return round(facts.option_tick * 1e9)


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
        time = random_times(rng, round(n * member.plan.trade_share), option_weights(shape))
        at = np.searchsorted(tape.time, time)
        time = tape.time[at[at < len(tape.time)]]
        time = np.sort(time + rng.integers(1_000_000, 2 * SECOND, len(time)))
        time = time[
            time < min(member.plan.expiration - LAST_PRINT, plan.times.stop) - plan.times.start
        ]
        parts.append(_prints(rng, plan, member, tape, time=time, facts=facts))
    time = np.concatenate([p[1] for p in parts])
    order = np.argsort(time, kind="stable")
    records = np.concatenate([p[0] for p in parts])[order]
    dbn.stamp(records, time[order], plan.times.start)
    return records


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
    wished = forward + rng.laplace(0.0, STRIKE_SPREAD * facts.strike_step, n)
    place = np.clip(np.searchsorted(member.strike, wished), 0, len(member.strike) - 1)
    strike = member.strike[place]
    is_call = (strike > forward) == (rng.random(n) < OUT_OF_THE_MONEY)
    t_years = np.asarray((member.plan.expiration - plan.times.start - time) / YEAR_NS, np.float64)
    side = rng.choice((-1, 1), n)
    side[rng.random(n) < _NO_AGGRESSOR_SHARE] = 0
    fair = price(
        forward=forward,
        strike=strike,
        sigma=smile(
            forward, strike, t_years, at_the_money=facts.option_volatility * plan.volatility
        ),
        t_years=t_years,
        is_call=is_call,
        rate=plan.rate,
    )
    intrinsic = np.maximum(np.where(is_call, forward - strike, strike - forward), 0.0)
    tick = facts.option_tick
    ticks = np.rint((fair + side * HALF_SPREAD * tick) / tick)
    ticks = np.maximum(ticks, np.floor(intrinsic / tick + 1e-6) + 1.0)
    records = dbn.blank("trades", n)
    records["instrument_id"] = member.plan.first_id + 2 * place + ~is_call
    records["price"] = ticks.astype(np.int64) * _fixed(facts)
    records["size"] = np.minimum(rng.geometric(0.12, n), 500)
    records["action"] = b"T"
    records["side"] = np.where(side > 0, b"B", np.where(side < 0, b"A", b"N"))
    return records, time


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
        "currency": "USD", "strike_price_currency": "USD", "exchange": facts.exchange, "asset": facts.root,
        "group": member.plan.root[:-2], "cfi": "OCEFPS", "security_type": "OOF", "unit_of_measure": "IPNT",
        "underlying": contract.code, "match_algorithm": "F", "security_update_action": "A",
        "user_defined_instrument": "N", "leg_instrument_class": " ", "leg_side": "N",
    }  # fmt: skip
    number = {
        "min_price_increment": _fixed(facts),
        "display_factor": 10_000_000,
        "expiration": member.plan.expiration,
        "activation": plan.times.start - 7 * 86_400 * SECOND,
        "high_limit_price": 99_999 * 10**9,
        "low_limit_price": _fixed(facts),
        "unit_of_measure_qty": round(facts.multiplier * 1e9),
        "min_price_increment_amount": round(facts.multiplier * facts.option_tick * 1e9),
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
    width = _INTEREST_STEPS * facts.strike_step
    for member in chains:
        contract = plan.contracts[member.plan.underlying]
        spot = (plan.open_ticks + contract.offset) * facts.tick
        strike = np.repeat(member.strike, 2)
        ids = np.fromiter(member.symbols.values(), np.int64)
        is_round = np.where(strike % (4 * FAR_FACTOR * facts.strike_step) == 0, 3.0, 1.0)
        mean = _INTEREST_MEAN * np.exp(-(np.abs(strike - spot) / width)) * is_round
        interest = rng.poisson(mean * rng.gamma(2.0, 0.5, len(ids)))
        known = rng.random(len(ids)) >= _NO_INTEREST_SHARE
        settle = _settlements(rng, len(ids), facts)
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


def _settlements(rng: np.random.Generator, n: int, facts: MarketFacts) -> I64:
    ticks = np.rint(rng.exponential(8.0, n) / facts.option_tick)
    return ticks.astype(np.int64) * _fixed(facts)


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
