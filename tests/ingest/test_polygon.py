"""Polygon's flat files to Bronze: stock trades and quotes, option trades."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path

import pytest

from spymaster_lake.contracts.errors import ConfigError, RawFileError
from spymaster_lake.features.lee_ready import tick_test
from spymaster_lake.ingest.polygon_layouts import LAYOUTS
from spymaster_lake.ingest.polygon_options import contract_ticks, instrument_number
from tests.ingest.equity_files import (
    OPTION_TRADES,
    PROFILES,
    STOCK_QUOTES,
    STOCK_TRADES,
    bronze,
    bytes_of,
    flat_file,
    ns,
    raw,
    rejected,
    run,
)

DAY = "2024-05-01"


def stock_trade(clock: str, price: object, **given: object) -> dict[str, object]:
    """One row of a stock trade file."""
    at = ns(f"{DAY} {clock}")
    return {
        "ticker": "TSLA", "price": price, "size": 100, "exchange": 12, "conditions": "",
        "correction": 0, "sip_timestamp": at, "participant_timestamp": at - 1500,
        "sequence_number": 7, "tape": 3, "id": 1, **given,
    }  # fmt: skip


def stock_quote(clock: str, bid: object, ask: object, **given: object) -> dict[str, object]:
    """One row of a stock quote file."""
    at = ns(f"{DAY} {clock}")
    return {
        "ticker": "TSLA", "bid_price": bid, "bid_size": 3, "bid_exchange": 11, "ask_price": ask,
        "ask_size": 2, "ask_exchange": 21, "conditions": "1", "sip_timestamp": at,
        "participant_timestamp": at - 900, "sequence_number": 5, **given,
    }  # fmt: skip


STEADY = [stock_quote("09:00:00", 180.0, 180.1)]


def stocks(root: Path, trades: list[dict[str, object]], quotes=STEADY, *, day: str = DAY) -> None:
    """The two files of one day, as the vendor's folders have them."""
    folder = raw(root, "polygon", "tsla")
    flat_file(folder / "trades_v1" / f"{day}.csv.gz", STOCK_TRADES, trades)
    flat_file(folder / "quotes_v1" / f"{day}.csv.gz", STOCK_QUOTES, quotes)


def ingest(root: Path, **given):
    """One ingest of tsla from this source."""
    return run(root, "polygon", instrument="tsla", **given)


def test_polygon__a_print(tmp_path: Path) -> None:
    """Event time is the tape's, to the nanosecond; the exchange's own time is kept beside it."""
    stocks(tmp_path, [stock_trade("09:30:00.123456789", 180.08, conditions="14,41")])
    ingest(tmp_path)
    (row,) = bronze(tmp_path, "trades", "tsla")
    assert (row["ts_event_ns"], row["ts_exchange_ns"]) == (
        ns(f"{DAY} 09:30:00.123456789"), ns(f"{DAY} 09:30:00.123455289"),
    )  # fmt: skip
    assert (row["symbol"], row["price"], row["exchange"], row["seq"], row["source"]) == (
        "TSLA", 180.08, "Q", 7, "POLYGON",
    )  # fmt: skip
    assert (row["aggressor"], row["aggressor_source"], row["conditions"]) == (1, "quote", "14,41")
    assert row["counts_for_price"] is True


@pytest.mark.parametrize(
    ("day", "shares"),
    [("2024-05-01", (300, 200)), ("2025-10-31", (300, 200)), ("2025-11-03", (3, 2))],
)
def test_polygon__quote_sizes(tmp_path: Path, day: str, shares: tuple[int, int]) -> None:
    """Sizes are round lots of 100 until the vendor began to send shares; Bronze has shares."""
    shift = ns(f"{day} 00:00:00") - ns(f"{DAY} 00:00:00")
    moved = [{**q, "sip_timestamp": q["sip_timestamp"] + shift} for q in STEADY]
    trade = stock_trade("10:00:00", 180.0)
    stocks(tmp_path, [{**trade, "sip_timestamp": trade["sip_timestamp"] + shift}], moved, day=day)
    ingest(tmp_path)
    (row,) = bronze(tmp_path, "quotes", "tsla")
    assert (row["bid_sz"], row["ask_sz"]) == shares
    assert (row["bid_exchange"], row["ask_exchange"], row["exchange"]) == ("P", "U", None)
    assert row["exchange_bid_px"] is None


def test_polygon__a_side_may_be_absent(tmp_path: Path) -> None:
    """A whole record replaces both sides; price 0 is no quote, not a price."""
    stocks(tmp_path, [stock_trade("10:00:00", 180.0)], [
        *STEADY, stock_quote("09:01:00", 0, 180.2, bid_size=0, bid_exchange=0),
        stock_quote("09:02:00", 180.0, 180.2),
    ])  # fmt: skip
    ingest(tmp_path)
    rows = bronze(tmp_path, "quotes", "tsla")
    assert [(r["bid_px"], r["bid_sz"], r["ask_px"]) for r in rows] == [
        (180.0, 300, 180.1), (None, 0, 180.2), (180.0, 300, 180.2),
    ]  # fmt: skip


def test_polygon__sequence_orders_equal_times(tmp_path: Path) -> None:
    """Rows of one time are ordered by the tape's sequence, whatever their place in the file."""
    stocks(tmp_path, [
        stock_trade("10:00:00", 180.06, sequence_number=9), stock_trade("10:00:00", 180.02, sequence_number=8),
        stock_trade("09:59:00", 180.04, sequence_number=10),
    ])  # fmt: skip
    ingest(tmp_path)
    assert [r["price"] for r in bronze(tmp_path, "trades", "tsla")] == [180.04, 180.02, 180.06]


@pytest.mark.parametrize(
    ("row", "price", "volume", "why"),
    [
        (stock_trade("10:00:00", 180.05), True, True, None),
        (stock_trade("10:00:00", 180.055), False, True, "OFF_GRID"),
        (stock_trade("10:00:00", 180.05, size=7, conditions="37"), False, True, "CONDITION"),
        (stock_trade("08:00:00", 180.05, conditions="12"), True, True, None),
        (stock_trade("10:00:00", 180.05, conditions="77"), False, True, "CONDITION"),
        (stock_trade("10:00:00", 180.05, correction=8), True, True, None),
        (stock_trade("10:00:00", 180.05, correction=10), False, False, "CORRECTION"),
    ],
)
def test_polygon__what_counts(tmp_path: Path, row, price, volume, why) -> None:
    """The same rule as for every vendor; a later cancel does not reach back in time."""
    stocks(tmp_path, [row])
    summary = ingest(tmp_path)
    (found,) = bronze(tmp_path, "trades", "tsla")
    assert (found["counts_for_price"], found["counts_for_volume"], found["price_exclusion"]) == (price, volume, why)  # fmt: skip
    assert any("no table holds" in w for w in summary.warnings) == (row["conditions"] == "77")


def test_polygon__whole_market(tmp_path: Path) -> None:
    """Rows of other tickers refuse the file, or are left out and counted if asked."""
    others = [stock_trade("10:00:00", 90.0, ticker=t) for t in ("AAPL", "TSL", "ZM")]
    stocks(tmp_path, [others[0], stock_trade("10:00:00", 180.0), *others[1:]])
    with pytest.raises(RawFileError, match=r"row 0 is of 'AAPL', not of 'TSLA'"):
        ingest(tmp_path)
    summary = ingest(tmp_path, foreign_symbols="skip")
    assert (summary.rows_in, summary.rows_out, summary.not_kept) == (5, 2, 3)
    assert bronze(tmp_path, "trades", "tsla")[0]["src_row"] == 1


def test_polygon__read_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row numbers go on from block to block, and the result does not depend on their size."""
    rows = [
        stock_trade(f"10:{m:02d}:00", 180.05, ticker=("TSLA", "AAPL")[m % 3 == 0], sequence_number=m)
        for m in range(60)
    ]  # fmt: skip
    stocks(tmp_path, rows)
    ingest(tmp_path, foreign_symbols="skip")
    whole = bytes_of(tmp_path)
    found = [row["src_row"] for row in bronze(tmp_path, "trades", "tsla")]
    assert found == [m for m in range(60) if m % 3]
    monkeypatch.setattr("spymaster_lake.ingest.polygon.BLOCK_BYTES", 1024)
    ingest(tmp_path, foreign_symbols="skip")
    assert bytes_of(tmp_path) == whole


def test_polygon__quarantine(tmp_path: Path) -> None:
    """Blank times, prices and sizes, and rows of another day are rejected by reason."""
    rows = [
        stock_trade("10:00:00", 180.0), stock_trade("10:00:00", "", sequence_number=8),
        stock_trade("10:00:00", 180.0, size=-0.5), stock_trade("10:00:00", 180.0, sip_timestamp=""),
        stock_trade("21:00:00", 180.0),
    ]  # fmt: skip
    stocks(tmp_path, rows)
    assert rejected(ingest(tmp_path)) == [
        (1, "UNDEFINED_PRICE"), (2, "BAD_SIZE"), (3, "OUTSIDE_SESSION"), (4, "OUTSIDE_SESSION"),
    ]  # fmt: skip


@pytest.mark.parametrize(("size", "shares"), [("0.25", 1), ("1.0", 1), ("150.75", 150), ("7", 7)])
def test_polygon__fractions_of_shares(tmp_path: Path, size: str, shares: int) -> None:
    """Sizes may have decimals: whole shares count, and less than one is one."""
    stocks(tmp_path, [stock_trade("10:00:00", 180.0, size=size)])
    assert ingest(tmp_path).quarantined == {}
    assert [row["size"] for row in bronze(tmp_path, "trades", "tsla")] == [shares]


def test_polygon__columns_by_name(tmp_path: Path) -> None:
    """The order of columns, unknown ones and absent ones that nobody needs do not matter."""
    folder, wanted = raw(tmp_path, "polygon", "tsla"), LAYOUTS["stock trades"]
    header = ",".join([*reversed(list(wanted)), "decimal_size"])
    row = stock_trade("10:00:00", 180.05, conditions="12,37", size=3, decimal_size="3.000")
    flat_file(folder / f"t/{DAY}.csv.gz", header, [row])
    flat_file(folder / f"q/{DAY}.csv.gz", STOCK_QUOTES, STEADY)
    ingest(tmp_path)
    (found,) = bronze(tmp_path, "trades", "tsla")
    assert (found["price"], found["size"], found["conditions"]) == (180.05, 3, "12,37")


def test_polygon__quirks_of_the_vendor(tmp_path: Path) -> None:
    """Blank exchange times, lists of quote conditions, blank sides as 0.0 and 0, blank columns."""
    blank = {"participant_timestamp": "", "tape": "", "trf_id": "", "trf_timestamp": ""}
    quotes = [
        stock_quote("08:59:00", "0.0", "0.0", bid_size=0, ask_size=0, conditions="1,81",
                    indicators="604,302", **blank),
        *STEADY,
    ]  # fmt: skip
    stocks(
        tmp_path, [stock_trade("10:00:00", 180.08, **{**blank, "id": "", "correction": ""})], quotes
    )
    assert ingest(tmp_path).quarantined == {}
    (trade,) = bronze(tmp_path, "trades", "tsla")
    assert (trade["ts_exchange_ns"], trade["counts_for_price"], trade["aggressor"]) == (
        None,
        True,
        1,
    )
    first = bronze(tmp_path, "quotes", "tsla")[0]
    assert (first["bid_px"], first["bid_sz"], first["ask_px"], first["conditions"]) == (None, 0, None, "1,81")  # fmt: skip


@pytest.mark.parametrize("correction", [1, 7, 8, 12])
def test_polygon__corrections(tmp_path: Path, correction: int) -> None:
    """Records that cancel are no prints; a print that is canceled later was one when it was made."""
    stocks(tmp_path, [stock_trade("10:00:00", 180.05, correction=correction)])
    ingest(tmp_path)
    (row,) = bronze(tmp_path, "trades", "tsla")
    assert row["counts_for_price"] is (correction < 10)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda raw: raw[: len(raw) // 2], "truncated or corrupt"),
        (lambda raw: b"", "columns .* are missing"),
        (lambda raw: gzip.compress(b"a,b\n1,2\n"), r"columns \['ticker'"),
        (lambda raw: gzip.compress(f"{STOCK_TRADES}\n".encode()), "a header and no rows"),
        (
            lambda raw: gzip.compress(gzip.decompress(raw).replace(b"180.05", b"abc")),
            "not the columns of stock trades",
        ),
    ],
)
def test_polygon__damaged(tmp_path: Path, damage, message) -> None:
    """A file that cannot be read is refused by name and nothing is published."""
    stocks(tmp_path, [stock_trade("10:00:00", 180.0), *[stock_trade("10:00:01", 180.05)] * 400])
    path = raw(tmp_path, "polygon", "tsla") / "trades_v1" / f"{DAY}.csv.gz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(RawFileError, match=rf"{DAY}.csv.gz.*{message}"):
        ingest(tmp_path)
    assert not bytes_of(tmp_path)


def test_polygon__name_and_rows_disagree(tmp_path: Path) -> None:
    """A name that says another day than the rows is refused."""
    stocks(tmp_path, [stock_trade("10:00:00", 180.0)], day="2024-05-02")
    with pytest.raises(RawFileError, match="first row is of 2024-05-01, the name says 2024-05-02"):
        ingest(tmp_path)


def test_polygon__wrong_decimals_and_no_quotes(tmp_path: Path) -> None:
    """The same refusals as for every vendor."""
    stocks(tmp_path, [stock_trade("10:00:00", 1_800_000)])
    with pytest.raises(RawFileError, match="times 10,000"):
        ingest(tmp_path)
    (raw(tmp_path, "polygon", "tsla") / "quotes_v1" / f"{DAY}.csv.gz").unlink()
    with pytest.raises(RawFileError, match="a day without quotes"):
        ingest(tmp_path)


def option(clock: str, price: object, ticker: str = "O:TSLA240503C00180000", **given: object):
    """One row of an option trade file."""
    return {
        "ticker": ticker, "price": price, "size": 2, "conditions": "209", "correction": 0,
        "exchange": 312, "sip_timestamp": ns(f"{DAY} {clock}"), **given,
    }  # fmt: skip


def options(root: Path, rows: list[dict[str, object]]) -> None:
    """The option file of one day."""
    flat_file(raw(root, "polygon", "tsla", "options") / f"{DAY}.csv.gz", OPTION_TRADES, rows)


def test_options__prints(tmp_path: Path) -> None:
    """OCC symbols, below their underlying; the aggressor is the contract's own tick test."""
    put = "O:TSLA240503P00180000"
    options(tmp_path, [
        option("09:30:00", 2.5), option("09:30:01", 1.0, put), option("09:30:02", 2.6),
        option("09:30:03", 0.9, put), option("09:30:04", 2.6),
    ])  # fmt: skip
    summary = ingest(tmp_path, product="options")
    rows = bronze(tmp_path, "trades", "tsla", "options")
    assert [(r["option_symbol"], r["price"], r["aggressor"]) for r in rows] == [
        ("TSLA  240503C00180000", 2.5, 0), ("TSLA  240503P00180000", 1.0, 0),
        ("TSLA  240503C00180000", 2.6, 1), ("TSLA  240503P00180000", 0.9, -1),
        ("TSLA  240503C00180000", 2.6, 1),
    ]  # fmt: skip
    assert {r["instrument_id"] for r in rows} == {
        instrument_number("TSLA  240503C00180000"), instrument_number("TSLA  240503P00180000"),
    }  # fmt: skip
    assert all(
        "options/trades/schema=v1/underlying=TSLA/date=2024-05-01/hour=13" in n
        for n in bytes_of(tmp_path)
    )
    before = bytes_of(tmp_path)
    ingest(tmp_path, product="options")
    assert bytes_of(tmp_path) == before
    assert summary.files[0].facts["contracts"] == 2


def test_options__rows_out_of_order(tmp_path: Path) -> None:
    """Prints are put in the order of the tape before the tick test."""
    options(tmp_path, [option("09:30:02", 2.4), option("09:30:00", 2.5), option("09:30:01", 2.6)])
    ingest(tmp_path, product="options")
    rows = bronze(tmp_path, "trades", "tsla", "options")
    assert [(r["price"], r["aggressor"]) for r in rows] == [(2.5, 0), (2.6, 1), (2.4, -1)]


def test_options__another_underlying(tmp_path: Path) -> None:
    """An OCC symbol of another underlying refuses the file, or is left out and counted."""
    options(tmp_path, [option("09:30:00", 2.5), option("09:30:01", 2.5, "O:AAPL240503C00180000")])
    with pytest.raises(RawFileError, match="'O:AAPL240503C00180000' is on 'AAPL', not on 'TSLA'"):
        ingest(tmp_path, product="options")
    assert not bytes_of(tmp_path)
    summary = ingest(tmp_path, product="options", foreign_symbols="skip")
    assert (summary.rows_out, summary.not_kept) == (1, 1)


def test_options__quarantine(tmp_path: Path) -> None:
    """Canceled prints and adjusted contracts are rejected by reason, not priced."""
    options(tmp_path, [
        option("09:30:00", 2.5), option("09:30:01", 2.5, "O:TSLA1240503C00180000"),
        option("09:30:02", 2.5, conditions="201"), option("09:30:03", -1), option("09:30:04", 0),
        option("09:30:05", 2.5, size=0), option("02:00:00", 2.5),
    ])  # fmt: skip
    assert rejected(ingest(tmp_path, product="options")) == [
        (1, "ADJUSTED_OPTION"), (2, "DELETED"), (3, "NEGATIVE_PRICE"), (5, "BAD_SIZE"),
        (6, "OUTSIDE_SESSION"),
    ]  # fmt: skip


def test_options__in_the_wrong_folder(tmp_path: Path) -> None:
    """Option prints may not enter the shares, nor the other way round; nor a product without."""
    flat_file(raw(tmp_path, "polygon", "tsla") / "x.csv.gz", OPTION_TRADES, [option("09:30:00", 1)])
    with pytest.raises(RawFileError, match="holds option trades; it may not enter equities"):
        ingest(tmp_path)
    flat_file(
        raw(tmp_path, "polygon", "ibm", "options") / "x.csv.gz", OPTION_TRADES,
        [option("09:30:00", 1, "O:IBM240503C00180000")],
    )  # fmt: skip
    with pytest.raises(RawFileError, match="the profile has no options block"):
        run(tmp_path, "polygon", product="options")
    with pytest.raises(ConfigError, match="allowed for ingest: equities, options"):
        run(tmp_path, "polygon", product="futures")


def test_contract_ticks__each_contract_alone() -> None:
    """The same as the tick test of each contract's prints by themselves."""
    import numpy as np

    rng = np.random.default_rng(1)
    code, price = rng.integers(0, 4, 200), rng.integers(5, 9, 200)
    found = contract_ticks(price, code)
    for c in range(4):
        own = price[code == c]
        expected = tick_test(own, np.ones(len(own), np.bool_))
        np.testing.assert_array_equal(found[code == c], expected)


def test_profiles__lots_are_dated() -> None:
    """The change from round lots to shares is a dated profile value."""
    steps = PROFILES["tsla"].book.quote_lots
    assert [(s.valid_from, s.shares) for s in steps][-1] == (date(2025, 11, 3), 1)
