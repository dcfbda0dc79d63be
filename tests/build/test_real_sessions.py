"""Four real sessions of IBM from raw files to episodes: known counts, and every invariant that applies."""

from __future__ import annotations

from collections import Counter
from datetime import date

import numpy as np
import pytest

from spymaster_lake.contracts.profile import STATIC_KINDS
from spymaster_lake.orchestration.records import RunStore
from tests.build.invariants import INVARIANTS, Invariant
from tests.build.lakes import Session, build_lake, environment
from tests.build.lean_days import TRADES, needs_real_days, put_real_days

pytestmark = needs_real_days
DAY = date(2013, 10, 10)
APPLY = [i for i in INVARIANTS if i.check is not None]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A lake built by one call from the raw files."""
    return tmp_path_factory.mktemp("real")


@pytest.fixture(scope="module")
def report(root):
    """What the build says."""
    put_real_days(root)
    return build_lake(root, "ibm")


@pytest.fixture(scope="module")
def session(report, root):
    """The tables of the only session with a full warm-up."""
    return Session(environment(root), "ibm", DAY)


def test_real__known_trade_counts(report) -> None:
    """Every row of the files is in Bronze."""
    (found,) = report.ingested
    files = {f.path.rsplit("/", 1)[-1]: f for f in found.summary.files}
    trades = [f.rows_out for name, f in sorted(files.items()) if "trade" in name]
    assert tuple(trades) == TRADES
    assert (found.source, found.summary.rows_in, found.summary.rows_out) == (
        "lean",
        582_868,
        582_868,
    )


def test_real__what_cannot_be_built_and_why(report) -> None:
    """The first three sessions are the warm-up of the fourth; an index needs a longer history."""
    assert report.dates == (DAY,)
    assert {
        d.day: reason.partition("no trades on ")[2] for d, reason in report.left_out.items()
    } == {
        7: "2013-10-02, 2013-10-03, 2013-10-04",
        8: "2013-10-03, 2013-10-04",
        9: "2013-10-04",
    }
    assert report.indices.startswith("not built: 22 episodes on 1 sessions before 2013-10-11")


def test_real__minutes_and_average_range(session) -> None:
    """A thin pre-market, a full regular session, a one-minute range of about ten cents."""
    start = session.column("work/bars_1min", "bar_start_ns")
    clock = session.clock
    assert ((start >= clock.premarket_start_ns) & (start < clock.open_ns)).sum() == 30
    assert ((start >= clock.open_ns) & (start < clock.close_ns)).sum() == 390
    later = (start >= clock.opening_range_end_ns) & (start < clock.close_ns)
    assert 0.08 < np.nanmedian(session.column("work/bars_1min", "atr_14")[later]) < 0.12
    assert 0.08 < np.median(session.column("signals", "atr")) < 0.15


def test_real__entries_on_static_levels(session) -> None:
    """A zone of one range gives ten to thirty entries a session on the four static levels."""
    kinds = Counter(session.column("signals", "level_kind"))
    assert kinds == {"EMA_20": 8, "PM_HIGH": 6, "OR_HIGH": 8}
    assert 10 <= sum(n for kind, n in kinds.items() if kind in STATIC_KINDS) <= 30


def test_real__episodes_of_all_events(session) -> None:
    """The three episode tables hold the 22 events; the state table its whole grid."""
    ids = session.column("signals", "event_id").tolist()
    for dataset in ("episodes/vectors", "episodes/metadata", "episodes/sequences"):
        assert session.column(dataset, "event_id").tolist() == ids
    assert (len(ids), session.table("episodes/rejected").num_rows) == (22, 0)
    assert session.table("state_table").num_rows == 2400


@pytest.mark.parametrize("row", APPLY, ids=[f"{i.source} {i.says[:60]}" for i in APPLY])
def test_real__invariant(session, row: Invariant) -> None:
    """One row of the table holds."""
    assert row.check is not None
    row.check(session)


def test_invariants__each_has_a_check_or_a_reason() -> None:
    """The table leaves nothing out silently."""
    assert len(APPLY) > 35
    assert all(bool(i.why) == (i.check is None) for i in INVARIANTS)


@pytest.mark.parametrize(
    ("columns", "reason", "source"),
    [
        ({"gamma_exposure", "gex_ratio", "call_tide"}, "the instrument has no options", "profile"),
        ({"sweep_detected", "accel_residual"}, "calibrated on 20 earlier sessions", "lake"),
        ({"barrier_delta_1min", "wall_ratio"}, "the book shows one level a side", "profile"),
        ({"tape_imbalance"}, "null where neither side traded", "contract"),
    ],
)
def test_real__the_summary_says_what_is_null_and_why(root, report, columns, reason, source) -> None:
    """Groups of null columns stand in run.json with reasons of profile, lake or contract."""
    run_id = next(r.run_id for r in report.runs if r.pipeline_id == "feature_engineering")
    record = RunStore(environment(root)).read_run("ibm", run_id)
    groups = [g for g in record.nulls if g.dataset == "signals" and columns & set(g.columns)]
    assert columns <= {c for g in groups for c in g.columns}
    assert all(g.reason.startswith(reason) and g.source == source for g in groups)
    assert all(0.5 * g.rows <= g.fewest <= g.most <= g.rows == 22 for g in groups)


def test_real__nothing_null_is_left_out_of_the_summary(session, report) -> None:
    """Exactly the columns that are null in half of the rows or more are listed, none as unknown."""
    listed = {
        (g.dataset, c) for r in report.runs for g in r.nulls for c in g.columns if "." not in c
    }
    wanted = set()
    for dataset in ("signals", "labels", "state_table", "episodes/metadata"):
        table = session.table(dataset)
        wanted |= {
            (dataset, n) for n in table.column_names
            if 2 * table.column(n).null_count >= table.num_rows
        }  # fmt: skip
    assert listed == wanted
    assert {g.source for r in report.runs for g in r.nulls} <= {"profile", "lake", "contract"}


def test_real__a_second_build_runs_nothing(root, report) -> None:
    """The same call again finds everything current, and says the same about nulls."""
    again = build_lake(root, "ibm")
    assert {s.status.value for r in again.runs for s in r.stages} == {"REUSED"}
    assert (again.dates, again.left_out) == (report.dates, report.left_out)
    assert [r.nulls for r in again.runs] == [r.nulls for r in report.runs]
