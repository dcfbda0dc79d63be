"""Every null has a declared reason: a need of the column, or the rule in its own sentence."""

from __future__ import annotations

import pytest

from spymaster_lake.contracts.catalogue import contract_of
from spymaster_lake.contracts.features import CALIBRATED, FEATURES, GEX
from spymaster_lake.contracts.null_rules import (
    NEEDS,
    Need,
    entries_of,
    entry_rule,
    needs_of,
    null_rule,
)
from spymaster_lake.contracts.table import Column

PUBLISHED = ("signals", "labels", "state_table", "episodes/metadata")


@pytest.mark.parametrize("dataset", PUBLISHED)
def test_rules__every_nullable_column_states_one(dataset) -> None:
    """The summary of a run never has to say "unknown" for a published column."""
    contract = contract_of(dataset)
    assert [c.name for c in contract.columns if c.nullable and not null_rule(c)] == []
    assert [c.name for c in contract.columns if not c.nullable and null_rule(c)] == []


@pytest.mark.parametrize(
    ("doc", "nullable", "rule"),
    [
        ("Sum of it; null if none.", True, "null if none"),
        ("Never null.", False, ""),
        ("A number.", True, ""),
        (
            "A; null where it is. Here null also while the level is not active.",
            True,
            "null where it is, or while the level is not active",
        ),
    ],
)
def test_rule__is_the_end_of_the_sentence(doc, nullable, rule) -> None:
    """The rule is what the doc says, nothing else."""
    assert null_rule(Column("x", "double", doc, nullable=nullable)) == rule


def test_needs__of_columns() -> None:
    """Needs name features only; gamma needs options, thresholds need earlier sessions."""
    assert set(NEEDS) <= {column.name for column in FEATURES}
    assert all(needs_of(c.name) == (Need.OPTIONS, Need.OPEN_INTEREST) for c in GEX)
    assert all(Need.CALIBRATION in needs_of(name) for name in CALIBRATED)
    assert needs_of("fuel_effect") == (Need.OPTIONS, Need.CALIBRATION)
    assert needs_of("velocity_1min") == ()


def test_needs__of_vector_entries() -> None:
    """An entry needs what its sources need."""
    names = entries_of("episodes/vectors", "vector_raw")
    assert len(names) == 149
    assert needs_of("vector_raw", entry="gamma_exposure") == (Need.OPTIONS,)
    assert all(entry_rule(name) for name in names)
    assert entries_of("episodes/vectors", "event_id") == ()
    assert entry_rule("nobody") == ""
