"""Columns and codes of Polygon's flat files."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

_TEXT = pa.dictionary(pa.int32(), pa.string())
_STOCK_TRADES: Mapping[str, pa.DataType] = {
    "ticker": _TEXT, "conditions": _TEXT, "correction": _TEXT, "exchange": _TEXT,
    "participant_timestamp": pa.int64(), "price": pa.float64(), "sequence_number": pa.int64(),
    "sip_timestamp": pa.int64(), "size": pa.float64(),
}  # fmt: skip
_STOCK_QUOTES: Mapping[str, pa.DataType] = {
    "ticker": _TEXT, "ask_exchange": _TEXT, "ask_price": pa.float64(), "ask_size": pa.float64(),
    "bid_exchange": _TEXT, "bid_price": pa.float64(), "bid_size": pa.float64(),
    "conditions": _TEXT, "participant_timestamp": pa.int64(), "sequence_number": pa.int64(),
    "sip_timestamp": pa.int64(),
}  # fmt: skip
_OPTION_TRADES: Mapping[str, pa.DataType] = {
    "ticker": _TEXT, "conditions": _TEXT, "correction": _TEXT, "exchange": _TEXT,
    "price": pa.float64(), "sip_timestamp": pa.int64(), "size": pa.float64(),
}  # fmt: skip
LAYOUTS: Mapping[str, Mapping[str, pa.DataType]] = {
    "stock trades": _STOCK_TRADES,
    "stock quotes": _STOCK_QUOTES,
    "option trades": _OPTION_TRADES,
}

CANCELS = {"10", "11", "12"}
"""Corrections that are no print: cancel, error and correction records. A print that such a record
cancels later stays what it was when it was published: nobody could know."""

EXCHANGES: Mapping[str, str] = {
    "1": "A", "2": "B", "3": "C", "4": "D", "6": "I", "7": "J", "8": "K", "9": "M", "10": "N",
    "11": "P", "12": "Q", "14": "L", "15": "V", "16": "W", "17": "X", "18": "Y", "19": "Z",
    "20": "H", "21": "U",
}  # fmt: skip
"""Polygon's exchange numbers as letters of the tape; a number that is not here stays a number."""
