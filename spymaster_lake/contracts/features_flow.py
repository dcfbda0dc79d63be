"""Feature columns of book, tape and order flow: physics, OFI, barrier evolution (02 1, 3, 4).

`window` is the nominal window of the definition. A state at instant tau is the last one before tau
and at most 5 s old, so an input may lie up to 5 s before the window begins, never at or after t.
"""

from __future__ import annotations

from functools import partial

from spymaster_lake.contracts.enums import BARRIER_STATES, FUEL_EFFECTS
from spymaster_lake.contracts.table import Column, Frame, Role

FINAL_STAGE = "filter_rth_and_write_silver_signals"
"""The stage that adds the calibrated columns, after work/calibration exists (08 A14)."""

OFI_WINDOWS_S: tuple[int, ...] = (30, 60, 120, 300)
BARRIER_WINDOWS_MIN: tuple[int, ...] = (1, 2, 3, 5)

STATE_WINDOW = "[t-5s, t)"
SESSION_WINDOW = "[session start, t)"
_BARRIER, _TAPE, _BASELINE = "[t-240s, t)", "[t-60s, t)", "[t-1800s, t)"
_NO_PAIR = "null if no pair of states shows a common zone price"

_unsigned = partial(Column, role=Role.FEATURE, frame=Frame.UNSIGNED, stage="compute_physics")
_market = partial(Column, role=Role.FEATURE, frame=Frame.MARKET, stage="compute_physics")


def _flow(name: str, what: str) -> Column:
    return _unsigned(
        f"barrier_{name}",
        "double",
        f"Contracts {what} in the barrier zone; {_NO_PAIR}.",
        unit="contracts",
        window=_BARRIER,
        minimum=0,
    )


def _volume(name: str, what: str, band: str) -> Column:
    return _unsigned(
        name,
        "int64",
        f"Size of {what} aggressor prints within {band} of the level; 0 if none.",
        unit="contracts",
        window=_TAPE,
        nullable=False,
        minimum=0,
    )


def _imbalance(name: str, band: str) -> Column:
    return _market(
        name,
        "double",
        f"(buy - sell) / (buy + sell) within {band} of the level; null where neither side traded.",
        window=_TAPE,
        minimum=-1,
        maximum=1,
    )


def _tide(name: str, right: str) -> Column:
    return _unsigned(
        name,
        "double",
        f"Aggressor-signed premium of {right} within the fuel strike range; null if none traded.",
        unit="USD",
        window=SESSION_WINDOW,
    )


PHYSICS: tuple[Column, ...] = (
    _unsigned(
        "barrier_state",
        "string",
        "State of the barrier machine; null if coverage < 0.25 or no pair shows a common price.",
        window=_BARRIER,
        allowed=BARRIER_STATES,
    ),
    _unsigned(
        "barrier_delta_liq",
        "double",
        f"barrier_added - barrier_canceled - barrier_filled; {_NO_PAIR}.",
        unit="contracts",
        window=_BARRIER,
    ),
    _unsigned(
        "barrier_replenishment_ratio",
        "double",
        "Added / (canceled + filled) in the barrier zone; null where nothing was removed.",
        window=_BARRIER,
        minimum=0,
    ),
    _unsigned(
        "wall_ratio",
        "double",
        "Mean size per visible zone price / mean size per level of the defending side over 30 min; "
        "null if coverage < 0.25 or fewer than 300 baseline samples.",
        window=_BASELINE,
        minimum=0,
    ),
    _imbalance("tape_imbalance", "the tape band"),
    _volume("tape_buy_vol", "buy", "the tape band"),
    _volume("tape_sell_vol", "sell", "the tape band"),
    _market(
        "tape_velocity",
        "double",
        "Least-squares slope of price on time over all prints; null below two distinct times.",
        unit="pt/s",
        window=_TAPE,
    ),
    _unsigned(
        "sweep_detected",
        "bool",
        "A one-sided burst of >= 2 ticks reached the calibrated size q; null before 20 sessions.",
        window=_TAPE,
        stage=FINAL_STAGE,
    ),
    _unsigned(
        "fuel_effect",
        "string",
        "gamma_exposure below -theta (AMPLIFY), above theta (DAMPEN) or between; null where "
        "gamma_exposure or the calibrated theta is.",
        window=SESSION_WINDOW,
        allowed=FUEL_EFFECTS,
        stage=FINAL_STAGE,
    ),
    _unsigned(
        "gamma_exposure",
        "double",
        "Dealer gamma of the session's flow in options expiring today, within the fuel strike "
        "range; null if no accepted trade is in range or too many were not accepted.",
        unit="USD/pt^2",
        window=SESSION_WINDOW,
    ),
    _tide("call_tide", "calls"),
    _tide("put_tide", "puts"),
    _unsigned(
        "barrier_zone_coverage",
        "double",
        "Visible share of the zone's prices on the defending side; null if the state is older "
        "than 5 s.",
        window=STATE_WINDOW,
        minimum=0,
        maximum=1,
    ),
    _unsigned(
        "facing_depth",
        "double",
        "Size of the ten best levels of the defending side; null if the state is older than 5 s.",
        unit="contracts",
        window=STATE_WINDOW,
        minimum=0,
    ),
    _unsigned(
        "facing_depth_ratio",
        "double",
        "facing_depth / its mean over 30 min on a 1-s grid; null below 300 samples.",
        window=_BASELINE,
        minimum=0,
    ),
    _flow("added", "added"),
    _flow("canceled", "canceled"),
    _flow("filled", "filled"),
    _volume("tape_zone_buy_vol", "buy", "the zone half width"),
    _volume("tape_zone_sell_vol", "sell", "the zone half width"),
    _imbalance("tape_zone_imbalance", "the zone half width"),
    _market(
        "sweep_side",
        "int8",
        "Side of the largest sweep: +1 buys, -1 sells, 0 no sweep; null before 20 sessions.",
        window=_TAPE,
        minimum=-1,
        maximum=1,
        stage=FINAL_STAGE,
    ),
)
"""23 columns of 02 section 1 with N-1, N-2, N-7, 08 A11, A20-A22, A24, A27, A28."""

_ofi = partial(
    Column, role=Role.FEATURE, frame=Frame.MARKET, stage="compute_multiwindow_ofi", type="double"
)


def _ofi_pair(seconds: int) -> tuple[Column, Column]:
    window = f"[t-{seconds}s, t)"
    gap = "null if updates are more than 60 s apart in the window"
    return (
        _ofi(
            f"ofi_{seconds}s",
            doc=f"Best-level order-flow imbalance summed over updates; {gap}.",
            unit="contracts",
            window=window,
        ),
        _ofi(
            f"ofi_near_level_{seconds}s",
            doc=f"The same over updates whose mid lies in the near-level band; {gap}, or none is "
            "near.",
            unit="contracts",
            window=window,
        ),
    )


OFI: tuple[Column, ...] = (
    *(column for seconds in OFI_WINDOWS_S for column in _ofi_pair(seconds)),
    _ofi(
        "ofi_acceleration",
        doc="ofi_30s / 30 - ofi_120s / 120; null where either is.",
        unit="contracts/s",
        window="[t-120s, t)",
    ),
)
"""9 columns of 02 section 3 with N-11, 08 A19."""

_evolution = partial(
    Column,
    role=Role.FEATURE,
    frame=Frame.UNSIGNED,
    stage="compute_barrier_evolution",
    type="double",
)


def _delta(name: str, doc: str, minutes: int, unit: str = "contracts") -> Column:
    return _evolution(f"{name}_{minutes}min", doc=doc, unit=unit, window=f"[t-{60 * minutes}s, t)")


BARRIER_EVOLUTION: tuple[Column, ...] = (
    *(
        _delta(
            "barrier_delta",
            "Zone depth now minus then over commonly visible prices; null if none, or either "
            "state is older than 5 s.",
            w,
        )
        for w in BARRIER_WINDOWS_MIN
    ),
    *(
        _evolution(
            f"barrier_pct_change_{w}min",
            doc=f"barrier_delta_{w}min / past depth (a fraction); null where the delta is, or "
            "past depth is 0.",
            window=f"[t-{60 * w}s, t)",
            minimum=-1,
        )
        for w in BARRIER_WINDOWS_MIN
    ),
    _evolution(
        "barrier_depth_current",
        doc="Zone depth of the defending side; null if coverage is 0 or the state is older than "
        "5 s.",
        unit="contracts",
        window=STATE_WINDOW,
        minimum=0,
    ),
    *(
        _delta(
            "facing_depth_delta",
            "Ten-level depth of the defending side now minus then inside the common price range; "
            "null if either state is older than 5 s.",
            w,
        )
        for w in BARRIER_WINDOWS_MIN
    ),
)
"""13 columns of 02 section 4 with N-12, 08 A25."""
