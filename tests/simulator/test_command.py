"""The console command that simulates."""

from __future__ import annotations

import json

import pytest

from spymaster_lake import cli

ARGUMENTS = ["--instrument", "es", "--start", "2025-12-02", "--sessions", "1", "--size", "tiny"]
ONE_PROCESS = ["--processes", "1"]


def test_command__writes_below_raw(tmp_path, capsys):
    """The files lie where the resolver puts the vendor's files; the report names the session."""
    assert cli.main(["simulate", *ARGUMENTS, *ONE_PROCESS, "--data-root", str(tmp_path)]) == 0
    found = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file())
    assert found == [
        "raw/es/futures/databento/2025-12-02.mbp-10.dbn.zst",
        "raw/es/futures/databento/2025-12-02.trades.dbn.zst",
        "raw/es/options/databento/2025-12-02.definition.dbn.zst",
        "raw/es/options/databento/2025-12-02.statistics.dbn.zst",
        "raw/es/options/databento/2025-12-02.trades.dbn.zst",
    ]
    report = json.loads(capsys.readouterr().out)
    assert [session["day"] for session in report["sessions"]] == ["2025-12-02"]


@pytest.mark.parametrize("missing", ["--instrument", "--start", "--sessions"])
def test_command__required(missing, tmp_path, capsys):
    """Instrument, start and number of sessions have no default."""
    place = ARGUMENTS.index(missing)
    given = ARGUMENTS[:place] + ARGUMENTS[place + 2 :]
    assert cli.main(["simulate", *given, "--data-root", str(tmp_path)]) == 2
    assert missing in capsys.readouterr().err


def test_command__refuses_unknown_instruments(tmp_path, capsys):
    """An unknown instrument is an error, and nothing is written."""
    given = ["--instrument", "nq", *ARGUMENTS[2:], "--data-root", str(tmp_path)]
    assert cli.main(["simulate", *given]) == 2
    assert "nq" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
