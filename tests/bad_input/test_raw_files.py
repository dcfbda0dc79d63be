"""Raw files that are damaged, foreign or given twice: `ingest` says so and Bronze stays as it was.

The rules themselves, record by record, are in tests/ingest.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bad_input.command import Command, on
from tests.ingest.dbn_files import dbn_file
from tests.laws.small_lake import DAY, SmallLake, replace_file


def bronze(lake: SmallLake) -> dict[str, bytes]:
    """Every Bronze file with its content."""
    folder = lake.root / "bronze"
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.parquet")}


def raw(lake: SmallLake, schema: str = "trades") -> Path:
    """The futures file of DAY."""
    return lake.root / "raw" / "es" / "futures" / "databento" / f"{DAY}.{schema}.dbn.zst"


def ingest(command: Command, path: Path) -> tuple[int, str, str]:
    """Ingest one file."""
    words = ("ingest", "--instrument", "es", "--product", "futures", "--no-spark")
    return command(*words, "--file", str(path))


def refused(command: Command, path: Path, *said: str) -> None:
    """The ingest fails with these words, and Bronze is as before."""
    before = bronze(command.lake)
    code, _, err = ingest(command, path)
    assert code == 2
    assert "nothing was published" in err
    assert all(text in err for text in said), err
    assert "Traceback" not in err
    assert bronze(command.lake) == before
    assert not list(command.lake.root.glob("_meta/es/runs/*/staging"))


@pytest.mark.parametrize("schema", ["trades", "mbp-10"])
def test_truncated_file(lake, command, schema):
    """A download that broke off is refused as a whole; the rows before the break are not kept."""
    path = raw(lake, schema)
    content = path.read_bytes()
    replace_file(path, content[: len(content) * 2 // 3])
    refused(command, path, "RawFileError", path.name)


def test_foreign_contract(command, tmp_path):
    """A Nasdaq future in a file of es refuses the file and names file and symbol."""
    path = tmp_path / "foreign.dbn.zst"
    dbn_file(path, "trades", [{}, {"symbol": "NQZ5"}])
    refused(command, path, "SymbolError", path.name, "'NQZ5'")


def test_same_file_twice__adds_nothing(lake, command):
    """The same bytes under another name, ingested again: same parts, same rows, same session."""
    before, trades = bronze(lake), lake.read("work/trades", DAY)
    copy = lake.root / "again.dbn.zst"
    copy.write_bytes(raw(lake).read_bytes())
    for path in (raw(lake), copy):
        code, _, err = ingest(command, path)
        assert code == 0, err
    assert bronze(lake) == before
    assert command.stage("load_bronze", *on(DAY))[0] == 0
    assert lake.read("work/trades", DAY).equals(trades)


def test_off_tick_price_and_bad_size__are_quarantined(command, tmp_path):
    """Single bad rows do not refuse a file: they are kept aside and counted by reason."""
    path = tmp_path / "day.dbn.zst"
    dbn_file(path, "trades", [{}, {"price": 6850_100_000_000}, {"size": 0}])
    code, out, err = ingest(command, path)
    assert code == 0, err
    assert command.record(out)["quarantined"] == {"BAD_SIZE": 1, "OFF_TICK": 1}
