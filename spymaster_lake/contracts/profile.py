"""The instrument profile: every fact that differs between instruments, as data (00 section 4).

Stages contain no literal instrument, contract code or price bound; they read them here. Widths are
in points of the instrument, windows in seconds, clock times in the exchange's time zone.
"""

from __future__ import annotations

from datetime import date, time
from typing import Literal

from pydantic import Field, model_validator

from spymaster_lake.contracts.model import FrozenModel

LEVEL_KIND_CODES: dict[str, int] = {
    "PM_HIGH": 0,
    "PM_LOW": 1,
    "OR_HIGH": 2,
    "OR_LOW": 3,
    "SMA_90": 6,
    "EMA_20": 12,
}
"""The closed enumeration of level kinds and their codes; codes are not contiguous (01 section 0)."""

LEVEL_KINDS: tuple[str, ...] = tuple(LEVEL_KIND_CODES)
STATIC_KINDS: tuple[str, ...] = ("PM_HIGH", "PM_LOW", "OR_HIGH", "OR_LOW")
AVERAGE_KINDS: tuple[str, ...] = ("SMA_90", "EMA_20")

Product = Literal["futures", "options", "equities"]


class CalendarProfile(FrozenModel):
    """Which days are sessions and the session's clock, in local exchange time."""

    calendar: str = Field(description="pandas_market_calendars name whose days are session dates")
    timezone: str
    session_start: time = Field(description="clock of the evening before, or of the same day")
    starts_evening_before: bool
    session_end: time
    premarket_start: time
    open: time
    opening_range_end: time
    events_end: time = Field(description="last anchor, inclusive")
    book_start: time = Field(description="book records are needed from here")
    trades_needed_until: time = Field(description="labels need trades up to here")
    regular_close: time
    extra_early_closes: dict[date, time] = Field(default_factory=dict)
    extra_closed: tuple[date, ...] = ()
    extra_sessions: tuple[date, ...] = ()
    excluded_sessions: tuple[date, ...] = Field(
        default=(), description="sessions that are skipped, also for warm-up (08 A15)"
    )


class FuturesProfile(FrozenModel):
    """Contract rule of an instrument that trades as quarterly futures (01 section 1.5)."""

    root: str
    contract_pattern: str = Field(description="regular expression of outright contract codes")
    expiry_months: dict[str, int] = Field(description="month letter to month number")
    roll_days_before_expiry: int = 8
    roll_window_business_days: int = 3
    dominance_min: float = 0.60


class OptionsProfile(FrozenModel):
    """Facts about the options on the instrument."""

    underlying: str = Field(description="partition value `underlying=`")
    root_pattern: str | None = Field(
        default=None, description="regular expression of option roots; None: the underlying only"
    )
    multiplier: float
    strike_step: float
    expiry_time: time = Field(description="fallback expiry clock where no definition gives one")
    call_sign: int = 1
    put_sign: int = -1


class RateStep(FrozenModel):
    """A risk-free rate and the first date on which it applies (08 A20)."""

    valid_from: date
    rate: float


class BandsProfile(FrozenModel):
    """Widths in points and windows in seconds of the feature definitions (02 section 0.3)."""

    zone_half_width: float
    zone_atr_fraction: float
    barrier_zone: float
    tape_band: float
    touch_band: float
    near_level_band: float
    fuel_strike_range: float
    attempt_cluster_points: float
    attempt_cluster_seconds: int = 900


class BarrierProfile(FrozenModel):
    """Thresholds of the barrier state machine (02 N-7c), in contracts or ratios."""

    delta_threshold: float = 100.0
    vacuum_ratio: float = 0.3
    wall_ratio: float = 1.5
    weak_depth: float = 50.0
    min_coverage: float = 0.25


class QualityProfile(FrozenModel):
    """Bounds of 08 A16: the fatal ones gate a session, the others warn in stage.json."""

    price_min: float
    price_max: float
    max_missing_minutes: int = Field(description="of [04:00, min(12:46, early close))")
    max_crossed_share: float = 0.001
    trades_per_day: tuple[int, int] | None = None
    book_updates_per_day: tuple[int, int] | None = None
    buy_share: tuple[float, float] | None = None
    size_max: int | None = None
    strikes: tuple[int, int] | None = None
    max_distance_points: float | None = None
    max_velocity_points_per_s: float | None = None


class InstrumentProfile(FrozenModel):
    """One instrument: `conf/instruments/{instrument}.yaml`."""

    schema_version: Literal[1]
    instrument: str = Field(pattern=r"^[a-z][a-z0-9]{0,15}$")
    product: Product
    tick_size: float = Field(gt=0)
    multiplier: float = Field(gt=0, description="USD per point")
    exchange: str
    book_levels: int = Field(ge=1, le=10)
    calendar: CalendarProfile
    futures: FuturesProfile | None = None
    options: OptionsProfile | None = None
    equity_symbol: str | None = None
    rates: tuple[RateStep, ...]
    bands: BandsProfile
    barrier: BarrierProfile = BarrierProfile()
    quality: QualityProfile
    warmup_sessions: int = 3
    calibration_sessions: int = 20

    @model_validator(mode="after")
    def _product_facts(self) -> InstrumentProfile:
        if self.product == "futures" and self.futures is None:
            raise ValueError("product 'futures' needs the block 'futures'")
        if self.product == "equities" and not self.equity_symbol:
            raise ValueError("product 'equities' needs 'equity_symbol'")
        return self

    def rate_on(self, day: date) -> float:
        """The risk-free rate in force on `day`; a date before the first step is an error."""
        known = [step for step in self.rates if step.valid_from <= day]
        if not known:
            first = min(step.valid_from for step in self.rates)
            raise ValueError(
                f"{self.instrument}: no rate on {day}; the first is valid from {first}"
            )
        return max(known, key=lambda step: step.valid_from).rate
