"""The state table contract."""

from __future__ import annotations

import pytest

from spymaster_lake.contracts.signals import SIGNALS
from spymaster_lake.contracts.state_table import (
    CADENCE_S,
    CARRIED,
    LEVEL_FREE,
    SESSION_INSTANTS,
    STATE_TABLE,
    WARMUP_INSTANTS,
)
from spymaster_lake.contracts.table import Role
from tests.contracts import spec_columns as spec


def test_state_table__columns_of_the_specification() -> None:
    """99 columns in the order of the specification."""
    assert list(STATE_TABLE.names) == spec.STATE_TABLE
    assert len(STATE_TABLE.names) == 99


def test_state_table__key_and_cardinality() -> None:
    """One row per date, kind and instant; 2,400 rows a date."""
    assert STATE_TABLE.keys == ("date", "level_kind", "ts_ns")
    assert CADENCE_S == 30
    assert 6 * (WARMUP_INSTANTS + SESSION_INSTANTS) == 2400
    assert not STATE_TABLE.may_be_empty


def test_state_table__same_meaning_as_signals() -> None:
    """A feature has one type, unit, frame and set of values in both tables."""
    shared = [n for n in STATE_TABLE.names if n in SIGNALS.names]
    assert [n for n in STATE_TABLE.names if n not in shared] == [
        *("timestamp", "ts_ns", "level_active", "time_since_last_touch_sec", "time_bucket"),
        "is_warmup",
    ]
    for name in shared:
        here, there = STATE_TABLE.column(name), SIGNALS.column(name)
        for fact in ("type", "unit", "frame", "allowed", "window"):
            assert getattr(here, fact) == getattr(there, fact), (name, fact)


def test_state_table__never_null() -> None:
    """Level-relative columns are null while the level is not active; these never are."""
    assert {c.name for c in STATE_TABLE.columns if not c.nullable} == {
        *("timestamp", "ts_ns", "date", "level_kind", "level_active", "spot", "is_warmup"),
        *("src_max_ts_ns", "prior_touches", "attempt_index"),
    }


def test_state_table__says_what_the_level_needs() -> None:
    """Level-relative features say that they are null without the level, level-free ones do not."""
    special = {*LEVEL_FREE, *CARRIED, "minutes_since_open", "bars_since_open"}
    for column in STATE_TABLE.of_role(Role.FEATURE):
        relative = column.name not in {*special, "time_since_last_touch_sec"}
        assert ("while the level is not active" in column.doc) is relative, column.name


@pytest.mark.parametrize(
    ("name", "minimum"), [("prior_touches", 0), ("attempt_index", 0), ("minutes_since_open", 0)]
)
def test_state_table__lower_bounds_differ(name: str, minimum: float) -> None:
    """The grid starts at minute 0, and before the first event the counts are 0 (08 A29, B20)."""
    assert STATE_TABLE.column(name).minimum == minimum


def test_state_table__features_come_from_its_stage() -> None:
    """Every feature of a state row is computed by one stage."""
    assert {c.stage for c in STATE_TABLE.of_role(Role.FEATURE)} == {"materialize_state_table"}
