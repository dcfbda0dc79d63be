"""Coverage: which sessions a dataset holds, and the gaps."""

from __future__ import annotations

from datetime import date

import pytest

from spymaster_lake.contracts.errors import ConfigError
from spymaster_lake.orchestration.coverage import coverage, gaps
from spymaster_lake.orchestration.driver import run
from spymaster_lake.orchestration.maintenance import maintain
from tests.orchestration.small_project import MONDAY, TUESDAY, WEDNESDAY, registry, request

DAYS = [date(2025, 12, d) for d in (15, 16, 17, 18, 19)]


@pytest.mark.parametrize(
    ("present", "expected"),
    [
        ("", [(0, 4)]),
        ("01234", []),
        ("024", [(1, 1), (3, 3)]),
        ("2", [(0, 1), (3, 4)]),
        ("04", [(1, 3)]),
    ],
)
def test_gaps__runs_of_missing_sessions(present, expected):
    """Neighbouring missing sessions form one gap."""
    there = [DAYS[int(i)] for i in present]
    assert gaps(DAYS, there) == [(DAYS[a], DAYS[b]) for a, b in expected]


def test_coverage__every_declared_dataset(env, execution):
    """Bronze by the session its hours belong to, tables by their dates, both with gaps."""
    run(env, registry(), request(start=TUESDAY, end=TUESDAY), execute=execution)
    found = {c.dataset: c for c in coverage(env, "es", start=MONDAY, end=WEDNESDAY)}
    bronze = found["bronze futures trades"]
    table = found["silver feature_engineering 4.5.0 work/sessions"]
    assert (bronze.present, bronze.gaps) == ((MONDAY, TUESDAY), ((WEDNESDAY, WEDNESDAY),))
    assert (table.present, table.gaps) == ((TUESDAY,), ((MONDAY, MONDAY), (WEDNESDAY, WEDNESDAY)))


def test_coverage__evening_belongs_to_the_next_session(env):
    """Bronze of Tuesday 23:00 UTC (18:00 New York) is Wednesday's session."""
    folder = env.resolver.bronze_partition("es", "futures", "trades", "ESZ5", TUESDAY, 23)
    env.filesystem.write_bytes(f"{folder}/part-0.parquet", b"x")
    found = {c.dataset: c for c in coverage(env, "es", start=MONDAY, end=WEDNESDAY)}
    assert found["bronze futures trades"].present == (MONDAY, TUESDAY, WEDNESDAY)


def test_maintain__dry_run_reports_and_changes_nothing(env, execution):
    """A dry run counts files and fragmented dates; the tables keep their version."""
    run(env, registry(), request(), execute=execution)
    done = maintain(env, "es", dry_run=True)
    assert {(t.files_before, t.files_after, t.fragmented_dates) for t in done} == {(2, 2, 0)}
    assert all(t.version_before == t.version_after for t in done)
    assert not env.spark_factory.started


def test_maintain__refuses_a_short_retention(env):
    """Files that a reader may still need are never removed."""
    with pytest.raises(ConfigError, match="at least 168"):
        maintain(env, "es", retention_hours=1)
