"""The files as a whole: determinism, headers, counts, calendar."""

from __future__ import annotations

from datetime import date
from hashlib import sha256

import numpy as np
import pytest

from spymaster_lake.contracts.errors import ConfigError, UnknownNameError
from spymaster_lake.simulator import simulate
from tests.simulator.vendor_reading import decode

DAY = date(2025, 12, 2)
SCHEMAS = [("futures", "trades"), ("futures", "mbp-10"), ("options", "trades"), ("options", "statistics"), ("options", "definition")]  # fmt: skip


def _run(root, profile, calendar, **changes):
    given = {"start": DAY, "sessions": 1, "size": "tiny", "seed": 3, "processes": 1, **changes}
    return simulate(root / "futures", root / "options", profile, calendar, **given)


def _hashes(root):
    return {
        p.relative_to(root).as_posix(): sha256(p.read_bytes()).hexdigest()
        for p in sorted(root.rglob("*.zst"))
    }


def test_files__same_bytes_from_any_start(simulated, profile, calendar, tmp_path):
    """A session does not depend on the first session asked for: its bytes are the same."""
    _run(tmp_path, profile, calendar)
    expected = {k: v for k, v in _hashes(simulated.futures.parent).items() if DAY.isoformat() in k}
    assert _hashes(tmp_path) == expected
    assert len(expected) == len(SCHEMAS)


def test_files__independent_of_process_count(simulated, profile, calendar, tmp_path):
    """Two processes write what one writes."""
    report = _run(tmp_path, profile, calendar, sessions=2, processes=2)
    days = [s.day for s in report.sessions]
    expected = {
        k: v
        for k, v in _hashes(simulated.futures.parent).items()
        if any(d.isoformat() in k for d in days)
    }
    assert _hashes(tmp_path) == expected
    assert [s.volume for s in report.sessions] == [
        s.volume for s in simulated.report.sessions if s.day in days
    ]


def test_files__another_seed_differs(simulated, profile, calendar, tmp_path):
    """Another seed changes every file whose content is random."""
    _run(tmp_path, profile, calendar, seed=4)
    before, after = _hashes(simulated.futures.parent), _hashes(tmp_path)
    assert all(before[name] != digest for name, digest in after.items())


def test_files__counts_and_headers(simulated):
    """The vendor's decoder reads as many records as the report says, of the schema in the header."""
    session = next(s for s in simulated.report.sessions if s.day == DAY)
    for product, schema in SCHEMAS:
        path = getattr(simulated, product) / f"{DAY}.{schema}.dbn.zst"
        head, records = decode(path)
        assert (head.version, head.dataset, str(head.schema)) == (3, "GLBX.MDP3", schema)
        assert len(records) == session.files[str(path)]
    assert len(session.files) == len(SCHEMAS)


def test_files__receive_time_orders_the_file(simulated):
    """Receive times never decrease and follow the event time."""
    for schema in ("trades", "mbp-10"):
        _, records = simulated.records(DAY, schema)
        assert (np.diff(records["ts_recv"].astype(np.int64)) >= 0).all()
        assert (records["ts_recv"] > records["ts_event"]).all()


def test_sessions__holidays_skipped(simulated):
    """Thanksgiving has no file; the sessions are those of the calendar."""
    days = [s.day for s in simulated.report.sessions]
    assert date(2025, 11, 27) not in days
    assert days == simulated.calendar.sessions(days[0], days[-1])


@pytest.mark.parametrize(
    ("day", "last_minute"),
    [(date(2025, 11, 26), 450), (date(2025, 11, 28), 225)],
    ids=["17:00", "13:15 after an early close at 13:00"],
)
def test_sessions__early_close(simulated, day, last_minute):
    """Trading stops at the session end, or a quarter of an hour after an early close."""
    clock = simulated.calendar.clock(day)
    _, trades = simulated.records(day, "trades", "ESZ5")
    minutes = (trades["ts_event"].astype(np.int64) - clock.open_ns) // 60_000_000_000
    assert last_minute - 15 <= minutes.max() < last_minute
    assert trades["ts_event"].min() >= clock.start_ns


def test_sessions__price_carries_over(simulated):
    """A session opens within a small gap of the close before it, in the same contract."""
    tick = 250_000_000
    sessions = [s.day for s in simulated.report.sessions if s.day < date(2025, 12, 11)]
    close = None
    for day in sessions:
        _, trades = simulated.records(day, "trades", "ESZ5")
        if close is not None:
            assert abs(int(trades["price"][0]) - close) < 60 * tick
        close = int(trades["price"][-1])


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"size": "huge"}, UnknownNameError, "Known: full, light, tiny"),
        ({"sessions": 0}, ConfigError, "sessions is 0"),
        ({"seed": -1}, ConfigError, "seed is -1"),
        ({"processes": 0}, ConfigError, "processes is 0"),
        ({"start": date(2009, 12, 31)}, ConfigError, "start is 2009-12-31"),
    ],
)
def test_simulate__refuses(profile, calendar, tmp_path, changes, error, message):
    """Arguments out of range name the argument, the value and what is allowed; nothing is written."""
    with pytest.raises(error, match=message):
        _run(tmp_path, profile, calendar, **changes)
    assert not list(tmp_path.iterdir())


def test_simulate__refuses_other_instruments(profile, calendar, tmp_path):
    """An instrument without futures and options cannot be simulated, nor a remote folder written."""
    with pytest.raises(ConfigError, match="'futures' and 'options'"):
        _run(tmp_path, profile.model_copy(update={"options": None}), calendar)
    with pytest.raises(ConfigError, match="local folders"):
        simulate("memory://raw/f", tmp_path, profile, calendar, start=DAY, sessions=1)
