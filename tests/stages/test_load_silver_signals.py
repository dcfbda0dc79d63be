"""load_silver_signals: the row-exact join of events and outcomes."""

from __future__ import annotations

import pyarrow as pa
import pytest

from spymaster_lake.contracts.errors import DataError
from spymaster_lake.contracts.labels import LABELS
from spymaster_lake.contracts.table import Role
from spymaster_lake.contracts.work_episodes import ANCHORS, FROM_LABELS
from spymaster_lake.stages.episode_construction.load_silver_signals import STAGE
from spymaster_lake.stages.spec import SessionResult
from tests.stages.synthetic_session import session


def run(**replaced: pa.Table) -> SessionResult:
    """The stage on the synthetic session."""
    built = session()
    return STAGE.run(built.inputs(STAGE, **replaced), built.context)


def shifted(table: pa.Table, column: str, by: int) -> pa.Table:
    """`table` with `by` added to an integer column of its first row."""
    values = table.column(column).to_pylist()
    values[0] += by
    at = table.column_names.index(column)
    return table.set_column(
        at, table.schema.field(column), pa.array(values, table.schema.field(column).type)
    )


def test_anchors__one_row_per_event() -> None:
    """Rows and order are those of signals; every label stands with its own event."""
    built = session()
    anchors, labels = run().tables["work/anchors"], built.tables["labels"]
    assert anchors.num_rows > 20
    assert anchors.column("event_id").equals(built.tables["signals"].column("event_id"))
    by_event = dict(
        zip(
            labels.column("event_id").to_pylist(),
            labels.column("outcome_4min").to_pylist(),
            strict=True,
        )
    )
    for row in anchors.select(["event_id", "outcome_4min"]).to_pylist():
        assert row["outcome_4min"] == by_event[row["event_id"]]


def test_anchors__order_of_labels_does_not_matter() -> None:
    """The join goes by event_id, never by position (03 D30)."""
    labels = session().tables["labels"]
    turned = labels.take(pa.array(range(labels.num_rows - 1, -1, -1)))
    assert run(labels=turned).tables["work/anchors"].equals(run().tables["work/anchors"])


def test_anchors__outcomes_keep_the_role_of_labels() -> None:
    """No column is a feature, and every outcome is a label column of `labels`."""
    assert not ANCHORS.of_role(Role.FEATURE)
    assert tuple(c.name for c in ANCHORS.of_role(Role.LABEL)) == FROM_LABELS
    assert len(FROM_LABELS) == 20
    assert set(FROM_LABELS) <= {c.name for c in LABELS.of_role(Role.LABEL)}


@pytest.mark.parametrize("table", ["signals", "labels"])
def test_anchors__a_missing_event_is_an_error(table: str) -> None:
    """Both tables hold the same events, once each."""
    with pytest.raises(DataError, match="disagree on event_id"):
        run(**{table: session().tables[table].slice(1)})


@pytest.mark.parametrize(
    ("table", "column", "by", "message"),
    [
        ("labels", "anchor_ts_ns", 1, "anchor_ts_ns differs between signals and labels in 1 of"),
        ("signals", "src_max_ts_ns", 10**12, "src_max_ts_ns is not before anchor_ts_ns in 1 of"),
    ],
)
def test_anchors__rules(table: str, column: str, by: int, message: str) -> None:
    """An anchor or a source time that breaks its rule names rule, count and event."""
    with pytest.raises(DataError, match=message):
        run(**{table: shifted(session().tables[table], column, by)})


def test_anchors__outside_the_event_window() -> None:
    """Anchors lie in (open, events end]."""
    tables = session().tables
    late = {
        name: shifted(tables[name], "anchor_ts_ns", -(10**13)) for name in ("signals", "labels")
    }
    with pytest.raises(DataError, match=r"outside \(open, events end\]"):
        run(**late)


def test_anchors__no_events() -> None:
    """A session without events gives an empty table."""
    tables = session().tables
    result = run(signals=tables["signals"].slice(0, 0), labels=tables["labels"].slice(0, 0))
    assert result.tables["work/anchors"].num_rows == 0
    assert result.metrics["events"] == 0
