"""Contracts of a session's market: its bounds, prints and book, as compact exact tables (00 section 3).

Work tables are what one feature_engineering stage hands to the next. They lie under
`silver/{instrument}/feature_engineering/version=…/work/{name}`, partitioned by date. Prices of
prints and book levels are integers in ticks of the profile, so sums stay exact (08 A31).
"""

from __future__ import annotations

from spymaster_lake.contracts.table import Column, Role, TableContract
from spymaster_lake.contracts.work_columns import DATE, int_column

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
        int_column("open_ns", "Regular open.", "ns"),
        int_column("close_ns", "Regular or early close.", "ns"),
        int_column("n_trades", "Trades that count for price.", "1"),
        int_column(
            "n_volume_only", "Prints that count for volume only; no later table has them.", "1"
        ),
        int_column("n_book_updates", "Collapsed book states in the book window.", "1"),
        int_column("n_crossed", "Collapsed states in regular hours with bid > ask.", "1"),
        int_column(
            "n_missing_minutes", "Minutes without a trade in the bar gate's window (08 A4).", "1"
        ),
        int_column(
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
        int_column("row_in_session", "Ordinal in total order.", role=Role.KEY, type_="int32"),
        int_column("ts_event_ns", "Event time.", "ns"),
        int_column("price_ticks", "Price.", "ticks", type_="int32"),
        int_column("size", "Contracts.", "contracts", type_="int32"),
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
                int_column(
                    f"{side}_ticks_{i}",
                    f"{side} price {i}; null where absent.",
                    "ticks",
                    nullable=True,
                    type_="int32",
                )
            )
            columns.append(
                int_column(
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
        int_column("second_ns", "Grid instant tau.", "ns", role=Role.KEY),
        int_column(
            "state_ts_ns", "Event time of the state; null before the first.", "ns", nullable=True
        ),
        int_column("n_updates", "Collapsed states in [tau - 1 s, tau).", type_="int32"),
        int_column("first_ts_ns", "First of them; null if none.", "ns", nullable=True),
        int_column("last_ts_ns", "Last of them; null if none.", "ns", nullable=True),
        int_column(
            "ask_common",
            "Largest ask tick visible in both states of a pair ending there; null if no pair.",
            "ticks",
            nullable=True,
        ),
        int_column(
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
        int_column("second_ns", "End of the second.", "ns", role=Role.KEY),
        Column("side", "int8", "+1 ask, -1 bid.", Role.KEY, nullable=False, minimum=-1, maximum=1),
        int_column("price_ticks", "Price.", "ticks", role=Role.KEY, type_="int32"),
        int_column("added", "Contracts added.", "contracts", type_="int32"),
        int_column("canceled", "Contracts canceled.", "contracts", type_="int32"),
        int_column("filled", "Contracts filled.", "contracts", type_="int32"),
    ),
    ("date", "second_ns", "side", "price_ticks"),
    may_be_empty=True,
)

OFI_SECONDS = TableContract(
    "work/ofi_seconds",
    "Best-level order-flow imbalance per second and mid price (02 N-11a).",
    (
        DATE,
        int_column("second_ns", "End of the second.", "ns", role=Role.KEY),
        int_column(
            "mid_half_ticks",
            "Best bid + best ask; null if a side is empty.",
            "half ticks",
            role=Role.CONTEXT,
            nullable=True,
        ),
        int_column("ofi", "Sum of e over the updates.", "contracts"),
        int_column("n_updates", "Updates.", type_="int32"),
    ),
    ("date", "second_ns"),
    may_be_empty=True,
    properties={"unique_keys": "false"},
)
