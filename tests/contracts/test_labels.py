"""The labels contract."""

from __future__ import annotations

import pytest

from spymaster_lake.contracts.labels import HORIZON_LABELS, LABELS
from spymaster_lake.contracts.table import Role
from tests.contracts import spec_columns as spec


def test_labels__columns_of_the_specification() -> None:
    """45 columns in the order of the specification."""
    assert list(LABELS.names) == spec.LABELS
    assert (len(LABELS.names), len(HORIZON_LABELS)) == (45, 18)


def test_labels__roles() -> None:
    """All but the event's identity are labels."""
    others = [c.name for c in LABELS.columns if c.role is not Role.LABEL]
    assert others == ["event_id", "date", "anchor_ts_ns"]


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("outcome_4min", {"BREAK", "REJECT", "CHOP", "NO_TEST"}),
        ("entry_outcome_4min", {"BREAK", "REJECT", "CHOP"}),
        ("label_status", {"COMPLETE", "INCOMPLETE"}),
        ("entry_status", {"COMPLETE", "INCOMPLETE", "ALREADY_THROUGH"}),
    ],
)
def test_labels__closed_sets(name: str, allowed: set[str]) -> None:
    """An unknown outcome is null; CHOP never stands for it."""
    assert set(LABELS.column(name).allowed) == allowed


def test_labels__never_null() -> None:
    """Only identity, statuses and what every event has refuse null."""
    assert {c.name for c in LABELS.columns if not c.nullable} == {
        *("event_id", "date", "anchor_ts_ns", "resolved_before_anchor", "label_status"),
        *("entry_x0", "entry_status"),
    }


@pytest.mark.parametrize(
    ("name", "type_", "unit", "minimum"),
    [
        ("tau_ns", "int64", "ns", None),
        ("x_tau", "double", "pt", None),
        ("tested", "bool", "1", None),
        ("t_break_s_2min", "double", "s", None),
        ("mfe_atr_8min", "double", "ATR", 0),
        ("label_end_ns_8min", "int64", "ns", None),
        ("entry_mae_atr_2min", "double", "ATR", 0),
    ],
)
def test_labels__types(name: str, type_: str, unit: str, minimum: float | None) -> None:
    """Times may be negative where the race ended before the anchor; excursions may not."""
    column = LABELS.column(name)
    assert (column.type, column.unit, column.minimum) == (type_, unit, minimum)


def test_labels__version_is_a_property() -> None:
    """The label version is a property of the table and no column (08 C)."""
    assert LABELS.properties == {"label_version": "1"}
