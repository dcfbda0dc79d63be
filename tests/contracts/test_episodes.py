"""The contracts of the episode tables."""

from __future__ import annotations

import pytest

from spymaster_lake.contracts.dictionary import GOLD
from spymaster_lake.contracts.episodes import (
    METADATA,
    REJECTED,
    SEQUENCE_CHANNELS,
    SEQUENCES,
    VECTORS,
)
from spymaster_lake.contracts.labels import LABELS
from spymaster_lake.contracts.table import Role
from tests.contracts import spec_columns as spec


@pytest.mark.parametrize(("dataset", "names"), spec.EPISODES.items(), ids=lambda v: str(v)[:20])
def test_episodes__columns_of_the_specification(dataset: str, names: list[str]) -> None:
    """Each table has the columns of the specification in order."""
    contract = {c.dataset: c for c in GOLD}[dataset]
    assert list(contract.names) == names


def test_episodes__counts() -> None:
    """5, 48, 5 and 3 columns."""
    assert [len(t.names) for t in (VECTORS, METADATA, SEQUENCES, REJECTED)] == [5, 48, 5, 3]


def test_episodes__same_key() -> None:
    """All tables are keyed by event_id, and a session without events is legal."""
    for table in (VECTORS, METADATA, SEQUENCES, REJECTED):
        assert (table.keys, table.may_be_empty) == (("event_id",), True)


@pytest.mark.parametrize(
    ("table", "name", "type_", "length"),
    [
        pytest.param(VECTORS, "vector_raw", "array<float>", 149, id="vector"),
        pytest.param(SEQUENCES, "sequence", "array<float>", 280, id="sequence"),
        pytest.param(SEQUENCES, "sequence_mask", "array<tinyint>", 280, id="mask"),
    ],
)
def test_episodes__arrays(table: object, name: str, type_: str, length: int) -> None:
    """Arrays have a fixed length and neither null nor null elements."""
    column = table.column(name)  # type: ignore[attr-defined]
    assert (column.type, column.length, column.nullable) == (type_, length, False)
    assert not column.arrow_field.type.value_field.nullable


def test_sequence__channels() -> None:
    """Seven channels in the order of the ruling (08 B21)."""
    assert (
        *("distance_signed_atr", "ofi_60s", "barrier_delta_liq_log", "tape_imbalance"),
        *("velocity_1min", "acceleration_1min", "jerk_1min"),
    ) == SEQUENCE_CHANNELS


def test_metadata__labels_stay_labels() -> None:
    """Metadata hold no feature, and their outcomes are the columns of `labels`."""
    assert not METADATA.of_role(Role.FEATURE)
    outcomes = METADATA.of_role(Role.LABEL)
    assert len(outcomes) == 20
    assert outcomes == tuple(LABELS.column(c.name) for c in outcomes)
