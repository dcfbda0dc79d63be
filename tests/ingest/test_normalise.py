"""Vendor records to Bronze columns and reasons, as tables."""

from __future__ import annotations

import numpy as np
import pytest

from spymaster_lake.ingest import normalise
from spymaster_lake.ingest.normalise import Grid
from spymaster_lake.ingest.quarantine import Reason, count_reasons, flag
from tests.ingest.dbn_files import NOON, PX, UNDEFINED_PX, UNDEFINED_TS, records

GRID = Grid(PX // 4)


def reasons_of(batch: normalise.Batch) -> list[str]:
    """Reason names, '' where the row is good."""
    return [Reason(int(r)).name if r else "" for r in batch.reasons]


def test_futures_trades__columns() -> None:
    """Side B is a buy, A a sell, N no aggressor; prices are exact."""
    rows = [
        {"price": 6850 * PX, "side": b"B", "size": 2},
        {"price": 6850 * PX + PX // 4, "side": b"A", "size": 2**31 - 1},
        {"price": PX // 4, "side": b"N", "sequence": 2**32 - 1},
    ]
    batch = normalise.futures_trades(records("trades", rows), GRID)
    assert reasons_of(batch) == ["", "", ""]
    assert batch.columns["price"].to_pylist() == [6850.0, 6850.25, 0.25]
    assert batch.columns["aggressor"].to_pylist() == [1, -1, 0]
    assert batch.columns["size"].to_pylist() == [2, 2**31 - 1, 1]
    assert batch.columns["seq"].to_pylist() == [0, 1, 2**32 - 1]
    assert batch.columns["ts_event_ns"].to_pylist() == [NOON + n * 1_000_000 for n in range(3)]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"price": UNDEFINED_PX}, "UNDEFINED_PRICE"),
        ({"price": 0}, "NON_POSITIVE_PRICE"),
        ({"price": -6850 * PX}, "NON_POSITIVE_PRICE"),
        ({"price": 6850 * PX + PX // 10}, "OFF_TICK"),
        ({"price": 6850 * PX + 1}, "OFF_TICK"),
        ({"size": 0}, "BAD_SIZE"),
        ({"size": 2**31}, "BAD_SIZE"),
        ({"size": 2**32 - 1}, "BAD_SIZE"),
        ({"side": b"X"}, "BAD_SIDE"),
        ({"ts_event": UNDEFINED_TS}, "OUT_OF_BOUNDS_TIME"),
        ({"ts_event": 0}, "OUT_OF_BOUNDS_TIME"),
        ({"ts_recv": UNDEFINED_TS}, "OUT_OF_BOUNDS_TIME"),
        ({"price": 1, "size": 0}, "OFF_TICK"),
        ({"price": UNDEFINED_PX, "size": 0, "ts_event": 5}, "OUT_OF_BOUNDS_TIME"),
    ],
)
def test_futures_trades__reasons(row: dict[str, object], reason: str) -> None:
    """Each defect has its reason; of several the first in the list counts."""
    batch = normalise.futures_trades(records("trades", [{}, row, {}]), GRID)
    assert reasons_of(batch) == ["", reason, ""]


def test_futures_mbp10__absent_levels() -> None:
    """A level is null with size 0 if its price is undefined, zero or absurd, or its size is 0."""
    rows = [
        {},
        {"bid_px_00": UNDEFINED_PX, "bid_sz_00": 0},
        {"bid_px_00": 0, "bid_sz_00": 7},
        {"bid_px_00": -PX, "bid_sz_00": 7},
        {"bid_px_00": 10**18, "bid_sz_00": 7},
        {"bid_px_00": 6850 * PX + 1, "bid_sz_00": 0},
    ]
    batch = normalise.futures_mbp10(records("mbp-10", rows), GRID)
    assert reasons_of(batch) == [""] * 6
    assert batch.columns["bid_px_1"].to_pylist() == [6850.0, None, None, None, None, None]
    assert batch.columns["bid_sz_1"].to_pylist() == [10, 0, 0, 0, 0, 0]
    assert batch.columns["ask_px_10"].to_pylist() == [6852.5] * 6
    assert batch.columns["ask_sz_10"].to_pylist() == [10] * 6


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"ask_px_09": 6853 * PX + 1}, "OFF_TICK"),
        ({"bid_sz_04": 2**31}, "BAD_SIZE"),
        ({"bid_px_00": 6851 * PX}, ""),
        ({"price": UNDEFINED_PX, "size": 0}, ""),
    ],
)
def test_futures_mbp10__reasons(row: dict[str, object], reason: str) -> None:
    """Any level off the grid rejects the row; a crossed book or a price-less action does not."""
    batch = normalise.futures_mbp10(records("mbp-10", [{}, row]), GRID)
    assert reasons_of(batch) == ["", reason]


def test_futures_mbp10__flags() -> None:
    """Flags are bits: 32 snapshot, 128 last; a snapshot row counts at its receive time."""
    yesterday = NOON - 86_400 * PX
    rows = [
        {"flags": flags, "ts_event": yesterday, "ts_recv": NOON} for flags in (0, 32, 128, 168, 130)
    ]
    batch = normalise.futures_mbp10(records("mbp-10", rows), GRID)
    assert batch.columns["is_snapshot"].to_pylist() == [False, True, False, True, False]
    assert batch.columns["is_last"].to_pylist() == [False, False, True, True, True]
    assert batch.when_ns.tolist() == [yesterday, NOON, yesterday, NOON, yesterday]
    assert batch.columns["ts_event_ns"].to_pylist() == [yesterday] * 5


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"price": 0}, ""),
        ({"price": PX // 20}, ""),
        ({"price": -1}, "NEGATIVE_PRICE"),
        ({"price": UNDEFINED_PX}, "UNDEFINED_PRICE"),
        ({"size": 0}, "BAD_SIZE"),
    ],
)
def test_options_trades__reasons(row: dict[str, object], reason: str) -> None:
    """A premium may be zero and need not lie on the future's grid."""
    batch = normalise.options_trades(records("trades", [row]), GRID)
    assert reasons_of(batch) == [reason]


def test_options_statistics__open_interest_only() -> None:
    """Type 9 is open interest; type 3 is a settlement price and is not kept."""
    rows = [
        {"quantity": 1200},
        {"stat_type": 3, "quantity": UNDEFINED_PX},
        {"quantity": 0, "ts_ref": NOON},
        {"quantity": UNDEFINED_PX},
        {"quantity": -1},
        {"update_action": 2},
    ]
    batch = normalise.options_statistics(records("statistics", rows), GRID)
    assert batch.kept is not None
    assert batch.kept.tolist() == [True, False, True, True, True, True]
    assert [r for r, k in zip(reasons_of(batch), batch.kept, strict=True) if k] == [
        "", "", "BAD_SIZE", "BAD_SIZE", "DELETED",
    ]  # fmt: skip
    assert batch.columns["open_interest"].to_pylist()[:3] == [1200, UNDEFINED_PX, 0]
    assert batch.columns["ts_ref_ns"].to_pylist()[:3] == [None, None, NOON]


def test_options_definitions__columns_and_reasons() -> None:
    """Strike, right, expiration and underlying are the exchange's; what lacks one is rejected."""
    rows = [
        {},
        {"instrument_class": b"P", "strike_price": 6855 * PX, "expiration": UNDEFINED_TS},
        {"instrument_class": b"F"},
        {"strike_price": UNDEFINED_PX},
        {"strike_price": 0},
        {"underlying": b""},
        {"security_update_action": b"D"},
    ]
    batch = normalise.options_definitions(records("definition", rows), GRID)
    assert reasons_of(batch) == [
        "", "", "BAD_SIDE", "UNDEFINED_PRICE", "NON_POSITIVE_PRICE", "NO_UNDERLYING", "DELETED",
    ]  # fmt: skip
    assert batch.columns["right"].to_pylist()[:2] == ["C", "P"]
    assert batch.columns["strike"].to_pylist()[:2] == [6850.0, 6855.0]
    assert batch.columns["expiration_ns"].to_pylist()[:2] == [1_765_832_400 * PX, None]
    assert batch.columns["underlying_contract"].to_pylist()[:2] == ["ESZ5", "ESZ5"]
    assert batch.columns["seq"].to_pylist() == [0] * 7


def test_flag__order_of_checks_does_not_matter() -> None:
    """The first reason in the list wins, in whatever order it is found."""
    one, two = np.zeros(2, np.uint8), np.zeros(2, np.uint8)
    everywhere, first = np.array([True, True]), np.array([True, False])
    flag(one, everywhere, Reason.OFF_TICK)
    flag(one, first, Reason.SPREAD)
    flag(two, first, Reason.SPREAD)
    flag(two, everywhere, Reason.OFF_TICK)
    assert one.tolist() == two.tolist() == [Reason.SPREAD, Reason.OFF_TICK]
    assert count_reasons(one) == {"SPREAD": 1, "OFF_TICK": 1}
