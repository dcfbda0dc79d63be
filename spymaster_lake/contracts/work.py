"""Contracts of the work tables: what one feature_engineering stage hands to the next (00 section 3).

They lie under `silver/{instrument}/feature_engineering/version=…/work/{name}`, partitioned by date.
Prices of trades and book levels are integers in ticks of the profile (sums stay exact, 08 A31);
prices of bars and levels are points.
"""

from __future__ import annotations

from spymaster_lake.contracts.table import Column, Role, TableContract

DATE = Column("date", "date", "Session date (exchange trade date).", Role.KEY, nullable=False)


def _int(
    name: str,
    doc: str,
    unit: str = "1",
    *,
    role: Role = Role.CONTEXT,
    nullable: bool = False,
    type_: str = "int64",
) -> Column:
    return Column(name, type_, doc, role, unit, nullable=nullable)


def _price(name: str, doc: str, *, nullable: bool = False) -> Column:
    return Column(name, "double", doc, Role.CONTEXT, "pt", nullable=nullable)


SESSIONS = TableContract(
    "work/sessions",
    "One session: its front contract, its bounds and what the quality gates measured.",
    (
        DATE,
        Column(
            "contract",
            "string",
            "Front-month contract, chosen from the previous session; the symbol of a share.",
            nullable=False,
        ),
        Column(
            "dominance",
            "double",
            "Its share of the previous session's volume; null by calendar rule, and for a share.",
            minimum=0,
            maximum=1,
        ),
        Column("runner_up", "string", "Second contract by the same volume; null if none."),
        Column(
            "runner_up_ratio",
            "double",
            "The runner-up's share of the same volume; null if none.",
            minimum=0,
            maximum=1,
        ),
        Column(
            "roll_contaminated",
            "bool",
            "Dominance below the minimum inside the roll window.",
            nullable=False,
        ),
        Column(
            "reference_price",
            "double",
            "Last regular price of the session before, on this session's price basis: what widths "
            "follow; null where they are fixed.",
            unit="pt",
        ),
        _int("open_ns", "Regular open.", "ns"),
        _int("close_ns", "Regular or early close.", "ns"),
        _int("n_trades", "Trades that count for price.", "1"),
        _int("n_volume_only", "Prints that count for volume only; no later table has them.", "1"),
        _int("n_book_updates", "Collapsed book states in the book window.", "1"),
        _int("n_crossed", "Collapsed states in regular hours with bid > ask.", "1"),
        _int("n_missing_minutes", "Minutes without a trade in the bar gate's window (08 A4).", "1"),
        _int(
            "n_equal_rows",
            "Trades equal to their predecessor in time, sequence, price and size (08 A6).",
            "1",
        ),
        Column(
            "has_options",
            "bool",
            "Option trades and definitions exist for the session.",
            nullable=False,
        ),
        Column(
            "has_open_interest",
            "bool",
            "Open interest was published before the open.",
            nullable=False,
        ),
    ),
    ("date",),
)

TRADES = TableContract(
    "work/trades",
    "One print of the front contract, in total order (row_in_session).",
    (
        DATE,
        _int("row_in_session", "Ordinal in total order.", role=Role.KEY, type_="int32"),
        _int("ts_event_ns", "Event time.", "ns"),
        _int("price_ticks", "Price.", "ticks", type_="int32"),
        _int("size", "Contracts.", "contracts", type_="int32"),
        Column(
            "aggressor", "int8", "+1 buy, -1 sell, 0 none.", nullable=False, minimum=-1, maximum=1
        ),
    ),
    ("date", "row_in_session"),
)


BOOK_DEPTH = 10
"""Price levels a side of work/book_seconds; a feed that shows fewer leaves the others absent."""


def _book_levels(depth: int) -> tuple[Column, ...]:
    columns = []
    for side in ("bid", "ask"):
        for i in range(1, depth + 1):
            columns.append(
                _int(
                    f"{side}_ticks_{i}",
                    f"{side} price {i}; null where absent.",
                    "ticks",
                    nullable=True,
                    type_="int32",
                )
            )
            columns.append(
                _int(
                    f"{side}_size_{i}",
                    f"{side} size {i}; 0 where absent.",
                    "contracts",
                    type_="int32",
                )
            )
    return tuple(columns)


BOOK_SECONDS = TableContract(
    "work/book_seconds",
    "The last book state strictly before each whole second of the book window (08 A10).",
    (
        DATE,
        _int("second_ns", "Grid instant tau.", "ns", role=Role.KEY),
        _int("state_ts_ns", "Event time of the state; null before the first.", "ns", nullable=True),
        _int("n_updates", "Collapsed states in [tau - 1 s, tau).", type_="int32"),
        _int("first_ts_ns", "First of them; null if none.", "ns", nullable=True),
        _int("last_ts_ns", "Last of them; null if none.", "ns", nullable=True),
        _int(
            "ask_common",
            "Largest ask tick visible in both states of a pair ending there; null if no pair.",
            "ticks",
            nullable=True,
        ),
        _int(
            "bid_common",
            "Smallest bid tick visible in both states of a pair ending there; null if no pair.",
            "ticks",
            nullable=True,
        ),
        *_book_levels(BOOK_DEPTH),
    ),
    ("date", "second_ns"),
)

FLOW_SECONDS = TableContract(
    "work/flow_seconds",
    "Book flow per second, side and price: exact for windows of whole seconds (08 A11, A12).",
    (
        DATE,
        _int("second_ns", "End of the second.", "ns", role=Role.KEY),
        Column("side", "int8", "+1 ask, -1 bid.", Role.KEY, nullable=False, minimum=-1, maximum=1),
        _int("price_ticks", "Price.", "ticks", role=Role.KEY, type_="int32"),
        _int("added", "Contracts added.", "contracts", type_="int32"),
        _int("canceled", "Contracts canceled.", "contracts", type_="int32"),
        _int("filled", "Contracts filled.", "contracts", type_="int32"),
    ),
    ("date", "second_ns", "side", "price_ticks"),
    may_be_empty=True,
)

OFI_SECONDS = TableContract(
    "work/ofi_seconds",
    "Best-level order-flow imbalance per second and mid price (02 N-11a).",
    (
        DATE,
        _int("second_ns", "End of the second.", "ns", role=Role.KEY),
        _int(
            "mid_half_ticks",
            "Best bid + best ask; null if a side is empty.",
            "half ticks",
            role=Role.CONTEXT,
            nullable=True,
        ),
        _int("ofi", "Sum of e over the updates.", "contracts"),
        _int("n_updates", "Updates.", type_="int32"),
    ),
    ("date", "second_ns"),
    may_be_empty=True,
    properties={"unique_keys": "false"},
)

OPTION_TRADES = TableContract(
    "work/option_trades",
    "One option print of the session, joined to its definition, in total order.",
    (
        DATE,
        _int("row_in_session", "Ordinal in total order.", role=Role.KEY, type_="int32"),
        _int("ts_event_ns", "Event time.", "ns"),
        Column("option_symbol", "string", "Raw vendor symbol.", nullable=False),
        Column("underlying_contract", "string", "Future it exercises into.", nullable=False),
        _price("strike", "Strike."),
        Column("right", "string", "C or P.", nullable=False, allowed=("C", "P")),
        _int("expiry_ts_ns", "Expiration instant.", "ns"),
        _price("price", "Premium."),
        _int("size", "Contracts.", "contracts", type_="int32"),
        Column(
            "aggressor", "int8", "+1 buy, -1 sell, 0 none.", nullable=False, minimum=-1, maximum=1
        ),
    ),
    ("date", "row_in_session"),
    may_be_empty=True,
)

OPTION_CONTRACTS = TableContract(
    "work/option_contracts",
    "One option contract defined for the session, with its first definition time.",
    (
        DATE,
        Column("option_symbol", "string", "Raw vendor symbol.", Role.KEY, nullable=False),
        Column("underlying_contract", "string", "Future it exercises into.", nullable=False),
        _price("strike", "Strike."),
        Column("right", "string", "C or P.", nullable=False, allowed=("C", "P")),
        _int("expiry_ts_ns", "Expiration instant.", "ns"),
        _int(
            "listed_ts_ns", "Time of the first definition; later instants know the contract.", "ns"
        ),
        Column("expires_today", "bool", "Expiry falls on the session date.", nullable=False),
    ),
    ("date", "option_symbol"),
    may_be_empty=True,
)

OPEN_INTEREST = TableContract(
    "work/open_interest",
    "One open-interest publication of the session.",
    (
        DATE,
        _int("row_in_session", "Ordinal in total order.", role=Role.KEY, type_="int32"),
        _int("ts_event_ns", "Publication time.", "ns"),
        Column("option_symbol", "string", "Raw vendor symbol.", nullable=False),
        _int("open_interest", "Contracts.", "contracts"),
    ),
    ("date", "row_in_session"),
    may_be_empty=True,
)


def _bars(width: str, *extra: Column) -> TableContract:
    return TableContract(
        f"work/bars_{width}",
        f"Trade bars of {width}, labelled by start, known at end; bars without a trade are absent.",
        (
            DATE,
            _int("bar_start_ns", "Start.", "ns", role=Role.KEY),
            _int("bar_end_ns", "End.", "ns"),
            _int("close_ts_ns", "Event time of the closing trade.", "ns"),
            _price("open", "First price."),
            _price("high", "Highest price."),
            _price("low", "Lowest price."),
            _price("close", "Last price."),
            _int("volume", "Contracts.", "contracts"),
            _int("n_trades", "Prints."),
            _int("buy_vol", "Contracts bought by the aggressor.", "contracts"),
            _int("sell_vol", "Contracts sold by the aggressor.", "contracts"),
            *extra,
        ),
        ("date", "bar_start_ns"),
    )


BARS_10S = _bars("10s")
BARS_1MIN = _bars(
    "1min", Column("atr_14", "double", "Mean of exactly 14 true ranges; null before.", unit="pt")
)
BARS_2MIN = _bars(
    "2min",
    Column(
        "bar_session_date",
        "date",
        "Session the bar belongs to; warm-up bars precede `date`.",
        nullable=False,
    ),
    Column(
        "sma_90", "double", "Mean of 90 closes, known at bar_end; null before 90 bars.", unit="pt"
    ),
    Column(
        "ema_20",
        "double",
        "Exponential mean, span 20, from the first warm-up bar.",
        unit="pt",
        nullable=False,
    ),
)

OPTION_GREEKS = TableContract(
    "work/option_trades_greeks",
    "Option prints with implied volatility and Greeks at trade time (02 N-8).",
    (
        *OPTION_TRADES.columns,
        _price(
            "underlying_px",
            "Last trade of the own underlying before the print, at most 5 s old.",
            nullable=True,
        ),
        _int("underlying_ts_ns", "Its event time.", "ns", nullable=True),
        Column("t_years", "double", "Years to expiry, ACT/365.", unit="years"),
        Column("iv", "double", "Implied volatility of the print.", unit="1/sqrt(year)"),
        Column("iv_status", "string", "OK or why iv is null.", nullable=False),
        Column("delta", "double", "Black-76 delta."),
        Column("gamma", "double", "Black-76 gamma.", unit="1/pt"),
        Column("vega", "double", "Vega per volatility point.", unit="pt"),
        Column(
            "dealer_gamma_usd", "double", "-aggressor * size * gamma * multiplier.", unit="USD/pt^2"
        ),
    ),
    ("date", "row_in_session"),
    may_be_empty=True,
)

UNDERLYING_SECONDS = TableContract(
    "work/underlying_seconds",
    "The last print of each second of every future that today's options exercise into.",
    (
        DATE,
        Column("contract", "string", "Futures contract.", Role.KEY, nullable=False),
        _int("ts_event_ns", "Event time of the print.", "ns", role=Role.KEY),
        _int("price_ticks", "Price.", "ticks", type_="int32"),
    ),
    ("date", "contract", "ts_event_ns"),
    may_be_empty=True,
)

LEVELS = TableContract(
    "work/levels",
    "A level price and the interval in which it is the known value.",
    (
        DATE,
        Column("level_kind", "string", "Kind.", Role.KEY, nullable=False),
        Column("level_kind_code", "int8", "Code of the kind.", nullable=False),
        _price("level_price", "Price."),
        _int("valid_from_ns", "First instant at which it is known.", "ns", role=Role.KEY),
        _int("valid_to_ns", "End of validity, exclusive.", "ns"),
    ),
    ("date", "level_kind", "valid_from_ns"),
)

LEVEL_SERIES = TableContract(
    "work/level_series",
    "The level known at the start of each one-minute bar of the event window; null while not valid.",
    (
        DATE,
        _int("bar_start_ns", "Start of the bar.", "ns", role=Role.KEY),
        Column("level_kind", "string", "Kind.", Role.KEY, nullable=False),
        _price("level_price", "Price; null while not valid.", nullable=True),
    ),
    ("date", "bar_start_ns", "level_kind"),
)

EVENT_COLUMNS: tuple[Column, ...] = (
    Column(
        "event_id",
        "string",
        "{date}_{kind}_{hundredths}_{anchor}_{direction}.",
        Role.KEY,
        nullable=False,
    ),
    DATE,
    Column("contract", "string", "Front contract.", nullable=False),
    Column("level_kind", "string", "Kind of the level.", nullable=False),
    Column("level_kind_code", "int8", "Code of the kind.", nullable=False),
    Column(
        "direction",
        "string",
        "UP from below, DOWN from above.",
        nullable=False,
        allowed=("UP", "DOWN"),
    ),
    _int("anchor_ts_ns", "End of the entry bar: the instant the event is knowable.", "ns"),
    _int("bar_start_ns", "Start of the entry bar.", "ns"),
    _int(
        "first_touch_ts_ns",
        "First print of the bar inside the zone; null if none prints there.",
        "ns",
        nullable=True,
    ),
    _price("level_price", "Level known at the bar's start."),
    _price("spot", "Last trade before the anchor."),
    _price("zone_half_width", "Half width of the zone."),
    Column(
        "colocated_kinds", "array<string>", "Other kinds valid at the same price.", nullable=False
    ),
    Column(
        "roll_contaminated", "bool", "The session's front month is contaminated.", nullable=False
    ),
    Column(
        "atr",
        "double",
        "Mean of the last 14 true ranges known at the anchor.",
        unit="pt",
        nullable=False,
    ),
)

EVENTS = TableContract(
    "work/events", "One zone entry.", EVENT_COLUMNS, ("event_id",), may_be_empty=True
)

SWEEP_CLUSTERS = TableContract(
    "work/sweep_clusters",
    "A single-sided cluster of prints in an event's tape window (02 N-7f, 08 A27).",
    (
        DATE,
        Column("event_id", "string", "Event.", Role.KEY, nullable=False),
        _int("cluster_start_ns", "First print.", "ns", role=Role.KEY),
        _int("size", "Summed size.", "contracts"),
        Column("side", "int8", "+1 buys, -1 sells.", nullable=False),
        _int("n_ticks", "Distinct prices.", type_="int32"),
    ),
    ("event_id", "cluster_start_ns"),
    may_be_empty=True,
)

CALIBRATION = TableContract(
    "work/calibration",
    "A threshold in force on a date, from the sessions before it (08 A14).",
    (
        DATE,
        Column(
            "name",
            "string",
            "theta, q or beta.",
            Role.KEY,
            nullable=False,
            allowed=("theta", "q", "beta"),
        ),
        Column("value", "double", "Value; null until enough sessions exist."),
        _int("n", "Rows it was computed from."),
        Column("first_date", "date", "Earliest session read; null if none."),
        Column("last_date", "date", "Latest session read; always before `date`."),
    ),
    ("date", "name"),
)
