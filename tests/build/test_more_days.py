"""Further days and symbols of the same format, dropped beside the others: the same call builds them."""

from __future__ import annotations

import shutil
from datetime import date

import numpy as np
import pytest

from spymaster_lake.contracts.errors import DataError
from tests.build.invariants import INVARIANTS
from tests.build.lakes import Session, build_lake, environment, new_home
from tests.build.lean_days import (
    DAYS,
    jittered,
    lean_folder,
    needs_real_days,
    put_day,
    put_real_days,
    scaled,
    until,
)
from tests.ingest.equity_files import lean_zip, trade

pytestmark = needs_real_days
THANKSGIVING = ("20131125", "20131126", "20131127", "20131129", "20131202", "20131204")
"""2013-11-28 is a holiday, 11-29 closes at 13:00; 12-03 is left out."""


@pytest.fixture(scope="module")
def thanksgiving(tmp_path_factory):
    """Real days over Thanksgiving and a gap; one more day without quotes, one without prints."""
    root = tmp_path_factory.mktemp("thanksgiving")
    for day, source in zip(THANKSGIVING, (*DAYS, *DAYS), strict=False):
        changes = (until("13:02"),) if day == "20131129" else ()
        put_day(lean_folder(root), day, source, changes=changes)
    (lean_folder(root) / "20131204_trade.zip").unlink()
    put_day(lean_folder(root), "20131205", DAYS[0])
    (lean_folder(root) / "20131205_quote.zip").unlink()
    return root, build_lake(root, "ibm")


def test_half_day__and_the_day_after_the_holiday(thanksgiving) -> None:
    """An early close and a session whose warm-up goes over a holiday have episodes."""
    root, report = thanksgiving
    assert report.dates == (date(2013, 11, 29), date(2013, 12, 2))
    half, whole = (Session(environment(root), "ibm", day) for day in report.dates)
    assert half.clock.is_early_close
    assert (half.column("work/bars_1min", "bar_start_ns") < half.clock.close_ns + 120 * 10**9).all()
    assert whole.calendar.previous(whole.day, 1) == [half.day]
    for session in (half, whole):
        assert 10 <= session.table("episodes/metadata").num_rows <= 60


@pytest.mark.parametrize("number", [0, 1], ids=["half day", "day after"])
def test_more_days__invariants(thanksgiving, number) -> None:
    """Every invariant that applies holds on them too."""
    root, report = thanksgiving
    session = Session(environment(root), "ibm", report.dates[number])
    for row in INVARIANTS:
        if row.check is not None:
            row.check(session)


def test_more_days__a_reason_for_every_other_date(thanksgiving) -> None:
    """What lacks, by date; a refused file is named, and does not stop the others."""
    _, report = thanksgiving
    assert {str(d): r for d, r in report.left_out.items() if d > report.dates[-1]} == {
        "2013-12-03": "Bronze holds no equities trades and no equities quotes",
        "2013-12-04": "Bronze holds no equities trades",
    }
    (found,) = report.ingested
    (refused,) = found.summary.refused
    assert refused.path.endswith("20131205_trade.zip")
    assert "a day without quotes" in refused.error


def test_one_date__that_cannot_be_built(thanksgiving) -> None:
    """Asked for alone it is an error that says what lacks."""
    root, _ = thanksgiving
    with pytest.raises(
        DataError, match=r"No date of ibm can be run\n  2013-12-04: Bronze holds no "
    ):
        build_lake(root, "ibm", day=date(2013, 12, 4), with_ingest=False)
    with pytest.raises(DataError, match="2013-11-26: needs the 3 sessions before it as warm-up"):
        build_lake(root, "ibm", day=date(2013, 11, 26), with_ingest=False)


def test_gate__refuses_a_date_with_its_reason(tmp_path) -> None:
    """A session with a hole passes the look at files, not the gate; the one before it is built."""
    put_real_days(tmp_path)
    hole = (lambda rows, _kind: [r for r in rows if not 36_000_000 <= float(r[0]) < 36_600_000],)
    put_day(lean_folder(tmp_path), "20131011", DAYS[1], changes=hole)
    report = build_lake(tmp_path, "ibm")
    assert report.dates == (date(2013, 10, 10),)
    assert (
        "DataError: 2013-10-11: 338 minutes without a trade" in report.left_out[date(2013, 10, 11)]
    )


FACTORS = [pytest.param(0.03, id="5 dollars"), pytest.param(3.9, id="700 dollars")]


@pytest.mark.parametrize("factor", FACTORS)
def test_other_symbol__with_nothing_but_profile_and_manifests(tmp_path, factor) -> None:
    """The real days at another price, with other times, in a folder by symbol and other names."""
    price = 182 * factor
    home = new_home(
        tmp_path / "home",
        "xyz",
        like="ibm",
        symbol="equity_symbol: IBM -> equity_symbol: XYZ",
        low=f"price_min: 20.0 -> price_min: {price / 2:g}",
        high=f"price_max: 1000.0 -> price_max: {price * 2:g}",
    )
    root = tmp_path / "lake"
    folder = lean_folder(root, "xyz") / "xyz"
    for seed, day in enumerate(DAYS):
        put_day(folder, day, day, symbol="xyz", changes=(scaled(factor), jittered(30, seed)))
    (folder / "20131007_trade.zip").rename(folder / "20131007_Trade.ZIP")
    report = build_lake(root, "xyz", home=home)
    assert report.dates == (date(2013, 10, 10),), report.left_out
    session = Session(environment(root, home), "xyz", report.dates[0])
    assert set(session.column("signals", "contract")) == {"XYZ"}
    width = session.column("signals", "zone_half_width")
    assert (width >= max(0.01, round(0.05 * factor, 2)) - 1e-9).all()
    assert session.table("episodes/metadata").num_rows >= 5
    ticks = session.column("work/trades", "price_ticks")
    assert np.median(ticks) * 0.01 == pytest.approx(price, rel=0.02)


def test_files__as_archivers_and_downloads_leave_them(tmp_path) -> None:
    """A second copy, a side file of an archiver and other files change nothing and are named."""
    put_real_days(tmp_path, DAYS[:1])
    folder = lean_folder(tmp_path)
    (folder / "ibm").mkdir()
    shutil.copy(folder / f"{DAYS[0]}_trade.zip", folder / "ibm" / f"{DAYS[0]}_trade.zip.zip")
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="No date of ibm can be run") as found:
        build_lake(tmp_path, "ibm")
    assert "2013-10-07: needs the 3 sessions" in str(found.value)
    assert "refused" not in str(found.value)


def test_files__that_are_not_read_are_named(tmp_path) -> None:
    """A file of another ticker is refused, a folder of another product not read; both are said."""
    put_real_days(tmp_path, DAYS[:1])
    lean_zip(
        lean_folder(tmp_path) / "tsla", "trade", [trade("10:00:00", 181.5)],
        day="20131011", symbol="tsla",
    )  # fmt: skip
    (tmp_path / "raw" / "ibm" / "options" / "polygon").mkdir(parents=True)
    with pytest.raises(DataError) as found:
        build_lake(tmp_path, "ibm")
    assert "options: not read: ibm has no options in its profile" in str(found.value)
    assert "'TSLA' belongs to instrument 'tsla'" in str(found.value)
