"""Contracts of a session's options: prints, contracts, open interest, Greeks (02 N-6, N-8).

Work tables, see `work_market`. Prices are points.
"""

from __future__ import annotations

from spymaster_lake.contracts.table import Column, Role, TableContract
from spymaster_lake.contracts.work_columns import DATE, int_column, price_column

OPTION_TRADES = TableContract(
    "work/option_trades",
    "One option print of the session, joined to its definition, in total order.",
    (
        DATE,
        int_column("row_in_session", "Ordinal in total order.", role=Role.KEY, type_="int32"),
        int_column("ts_event_ns", "Event time.", "ns"),
        Column("option_symbol", "string", "Raw vendor symbol.", nullable=False),
        Column("underlying_contract", "string", "Future it exercises into.", nullable=False),
        price_column("strike", "Strike."),
        Column("right", "string", "C or P.", nullable=False, allowed=("C", "P")),
        int_column("expiry_ts_ns", "Expiration instant.", "ns"),
        price_column("price", "Premium."),
        int_column("size", "Contracts.", "contracts", type_="int32"),
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
        price_column("strike", "Strike."),
        Column("right", "string", "C or P.", nullable=False, allowed=("C", "P")),
        int_column("expiry_ts_ns", "Expiration instant.", "ns"),
        int_column(
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
        int_column("row_in_session", "Ordinal in total order.", role=Role.KEY, type_="int32"),
        int_column("ts_event_ns", "Publication time.", "ns"),
        Column("option_symbol", "string", "Raw vendor symbol.", nullable=False),
        int_column("open_interest", "Contracts.", "contracts"),
    ),
    ("date", "row_in_session"),
    may_be_empty=True,
)


OPTION_GREEKS = TableContract(
    "work/option_trades_greeks",
    "Option prints with implied volatility and Greeks at trade time (02 N-8).",
    (
        *OPTION_TRADES.columns,
        price_column(
            "underlying_px",
            "Last trade of the own underlying before the print, at most 5 s old.",
            nullable=True,
        ),
        int_column("underlying_ts_ns", "Its event time.", "ns", nullable=True),
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
        int_column("ts_event_ns", "Event time of the print.", "ns", role=Role.KEY),
        int_column("price_ticks", "Price.", "ticks", type_="int32"),
    ),
    ("date", "contract", "ts_event_ns"),
    may_be_empty=True,
)
