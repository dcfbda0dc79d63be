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
    """Facts about the options on the instrument.

    `style` and `pricing` are facts for whoever computes Greeks: American options are priced as
    European ones, which is exact for calls without a dividend before expiry and close for 0DTE.
    """

    underlying: str = Field(description="partition value `underlying=`")
    root_pattern: str | None = Field(
        default=None, description="regular expression of option roots; None: the underlying only"
    )
    multiplier: float
    strike_step: float
    expiry_time: time = Field(description="fallback expiry clock where no definition gives one")
    call_sign: int = 1
    put_sign: int = -1
    style: Literal["european", "american"] = "european"
    pricing: Literal["black76", "black_scholes"] = Field(
        default="black76",
        description="black76: on the option's own future; black_scholes: on spot, with dividends",
    )


class RateStep(FrozenModel):
    """A risk-free rate and the first date on which it applies (08 A20)."""

    valid_from: date
    rate: float


class DividendStep(FrozenModel):
    """A cash dividend and the first date on which a share trades without it."""

    ex_date: date
    amount: float = Field(gt=0, description="per share, points, on the price basis of ex_date")


class SplitStep(FrozenModel):
    """A split, or a spin-off that vendors treat as one: `new` shares replace `old` from ex_date."""

    ex_date: date
    new: float = Field(gt=0)
    old: float = Field(gt=0)


class CorporateActionsProfile(FrozenModel):
    """Dated changes of the price basis (issue: levels never mix prices of different bases).

    `max_step` guards the table itself: a factor between the last price of one session and the first
    of the next, after known splits, beyond [1 / max_step, max_step] means that the table lacks a
    split (or that the vendor's files are adjusted already).
    """

    splits: tuple[SplitStep, ...] = ()
    dividends: tuple[DividendStep, ...] = ()
    max_step: float = Field(default=1.4, gt=1)

    @model_validator(mode="after")
    def _dated_once(self) -> CorporateActionsProfile:
        for name, days in (
            ("splits", [s.ex_date for s in self.splits]),
            ("dividends", [d.ex_date for d in self.dividends]),
        ):
            if sorted(set(days)) != days:
                raise ValueError(f"{name}: ex_date must be given once each, oldest first")
        return self


class LotStep(FrozenModel):
    """Shares in one unit of the vendor's quote size, and the first date on which it applies."""

    valid_from: date
    shares: int = Field(ge=1)


class BookProfile(FrozenModel):
    """Where the visible book comes from, and what makes quotes unusable.

    With `mbp10` the book is the exchange's own, `book_levels` deep. With `quotes` it is the national
    best bid and offer: one visible level a side, so 02's visibility rules leave null whatever needs
    more. The bounds below are for quotes; ingest refuses or flags a day that breaks them.
    """

    source: Literal["mbp10", "quotes"] = "mbp10"
    quote_rows: Literal["auto", "national", "exchange"] = Field(
        default="auto",
        description="national: each row is the best bid or offer of the tape, the exchange says "
        "whose; exchange: each row is that exchange's own quote, best is over all; auto: national "
        "if the file comes in bid and offer pairs that name two exchanges",
    )
    exchange_quote_max_age_seconds: float | None = Field(
        default=None, gt=0, description="with `exchange`: an older quote no longer counts"
    )
    quote_lots: tuple[LotStep, ...] = Field(
        default=(
            LotStep(valid_from=date(1970, 1, 1), shares=100),
            LotStep(valid_from=date(2025, 11, 3), shares=1),
        ),
        description="of vendors that count quote sizes in round lots; in shares since that date",
    )
    max_crossed_seconds: float = Field(
        default=60.0, ge=0, description="longest run of a crossed quote in regular hours"
    )
    max_one_sided_seconds: float = Field(
        default=60.0, ge=0, description="longest run without bid or offer in regular hours"
    )
    max_trade_distance: float = Field(
        default=0.01, gt=0, description="of a regular print from the quote, share of its price"
    )
    max_off_quote_share: float = Field(
        default=0.01, ge=0, description="of regular prints farther off, in regular hours"
    )
    on_bad_quotes: Literal["refuse", "flag"] = "refuse"
    tape_close_grace_seconds: float = Field(
        default=60.0, ge=0, description="the tape flushes its last records after session_end"
    )


class BandsProfile(FrozenModel):
    """Widths in points and windows in seconds of the feature definitions (02 section 0.3).

    Without `reference_price` the widths are fixed points. With it they are those of a share at that
    price and follow the price: at price P a width w is w P / reference_price, rounded to whole
    ticks, at least one (`InstrumentProfile.at_price`). The zone's half width is the larger of
    `zone_half_width` and `zone_atr_fraction` times the one-minute ATR at the event in either case.
    """

    reference_price: float | None = Field(default=None, gt=0)
    zone_half_width: float
    zone_atr_fraction: float
    barrier_zone: float
    tape_band: float
    touch_band: float
    near_level_band: float
    fuel_strike_range: float
    attempt_cluster_points: float
    attempt_cluster_seconds: int = 900
    full_speed: float = Field(
        gt=0, description="points per minute of a fast approach (emission weight)"
    )
    stacking: tuple[float, float, float] = Field(
        description="bands of level_stacking_{2,5,10}pt, points"
    )

    def at_price(self, price: float, *, tick: float) -> BandsProfile:
        """The widths in points at `price`; fixed widths are returned as they are.

        Args:
            price: close of the session before, on the session's own price basis; points, positive.
            tick: price step, points.
        """
        if self.reference_price is None:
            return self
        if not price > 0:
            raise ValueError(f"bands follow the price, which must be positive; found {price!r}")
        scale = price / self.reference_price

        def wide(points: float) -> float:
            return round(max(1, round(points * scale / tick)) * tick, 10)

        names = (
            "zone_half_width", "barrier_zone", "tape_band", "touch_band", "near_level_band",
            "fuel_strike_range", "attempt_cluster_points",
        )  # fmt: skip
        return self.model_copy(
            update={
                **{name: wide(getattr(self, name)) for name in names},
                "stacking": tuple(wide(w) for w in self.stacking),
                "full_speed": self.full_speed * scale,
                "reference_price": None,
            }
        )


class BarrierProfile(FrozenModel):
    """Thresholds of the barrier state machine (02 N-7c), in contracts or ratios."""

    delta_threshold: float
    vacuum_ratio: float = 0.3
    wall_ratio: float = 1.5
    weak_depth: float
    min_coverage: float = 0.25


class SimulationProfile(FrozenModel):
    """What a simulated market of the instrument looks like; no feature ever reads it."""

    price: float = Field(gt=0, description="level to which the price reverts, points")
    session_variance: float = Field(
        gt=0, description="variance of an average session's move, points squared"
    )
    gap: float = Field(ge=0, description="standard deviation of the jump between sessions, points")
    reversion: float = Field(
        gt=0, lt=1, description="share of the distance to `price` undone in a session"
    )
    contract_basis: float = Field(
        default=0.0, description="price of a quarterly contract above the one before it, points"
    )
    basis_month: date | None = Field(
        default=None, description="a day in the expiry month of the contract that trades at `price`"
    )
    vendor_dataset: str = Field(default="", description="as written into the files' headers")
    option_volatility: float | None = Field(
        default=None, gt=0, description="at the money, per root year; None: that of the sessions"
    )
    option_tick: float | None = Field(default=None, gt=0, description="None: the share's tick")
    option_roots: dict[int, str] = Field(
        default_factory=dict,
        description="root of the options expiring on a weekday (1 is Monday), with {week} of month",
    )


class QualityProfile(FrozenModel):
    """Bounds of 08 A16: the fatal ones gate a session, the others warn in stage.json."""

    price_min: float
    price_max: float
    max_missing_minutes: int = Field(description="of [04:00, min(12:46, early close))")
    min_premarket_minutes: int = Field(
        default=0, description="minutes with a print in [04:00, 09:30), at least"
    )
    max_missing_regular_minutes: int | None = Field(
        default=None, description="of [09:30, min(12:46, early close)); None: no bound of its own"
    )
    max_crossed_share: float = 0.001
    max_rejected_events: int = 2
    max_rejected_share: float = Field(
        default=0.10,
        description="of a session's events that have no episode; thin pre-markets leave the average "
        "range, and so the first trajectories, unknown",
    )
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
    book: BookProfile = BookProfile()
    corporate_actions: CorporateActionsProfile = CorporateActionsProfile()
    rates: tuple[RateStep, ...]
    bands: BandsProfile
    barrier: BarrierProfile
    quality: QualityProfile
    simulation: SimulationProfile | None = Field(
        default=None, description="None: a share's market follows from its price and its ATR"
    )
    warmup_sessions: int = 3
    calibration_sessions: int = 20

    @model_validator(mode="after")
    def _product_facts(self) -> InstrumentProfile:
        if self.product == "futures" and self.futures is None:
            raise ValueError("product 'futures' needs the block 'futures'")
        if self.product == "equities" and not self.equity_symbol:
            raise ValueError("product 'equities' needs 'equity_symbol'")
        if self.book.source == "quotes" and self.book_levels != 1:
            raise ValueError("book source 'quotes' shows one level a side: book_levels must be 1")
        return self

    def at_price(self, price: float) -> InstrumentProfile:
        """The profile with every width in points for a session that follows a close at `price`.

        Instruments of fixed widths (no `bands.reference_price`) are returned as they are. The
        plausible distance scales with the widths.
        """
        if self.bands.reference_price is None:
            return self
        distance = self.quality.max_distance_points
        scaled = None if distance is None else distance * price / self.bands.reference_price
        quality = self.quality.model_copy(update={"max_distance_points": scaled})
        bands = self.bands.at_price(price, tick=self.tick_size)
        return self.model_copy(update={"bands": bands, "quality": quality})

    def dividends_after(self, day: date, until: date) -> tuple[DividendStep, ...]:
        """Cash dividends with ex-date in (day, until], oldest first."""
        steps = self.corporate_actions.dividends
        return tuple(step for step in steps if day < step.ex_date <= until)

    def rate_on(self, day: date) -> float:
        """The risk-free rate in force on `day`; a date before the first step is an error."""
        known = [step for step in self.rates if step.valid_from <= day]
        if not known:
            first = min(step.valid_from for step in self.rates)
            raise ValueError(
                f"{self.instrument}: no rate on {day}; the first is valid from {first}"
            )
        return max(known, key=lambda step: step.valid_from).rate
