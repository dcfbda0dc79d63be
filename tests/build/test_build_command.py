"""`spymaster build`: the summary, JSON, and what it says where nothing can be built."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest

from spymaster_lake import cli
from spymaster_lake.commands import common
from spymaster_lake.orchestration import execute
from tests.build.lean_days import DAYS, lean_folder, needs_real_days, put_day, put_real_days
from tests.laws import small_lake

IBM = ("--instrument", "ibm", "--pipeline-version", "1.0.0")


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """The console command over an empty lake, with stages in this process."""
    make = common.make_environment
    monkeypatch.delenv("SPYMASTER_DATA_ROOT", raising=False)
    monkeypatch.setattr(
        common, "make_environment", lambda *a, **k: small_lake.without_spark(make(*a, **k))
    )
    monkeypatch.setattr(execute, "map_sessions", small_lake.here)

    def run(*words: str) -> tuple[int, str, str]:
        code = cli.main([*words, "--data-root", str(tmp_path)])
        return (code, *capsys.readouterr())

    return run


def bronze_rows(root) -> int:
    """Rows of all files in Bronze."""
    return sum(pq.ParquetFile(f).metadata.num_rows for f in (root / "bronze").rglob("*.parquet"))


def test_build__nothing_to_build(command) -> None:
    """Without raw files and Bronze the message says where files go."""
    code, _, err = command("build", *IBM)
    assert code == 2
    assert "Bronze holds no session of ibm" in err
    assert "raw/ibm/equities/ has no folder lean or polygon" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--start", "2013-10-07"), "Dates are missing"),
        (("--date", "2013-10-12"), "2013-10-12 (Saturday) is no session of calendar NYSE"),
        (("--pipeline-version", "9.0.0"), "Unknown pipeline version"),
        (("--instrument", "ibn"), "Unknown instrument 'ibn'. Did you mean 'ibm'"),
    ],
)
def test_build__wrong_requests(command, words, said) -> None:
    """A wrong request is one clear message and exit code 2."""
    code, _, err = command("build", *IBM, *words)
    assert code == 2
    assert said in err
    assert "Traceback" not in err


@needs_real_days
def test_build__summary_and_json(command, tmp_path) -> None:
    """Sources, dates with reasons, null columns with reasons; the same as JSON."""
    put_real_days(tmp_path)
    code, out, err = command("build", *IBM)
    assert code == 0, err
    plain = " ".join(out.split())
    for text in (
        "│ equities │ lean │ 8 │ 582868 │ 582868 │",
        "null in most rows",
        "the instrument has no options",
        "calibrated on 20 earlier sessions",
        "│ 2013-10-07 │ 1 │ needs the 3 sessions before it as warm-up",
        "Built: 1 session(s), 2013-10-10; indices: not built: 22 episodes on 1 sessions",
    ):
        assert text in plain, out
    code, out, _ = command("build", *IBM, "--no-ingest", "--json", "--no-indices")
    report = json.loads(out)
    assert (code, report["dates"], report["ingested"]) == (0, ["2013-10-10"], [])
    assert sorted(report["left_out"]) == ["2013-10-07", "2013-10-08", "2013-10-09"]
    assert {group["source"] for run in report["runs"] for group in run["nulls"]} == {
        "profile", "lake", "contract",
    }  # fmt: skip
    code, _, err = command("build", *IBM, "--no-ingest", "--indices")
    assert code == 1
    assert "needs at least 500 episodes on 20 session dates" in err


@needs_real_days
def test_ingest__names_neither_product_nor_source(command, tmp_path) -> None:
    """Where there is one of each, `ingest` needs no name; coverage then knows the session only."""
    put_real_days(tmp_path, DAYS[:1])
    code, out, err = command("ingest", "--instrument", "ibm", "--no-spark")
    assert code == 0, err
    assert json.loads(out)["rows_out"] == 24_293 + 109_067
    _, out, _ = command("coverage", "--instrument", "ibm", "--json")
    found = {row["dataset"]: row for row in json.loads(out)}
    for dataset in ("trades", "quotes"):
        assert found[f"bronze equities {dataset}"]["present"] == ["2013-10-07"]
        assert found[f"bronze equities {dataset}"]["expected"] == 1


@needs_real_days
def test_ingest__corrected_files(command, tmp_path) -> None:
    """A day delivered again, one print fewer, stops ingest and build; `--replace` takes it."""
    put_real_days(tmp_path, DAYS[:1])
    assert command("ingest", "--instrument", "ibm", "--no-spark")[0] == 0
    put_day(
        lean_folder(tmp_path), DAYS[0], DAYS[0],
        changes=[lambda rows, kind: rows[:-1] if kind == "trade" else rows],
    )  # fmt: skip
    for words in (("ingest", "--instrument", "ibm", "--no-spark"), ("build", *IBM)):
        code, _, err = command(*words)
        assert code == 2
        assert "20131007_quote.zip: Bronze holds its records already, from another raw file" in err
        assert "nothing was published; --replace puts the new file in the place" in err
        assert bronze_rows(tmp_path) == 24_293 + 109_067
    code, _, err = command("ingest", "--instrument", "ibm", "--no-spark", "--replace")
    assert code == 0, err
    assert bronze_rows(tmp_path) == 24_292 + 109_067
