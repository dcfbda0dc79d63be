"""Raw files and sessions of a share that cannot be right: the command says so and publishes nothing.

The rules themselves, row by row, are in tests/ingest.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from spymaster_lake.commands import common
from spymaster_lake.orchestration import execute
from tests.bad_input.command import Command
from tests.ingest.equity_files import (
    OPTION_TRADES,
    bytes_of,
    flat_file,
    lean_zip,
    ns,
    quote,
    raw,
    run,
    steady,
    trade,
)
from tests.laws import small_lake
from tests.laws.small_lake import SmallLake

DAYS = ("20131007", "20131008", "20131009", "20131010")
SPLIT = "{ex_date: 1999-05-27, new: 2, old: 1}"


@pytest.fixture
def shares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """The console command over an empty lake, with stages in this process."""
    build = common.make_environment
    monkeypatch.delenv("SPYMASTER_DATA_ROOT", raising=False)
    monkeypatch.setattr(
        common, "make_environment", lambda *a, **k: small_lake.without_spark(build(*a, **k))
    )
    monkeypatch.setattr(execute, "map_sessions", small_lake.here)
    return Command(SmallLake(tmp_path / "lake"), monkeypatch, capsys)


def lean(root: Path, trades: list[str], quotes: list[str], **given: str) -> None:
    """The two files of one day of IBM; no rows, no file."""
    for kind, rows in (("trade", trades), ("quote", quotes)):
        if rows:
            lean_zip(raw(root, "lean"), kind, rows, **given)


def good(root: Path) -> None:
    lean(root, [trade("10:00:00", 181.5)], steady())


def crossed(root: Path) -> None:
    late = [quote("11:00:00", "bid", 181.60, exchange="P")]
    lean(root, [trade("10:00:00", 181.5)], [*steady(), *late])


def one_sided(root: Path) -> None:
    lean(root, [trade("10:00:00", 181.5)], [quote("09:00:00", "bid", 181.5)])


def far_prints(root: Path) -> None:
    lean(root, [trade("10:00:00", 190.0), trade("10:00:01", 181.5)], steady())


def no_quotes(root: Path) -> None:
    lean(root, [trade("10:00:00", 181.5)], [])


def decimals_kept(root: Path) -> None:
    lean(root, [trade("10:00:00", 1_815_000.0)], steady())


def decimals_undone_twice(root: Path) -> None:
    lean(root, [trade("10:00:00", 0.0181)], steady())


def two_files_of_a_day(root: Path) -> None:
    good(root)
    lean_zip(raw(root, "lean") / "again", "trade", [trade("10:00:00", 181.51)])


def another_share(root: Path) -> None:
    lean(root, [trade("10:00:00", 181.5)], steady(), symbol="tsla")


def another_underlying(root: Path) -> None:
    row = {
        "ticker": "O:AAPL240503C00180000", "price": 2.5, "size": 2, "conditions": "209",
        "correction": 0, "exchange": 312, "sip_timestamp": ns("2024-05-01 09:30:00"),
    }  # fmt: skip
    flat_file(raw(root, "polygon", "tsla", "options") / "2024-05-01.csv.gz", OPTION_TRADES, [row])


IBM = ("--instrument", "ibm", "--product", "equities", "--source", "lean")
TSLA_OPTIONS = ("--instrument", "tsla", "--product", "options", "--source", "polygon")


@pytest.mark.parametrize(
    ("files", "asked", "said"),
    [
        (crossed, IBM, ("IBM 2013-10-07", "crossed for", "allows 30 s")),
        (one_sided, IBM, ("IBM 2013-10-07", "one-sided or absent for", "allows 60 s")),
        (far_prints, IBM, ("1 of 2 regular prints", "190.0")),
        (no_quotes, IBM, ("IBM 2013-10-07", "a day without quotes")),
        (decimals_kept, IBM, ("20131007_trade.zip", "times 10,000")),
        (decimals_undone_twice, IBM, ("20131007_trade.zip", "divided by 10,000")),
        (two_files_of_a_day, IBM, ("different files of one kind", "counted twice")),
        (another_share, IBM, ("'TSLA' belongs to instrument 'tsla', not to 'ibm'",)),
        (another_underlying, TSLA_OPTIONS, ("'O:AAPL240503C00180000' is on 'AAPL'",)),
    ],
)
def test_ingest__refuses(shares: Command, files, asked, said) -> None:
    """Exit code 2, file, day and rule, and no Bronze."""
    files(shares.lake.root)
    code, _, err = shares("ingest", *asked, "--no-spark")
    assert code == 2
    assert all(text in err for text in (*said, "nothing was published")), err
    assert "Traceback" not in err
    assert not bytes_of(shares.lake.root)


def test_ingest__a_copy_counts_once(shares: Command) -> None:
    """The same bytes under two names are one file; ingesting again changes nothing."""
    root = shares.lake.root
    good(root)
    (raw(root, "lean") / "copy").mkdir()
    shutil.copy(raw(root, "lean") / "20131007_trade.zip", raw(root, "lean") / "copy")
    assert shares("ingest", *IBM, "--no-spark")[0] == 0
    once = bytes_of(root)
    assert len([name for name in once if "/trades/" in name]) == 1
    assert shares("ingest", *IBM, "--no-spark")[0] == 0
    assert bytes_of(root) == once


def four_days(root: Path, prices: tuple[float, ...]) -> None:
    """Four sessions in Bronze, one print each, at these prices."""
    for day, price in zip(DAYS, prices, strict=True):
        lean(
            root, [trade("10:00:00", price)], steady(price - 0.01, price + 0.01), day=day
        )  # fmt: skip
    run(root)


@pytest.mark.parametrize(
    ("prices", "table", "said"),
    [
        ((182.0, 182.0, 182.0, 91.0), SPLIT, ("from 182 on 2013-10-09 to 91 on 2013-10-10", "lacks a split")),
        ((182.0, 91.0, 91.0, 91.0), SPLIT, ("from 182 on 2013-10-07 to 91 on 2013-10-08", "lacks a split")),
        ((182.0, 182.0, 182.0, 182.0), "{ex_date: 2013-10-09, new: 2, old: 1}",
         ("on 2013-10-09", "has a split that the files do not show")),
    ],
)  # fmt: skip
def test_session__beside_an_unknown_split(shares: Command, tmp_path, prices, table, said) -> None:
    """Prices of two bases never meet: neither in a session's own step nor inside its warm-up."""
    four_days(shares.lake.root, prices)
    shares.project(tmp_path / "project", "conf/instruments/ibm.yaml", SPLIT, table)
    asked = ("run", "stage", "--instrument", "ibm", "--pipeline-id", "feature_engineering",
             "--pipeline-version", "1.0.0", "--stage-id", "load_bronze", "--date", "2013-10-10")  # fmt: skip
    shares.refused(*asked, said=said)


def test_session__beside_a_known_split(shares: Command, tmp_path) -> None:
    """With the split in the table the step is explained; the session fails for another reason."""
    four_days(shares.lake.root, (182.0, 182.0, 91.0, 91.0))
    dated = "{ex_date: 2013-10-09, new: 2, old: 1}"
    shares.project(tmp_path / "project", "conf/instruments/ibm.yaml", SPLIT, dated)
    asked = ("run", "stage", "--instrument", "ibm", "--pipeline-id", "feature_engineering",
             "--pipeline-version", "1.0.0", "--stage-id", "load_bronze", "--date", "2013-10-10")  # fmt: skip
    err = shares.refused(*asked, said="minutes")
    assert "split" not in err
