"""Contracts of a session's bars of 10 s, 1 min and 2 min (01 section 2).

Work tables, see `work_market`. Prices are points.
"""

from __future__ import annotations

from spymaster_lake.contracts.table import Column, Role, TableContract
from spymaster_lake.contracts.work_columns import DATE, int_column, price_column


def _bars(width: str, *extra: Column) -> TableContract:
    return TableContract(
        f"work/bars_{width}",
        f"Trade bars of {width}, labelled by start, known at end; bars without a trade are absent.",
        (
            DATE,
            int_column("bar_start_ns", "Start.", "ns", role=Role.KEY),
            int_column("bar_end_ns", "End.", "ns"),
            int_column("close_ts_ns", "Event time of the closing trade.", "ns"),
            price_column("open", "First price."),
            price_column("high", "Highest price."),
            price_column("low", "Lowest price."),
            price_column("close", "Last price."),
            int_column("volume", "Contracts.", "contracts"),
            int_column("n_trades", "Prints."),
            int_column("buy_vol", "Contracts bought by the aggressor.", "contracts"),
            int_column("sell_vol", "Contracts sold by the aggressor.", "contracts"),
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
