"""The constants of a price process, from the profile: stated there, or following from the price.

A share's market needs no words in its profile: its price is the one at which the profile states its
widths, and its one-minute range is that of the zones, whose least half width is half of it.
"""

from __future__ import annotations

import math

from spymaster_lake.contracts.errors import ConfigError
from spymaster_lake.contracts.profile import InstrumentProfile, SimulationProfile
from spymaster_lake.simulator.model import MarketModel

_SESSIONS_PER_YEAR = 252
_REGULAR_MINUTES = 390
_RANGE_OF_DEVIATION = 1.35
"""Mean range of a minute seen at a few dozen prints, in standard deviations of its move."""
_GAP_SHARE = 0.5
_SPREAD_OF_PRICE = 0.12
"""Standard deviation of the reverting price, share of the price."""
_RANGE_OF_PRICE = 0.002
_GAIN, _GAIN_VARIANCE = 0.15, 30_000.0
"""At strength 1 a pressure of one moves the price alike, in deviations, whatever the variance."""


def simulated_market(profile: InstrumentProfile) -> SimulationProfile:
    """What the profile says of its simulated market, or for a share what follows from its widths.

    Raises:
        ConfigError: futures whose profile has no block `simulation`.
    """
    if profile.simulation is not None:
        return profile.simulation
    if profile.product != "equities":
        raise ConfigError(
            f"{profile.instrument}: the simulator needs the profile block 'simulation'"
        )
    bands, quality = profile.bands, profile.quality
    price = bands.reference_price or math.sqrt(quality.price_min * quality.price_max)
    atr = 2 * bands.zone_half_width if bands.reference_price else _RANGE_OF_PRICE * price
    variance = _REGULAR_MINUTES * (atr / _RANGE_OF_DEVIATION) ** 2
    return SimulationProfile(
        price=price,
        session_variance=variance,
        gap=_GAP_SHARE * math.sqrt(variance),
        reversion=min(variance / (2 * (_SPREAD_OF_PRICE * price) ** 2), 0.5),
    )


def market_model(profile: InstrumentProfile) -> MarketModel:
    """The market of the profile in ticks.

    Raises:
        ConfigError: see `simulated_market`.
    """
    market, tick = simulated_market(profile), profile.tick_size
    variance = market.session_variance / tick**2
    month = market.basis_month
    return MarketModel(
        mean_ticks=round(market.price / tick),
        session_variance=variance,
        gap_ticks=market.gap / tick,
        reversion=market.reversion,
        pressure_gain=_GAIN * math.sqrt(_GAIN_VARIANCE / variance),
        mean_quarter=(month.year, month.month) if month else None,
        quarter_basis_ticks=round(market.contract_basis / tick),
    )


def own_volatility(market: SimulationProfile) -> float:
    """Volatility of the sessions per root year."""
    return math.sqrt(market.session_variance * _SESSIONS_PER_YEAR) / market.price
