"""Lean's equity tick files to Bronze: what counts, what is refused, the same twice."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from spymaster_lake.contracts.errors import ConfigError, RawFileError
from tests.ingest.equity_files import (
    PROFILES,
    bronze,
    bytes_of,
    day,
    lean_zip,
    ns,
    quote,
    raw,
    rejected,
    run,
    steady,
    trade,
)

IBM = PROFILES["ibm"]


def with_book(**values):
    """The profile with other rules for quotes."""
    return IBM.model_copy(update={"book": IBM.book.model_copy(update=values)})


def test_lean__a_print(tmp_path: Path) -> None:
    """One line becomes one row: decimals undone, time in UTC, the vendor's words kept."""
    day(tmp_path, [trade("09:30:00.125", 181.52, 300, "Q", "20000020")])
    summary = run(tmp_path)
    (row,) = bronze(tmp_path, "trades")
    assert row == {
        "ts_event_ns": ns("2013-10-07 09:30:00.125"), "ts_recv_ns": ns("2013-10-07 09:30:00.125"),
        "seq": 0, "src_file": row["src_file"], "src_row": 0, "source": "LEAN", "ts_exchange_ns": None,
        "symbol": "IBM", "price": 181.52, "size": 300, "aggressor": 1, "aggressor_source": "quote",
        "exchange": "Q", "conditions": "20000020", "suspicious": False, "counts_for_price": True,
        "counts_for_volume": True, "price_exclusion": None,
    }  # fmt: skip
    (folder,) = {str(Path(name).parent) for name in bytes_of(tmp_path) if "/trades/" in name}
    assert folder == "bronze/ibm/equities/trades/schema=v1/symbol=IBM/date=2013-10-07/hour=13"
    assert (summary.rows_in, summary.rows_out) == (3, 3)


@pytest.mark.parametrize(
    ("date", "utc_hour"), [("20131007", 13), ("20131206", 14), ("20140310", 13), ("20131104", 14)]
)
def test_lean__daylight_saving(tmp_path: Path, date: str, utc_hour: int) -> None:
    """Milliseconds count from the exchange's midnight, in winter and in summer time."""
    day(tmp_path, [trade("09:30:00", 181.5)], day=date)
    run(tmp_path)
    assert any(f"hour={utc_hour}/" in name for name in bytes_of(tmp_path) if "/trades/" in name)


def test_lean__national_best_of_pairs(tmp_path: Path) -> None:
    """Pairs that name two exchanges state the tape's best: a lower bid replaces a higher one."""
    lines = [
        quote("09:00:00", "bid", 181.50, 300, "P"), quote("09:00:00", "ask", 181.60, 200, "Q"),
        quote("09:00:01", "bid", 181.45, 500, "N"), quote("09:00:01", "ask", 181.60, 200, "Q"),
    ]  # fmt: skip
    day(tmp_path, [trade("10:00:00", 181.5)], lines)
    summary = run(tmp_path)
    rows = bronze(tmp_path, "quotes")
    assert [(r["bid_px"], r["bid_sz"], r["bid_exchange"], r["ask_px"], r["is_last"]) for r in rows] == [
        (181.5, 300, "P", None, False), (181.5, 300, "P", 181.6, True),
        (181.45, 500, "N", 181.6, False), (181.45, 500, "N", 181.6, True),
    ]  # fmt: skip
    assert rows[0]["ask_sz"] == 0 and rows[0]["ask_exchange"] is None
    assert (rows[2]["exchange"], rows[2]["exchange_bid_px"], rows[2]["exchange_bid_sz"]) == ("N", 181.45, 500)  # fmt: skip
    assert rows[2]["exchange_ask_px"] is None and rows[2]["exchange_ask_sz"] is None
    assert summary.files[0].facts["quote_rows"] == "national"


def test_lean__best_over_exchanges(tmp_path: Path) -> None:
    """Single rows are each exchange's own quote: the best bid is held until its exchange moves."""
    lines = [
        quote("09:00:00", "bid", 181.50, 300, "P"), quote("09:00:01", "ask", 181.60, 200, "Q"),
        quote("09:00:02", "bid", 181.45, 500, "N"), quote("09:00:03", "bid", 181.50, 400, "N"),
        quote("09:00:04", "bid", 181.40, 100, "P"), quote("09:00:05", "ask", 181.55, 0, "N"),
    ]  # fmt: skip
    day(tmp_path, [trade("10:00:00", 181.5)], lines)
    assert run(tmp_path).files[0].facts["quote_rows"] == "exchange"
    best = [(r["bid_px"], r["bid_sz"], r["bid_exchange"]) for r in bronze(tmp_path, "quotes")]
    assert best == [
        (181.5, 300, "P"), (181.5, 300, "P"), (181.5, 300, "P"), (181.5, 700, "N"),
        (181.5, 400, "N"), (181.5, 400, "N"),
    ]  # fmt: skip


def test_lean__suspicious_and_stub_quotes(tmp_path: Path) -> None:
    """A suspicious row changes nothing, a price far from any plausible one is no quote."""
    lines = [
        *steady(),
        quote("09:10:00", "bid", 190.0, suspicious=1),
        quote("09:11:00", "ask", 0.01, exchange="X"),
        quote("09:12:00", "bid", 181.51, exchange="P"),
    ]
    day(tmp_path, [trade("10:00:00", 181.52)], lines)
    summary = run(tmp_path, profile=with_book(quote_rows="exchange"))
    assert [(r["bid_px"], r["ask_px"]) for r in bronze(tmp_path, "quotes")][1:] == [
        (181.5, 181.52), (181.5, 181.52), (181.5, 181.52), (181.51, 181.52),
    ]  # fmt: skip
    assert summary.files[0].facts["stub_quotes"] == 1


@pytest.mark.parametrize(
    ("line", "price", "volume", "why", "aggressor"),
    [
        (trade("10:00:00", 181.52), True, True, None, 1),
        (trade("10:00:00", 181.50, conditions="20000020"), True, True, None, -1),
        (trade("08:00:00", 181.52, conditions="2000"), True, True, None, 0),
        (trade("10:00:00", 181.52, conditions="2000"), False, True, "CONDITION", 1),
        (trade("16:30:00", 181.52, conditions="2000"), True, True, None, 1),
        (trade("10:00:00", 181.52, conditions="100000"), False, True, "CONDITION", 0),
        (trade("10:00:00", 181.52, 40, conditions="80000000"), False, True, "CONDITION", 1),
        (trade("10:00:00", 181.52, conditions="4000000"), False, False, "CONDITION", 0),
        (trade("10:00:00", 181.52, suspicious=1), False, False, "SUSPICIOUS", 0),
        (trade("10:00:00", 181.5001), False, True, "OFF_GRID", -1),
        (trade("10:00:00", 184.00), False, True, "OFF_QUOTE", 1),
        (trade("10:00:00", 183.30), True, True, None, 1),
    ],
)
def test_lean__what_counts(tmp_path: Path, line, price, volume, why, aggressor) -> None:
    """Regular prints count for price; the rest is kept, flagged with the first reason."""
    day(tmp_path, [line])
    run(tmp_path, profile=with_book(max_off_quote_share=1.0))
    (row,) = bronze(tmp_path, "trades")
    found = (row["counts_for_price"], row["counts_for_volume"], row["price_exclusion"], row["aggressor"])  # fmt: skip
    assert found == (price, volume, why, aggressor)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (trade("10:00:00", 190.0, conditions="100000", suspicious=1), "SUSPICIOUS"),
        (trade("10:00:00", 190.001, conditions="100000"), "CONDITION"),
        (trade("10:00:00", 190.001), "OFF_GRID"),
    ],
)
def test_lean__first_reason(tmp_path: Path, line: str, why: str) -> None:
    """Of several reasons the first in their order is recorded."""
    day(tmp_path, [line])
    run(tmp_path, profile=with_book(max_off_quote_share=1.0))
    assert bronze(tmp_path, "trades")[0]["price_exclusion"] == why


def test_lean__the_tick_test_compares_with_regular_prints(tmp_path: Path) -> None:
    """At the midpoint neither an average price nor one far from the quote is compared with."""
    lines = [
        trade("10:00:00", 181.50),
        trade("10:00:01", 181.52, conditions="100000"),
        trade("10:00:02", 190.00),
        trade("10:00:03", 181.51),
    ]
    day(tmp_path, lines)
    run(tmp_path, profile=with_book(max_off_quote_share=1.0))
    last = bronze(tmp_path, "trades")[-1]
    assert (last["aggressor"], last["aggressor_source"]) == (1, "tick")


def test_lean__parts_of_a_millisecond(tmp_path: Path) -> None:
    """Newer files have fractions of a millisecond."""
    day(tmp_path, [trade("09:30:00.000250", 181.5)])
    run(tmp_path)
    assert bronze(tmp_path, "trades")[0]["ts_event_ns"] == ns("2013-10-07 09:30:00.000250")


@pytest.mark.parametrize(
    ("bid", "shown"),
    [
        (quote("09:00:01", "bid", 5_000.0), None),
        (quote("09:00:01", "bid", 181.4, conditions="400"), None),
        (quote("09:00:01", "bid", 181.4, 0), None),
        (quote("09:00:01", "bid", 181.4, conditions="1"), 181.4),
    ],
)
def test_lean__quotes_that_are_none(tmp_path: Path, bid: str, shown: float | None) -> None:
    """An absurd, a non-firm and an empty quote withdraw what their exchange showed before."""
    lines = [*[quote("09:00:00", s, p) for s, p in (("bid", 181.5), ("ask", 181.6))] * 3, bid]
    day(tmp_path, [trade("12:00:00", 181.5)], lines)
    run(tmp_path, profile=with_book(quote_rows="exchange", on_bad_quotes="flag"))
    row = bronze(tmp_path, "quotes")[-1]
    assert (row["bid_px"], row["bid_sz"] > 0) == (shown, shown is not None)


def test_lean__quotes_that_are_no_offers(tmp_path: Path) -> None:
    """The same for offers."""
    lines = [
        *[quote("09:00:00", s, p) for s, p in (("bid", 181.5), ("ask", 181.6))] * 3,
        quote("09:00:01", "ask", 181.6, conditions="400"),
    ]
    day(tmp_path, [trade("12:00:00", 181.5)], lines)
    run(tmp_path, profile=with_book(quote_rows="exchange", on_bad_quotes="flag"))
    assert bronze(tmp_path, "quotes")[-1]["ask_px"] is None


def test_lean__early_close(tmp_path: Path) -> None:
    """On a half day extended hours begin at 13:00."""
    late = trade("14:00:00", 181.52, conditions="2000")
    day(tmp_path, [late], day="20131129")
    run(tmp_path)
    assert bronze(tmp_path, "trades")[0]["counts_for_price"] is True


def test_lean__quarantine(tmp_path: Path) -> None:
    """Rows that cannot be are counted by reason and kept beside the run."""
    lines = [
        trade("03:59:59.999", 181.5), trade("04:00:00", 181.5), trade("20:00:59.999", 181.5),
        trade("20:01:00", 181.5), trade("10:00:00", 0), trade("10:00:01", 181.5, 0),
        trade("10:00:02", 181.5, -5), "36000000,,100,N,1,0", "-5,1815000,100,N,1,0",
        "36000000,1815000,1.5,N,1,0", *[trade("11:00:00", 181.5)] * 200, trade("11:00:01", 5.0),
    ]  # fmt: skip
    day(tmp_path, lines)
    summary = run(tmp_path)
    assert rejected(summary) == [
        (0, "OUTSIDE_SESSION"), (3, "OUTSIDE_SESSION"), (4, "NON_POSITIVE_PRICE"), (5, "BAD_SIZE"),
        (6, "BAD_SIZE"), (7, "UNDEFINED_PRICE"), (8, "OUT_OF_BOUNDS_TIME"), (9, "BAD_SIZE"),
        (210, "IMPLAUSIBLE_PRICE"),
    ]  # fmt: skip
    assert summary.rows_in == summary.rows_out + sum(summary.quarantined.values())


def test_lean__again_and_in_any_order(tmp_path: Path) -> None:
    """Twice, day by day, in another order: the same bytes."""
    for number, date in enumerate(("20131007", "20131008", "20131009")):
        lines = [trade(f"{h:02d}:15:00", 181.5 + number) for h in range(8, 17)]
        day(tmp_path, lines, steady(181.4 + number, 181.6 + number), day=date)
    run(tmp_path)
    first = bytes_of(tmp_path)
    run(tmp_path)
    assert bytes_of(tmp_path) == first
    other = tmp_path / "other"
    for date in ("20131009", "20131007", "20131008"):
        files = tuple(str(p) for p in raw(tmp_path, "lean").glob(f"{date}_*.zip"))
        run(other, files=files)
    assert bytes_of(other) == first


def test_lean__rows_out_of_order(tmp_path: Path) -> None:
    """Rows of a file that are not in time order end in the same states."""
    quotes = [quote(f"09:{m:02d}:00", s, p + m / 100, exchange=s[0].upper())
              for m in range(20) for s, p in (("bid", 181.5), ("ask", 181.6))]  # fmt: skip
    trades = [trade(f"09:{m:02d}:30", 181.55 + m / 50) for m in range(20)]
    day(tmp_path, trades, quotes)
    run(tmp_path)
    turned = tmp_path / "turned"
    swapped = [row for i in range(0, 40, 2) for row in quotes[38 - i : 40 - i]]
    day(turned, trades[::-1], swapped)
    run(turned)
    for dataset in ("trades", "quotes"):
        rows = [bronze(root, dataset) for root in (tmp_path, turned)]
        plain = [
            [{k: v for k, v in r.items() if not k.startswith("src_")} for r in x] for x in rows
        ]
        assert plain[0] == plain[1]


def refused(root: Path, *words: str, **given) -> None:
    """The ingest fails with all words, and nothing is published."""
    with pytest.raises(RawFileError) as caught:
        run(root, **given)
    assert not bytes_of(root)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_refused__a_day_without_quotes(tmp_path: Path) -> None:
    """Prints without a quote file, or with an empty or unusable one."""
    lean_zip(raw(tmp_path, "lean"), "trade", [trade("10:00:00", 181.5)])
    refused(tmp_path, "IBM 2013-10-07", "a day without quotes")
    lean_zip(raw(tmp_path, "lean"), "quote", [])
    refused(tmp_path, "20131007_quote.zip", "a day without quotes (0 rows")
    lean_zip(raw(tmp_path, "lean"), "quote", [quote("03:00:00", "bid", 181.5)])
    refused(tmp_path, "a day without quotes (1 rows")


@pytest.mark.parametrize(
    ("factor", "hint"), [(10_000, "times 10,000"), (1 / 10_000, "divided by 10,000")]
)
def test_refused__wrong_decimals(tmp_path: Path, factor: float, hint: str) -> None:
    """Prices that are 10,000 times too high or too low are no prices of this share."""
    day(tmp_path, [trade("10:00:00", 181.5 * factor)])
    refused(tmp_path, "20131007_trade.zip: trades: 1 of 1 prices", hint)
    day(tmp_path, [trade("10:00:00", 181.5)], steady(181.5 * factor, 181.6 * factor))
    refused(tmp_path, "IBM 2013-10-07 quotes", hint)


CROSSED = [*steady(), quote("11:00:00", "bid", 181.60, exchange="P"), quote("11:00:31", "bid", 181.5, exchange="P")]  # fmt: skip
ONE_SIDED = [quote("09:00:00", "bid", 181.5), quote("09:31:30", "ask", 181.6)]


@pytest.mark.parametrize(
    ("quotes", "words"),
    [
        (CROSSED, ("crossed for 31.0 s from minute 90.0", "allows 30 s")),
        (ONE_SIDED, ("one-sided or absent for 90.0 s from minute 0.0", "allows 60 s")),
    ],
)
def test_quotes__unusable_for_long(tmp_path: Path, quotes, words) -> None:
    """Crossed or one-sided for longer than the profile allows: refused, or flagged."""
    day(tmp_path, [trade("12:00:00", 181.5)], quotes)
    refused(tmp_path, *words)
    summary = run(tmp_path, profile=with_book(on_bad_quotes="flag"))
    assert any(words[0] in warning for warning in summary.warnings)
    assert summary.rows_out == len(quotes) + 1


def test_quotes__crossed_before_the_open_is_legal(tmp_path: Path) -> None:
    """Rules on the quote need the session phase."""
    before = [quote("08:00:00", "bid", 181.6), quote("08:00:01", "ask", 181.5)]
    day(tmp_path, [trade("12:00:00", 181.5)], [*before, quote("09:29:59", "bid", 181.4)])
    assert run(tmp_path).warnings == ()


def test_refused__prints_far_from_the_quote(tmp_path: Path) -> None:
    """Many regular prints beyond the bound: the files do not belong together."""
    lines = [trade(f"10:{m:02d}:00", 190.0) for m in range(3)] + [trade("11:00:00", 181.5)] * 97
    day(tmp_path, lines)
    refused(tmp_path, "3 of 100 regular prints", "190.0")


def test_refused__another_instrument(tmp_path: Path) -> None:
    """A symbol of another instrument, or of none."""
    lean_zip(raw(tmp_path, "lean"), "trade", [trade("10:00:00", 181.5)], symbol="tsla")
    refused(tmp_path, "'TSLA' belongs to instrument 'tsla', not to 'ibm'")
    lean_zip(raw(tmp_path, "lean"), "trade", [trade("10:00:00", 181.5)], symbol="msft")
    refused(tmp_path, "'MSFT' belongs to no instrument")


def test_duplicates__same_bytes_once(tmp_path: Path) -> None:
    """A copy under another folder is named and counts once."""
    day(tmp_path, [trade("10:00:00", 181.5)])
    folder = raw(tmp_path, "lean")
    (folder / "again").mkdir()
    shutil.copy(folder / "20131007_trade.zip", folder / "again" / "20131007_trade.zip")
    summary = run(tmp_path)
    assert len(bronze(tmp_path, "trades")) == 1
    assert [Path(p).parent.name for p in summary.duplicates] == ["again"]


def test_duplicates__different_files_of_a_day(tmp_path: Path) -> None:
    """Two different files of one day and kind would count rows twice; so would a later one."""
    day(tmp_path, [trade("10:00:00", 181.5)])
    other = lean_zip(raw(tmp_path, "lean") / "b", "trade", [trade("10:00:00", 181.51)])
    refused(tmp_path, "different files of one kind", "counted twice")
    other.unlink()
    run(tmp_path)
    before = bytes_of(tmp_path)
    day(tmp_path, [trade("10:00:00", 181.51)])
    with pytest.raises(RawFileError, match=r"another raw file \(.*/hour=14/part-.*--replace"):
        run(tmp_path)
    assert bytes_of(tmp_path) == before


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"day": "20131006"}, "2013-10-06 (Sunday) is no session"),
        ({"day": "20131128"}, "2013-11-28 (Thursday) is no session"),
        ({"name": "20131008_trade.zip"}, "which belongs into 20131007_trade.zip"),
        ({"name": "20131007_quote.zip"}, "which belongs into 20131007_trade.zip"),
        ({"member": "20131007_ibm_minute_trade.csv"}, "is no file of equity ticks"),
        ({"member": "20131007_ibm_trade_tick_american_call.csv"}, "is no file of equity ticks"),
        ({"member": "20131399_ibm_Trade_Tick.csv", "name": "20131399_trade.zip"}, "is no day"),
    ],
)
def test_refused__names(tmp_path: Path, given, message) -> None:
    """A file that is no session's, or that names contradict, is refused by name."""
    lean_zip(raw(tmp_path, "lean"), "trade", [trade("10:00:00", 181.5)], **given)
    refused(tmp_path, message)


def test_lean__doubled_extension(tmp_path: Path) -> None:
    """Some real files are called `.zip.zip`."""
    day(tmp_path, [trade("10:00:00", 181.5)])
    path = raw(tmp_path, "lean") / "20131007_quote.zip"
    path.rename(path.with_name("20131007_quote.zip.zip"))
    assert run(tmp_path).rows_out == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (["36000000,abc,100,N,1,0"], "not the columns of Lean ticks"),
        (["36000000,1815000,100,N,1"], "not the columns of Lean ticks"),
        (["36000000,1815000,100,N,zz,0"], "a sale condition cannot be read"),
        (["36000000,1815000,100,N,1,7"], "the suspicious flag is ['7']"),
    ],
)
def test_refused__content(tmp_path: Path, content, message) -> None:
    """Columns that are none are refused with file and cause."""
    day(tmp_path, content)
    refused(tmp_path, "20131007_trade.zip", message)


def test_refused__damaged_zip(tmp_path: Path) -> None:
    """A truncated archive is refused by name, whether its directory or its data is gone."""
    day(tmp_path, [trade("10:00:00", 181.5 + i / 100, i + 1) for i in range(500)])
    path = raw(tmp_path, "lean") / "20131007_trade.zip"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused(tmp_path, "20131007_trade.zip", "corrupt")
    middle = len(whole) // 3
    path.write_bytes(whole[:middle] + bytes(64) + whole[middle + 64 :])
    refused(tmp_path, "20131007_trade.zip", "corrupt")


def test_skip__other_days_go_on(tmp_path: Path) -> None:
    """With skip, a refused day leaves the others to be published and is listed."""
    day(tmp_path, [trade("10:00:00", 181.5)])
    lean_zip(raw(tmp_path, "lean"), "trade", [trade("10:00:00", 181.5)], day="20131008")
    summary = run(tmp_path, on_bad_file="skip")
    assert [Path(f.path).name for f in summary.refused] == ["20131008_trade.zip"]
    assert summary.rows_out == 3


def test_request__product_of_source(tmp_path: Path) -> None:
    """Lean's reader is for shares."""
    with pytest.raises(ConfigError, match="allowed for ingest: equities"):
        run(tmp_path, product="options", instrument="tsla")
