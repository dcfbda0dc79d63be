"""Four real sessions of IBM: known rows, bars and quotes; the other real Lean files are refused."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from spymaster_lake.contracts.errors import RawFileError
from spymaster_lake.ingest.job import IngestRequest, ingest
from spymaster_lake.lake.bronze_reader import BronzeReader
from spymaster_lake.lake.filesystem import LakeFileSystem
from spymaster_lake.lake.paths import LakePathResolver
from spymaster_lake.sessions.calendar import SessionCalendar
from tests.ingest.equity_files import PROFILES, bytes_of, run

DATA = Path(__file__).parents[3] / "shared" / "data" / "lean"
pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="the folder ../shared/data of small real vendor files is absent"
)
CALENDAR = SessionCalendar(PROFILES["ibm"].calendar)
MINUTE = 60_000_000_000

SESSIONS = [
    # day, prints, quotes, pre-market bars, low and high of prices
    (date(2013, 10, 7), 24_293, 109_067, 46, 181.35, 183.31),
    (date(2013, 10, 8), 33_381, 125_750, 2, 178.45, 182.10),
    (date(2013, 10, 9), 27_042, 135_492, 8, 179.02, 181.67),
    (date(2013, 10, 10), 22_415, 105_428, 30, 181.32, 184.77),
]


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """Root of a lake with the four sessions in Bronze, and the ingest's summary."""
    root = tmp_path_factory.mktemp("ibm")
    folder = root / "raw" / "ibm" / "equities" / "lean"
    shutil.copytree(DATA / "equity_tick_ibm", folder)
    return root, run(root)


def columns(root, dataset, day, *, evening=False):
    """Columns of a session as arrays."""
    clock = CALENDAR.clock(day)
    reader = BronzeReader(
        LakePathResolver(str(root)), LakeFileSystem.of(str(root)), "ibm", "equities"
    )
    end = clock.end_ns + (MINUTE if evening else 0)
    table = reader.read(dataset, start_ns=clock.start_ns, end_ns=end, contract="IBM")
    return clock, {name: table.column(name).to_numpy() for name in table.column_names}


def test_ibm__every_row(lake) -> None:
    """Every row is in Bronze, none is rejected, nothing is doubtful."""
    _, summary = lake
    expected = sorted(n for _, trades, quotes, *_ in SESSIONS for n in (trades, quotes))
    assert sorted(f.rows_out for f in summary.files) == expected
    assert (summary.quarantined, summary.warnings, summary.duplicates) == ({}, (), ())


@pytest.mark.parametrize(("day", "trades", "quotes", "premarket", "low", "high"), SESSIONS)
def test_ibm__bars_and_prices(lake, day, trades, quotes, premarket, low, high) -> None:
    """Known rows, thin pre-market, full regular session, plausible prices and sides."""
    clock, rows = columns(lake[0], "trades", day)
    assert len(rows["price"]) == trades
    assert len(columns(lake[0], "quotes", day, evening=True)[1]["bid_px"]) == quotes
    counts = rows["counts_for_price"].astype(bool)
    minutes = np.unique(rows["ts_event_ns"][counts] // MINUTE) * MINUTE
    assert ((minutes >= clock.premarket_start_ns) & (minutes < clock.open_ns)).sum() == premarket
    assert ((minutes >= clock.open_ns) & (minutes < clock.close_ns)).sum() == 390
    assert (rows["price"][counts].min(), rows["price"][counts].max()) == (low, high)
    sided = rows["aggressor"] != 0
    assert sided.mean() > 0.99
    buys = rows["size"][rows["aggressor"] > 0].sum() / rows["size"][sided].sum()
    assert 0.45 < buys < 0.55


@pytest.mark.parametrize("day", [row[0] for row in SESSIONS])
def test_ibm__quotes_hold_together(lake, day) -> None:
    """States are hardly ever crossed, narrow, and nearly all regular prints lie in them."""
    clock, quotes = columns(lake[0], "quotes", day)
    regular = quotes["is_last"].astype(bool) & (quotes["ts_event_ns"] >= clock.open_ns)
    regular &= quotes["ts_event_ns"] < clock.close_ns
    bid, ask = quotes["bid_px"][regular], quotes["ask_px"][regular]
    assert (bid > ask).mean() < 0.001
    assert np.median(ask - bid) < 0.06
    assert (np.diff(quotes["ts_event_ns"][regular]) > 0).all()
    _, trades = columns(lake[0], "trades", day)
    at = np.searchsorted(quotes["ts_event_ns"][regular], trades["ts_event_ns"], side="left") - 1
    counted = trades["counts_for_price"].astype(bool) & (at >= 0)
    counted &= trades["ts_event_ns"] < clock.close_ns
    price = trades["price"][counted]
    inside = (price >= bid[at[counted]] - 1e-9) & (price <= ask[at[counted]] + 1e-9)
    assert inside.mean() > 0.95
    by_quote = counted & (trades["aggressor_source"] == "quote")
    middle = (bid + ask)[at] / 2
    above = np.sign(trades["price"][by_quote] - middle[by_quote])
    np.testing.assert_array_equal(above[above != 0], trades["aggressor"][by_quote][above != 0])


def test_ibm__one_day_alone_is_the_same(lake, tmp_path) -> None:
    """A session ingested alone has the same bytes as among the others."""
    files = tuple(str(p) for p in (DATA / "equity_tick_ibm").glob("20131009_*.zip"))
    run(tmp_path, files=files)
    whole, alone = bytes_of(lake[0]), bytes_of(tmp_path)
    assert len(alone) > 20
    assert alone.items() <= whole.items()


def test_ibm__another_reading_of_the_rows_is_refused(tmp_path) -> None:
    """Read as each exchange's own quotes the real rows are crossed nearly always: refused."""
    profile = PROFILES["ibm"]
    book = profile.book.model_copy(update={"quote_rows": "exchange"})
    files = tuple(str(p) for p in (DATA / "equity_tick_ibm").glob("20131009_*.zip"))
    with pytest.raises(RawFileError, match=r"crossed for .*rows read as 'exchange'"):
        run(tmp_path, profile=profile.model_copy(update={"book": book}), files=files)


@pytest.mark.parametrize("kind", ["trade", "quote", "openinterest"])
def test_lean__minute_bars_of_futures_are_no_ticks(tmp_path, kind) -> None:
    """Another real Lean file, of another kind, is refused by name."""
    with pytest.raises(RawFileError, match=f"20131007_{kind}.zip"):
        run(tmp_path, files=(str(DATA / "future_minute_es" / f"20131007_{kind}.zip"),))


@pytest.mark.spark
def test_ibm__in_spark_workers(lake, tmp_path, spark) -> None:
    """Tasks in Spark workers give the same bytes."""
    files = tuple(str(p) for p in (DATA / "equity_tick_ibm").glob("*.zip"))
    request = IngestRequest(str(tmp_path), "ibm", "equities", "lean", files=files)
    ingest(spark, request, PROFILES)
    assert bytes_of(tmp_path) == bytes_of(lake[0])
