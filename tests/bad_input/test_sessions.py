"""Sessions that cannot be made: absent, incomplete, without a front contract, no session at all."""

from __future__ import annotations

from datetime import date

import pyarrow.parquet as pq
import pytest

from spymaster_lake.lake.delta_tables import open_snapshot
from tests.bad_input.command import (
    clock,
    drop_session,
    edit,
    on,
    on_stage,
    one_part,
    session_parts,
)
from tests.laws.small_lake import (
    DAY,
    EARLIER,
    FRONT,
    HOLIDAY,
    NEXT,
    SESSIONS,
    replace_file,
)

MINUTE_NS = 60 * 10**9


@pytest.mark.parametrize("day", SESSIONS[:3], ids=str)
def test_first_sessions__are_warmup_only(command, day):
    """Asking for one of the first three names the first date that can run."""
    said = rf"SessionError: {day}: .*no trades on .*first runnable date is {EARLIER}"
    command.stage_refused("load_bronze", *on(day), said=said)


def test_range_with_first_sessions__lists_every_bad_date(command):
    """One error for all three; the good dates of the range are not published either."""
    err = command.stage_refused(
        "load_bronze", *on(SESSIONS[0], DAY), said="3 of 5 date.* failed; nothing was published"
    )
    assert all(f"{day}: SessionError" in err for day in SESSIONS[:3])
    assert f"{EARLIER}: SessionError" not in err


def test_range_with_first_sessions__skip_goes_on(command):
    """With --on-bad-date skip the two good dates run, the others are recorded with reasons."""
    words = (*on(SESSIONS[0], DAY), "--on-bad-date", "skip", "--json")
    code, out, err = command.stage("load_bronze", *words)
    assert code == 0, err
    (stage,) = command.record(out)["stages"]
    assert stage["dates"] == [str(EARLIER), str(DAY)]
    assert sorted(stage["skipped"]) == [str(day) for day in SESSIONS[:3]]
    assert all("first runnable date" in reason for reason in stage["skipped"].values())


def test_missing_warmup_session__names_the_gap_and_the_next_runnable_date(lake, command):
    """Without 2025-11-25 nothing runs before three full sessions lie behind: 2025-12-02."""
    drop_session(lake, "futures", "trades", day=date(2025, 11, 25))
    said = (
        r"2025-11-28: .*no trades on 2025-11-25; with trades from 2025-11-26 on, "
        r"the first runnable date is 2025-12-02"
    )
    command.stage_refused("load_bronze", said=said)


def test_front_contract_without_warmup__names_contract_and_date(lake, command):
    """Three sessions of some contract are not enough: the front contract needs them."""
    drop_session(lake, "futures", "trades", value=FRONT, day=date(2025, 11, 25))
    said = "warm-up needs trades of ESZ5 in 3 sessions before it; none on 2025-11-25"
    command.stage_refused("build_ohlcv_2min", said=said)


def test_holiday__is_refused_with_its_neighbours(command):
    """Thanksgiving is no session."""
    said = rf"{HOLIDAY} \(Thursday\) is no session.*nearest are {EARLIER} and {DAY}"
    command.refused(*on_stage("load_bronze", HOLIDAY), said=said, code=2)


def test_half_day__runs_and_a_range_skips_the_holiday(lake, command):
    """2025-11-28 closes at 13:00 ET; a range over Thanksgiving holds two sessions."""
    code, out, err = command.stage("load_bronze", *on(EARLIER, DAY), "--json")
    assert code == 0, err
    assert command.record(out)["dates"] == [str(EARLIER), str(DAY)]
    (row,) = lake.read("work/sessions", DAY).to_pylist()
    bounds = clock(lake)
    assert bounds.is_early_close
    assert row["close_ns"] - row["open_ns"] == 210 * MINUTE_NS
    assert row["n_missing_minutes"] <= 5
    assert lake.read("signals", DAY).num_rows > 0
    (regular,) = lake.read("work/sessions", EARLIER).to_pylist()
    assert regular["close_ns"] - regular["open_ns"] == 390 * MINUTE_NS


def test_excluded_session__is_refused_alone_and_left_out_of_ranges(lake, command, tmp_path):
    """An excluded session is neither run nor anybody's warm-up, so its ticks may be absent."""
    listed = f"calendar:\n  excluded_sessions: [{EARLIER}]\n"
    command.project(tmp_path / "home", "conf/instruments/es.yaml", "calendar:\n", listed)
    said = f"{EARLIER} is listed in the profile's excluded_sessions"
    command.refused(*on_stage("load_bronze", EARLIER), said=said, code=2)
    drop_session(lake, "futures", "trades", day=EARLIER)
    code, out, err = command.stage("load_bronze", *on(EARLIER, DAY), "--json")
    assert code == 0, err
    assert command.record(out)["dates"] == [str(DAY)]


def test_missing_minutes__too_many(lake, command):
    """Ten minutes without a trade of the front contract are more than the profile allows."""
    path = one_part(lake, "futures", "trades", FRONT)
    table = pq.ParquetFile(path).read()
    start = table["ts_event_ns"][0].as_py() // MINUTE_NS * MINUTE_NS
    times = table["ts_event_ns"].to_numpy()
    quiet = (times >= start + 10 * MINUTE_NS) & (times < start + 20 * MINUTE_NS)
    replace_file(path, table.filter(~quiet))
    said = r"2025-11-28: 1\d minutes without a trade between .*; the profile allows 5"
    command.stage_refused("load_bronze", said=said)


def test_no_trades_of_the_front_contract(lake, command):
    """Trades of the next contract are there, but yesterday's volume chose this one."""
    drop_session(lake, "futures", "trades", value=FRONT)
    assert session_parts(lake, "futures", "trades", value=NEXT)
    said = "2025-11-28: Bronze holds no trades of the front contract ESZ5"
    command.stage_refused("load_bronze", said=said)


def test_no_trades_at_all(lake, command):
    """An absent dataset is named before anything is read."""
    drop_session(lake, "futures", "trades")
    command.stage_refused("load_bronze", said="2025-11-28: missing bronze futures trades")


def test_no_book_updates(lake, command):
    """The book of the next contract is no substitute."""
    drop_session(lake, "futures", "mbp10", value=FRONT)
    said = "2025-11-28: Bronze holds no book updates of ESZ5 in the book window"
    command.stage_refused("load_bronze", said=said)


def test_dominance__too_low_outside_the_roll_window(lake, command):
    """With 56 % of the volume there is no front month, and no roll explains it."""
    bounds = clock(lake, EARLIER)

    def volume(contract: str) -> int:
        parts = session_parts(lake, "futures", "trades", value=contract, day=EARLIER)
        rows = [r for p in parts for r in pq.ParquetFile(p).read().to_pylist()]
        return sum(r["size"] for r in rows if bounds.open_ns <= r["ts_event_ns"] < bounds.close_ns)

    wanted = int(0.8 * volume(FRONT)) - volume(NEXT)
    (path,) = (
        p for p in session_parts(lake, "futures", "trades", value=NEXT, day=EARLIER)
        if "hour=16/" in str(p)
    )  # fmt: skip
    edit(path, "size", lambda sizes: [sizes[0] + wanted, *sizes[1:]])
    said = (
        r"front month of 2025-11-28: ESZ5 holds 0\.55\d of the volume of 2025-11-26; outside the "
        r"roll window .* at least 0\.6 is required; volumes \{"
    )
    command.stage_refused("load_bronze", said=said)


def test_base_lake__holds_exactly_the_two_sessions(lake):
    """A range from the first runnable session to the half day made these dates, no other."""
    assert open_snapshot(str(lake.table("signals"))).dates == [EARLIER, DAY]
