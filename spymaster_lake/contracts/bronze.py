"""Bronze contracts (01 section 1, 05 A, 08 A6): normalised vendor ticks, nothing computed.

Physical layout (00 section 3): Parquet, zstd, partitions `contract=` (futures), `underlying=`
(options) or `symbol=` (equities), then `date=`/`hour=`: the UTC date and hour of the event time, of
the receive time for snapshot rows. Partition keys are not stored in the files. The identity of a
row is (src_file, src_row); total order is (ts_event_ns, seq, src_file, src_row).
"""

from __future__ import annotations

from dataclasses import replace

from spymaster_lake.contracts.table import Column, Role, TableContract

_ORDER = (
    Column("ts_event_ns", "int64", "Event time at the exchange.", Role.KEY, "ns", nullable=False),
    Column(
        "ts_recv_ns", "int64", "Receive time at the vendor.", Role.CONTEXT, "ns", nullable=False
    ),
    Column("seq", "int64", "Vendor packet sequence; repeats inside a packet.", nullable=False),
    Column(
        "src_file",
        "string",
        "First 16 hex digits of the sha256 of the raw file.",
        Role.KEY,
        nullable=False,
    ),
    Column("src_row", "int64", "Ordinal of the record in the raw file.", Role.KEY, nullable=False),
    Column("source", "string", "Vendor dataset, as the file names it.", nullable=False),
)
_KEYS = ("src_file", "src_row")

_AGGRESSOR = Column(
    "aggressor",
    "int8",
    "Aggressor: +1 buy (vendor side B), -1 sell (A), 0 none (N).",
    nullable=False,
    minimum=-1,
    maximum=1,
)

FUTURES_TRADES = TableContract(
    "trades",
    "One print of an outright futures contract.",
    (
        *_ORDER,
        Column(
            "symbol",
            "string",
            "Outright contract code, equal to partition `contract`.",
            nullable=False,
        ),
        Column("price", "double", "Price.", unit="pt", nullable=False),
        Column("size", "int32", "Contracts.", unit="contracts", nullable=False, minimum=1),
        _AGGRESSOR,
        Column("exchange", "string", "Exchange code of the profile.", nullable=False),
    ),
    _KEYS,
)


def _levels(depth: int) -> tuple[Column, ...]:
    columns = []
    for i in range(1, depth + 1):
        for side in ("bid", "ask"):
            columns += [
                Column(
                    f"{side}_px_{i}", "double", f"{side} price {i}; null where absent.", unit="pt"
                ),
                Column(
                    f"{side}_sz_{i}",
                    "int32",
                    f"{side} size {i}; 0 where absent.",
                    unit="contracts",
                    nullable=False,
                    minimum=0,
                ),
            ]
    return tuple(columns)


FUTURES_MBP10 = TableContract(
    "mbp10",
    "The full ten-level book after one book event (not a delta).",
    (
        *_ORDER,
        Column(
            "symbol",
            "string",
            "Outright contract code, equal to partition `contract`.",
            nullable=False,
        ),
        Column(
            "is_snapshot",
            "bool",
            "Vendor flag 32; never enters event-time features (08 A13).",
            nullable=False,
        ),
        Column(
            "is_last",
            "bool",
            "Vendor flag 128: the event ends here; other rows are no state.",
            nullable=False,
        ),
        *_levels(10),
    ),
    _KEYS,
)

_OPTION = (
    Column("instrument_id", "int64", "Vendor instrument id.", nullable=False),
    Column("option_symbol", "string", "Raw vendor symbol.", nullable=False),
)

OPTIONS_TRADES = TableContract(
    "trades",
    "One print of an option on the instrument.",
    (
        *_ORDER,
        *_OPTION,
        Column(
            "price",
            "double",
            "Premium; strictly positive or zero.",
            unit="pt",
            nullable=False,
            minimum=0,
        ),
        Column("size", "int32", "Contracts.", unit="contracts", nullable=False, minimum=1),
        _AGGRESSOR,
    ),
    _KEYS,
)

OPTIONS_STATISTICS = TableContract(
    "statistics",
    "One open-interest statistic (vendor type 9; other types are not kept).",
    (
        *_ORDER,
        *_OPTION,
        Column(
            "open_interest",
            "int64",
            "Open interest of the previous day.",
            unit="contracts",
            nullable=False,
            minimum=0,
        ),
        Column(
            "ts_ref_ns", "int64", "Reference time of the statistic; null if undefined.", unit="ns"
        ),
    ),
    _KEYS,
)

OPTIONS_DEFINITIONS = TableContract(
    "definitions",
    "One instrument definition of an option.",
    (
        *_ORDER,
        *_OPTION,
        Column(
            "underlying_contract",
            "string",
            "Futures contract it exercises into, root, month letter, year digit.",
            nullable=False,
        ),
        Column("strike", "double", "Strike.", unit="pt", nullable=False, minimum=0),
        Column("right", "string", "C or P.", nullable=False, allowed=("C", "P")),
        Column(
            "expiration_ns",
            "int64",
            "Expiration instant; null if the definition has none.",
            unit="ns",
        ),
    ),
    _KEYS,
)

_TAPE_DOC = {
    "ts_event_ns": "Time on the consolidated tape: when the record became public.",
    "ts_recv_ns": "Equal to ts_event_ns: the tape's time is when the vendor received the record.",
    "seq": "Sequence on the tape; 0 where the vendor gives none (file order decides).",
    "src_row": "Ordinal of the row in the raw file, without its header.",
    "source": "Vendor, such as LEAN or POLYGON.",
}
_TAPE = tuple(replace(c, doc=_TAPE_DOC.get(c.name, c.doc)) for c in _ORDER)
_SYMBOL = Column("symbol", "string", "Ticker, equal to partition `symbol`.", nullable=False)
_CONDITIONS = Column(
    "conditions", "string", "The vendor's condition codes as it wrote them; may be empty.",
    nullable=False,
)  # fmt: skip
_SUSPICIOUS = Column(
    "suspicious", "bool", "The vendor marks the row as suspicious.", nullable=False
)

PRICE_EXCLUSIONS: tuple[str, ...] = (
    "SUSPICIOUS",
    "CONDITION",
    "CORRECTION",
    "OFF_GRID",
    "OFF_QUOTE",
)
"""Why a print does not count for price, in the order in which the reasons are tried."""

EQUITY_TRADES = TableContract(
    "trades",
    "One print of a share on the consolidated tape; `counts_for_price` marks the regular ones.",
    (
        *_TAPE,
        Column("ts_exchange_ns", "int64", "Time at the exchange; null if not given.", unit="ns"),
        _SYMBOL,
        Column("price", "double", "Price as printed, unadjusted.", unit="pt", nullable=False),
        Column("size", "int32", "Shares.", unit="shares", nullable=False, minimum=1),
        replace(_AGGRESSOR, doc="Inferred aggressor: +1 buy, -1 sell, 0 unknown."),
        Column(
            "aggressor_source",
            "string",
            "What gave it: the quote rule, the tick test, or nothing.",
            nullable=False,
            allowed=("quote", "tick", "unknown"),
        ),
        Column("exchange", "string", "Tape code of the exchange, such as N.", nullable=False),
        _CONDITIONS,
        _SUSPICIOUS,
        Column(
            "counts_for_price",
            "bool",
            "A regular print: bars, levels, touches and labels may use its price.",
            nullable=False,
        ),
        Column(
            "counts_for_volume", "bool", "Its shares were traded and count once.", nullable=False
        ),
        Column(
            "price_exclusion",
            "string",
            "First reason why it does not count for price; null if it does.",
            allowed=PRICE_EXCLUSIONS,
        ),
    ),
    _KEYS,
)


def _best(side: str) -> tuple[Column, ...]:
    return (
        Column(f"{side}_px", "double", f"National best {side}; null where absent.", unit="pt"),
        Column(
            f"{side}_sz",
            "int32",
            f"Shares shown at the best {side}; 0 where absent.",
            unit="shares",
            nullable=False,
            minimum=0,
        ),
        Column(f"{side}_exchange", "string", f"Whose quote is the best {side}; null where absent."),
    )


def _own(side: str) -> tuple[Column, ...]:
    return (
        Column(f"exchange_{side}_px", "double", f"That exchange's own {side}.", unit="pt"),
        Column(f"exchange_{side}_sz", "int32", f"Its shares at that {side}.", unit="shares"),
    )


EQUITY_QUOTES = TableContract(
    "quotes",
    "The national best bid and offer after one quote record (not a delta).",
    (
        *_TAPE,
        Column("ts_exchange_ns", "int64", "Time at the exchange; null if not given.", unit="ns"),
        _SYMBOL,
        *_best("bid"),
        *_best("ask"),
        Column("exchange", "string", "Exchange whose quote the row is; null for a whole NBBO."),
        *_own("bid"),
        *_own("ask"),
        _CONDITIONS,
        _SUSPICIOUS,
        Column(
            "is_last",
            "bool",
            "Last row of its time in the file: other rows are no state (08 A10).",
            nullable=False,
        ),
    ),
    _KEYS,
)

BRONZE: dict[tuple[str, str], TableContract] = {
    ("futures", "trades"): FUTURES_TRADES,
    ("futures", "mbp10"): FUTURES_MBP10,
    ("equities", "trades"): EQUITY_TRADES,
    ("equities", "quotes"): EQUITY_QUOTES,
    ("options", "trades"): OPTIONS_TRADES,
    ("options", "statistics"): OPTIONS_STATISTICS,
    ("options", "definitions"): OPTIONS_DEFINITIONS,
}
"""Contracts by (product, dataset)."""

PARTITION_KEY: dict[str, str] = {
    "futures": "contract",
    "options": "underlying",
    "equities": "symbol",
}
"""The partition key before `date=` and `hour=`, by product."""
