"""Corrected and overlapping raw files: nothing counts twice, nothing goes away unasked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from spymaster_lake.contracts.errors import DataError, RawFileError
from spymaster_lake.ingest import job
from spymaster_lake.ingest.job import IngestRequest, ingest
from tests.ingest import equity_files
from tests.ingest.dbn_files import NOON, PROFILES, PX, dbn_file, ns
from tests.ingest.equity_files import OPTION_TRADES, bytes_of, flat_file, quote, steady, trade

Rows = list[Mapping[str, object]]
MIDNIGHT = ns("2025-12-17T00:00:00")


def raw(root: Path, name: str, rows: Rows, schema: str = "trades", product: str = "futures") -> str:
    """One vendor file of es."""
    folder = root / "raw" / "es" / product / "databento"
    return dbn_file(folder / f"{name}.dbn.zst", schema, rows)


def run(root: Path, *files: str, product: str = "futures", **given: Any) -> job.IngestSummary:
    """One ingest of es without Spark."""
    return ingest(None, IngestRequest(str(root), "es", product, files=files, **given), PROFILES)


def prices(root: Path) -> list[float]:
    """Prices in Bronze, sorted."""
    files = (root / "bronze").rglob("*.parquet")
    return sorted(p for f in files for p in pq.ParquetFile(f).read()["price"].to_pylist())


def at(ms: int, price: float = 6850.0, start: int = NOON, **given: object) -> dict[str, object]:
    """A print some milliseconds after noon."""
    stamp = {"ts_event": start + ms * 1_000_000, "sequence": ms, "price": round(price * PX)}
    return {**stamp, **given}


def test_correction__is_refused_until_asked(tmp_path: Path) -> None:
    """Other bytes with the same records: refused by name; with `replace` they take the place."""
    first = raw(tmp_path, "day", [at(0), at(1, 6850.25), at(2)])
    run(tmp_path, first)
    before = bytes_of(tmp_path)
    second = raw(tmp_path, "corrected", [at(0), at(1, 6851.0), at(2), at(3)])
    with pytest.raises(RawFileError, match=r"corrected.dbn.zst: Bronze holds its records .*part-"):
        run(tmp_path, second)
    assert bytes_of(tmp_path) == before
    summary = run(tmp_path, second, replace=True)
    assert prices(tmp_path) == [6850.0, 6850.0, 6850.0, 6851.0]
    assert list(summary.replaced) == list(before)
    alone = tmp_path / "alone"
    run(alone, second)
    assert bytes_of(alone) == bytes_of(tmp_path)


def test_correction__fewer_hours(tmp_path: Path) -> None:
    """The earlier file goes as a whole: also its hours in which the new one has no row."""
    hour = 3_600_000
    run(tmp_path, raw(tmp_path, "day", [at(0), at(hour, 6850.5)]))
    run(tmp_path, raw(tmp_path, "corrected", [at(0)]), replace=True)
    assert prices(tmp_path) == [6850.0]


def test_correction__again(tmp_path: Path) -> None:
    """Replacing twice is replacing once; nothing is left to replace."""
    run(tmp_path, raw(tmp_path, "day", [at(0), at(1)]))
    second = raw(tmp_path, "corrected", [at(0, 6851.0)])
    run(tmp_path, second, replace=True)
    once = bytes_of(tmp_path)
    assert run(tmp_path, second, replace=True).replaced == ()
    assert run(tmp_path, second).replaced == ()
    assert bytes_of(tmp_path) == once


def test_correction__interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between the new parts and the removal: the next ingest says so, or finishes it."""
    run(tmp_path, raw(tmp_path, "day", [at(0)]))
    second = raw(tmp_path, "corrected", [at(0), at(1)])

    class KilledError(Exception):
        pass

    def killed(*_: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr("spymaster_lake.lake.filesystem.LakeFileSystem.remove", killed)
        with pytest.raises(KilledError):
            run(tmp_path, second, replace=True)
    assert len(prices(tmp_path)) == 3
    with pytest.raises(RawFileError, match="would count twice"):
        run(tmp_path, second)
    run(tmp_path, second, replace=True)
    assert len(prices(tmp_path)) == 2


def test_correction__may_not_lose_days(tmp_path: Path) -> None:
    """A file of one day does not replace one of two days; both days together do."""
    late = at(1, 6852.0, MIDNIGHT)
    run(tmp_path, raw(tmp_path, "two-days", [at(0), late]))
    before = bytes_of(tmp_path)
    one = raw(tmp_path, "one-day", [at(0, 6851.0)])
    with pytest.raises(RawFileError, match=r"also holds 2025-12-17 .*nothing was published"):
        run(tmp_path, one, replace=True)
    assert bytes_of(tmp_path) == before
    run(tmp_path, one, raw(tmp_path, "other-day", [late]), replace=True)
    assert prices(tmp_path) == [6851.0, 6852.0]


def test_overlap__two_files_of_one_run(tmp_path: Path) -> None:
    """Downloads that overlap are refused, whatever was asked; the shared record is in no file."""
    one, two = raw(tmp_path, "a", [at(0), at(1)]), raw(tmp_path, "b", [at(1), at(2)])
    for replace in (False, True):
        with pytest.raises(RawFileError, match=r"a.dbn.zst and .*b.dbn.zst hold the same records"):
            run(tmp_path, one, two, replace=replace)
    assert not bytes_of(tmp_path)


def test_overlap__parts_of_an_hour_are_no_overlap(tmp_path: Path) -> None:
    """Files cut inside an hour, and files of other contracts, stand beside each other."""
    rows: list[Rows] = [[at(0), at(1)], [at(2), at(3)], [at(1, symbol="ESH6")]]
    for number, some in enumerate(rows):
        run(tmp_path, raw(tmp_path, str(number), some))
    assert len(prices(tmp_path)) == 5


def test_overlap__options_of_other_roots(tmp_path: Path) -> None:
    """Prints of two options at one time and sequence are two records."""
    mappings = {"E3AZ5 C6850": 11, "E3AZ5 C6900": 12}
    folder = tmp_path / "raw" / "es" / "options" / "databento"
    for number in mappings.values():
        path = folder / f"{number}.dbn.zst"
        dbn_file(path, "trades", [{**at(0, 10.0), "instrument_id": number}], mappings=mappings)
        run(tmp_path, str(path), product="options")
    assert len(prices(tmp_path)) == 2


def test_overlap__book(tmp_path: Path) -> None:
    """A second file of the same book is refused; definitions may repeat."""
    run(tmp_path, raw(tmp_path, "a", [at(0), at(1)], "mbp-10"))
    with pytest.raises(RawFileError, match="mbp10"):
        run(tmp_path, raw(tmp_path, "b", [at(1), at(2)], "mbp-10"))
    for name, size in (("c", 1), ("d", 2)):
        rows: Rows = [{}] * size
        run(tmp_path, raw(tmp_path, name, rows, "definition", "options"), product="options")


def test_overlap__unreadable_part(tmp_path: Path) -> None:
    """A Bronze part that cannot be read is named; nothing is published beside it."""
    run(tmp_path, raw(tmp_path, "a", [at(0)]))
    (part,) = (tmp_path / "bronze").rglob("*.parquet")
    part.write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match=rf"{part.name}: unreadable Bronze file"):
        run(tmp_path, raw(tmp_path, "b", [at(0), at(1)]))
    assert list((tmp_path / "bronze").rglob("*.parquet")) == [part]


def test_share__corrected_prints(tmp_path: Path) -> None:
    """A corrected file of a share's prints, of its quotes, or of both, with other hours."""
    equity_files.day(tmp_path, [trade("10:00:00", 181.5), trade("15:00:00", 181.5)])
    equity_files.run(tmp_path)
    equity_files.day(tmp_path, [trade("10:00:00", 181.52)])
    with pytest.raises(RawFileError, match="--replace"):
        equity_files.run(tmp_path)
    summary = equity_files.run(tmp_path, replace=True)
    assert [Path(p).parent.name for p in summary.replaced] == ["hour=14", "hour=19"]
    (row,) = equity_files.bronze(tmp_path, "trades")
    assert (row["price"], row["aggressor"]) == (181.52, 1)
    moved = [quote("09:00:00", "bid", 181.52, exchange="P"), *steady()[1:]]
    equity_files.day(tmp_path, [trade("10:00:00", 181.52)], [*moved, *steady(181.52, 181.6)])
    summary = equity_files.run(tmp_path, replace=True)
    assert len(summary.replaced) == 1
    (row,) = equity_files.bronze(tmp_path, "trades")
    assert (row["price"], row["aggressor"]) == (181.52, -1)


def test_share__two_option_files_of_a_day(tmp_path: Path) -> None:
    """Options on a share have one file a day: a second one would count twice."""
    folder = equity_files.raw(tmp_path, "polygon", "tsla", "options")
    row = {
        "ticker": "O:TSLA240503C00180000", "price": 2.5, "size": 2, "conditions": "209",
        "correction": 0, "exchange": 312, "sip_timestamp": equity_files.ns("2024-05-01 09:30:00"),
    }  # fmt: skip
    for name, size in (("a/2024-05-01", 2), ("b/2024-05-01", 3)):
        flat_file(folder / f"{name}.csv.gz", OPTION_TRADES, [{**row, "size": size}])
    with pytest.raises(RawFileError, match="hold the same records"):
        equity_files.run(tmp_path, "polygon", instrument="tsla", product="options")
    assert not bytes_of(tmp_path)
