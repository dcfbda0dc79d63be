"""The console command and the doors: clear messages, exit codes, JSON."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from spymaster_lake import cli
from spymaster_lake.commands import common
from spymaster_lake.contracts.errors import DataError
from spymaster_lake.orchestration import driver
from spymaster_lake.orchestration.records import RunStore
from tests.orchestration.small_project import (
    MONDAY,
    PIPELINE,
    REPOSITORY,
    TUESDAY,
    FakeExecution,
    manifest,
    registry,
    write_manifest,
)

AT = ["--instrument", PIPELINE[0], "--pipeline-id", PIPELINE[1], "--pipeline-version", PIPELINE[2]]
BOTH = ["--start", "2025-12-15", "--end", "2025-12-16"]


@pytest.fixture
def project(env, monkeypatch):
    """The command works on the small project, with a fake execution."""
    execution = FakeExecution()
    monkeypatch.setenv("SPYMASTER_HOME", str(env.settings.home))
    monkeypatch.setenv("SPYMASTER_DATA_ROOT", env.settings.data_root)
    monkeypatch.setattr(common, "load_registry", registry)
    monkeypatch.setattr(driver, "default_execute", lambda: execution)
    return execution


def without(words, option):
    """Words without an option and its value."""
    at = words.index(option)
    return words[:at] + words[at + 2 :]


def test_run_pipeline__prints_a_summary(project, capsys):
    """Exit code 0 and a table with every stage."""
    assert cli.main(["run", "pipeline", *AT, *BOTH]) == 0
    out = capsys.readouterr().out
    assert all(word in out for word in ("load", "bars_1min", "bars_10s", "SUCCEEDED"))


def test_run_pipeline__json_is_the_record(project, env, capsys):
    """--json prints run.json, and nothing else goes to standard output."""
    assert cli.main(["run", "pipeline", *AT, *BOTH, "--run-id", "r1", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == RunStore(env).read_run("es", "r1").model_dump(mode="json")


def test_run_stage__one_date_and_overrides(project, capsys):
    """A stage runs alone, for one date, with a parameter of this run."""
    words = [
        "run",
        "stage",
        *AT,
        "--date",
        "2025-12-15",
        "--stage-id",
        "load",
        "--set",
        "load.limit=3",
        "--json",
    ]
    assert cli.main(words) == 0
    assert project.calls == [("load", (MONDAY,))]
    assert json.loads(capsys.readouterr().out)["overrides"] == {"load.limit": 3}


def test_failed_stage__exit_code_1_and_resume(project, capsys):
    """A failed stage ends with code 1, the error, the command to resume, and no traceback."""
    project.fails["bars_10s"] = DataError("3 rows break rule x")
    assert cli.main(["run", "pipeline", *AT, *BOTH]) == 1
    err = capsys.readouterr().err
    assert "3 rows break rule x" in err
    assert "Resume: spymaster run pipeline --instrument es" in err
    assert "Traceback" not in err


def test_resume_command__works_as_printed(project, env, capsys):
    """The printed command, run as it is, completes the run."""
    project.fails["bars_10s"] = DataError("no")
    cli.main(["run", "pipeline", *AT, *BOTH, "--run-id", "r1", "--set", "load.limit=3"])
    words = RunStore(env).read_run("es", "r1").resume.split()
    project.fails.clear()
    assert words[0] == "spymaster"
    assert cli.main(words[1:]) == 0
    assert RunStore(env).read_run("es", "r1").status.value == "SUCCEEDED"


def test_debug__adds_the_traceback(project, capsys):
    """--debug shows where it happened."""
    project.fails["load"] = DataError("no")
    assert cli.main(["run", "pipeline", *AT, *BOTH, "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


RUN, STAGE = ["run", "pipeline", *AT, *BOTH], ["run", "stage", *AT, *BOTH, "--stage-id", "load"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(
            without(RUN, "--instrument"), "Missing option '--instrument'", id="no instrument"
        ),
        pytest.param(
            without(RUN, "--pipeline-version"),
            "Missing option '--pipeline-version'",
            id="no version",
        ),
        pytest.param(without(STAGE, "--stage-id"), "Missing option '--stage-id'", id="no stage"),
        pytest.param(["run", "pipeline", *AT], "Dates are missing", id="no dates"),
        pytest.param([*RUN[:-1], "2025-13-01"], "'2025-13-01' is no date", id="bad date"),
        pytest.param(
            [*RUN[:3], "eq", *RUN[4:]],
            "Unknown instrument 'eq'. Did you mean 'es'",
            id="unknown instrument",
        ),
        pytest.param(
            [*RUN[:5], "feature_enginering", *RUN[6:]],
            "Did you mean 'feature_engineering'",
            id="unknown pipeline",
        ),
        pytest.param(
            [*RUN[:7], "4.5.1", *RUN[8:]],
            "Unknown pipeline version of es feature_engineering '4.5.1'. Did you mean '4.5.0'",
            id="unknown version",
        ),
        pytest.param(
            [*STAGE[:-1], "laod"], "Unknown stage of feature_engineering 'laod'", id="unknown stage"
        ),
        pytest.param(
            [*STAGE[:-1], "build_bars"], "name one of: bars_1min, bars_10s", id="ambiguous stage"
        ),
        pytest.param(
            ["run", "pipeline", *AT, "--date", "2025-12-25"],
            "is no session of calendar NYSE",
            id="holiday",
        ),
        pytest.param(
            [*RUN, "--set", "load.limit"], "must have the form", id="override without value"
        ),
        pytest.param([*RUN, "--on-bad-date", "maybe"], "--on-bad-date", id="bad choice"),
        pytest.param(
            ["manifests", "validate", "--instrument", "eq"],
            "Unknown instrument",
            id="validate unknown",
        ),
        pytest.param(
            ["coverage", "--instrument", "eq"], "Unknown instrument", id="coverage unknown"
        ),
        pytest.param(
            ["runs", "show", "x", "--instrument", "es"], "Unknown run of 'es' 'x'", id="unknown run"
        ),
        pytest.param(
            ["stages", "explain", "laod", *AT], "Did you mean 'load'", id="explain unknown"
        ),
    ],
)
def test_bad_input__one_clear_message_and_exit_code_2(project, env, capsys, words, message):
    """A wrong request ends with code 2 and says what was wrong; nothing was written."""
    assert cli.main(words) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err
    assert project.calls == []
    assert RunStore(env).run_ids("es") == []


def cyclic():
    """A manifest whose loader waits for its own reader."""
    data = manifest()
    data["stages"][0]["depends_on"] = ["bars_1min"]
    return data


def several():
    """A manifest with three violations at once."""
    data = manifest()
    data["stages"][0]["stage_id"] = "laod"
    data["stages"][1]["params"] = {"intervall": "1min"}
    data["inputs"].append(
        {"layer": "silver", "pipeline_id": "x", "pipeline_version": "1.0.0", "dataset": "y"}
    )
    return data


@pytest.mark.parametrize(
    ("content", "messages"),
    [
        pytest.param('{"schema_version": 1,', ["is not valid JSON"], id="malformed"),
        pytest.param({**manifest(), "colour": 1}, ["colour: Extra inputs"], id="unknown field"),
        pytest.param(cyclic(), ["stages.depends_on: cycle"], id="cyclic"),
        pytest.param(
            several(),
            [
                "stages.0.stage_id: Unknown stage id 'laod'",
                "stages.1.params.intervall",
                "no manifest produces silver x",
            ],
            id="all together",
        ),
        pytest.param(
            {**manifest(), "instrument": "tsla"}, ["the path says 'es'"], id="wrong place"
        ),
    ],
)
def test_bad_manifest__all_violations_with_file_and_field(project, env, capsys, content, messages):
    """A bad manifest stops every command that loads it, with the file's name."""
    write_manifest(env.settings.home, content)
    for words in (RUN, ["manifests", "validate"]):
        assert cli.main(words) == 2
        err = capsys.readouterr().err
        assert "manifests/es/feature_engineering/version=4.5.0/manifest.json" in err
        assert all(message in err for message in messages), err


def test_manifest__undeclared_dataset_stops_the_run(project, env, capsys):
    """A stage that writes what the manifest does not declare is refused before it runs."""
    data = manifest()
    data["outputs"].pop()
    write_manifest(env.settings.home, data)
    assert cli.main(RUN) == 2
    assert (
        "stage 'bars_10s' writes silver work/bars_10s, which the manifest does not declare"
        in capsys.readouterr().err
    )


def test_manifest__reader_must_depend_on_its_writer(project, env, capsys):
    """A stage that reads a table without waiting for its writer is refused."""
    data = manifest()
    data["stages"][2]["depends_on"] = []
    write_manifest(env.settings.home, data)
    assert cli.main(RUN) == 2
    assert "but does not depend on 'load', which writes it" in capsys.readouterr().err


def test_dry_run__writes_nothing(project, env, capsys):
    """--dry-run prints reasons; the lake is as before."""
    before = [f.path for f in env.filesystem.find(env.resolver.data_root)]
    assert cli.main([*RUN, "--dry-run"]) == 0
    assert "never published" in capsys.readouterr().out
    assert [f.path for f in env.filesystem.find(env.resolver.data_root)] == before


def test_plan__json(project, capsys):
    """`plan --json` is machine-readable."""
    assert cli.main(["plan", *AT, *BOTH, "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert [p["stage"] for p in planned] == ["load", "bars_1min", "bars_10s"]
    assert planned[0]["runs"] == [str(MONDAY), str(TUESDAY)]


def test_status__counts_and_stale_only(project, capsys):
    """`status` is JSON; `--stale` leaves out what is current."""
    cli.main([*RUN, "--json"])
    capsys.readouterr()
    assert cli.main(["status", *AT, *BOTH, "--stale"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["counts"] == {"current": 6, "stale": 0, "missing": 0}
    assert found["stages"] == []


def test_runs__list_and_show(project, capsys):
    """Runs are listed and shown."""
    cli.main([*RUN, "--run-id", "r1"])
    capsys.readouterr()
    assert cli.main(["runs", "list", "--instrument", "es", "--json"]) == 0
    assert [r["run_id"] for r in json.loads(capsys.readouterr().out)] == ["r1"]
    assert cli.main(["runs", "show", "r1", "--instrument", "es"]) == 0
    assert "bars_10s" in capsys.readouterr().out


def test_browse__lists_and_explains(project, capsys):
    """Manifests, stages and the winner of a stage id are shown."""
    for words in (
        ["manifests", "list"],
        ["manifests", "validate"],
        ["stages", "list"],
        ["stages", "explain", "load", *AT],
    ):
        assert cli.main(words) == 0
    out = capsys.readouterr().out
    assert "valid; its stages fit" in out
    assert "wins" in out


def test_control__runs_the_table(project, env, capsys):
    """The control table of the project drives its runs."""
    row = {
        "instrument": "es", "pipeline_id": PIPELINE[1], "pipeline_version": PIPELINE[2],
        "start": "2025-12-15", "end": "2025-12-16", "enabled": True,
    }  # fmt: skip
    (env.settings.conf_dir / "control.yaml").write_text(json.dumps([row]))
    assert cli.main(["control", "--dry-run"]) == 0
    assert project.calls == []
    assert cli.main(["control", "--json"]) == 0
    assert len(project.calls) == 3
    project.fails["load"] = DataError("no")
    assert cli.main(["control"]) == 1


@pytest.mark.parametrize("job", sorted(path.stem for path in (REPOSITORY / "jobs").glob("*.py")))
def test_jobs__are_thin_doors(job):
    """Each door is under 30 lines and answers --help with its options."""
    path = REPOSITORY / "jobs" / f"{job}.py"
    assert len(path.read_text(encoding="utf-8").splitlines()) < 30
    done = subprocess.run(
        [sys.executable, str(path), "--help"], capture_output=True, text=True, check=False, cwd="/"
    )
    assert done.returncode == 0, done.stderr
    assert "--data-root" in done.stdout
