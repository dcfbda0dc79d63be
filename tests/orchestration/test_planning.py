"""The plan: stages, dates and reasons; it writes nothing and starts no Spark."""

from __future__ import annotations

import pytest

from spymaster_lake.orchestration.driver import run
from spymaster_lake.orchestration.planning import plan
from tests.orchestration.small_project import (
    MONDAY,
    TUESDAY,
    WEDNESDAY,
    add_bronze,
    registry,
    request,
)


def files(env):
    """All files below the root with their sizes."""
    return [(f.path, f.size) for f in env.filesystem.find(env.resolver.data_root)]


def reasons(planned):
    """(stage, day of month, state, reasons) for each stage and date."""
    return [(v.stage, v.day.day, v.state, v.reasons) for p in planned for v in p.verdicts]


def test_plan__writes_nothing_and_starts_nothing(env):
    """After a plan every file is as before and no session was built."""
    before = files(env)
    plan(env, registry(), request())
    assert files(env) == before
    assert not env.spark_factory.started


def test_plan__new_lake(env):
    """Everything is missing, and later stages say which stage will write their input."""
    planned = plan(env, registry(), request(start=MONDAY, end=MONDAY))
    never = "never published by a recorded run"
    waits = "load will write silver feature_engineering work/sessions"
    assert reasons(planned) == [
        ("load", 15, "missing", (never,)),
        ("bars_1min", 15, "missing", (never, waits)),
        ("bars_10s", 15, "missing", (never, waits)),
    ]
    assert all(p.verdicts[0].lacks == () for p in planned)


def test_plan__names_lacking_inputs(env):
    """A date without Bronze is planned, with what it lacks."""
    planned = plan(env, registry(), request(start=WEDNESDAY, end=WEDNESDAY))
    assert planned[0].verdicts[0].lacks == ("bronze futures trades",)


def test_plan__same_inputs_empty_plan(env, execution):
    """After a run the plan of what is stale is empty."""
    run(env, registry(), request(), execute=execution)
    planned = plan(env, registry(), request(only_stale=True))
    assert [p.runs for p in planned] == [(), (), ()]
    assert {v.state for p in planned for v in p.verdicts} == {"current"}


def test_plan__changed_file_makes_exactly_its_date_stale(env, execution):
    """The plan names the changed input, the date, and what follows from it."""
    run(env, registry(), request(), execute=execution)
    add_bronze(env, TUESDAY, size=9)
    planned = plan(env, registry(), request(only_stale=True))
    assert [p.runs for p in planned] == [(TUESDAY,)] * 3
    assert reasons(planned)[:2] == [
        ("load", 15, "current", ()),
        ("load", 16, "stale", ("input bronze futures trades changed",)),
    ]
    assert reasons(planned)[3] == (
        "bars_1min", 16, "stale", ("load will write silver feature_engineering work/sessions",),
    )  # fmt: skip


def test_plan__changed_parameter_makes_all_dates_stale(env, execution):
    """Another parameter is another definition."""
    run(env, registry(), request(), execute=execution)
    planned = plan(env, registry(), request(only_stale=True, overrides={"load.limit": 3}))
    assert reasons(planned)[0] == (
        "load",
        15,
        "stale",
        ("parameters, profile or contract changed",),
    )


def test_plan__lost_table_makes_dates_missing(env, execution):
    """A table that vanished is noticed, whatever the records say."""
    run(env, registry(), request(), execute=execution)
    table = env.resolver.silver_table("es", "feature_engineering", "4.5.0", "work/bars_10s")
    env.filesystem.remove_tree(table)
    planned = plan(env, registry(), request(only_stale=True))
    assert [p.runs for p in planned] == [(), (), (MONDAY, TUESDAY)]
    assert planned[2].verdicts[0].reasons == ("not in work/bars_10s",)


@pytest.mark.parametrize("only_stale", [True, False])
def test_plan__equals_what_the_run_does(env, execution, only_stale):
    """The run executes exactly the dates that the plan names."""
    run(env, registry(), request(start=MONDAY, end=MONDAY), execute=execution)
    asked = request(only_stale=only_stale)
    planned = {p.name: p.runs for p in plan(env, registry(), asked)}
    execution.calls.clear()
    run(env, registry(), asked, execute=execution)
    assert dict(execution.calls) == planned
