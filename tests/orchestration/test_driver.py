"""The local driver: order, records, failures, resuming, skipping; without Spark."""

from __future__ import annotations

import threading

import pytest

from spymaster_lake.contracts.errors import (
    ConfigError,
    DataError,
    MissingInputError,
    StageFailedError,
)
from spymaster_lake.contracts.run_record import RunStatus
from spymaster_lake.orchestration.driver import run
from spymaster_lake.orchestration.records import RunStore
from tests.orchestration.small_project import (
    MONDAY,
    TUESDAY,
    WEDNESDAY,
    FakeExecution,
    add_bronze,
    registry,
    request,
)

BOTH = (MONDAY, TUESDAY)


def statuses(record):
    """Status by stage."""
    return {s.name: s.status.value for s in record.stages}


def test_run__stages_in_dependency_order(env, execution):
    """The loader runs first, then both bar stages, each once for all dates."""
    record = run(env, registry(), request(), execute=execution)
    assert execution.calls[0] == ("load", BOTH)
    assert sorted(execution.calls[1:]) == [("bars_10s", BOTH), ("bars_1min", BOTH)]
    assert record.status is RunStatus.SUCCEEDED


def test_run__independent_stages_side_by_side(env, execution):
    """Both bar stages are under way at the same time."""
    meeting = threading.Barrier(2, timeout=10)

    def meet(name):
        if name != "load":
            meeting.wait()

    execution.during = meet
    assert run(env, registry(), request(), execute=execution).status is RunStatus.SUCCEEDED


def test_run__record_says_what_was_read_and_written(env, execution):
    """run.json has fingerprints, outputs with versions, rows, durations, code and configuration."""
    run_id = run(env, registry(), request(run_id="r1"), execute=execution).run_id
    record = RunStore(env).read_run("es", run_id)
    assert record.rows == {"work/sessions": 2, "work/bars_1min": 2, "work/bars_10s": 2}
    assert [(p.owner, p.dataset, p.n_files) for p in record.inputs] == [("futures", "trades", 2)]
    assert {o.path: o.delta_version for o in record.outputs} == {
        f"silver/es/feature_engineering/version=4.5.0/work/{n}": 0
        for n in ("sessions", "bars_1min", "bars_10s")
    }
    assert record.dates == BOTH
    assert record.ended_at is not None
    assert record.seconds is not None
    assert all(s.seconds is not None for s in record.stages)
    assert set(record.versions) >= {"python", "spark", "delta"}
    assert len(record.config_hash) == len(record.manifest_hash) == 64


def test_run__stage_json_equals_the_entry_in_run_json(env, execution):
    """Each stage.json says the same as run.json."""
    record = run(env, registry(), request(run_id="r1"), execute=execution)
    for stage in record.stages:
        assert RunStore(env).read_stage("es", "r1", stage.name) == stage
        assert stage.warnings == ("thin book",)


def test_run__manifest_is_copied_to_both_places(env, execution):
    """The manifest lies with the pipeline and with the run, byte for byte."""
    run(env, registry(), request(run_id="r1"), execute=execution)
    source = next(env.settings.manifests_dir.rglob("manifest.json")).read_text()
    paths = env.resolver
    for path in (
        paths.pipeline_manifest("es", "feature_engineering", "4.5.0"),
        paths.run_manifest("es", "r1", "feature_engineering"),
    ):
        assert env.filesystem.read_text(path) == source


def test_run__a_version_is_immutable(env, execution):
    """A changed manifest under the same version is refused before anything runs."""
    run(env, registry(), request(), execute=execution)
    file = next(env.settings.manifests_dir.rglob("manifest.json"))
    file.write_text(
        file.read_text().replace(
            '{"stage_id": "load"}', '{"stage_id": "load", "params": {"limit": 3}}'
        )
    )
    with pytest.raises(ConfigError, match="a pipeline version is immutable"):
        run(env, registry(), request(), execute=FakeExecution())


def test_run__record_is_written_at_every_change(env, execution):
    """While a stage works, run.json on disk already says RUNNING and names it."""
    seen = {}

    def look(name):
        seen[name] = statuses(RunStore(env).read_run("es", "r1"))

    execution.during = look
    run(env, registry(), request(run_id="r1"), execute=execution)
    assert seen["load"] == {"load": "RUNNING", "bars_1min": "PENDING", "bars_10s": "PENDING"}
    assert seen["bars_1min"]["load"] == "SUCCEEDED"


def test_run__failure_stops_and_names_stage_error_and_resume(env, execution):
    """After a failure no later stage starts; run.json and the error say how to go on."""
    execution.fails["load"] = DataError("work/sessions: 3 rows break rule x")
    with pytest.raises(
        StageFailedError, match=r"stage 'load' failed: DataError: work/sessions: 3 rows"
    ) as caught:
        run(env, registry(), request(run_id="r1"), execute=execution)
    record = RunStore(env).read_run("es", "r1")
    assert [name for name, _ in execution.calls] == ["load"]
    assert statuses(record) == {"load": "FAILED", "bars_1min": "PENDING", "bars_10s": "PENDING"}
    assert (record.status, record.error.stage, record.error.type) == (
        RunStatus.FAILED,
        "load",
        "DataError",
    )
    assert "Traceback" in record.error.traceback
    assert "--run-id r1" in record.resume
    assert "--resume" in record.resume
    assert record.resume in str(caught.value)


def test_run__defect_in_a_stage_is_recorded_too(env, execution):
    """An error that is no LakeError is recorded and reported all the same."""
    execution.fails["bars_1min"] = ZeroDivisionError("division by zero")
    with pytest.raises(StageFailedError, match="ZeroDivisionError"):
        run(env, registry(), request(run_id="r1"), execute=execution)
    record = RunStore(env).read_run("es", "r1")
    assert record.error.type == "ZeroDivisionError"
    assert statuses(record)["load"] == "SUCCEEDED"


@pytest.mark.parametrize(
    "interrupt", [KeyboardInterrupt(), SystemExit(143)], ids=["ctrl-c", "sigterm"]
)
def test_run__interruption_is_recorded(env, execution, interrupt):
    """An interrupted run ends as FAILED with the interruption's name."""
    execution.fails["load"] = interrupt
    with pytest.raises(type(interrupt)):
        run(env, registry(), request(run_id="r1"), execute=execution)
    record = RunStore(env).read_run("es", "r1")
    assert (record.status, record.error.type) == (RunStatus.FAILED, type(interrupt).__name__)


def test_resume__runs_only_what_is_left(env, execution):
    """Complete stages are kept as they are, the failed one runs again."""
    execution.fails["bars_10s"] = DataError("no")
    with pytest.raises(StageFailedError):
        run(env, registry(), request(run_id="r1"), execute=execution)
    before = RunStore(env).read_stage("es", "r1", "load")
    again = FakeExecution()
    record = run(env, registry(), request(run_id="r1", resume=True), execute=again)
    assert record.status is RunStatus.SUCCEEDED
    assert record.error is None
    assert {name for name, _ in again.calls} <= {"bars_1min", "bars_10s"}
    assert RunStore(env).read_stage("es", "r1", "load") == before


def test_resume__runs_again_what_has_other_inputs_now(env, execution):
    """A complete stage whose input changed since runs again."""
    execution.fails["bars_10s"] = DataError("no")
    with pytest.raises(StageFailedError):
        run(env, registry(), request(run_id="r1"), execute=execution)
    add_bronze(env, MONDAY, size=2)
    again = FakeExecution()
    run(env, registry(), request(run_id="r1", resume=True), execute=again)
    assert again.calls[0] == ("load", (MONDAY,))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({}, "add --resume", id="same id without resume"),
        pytest.param(
            {"end": WEDNESDAY, "resume": True}, "needs a run id of its own", id="another range"
        ),
    ],
)
def test_run_id__is_not_reused_by_accident(env, execution, change, message):
    """An id that exists is only used again on purpose, for the same pipeline and range."""
    run(env, registry(), request(run_id="r1"), execute=execution)
    with pytest.raises(ConfigError, match=message):
        run(env, registry(), request(run_id="r1", **change), execute=execution)


def test_resume__needs_a_run_id(env, execution):
    """Resuming without saying what is an error."""
    with pytest.raises(ConfigError, match="--resume needs the --run-id"):
        run(env, registry(), request(resume=True), execute=execution)


def test_missing_input__all_dates_in_one_error_and_nothing_runs(env, execution):
    """A required input that is absent stops the run before any work, naming every date."""
    with pytest.raises(StageFailedError, match="MissingInputError") as caught:
        run(
            env, registry(), request(start=MONDAY, end=WEDNESDAY.replace(day=18)), execute=execution
        )
    assert isinstance(caught.value.__cause__, MissingInputError)
    assert "2025-12-17: missing bronze futures trades" in str(caught.value)
    assert "2025-12-18: missing bronze futures trades" in str(caught.value)
    assert execution.calls == []


def test_skip__bad_dates_are_left_out_everywhere_and_recorded(env, execution):
    """With `skip`, a date without input and a date that fails its checks are left out from there on."""
    execution.bad["load"] = {MONDAY: "DataError: crossed book"}
    asked = request(start=MONDAY, end=WEDNESDAY, on_bad_date="skip")
    record = run(env, registry(), asked, execute=execution)
    assert execution.calls[0] == ("load", BOTH)
    assert execution.calls[1][1] == execution.calls[2][1] == (TUESDAY,)
    assert record.skipped == {
        MONDAY: "load: DataError: crossed book",
        WEDNESDAY: "load: missing bronze futures trades",
    }
    assert {s.name: s.dates for s in record.stages} == dict.fromkeys(statuses(record), (TUESDAY,))


def test_skip__no_date_left_is_a_failure(env, execution):
    """Skipping every date is no success."""
    asked = request(start=WEDNESDAY, end=WEDNESDAY, on_bad_date="skip")
    with pytest.raises(StageFailedError, match="required inputs are absent"):
        run(env, registry(), asked, execute=execution)


def test_only_stale__second_run_does_nothing(env, execution):
    """Same inputs, empty run: nothing is executed and every stage is REUSED."""
    run(env, registry(), request(), execute=execution)
    again = FakeExecution()
    record = run(env, registry(), request(only_stale=True), execute=again)
    assert again.calls == []
    assert set(statuses(record).values()) == {"REUSED"}


def test_only_stale__runs_the_changed_date_through_all_stages(env, execution):
    """A changed file makes its date stale, and that makes the later stages' date stale."""
    run(env, registry(), request(), execute=execution)
    add_bronze(env, TUESDAY, size=5)
    again = FakeExecution()
    run(env, registry(), request(only_stale=True), execute=again)
    assert sorted(again.calls) == [
        ("bars_10s", (TUESDAY,)),
        ("bars_1min", (TUESDAY,)),
        ("load", (TUESDAY,)),
    ]


def test_only_stale__third_run_after_partial_one_does_nothing(env, execution):
    """After a partial run the records of both runs together prove every date."""
    run(env, registry(), request(), execute=execution)
    add_bronze(env, TUESDAY, size=5)
    run(env, registry(), request(only_stale=True), execute=execution)
    again = FakeExecution()
    run(env, registry(), request(only_stale=True), execute=again)
    assert again.calls == []


def test_overrides__reach_the_stage_and_the_config_hash(env, execution):
    """`--set` changes the parameter of one run, is recorded, and gives another configuration hash."""
    plain = run(env, registry(), request(), execute=execution)
    set_ = run(env, registry(), request(overrides={"load.limit": 3}), execute=execution)
    assert set_.stages[0].params == {"limit": 3}
    assert set_.overrides == {"load.limit": 3}
    assert set_.config_hash != plain.config_hash
    assert set_.manifest_hash == plain.manifest_hash


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"load.limt": 3}, "Did you mean 'limit'"),
        ({"load.limit": "x"}, "must be int"),
        ({"laod.limit": 3}, "Did you mean 'load'"),
        ({"build_bars.interval": "10s"}, "is ambiguous"),
        ({"limit": 3}, "must have the form"),
    ],
)
def test_overrides__wrong_ones_stop_before_anything_is_written(env, execution, overrides, message):
    """A wrong override is an error before the run has a record."""
    with pytest.raises(ConfigError, match=message):
        run(env, registry(), request(overrides=overrides), execute=execution)
    assert RunStore(env).run_ids("es") == []


def test_slice__from_and_until(env, execution):
    """A slice runs only its stages; what it needs is in the lake."""
    run(env, registry(), request(until="load"), execute=execution)
    run(env, registry(), request(since="bars_10s"), execute=execution)
    assert [name for name, _ in execution.calls] == ["load", "bars_10s"]


def test_stage_alone__equals_the_pipeline(env, execution):
    """A single stage runs from what is in the lake; stages with one run id share one record."""
    run(env, registry(), request(stage="load", run_id="r1"), execute=execution)
    record = run(env, registry(), request(stage="bars_10s", run_id="r1"), execute=execution)
    assert record.kind == "stage"
    assert statuses(record) == {"load": "SUCCEEDED", "bars_10s": "SUCCEEDED"}
    assert record.rows == {"work/sessions": 2, "work/bars_10s": 2}


def test_stage_alone__without_its_input_is_an_error(env, execution):
    """A stage whose table nobody wrote says so."""
    with pytest.raises(StageFailedError, match="missing silver feature_engineering work/sessions"):
        run(env, registry(), request(stage="bars_10s"), execute=execution)


def test_observer__hears_every_change(env, execution):
    """A progress display is told of each state of the run."""
    seen = []
    run(
        env,
        registry(),
        request(),
        execute=execution,
        observer=lambda r: seen.append(r.status.value),
    )
    assert seen[0] == "RUNNING"
    assert seen[-1] == "SUCCEEDED"
    assert len(seen) == 8
