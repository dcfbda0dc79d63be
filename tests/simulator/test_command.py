"""The command line of the simulation job."""

from __future__ import annotations

from datetime import date

import pytest

from spymaster_lake.contracts.errors import ConfigError, LakeError
from spymaster_lake.contracts.settings import load_settings
from spymaster_lake.simulator.command import describe, parse_arguments, run_simulation

ARGUMENTS = [
    "--instrument",
    "es",
    "--start",
    "2025-12-02",
    "--sessions",
    "1",
    "--size",
    "tiny",
    "--processes",
    "1",
]


def test_command__writes_below_raw(tmp_path):
    """The files lie where the resolver puts the vendor's files; the line counts them."""
    report = run_simulation(parse_arguments(ARGUMENTS), load_settings(data_root=str(tmp_path)))
    found = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file())
    assert found == [
        "raw/es/futures/databento/2025-12-02.mbp-10.dbn.zst",
        "raw/es/futures/databento/2025-12-02.trades.dbn.zst",
        "raw/es/options/databento/2025-12-02.definition.dbn.zst",
        "raw/es/options/databento/2025-12-02.statistics.dbn.zst",
        "raw/es/options/databento/2025-12-02.trades.dbn.zst",
    ]
    assert describe(report).startswith(
        f"1 sessions, 2025-12-02 to 2025-12-02: {report.records:,} records"
    )


def test_command__defaults():
    """A null market of light sessions with malformed records, two sessions at a time."""
    given = parse_arguments(ARGUMENTS[:6])
    assert (given.start, given.size, given.seed, given.strength) == (
        date(2025, 12, 2),
        "light",
        0,
        0.0,
    )
    assert (given.processes, given.no_faults, given.data_root) == (2, False, None)


@pytest.mark.parametrize("missing", ["--instrument", "--start", "--sessions"])
def test_command__required(missing, capsys):
    """Instrument, start and number of sessions have no default."""
    place = ARGUMENTS.index(missing)
    with pytest.raises(SystemExit):
        parse_arguments(ARGUMENTS[:place] + ARGUMENTS[place + 2 :])
    assert missing in capsys.readouterr().err


@pytest.mark.parametrize(
    ("instrument", "error", "message"),
    [("tsla", ConfigError, "'futures'"), ("nq", LakeError, "nq")],
)
def test_command__refuses_instruments(tmp_path, instrument, error, message):
    """An unknown instrument, or one without futures, is an error."""
    given = parse_arguments(["--instrument", instrument, *ARGUMENTS[2:]])
    with pytest.raises(error, match=message):
        run_simulation(given, load_settings(data_root=str(tmp_path)))
