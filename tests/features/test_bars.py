"""Trade bars: literal rows, an oracle of plain loops, exact aggregation."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import databento_dbn
import numpy as np
import pytest
import zstandard

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.features.arrays import NS, Bars, Trades
from spymaster_lake.features.bars import aggregate_bars, concat_bars, select_bars, trade_bars
from tests.features.session_walks import at, rough_walk, second_walk, until

WIDTHS_S = [10, 60, 120]


def prints(*rows: tuple[float, int, int, int]) -> Trades:
    """Prints (seconds, ticks, size, side)."""
    seconds, ticks, size, side = zip(*rows, strict=True)
    return Trades(
        ts_ns=np.asarray([round(s * NS) for s in seconds], dtype=np.int64),
        ticks=np.asarray(ticks, dtype=np.int32),
        size=np.asarray(size, dtype=np.int64),
        side=np.asarray(side, dtype=np.int8),
    )


def rows(bars: Bars) -> list[dict[str, int]]:
    """The bars as plain dictionaries."""
    return [{f.name: int(getattr(bars, f.name)[i]) for f in fields(Bars)} for i in range(len(bars))]


def slow_bars(trades: Trades, *, width_ns: int, start_ns: int, end_ns: int) -> list[dict[str, int]]:
    """01 2.1 word for word."""
    found: dict[int, dict[str, int]] = {}
    for ts, price, size, side in zip(
        trades.ts_ns.tolist(),
        trades.ticks.tolist(),
        trades.size.tolist(),
        trades.side.tolist(),
        strict=True,
    ):
        if not start_ns <= ts < end_ns:
            continue
        key = ts // width_ns * width_ns
        bar = found.setdefault(
            key,
            {
                "start_ns": key, "end_ns": key + width_ns, "close_ts_ns": 0, "open": price, "high": price,
                "low": price, "close": 0, "volume": 0, "n_trades": 0, "buy_volume": 0, "sell_volume": 0,
            },
        )  # fmt: skip
        bar["high"], bar["low"] = max(bar["high"], price), min(bar["low"], price)
        bar["close"], bar["close_ts_ns"] = price, ts
        bar["volume"] += size
        bar["n_trades"] += 1
        bar["buy_volume"] += size if side == 1 else 0
        bar["sell_volume"] += size if side == -1 else 0
    return [found[key] for key in sorted(found)]


def test_trade_bars__literal_rows() -> None:
    """A tie in time follows row order, an empty bar is absent, the right edge is exclusive."""
    trades = prints(
        (59.9, 100, 9, 1),  # before the start
        (60.0, 101, 1, 1),  # open
        (60.0, 99, 2, -1),  # same instant, later row
        (119.999, 100, 4, 0),  # close, no aggressor
        (180.0, 105, 3, 1),  # after a minute without a print
        (240.0, 90, 7, 1),  # at the end: outside
    )
    bars = trade_bars(trades, width_ns=60 * NS, start_ns=60 * NS, end_ns=240 * NS)
    assert bars.start_ns.tolist() == [60 * NS, 180 * NS]
    assert bars.end_ns.tolist() == [120 * NS, 240 * NS]
    assert bars.close_ts_ns.tolist() == [119_999_000_000, 180 * NS]
    assert (bars.open.tolist(), bars.high.tolist()) == ([101, 105], [101, 105])
    assert (bars.low.tolist(), bars.close.tolist()) == ([99, 105], [100, 105])
    assert (bars.volume.tolist(), bars.n_trades.tolist()) == ([7, 3], [3, 1])
    assert (bars.buy_volume.tolist(), bars.sell_volume.tolist()) == ([1, 3], [2, 0])


def test_trade_bars__no_prints() -> None:
    """Without prints there are no bars, at any width, and dtypes stay."""
    none = until(prints((1, 1, 1, 1)), 0)
    bars = trade_bars(none, width_ns=10 * NS, start_ns=0, end_ns=100 * NS)
    assert len(bars) == len(aggregate_bars(bars, width_ns=60 * NS)) == 0
    assert bars.high.dtype == np.int32
    assert bars.volume.dtype == np.int64


@pytest.mark.parametrize("width_s", WIDTHS_S)
@pytest.mark.parametrize("seed", [1, 2])
def test_trade_bars__oracle(seed: int, width_s: int) -> None:
    """Bars equal the plain loop over the prints."""
    trades = rough_walk(np.random.default_rng(seed), start_ns=at(8), end_ns=at(10))
    span = {"width_ns": width_s * NS, "start_ns": at(8, 10), "end_ns": at(9, 50)}
    assert rows(trade_bars(trades, **span)) == slow_bars(trades, **span)


@pytest.mark.parametrize("seed", [3, 4])
def test_aggregate_bars__equals_direct(seed: int) -> None:
    """10 s -> 1 min -> 2 min gives exactly the bars built from the prints (01 section 4)."""
    trades = rough_walk(np.random.default_rng(seed), start_ns=at(8), end_ns=at(10))
    span = {"start_ns": at(8), "end_ns": at(10)}
    fine = trade_bars(trades, width_ns=10 * NS, **span)
    one = aggregate_bars(fine, width_ns=60 * NS)
    assert rows(one) == rows(trade_bars(trades, width_ns=60 * NS, **span))
    two = rows(trade_bars(trades, width_ns=120 * NS, **span))
    assert rows(aggregate_bars(one, width_ns=120 * NS)) == two
    assert rows(aggregate_bars(fine, width_ns=120 * NS)) == two


VENDOR = Path(__file__).parents[3] / "shared" / "data" / "databento" / "esu4_20240702"


def vendor_records(schema: str) -> list[Any]:
    """The ESU4 records of one schema of the real sample."""
    (file,) = VENDOR.glob(f"futures_{schema}_*.dbn.zst")
    decoder = databento_dbn.DBNDecoder()
    decoder.write(zstandard.ZstdDecompressor().stream_reader(file.read_bytes()).read())
    records = [r for r in decoder.decode() if not isinstance(r, databento_dbn.Metadata)]
    instrument = records[0].instrument_id
    return [r for r in records if r.instrument_id == instrument]


@pytest.mark.skipif(not VENDOR.is_dir(), reason="the real sample files are not present")
def test_trade_bars__equal_vendor_bars() -> None:
    """Bars of 120 real ESU4 prints equal the vendor's four one-minute bars."""
    step = 250_000_000  # a tick in the vendor's fixed point
    sides = {"B": 1, "A": -1, "N": 0}
    rows_in = [
        (r.ts_event, r.price // step, r.size, sides[str(r.side)]) for r in vendor_records("trades")
    ]
    ts, ticks, size, side = (np.asarray(c, dtype=np.int64) for c in zip(*rows_in, strict=True))
    trades = Trades(ts, ticks.astype(np.int32), size, side.astype(np.int8))
    start = int(ts[0]) // (60 * NS) * 60 * NS
    bars = trade_bars(trades, width_ns=60 * NS, start_ns=start, end_ns=start + 240 * NS)
    vendor = {
        r.ts_event: (r.open // step, r.high // step, r.low // step, r.close // step, r.volume)
        for r in vendor_records("ohlcv-1m")
    }
    ours = {
        b["start_ns"]: (b["open"], b["high"], b["low"], b["close"], b["volume"]) for b in rows(bars)
    }
    assert [v[-1] for v in ours.values()] == [18, 23, 175, 37]
    assert ours == {k: vendor[k] for k in ours}


def test_bars__invariants() -> None:
    """L <= min(O, C) <= max(O, C) <= H, volume > 0, volume conserved, starts increase (01 2.1)."""
    trades = rough_walk(np.random.default_rng(5), start_ns=at(8), end_ns=at(10))
    bars = trade_bars(trades, width_ns=60 * NS, start_ns=at(8), end_ns=at(10))
    assert np.all(bars.low <= np.minimum(bars.open, bars.close))
    assert np.all(bars.high >= np.maximum(bars.open, bars.close))
    assert bars.volume.min() > 0
    assert bars.volume.sum() == trades.size.sum()
    assert np.all(np.diff(bars.start_ns) > 0)
    assert np.all((bars.start_ns <= bars.close_ts_ns) & (bars.close_ts_ns < bars.end_ns))


def test_bars__truncation() -> None:
    """Bars that ended by t do not change when later prints are deleted."""
    trades = second_walk(np.random.default_rng(6), start_ns=at(9), end_ns=at(10))
    span = {"width_ns": 60 * NS, "start_ns": at(9), "end_ns": at(10)}
    t = at(9, 31)
    known = rows(select_bars(trade_bars(trades, **span), start_ns=at(9), end_ns=t))
    assert rows(trade_bars(until(trades, t), **span)) == known
    assert len(known) == 31


def test_select_bars__whole_bars_only() -> None:
    """A bar is selected when it starts at or after the start and ends at or before the end."""
    trades = prints(*((60.0 * k, k, 1, 1) for k in range(5)))
    bars = trade_bars(trades, width_ns=60 * NS, start_ns=0, end_ns=300 * NS)
    assert select_bars(bars, start_ns=60 * NS, end_ns=239 * NS).open.tolist() == [1, 2]
    assert select_bars(bars, start_ns=61 * NS, end_ns=240 * NS).open.tolist() == [2, 3]
    assert len(select_bars(bars, start_ns=240 * NS, end_ns=60 * NS)) == 0


def test_concat_bars__sessions_in_order() -> None:
    """Warm-up bars come first; overlapping or reversed parts are refused."""
    trades = prints((0, 1, 1, 1), (60, 2, 1, 1))
    first = trade_bars(trades, width_ns=60 * NS, start_ns=0, end_ns=60 * NS)
    second = trade_bars(trades, width_ns=60 * NS, start_ns=60 * NS, end_ns=120 * NS)
    assert concat_bars([first, second]).open.tolist() == [1, 2]
    for wrong in ([second, first], [first, first], []):
        with pytest.raises(DataError):
            concat_bars(wrong)


def test_bars__refusals() -> None:
    """Unsorted prints, a width of zero and a width that does not divide are errors."""
    with pytest.raises(
        DataError, match="sorted by time; found 1 steps back, the first after row 0"
    ):
        trade_bars(prints((2, 1, 1, 1), (1, 1, 1, 1)), width_ns=NS, start_ns=0, end_ns=NS)
    with pytest.raises(DataError, match="width must be positive"):
        trade_bars(prints((2, 1, 1, 1)), width_ns=0, start_ns=0, end_ns=NS)
    minute = trade_bars(prints((2, 1, 1, 1)), width_ns=60 * NS, start_ns=0, end_ns=60 * NS)
    with pytest.raises(DataError, match="multiple of the old"):
        aggregate_bars(minute, width_ns=90 * NS)
