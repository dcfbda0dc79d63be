"""Contracts of levels and of the entries of price into their zones, and of thresholds (01, 02).

Work tables, see `work_market`. Prices are points.
"""

from __future__ import annotations

from spymaster_lake.contracts.table import Column, Role, TableContract
from spymaster_lake.contracts.work_columns import DATE, int_column, price_column

LEVELS = TableContract(
    "work/levels",
    "A level price and the interval in which it is the known value.",
    (
        DATE,
        Column("level_kind", "string", "Kind.", Role.KEY, nullable=False),
        Column("level_kind_code", "int8", "Code of the kind.", nullable=False),
        price_column("level_price", "Price."),
        int_column("valid_from_ns", "First instant at which it is known.", "ns", role=Role.KEY),
        int_column("valid_to_ns", "End of validity, exclusive.", "ns"),
    ),
    ("date", "level_kind", "valid_from_ns"),
)

LEVEL_SERIES = TableContract(
    "work/level_series",
    "The level known at the start of each one-minute bar of the event window; null while not valid.",
    (
        DATE,
        int_column("bar_start_ns", "Start of the bar.", "ns", role=Role.KEY),
        Column("level_kind", "string", "Kind.", Role.KEY, nullable=False),
        price_column("level_price", "Price; null while not valid.", nullable=True),
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
    int_column("anchor_ts_ns", "End of the entry bar: the instant the event is knowable.", "ns"),
    int_column("bar_start_ns", "Start of the entry bar.", "ns"),
    int_column(
        "first_touch_ts_ns",
        "First print of the bar inside the zone; null if none prints there.",
        "ns",
        nullable=True,
    ),
    price_column("level_price", "Level known at the bar's start."),
    price_column("spot", "Last trade before the anchor."),
    price_column("zone_half_width", "Half width of the zone."),
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
        int_column("cluster_start_ns", "First print.", "ns", role=Role.KEY),
        int_column("size", "Summed size.", "contracts"),
        Column("side", "int8", "+1 buys, -1 sells.", nullable=False),
        int_column("n_ticks", "Distinct prices.", type_="int32"),
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
        int_column("n", "Rows it was computed from."),
        Column("first_date", "date", "Earliest session read; null if none."),
        Column("last_date", "date", "Latest session read; always before `date`."),
    ),
    ("date", "name"),
)
