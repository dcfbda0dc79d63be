"""Published tables that are absent, incomplete or damaged: the stage stops and names them."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from spymaster_lake.lake.delta_tables import open_snapshot
from tests.bad_input.command import on
from tests.laws.small_lake import DAY, EARLIER, SmallLake, replace_file


def data_file(lake: SmallLake, dataset: str, day: date = DAY) -> Path:
    """The file of one date of a table."""
    (file,) = open_snapshot(str(lake.table(dataset))).on([day])
    return Path(file.path)


def test_missing_upstream_date__is_named(command):
    """Nothing was made of 2025-12-01 yet: every absent input is listed."""
    err = command.stage_refused(
        "compute_physics", *on(date(2025, 12, 1)), said="required inputs are absent for 1 date"
    )
    for table in ("events", "trades", "book_seconds", "flow_seconds", "option_trades_greeks"):
        assert f"silver feature_engineering work/{table}" in err


def test_missing_upstream_date__of_a_range(command):
    """A range names the date that lacks its inputs, and publishes none."""
    said = r"absent for 1 date\(s\)\n  2025-12-01: missing silver feature_engineering work/trades"
    command.stage_refused("build_ohlcv_1min", *on(EARLIER, date(2025, 12, 1)), said=said)


def test_missing_upstream_table__is_named(lake, command):
    """A table that vanished is an error, not an empty input."""
    shutil.rmtree(lake.table("work/levels"))
    said = "missing silver feature_engineering work/levels"
    command.stage_refused("compute_level_distances", said=said)


BROKEN = {
    "cut short": lambda content: content[: len(content) // 2],
    "not Parquet": lambda _: b"these are no rows",
}


@pytest.mark.parametrize("spoil", BROKEN.values(), ids=BROKEN)
def test_corrupt_data_file__is_named(lake, command, spoil):
    """A damaged file of a table stops the stages that read its date, and no other date."""
    path = data_file(lake, "work/trades")
    replace_file(path, spoil(path.read_bytes()))
    said = rf"DataError: .*{path.name}: unreadable Parquet file"
    command.stage_refused("build_ohlcv_1min", said=said)
    assert command.stage("build_ohlcv_1min", *on(EARLIER))[0] == 0


def test_lost_data_file__is_named(lake, command):
    """A file that the Delta log lists and nobody has."""
    path = data_file(lake, "work/trades")
    path.unlink()
    command.stage_refused("build_ohlcv_1min", said=rf"{path.name}: unreadable Parquet file")


def test_rows_of_another_run__are_found(lake, command):
    """Feature groups that do not hold the same events are never joined by position."""
    path = data_file(lake, "work/kinematics")
    other = data_file(lake, "work/kinematics", EARLIER)
    replace_file(path, other.read_bytes())
    said = "tables disagree on event_id: .* rerun the earlier stages"
    command.stage_refused("filter_rth_and_write_silver_signals", said=said)


def test_corrupt_delta_log__is_an_error_of_the_lake(lake, command):
    """A log that cannot be read is reported with the table, not as a defect of the program."""
    log = sorted((lake.table("work/trades") / "_delta_log").glob("*.json"))[0]
    replace_file(log, b"{ this is no log")
    command.stage_refused(
        "build_ohlcv_1min", said=r"DataError: \S*work/trades: unreadable Delta table: .*Json error"
    )
