"""Which rows are trained on, how they are split, and what every head's target is."""

from __future__ import annotations

import dataclasses
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from spymaster_lake.contracts.errors import ConfigError, DataError
from spymaster_lake.training.dataset import training_data
from spymaster_lake.training.errors import InsufficientTrainingDataError
from spymaster_lake.training.heads import HEADS
from spymaster_lake.training.splits import SplitPlan, session_blocks, split_rows
from spymaster_lake.training.sufficiency import count_heads, require_heads
from tests.training.samples import (
    calendar,
    feature_set,
    labels_table,
    made_data,
    sessions,
    signals_table,
)

BY_NAME = {head.name: head for head in HEADS}
NAN = float("nan")
DAYS = [date(2025, 1, 1) + timedelta(days=i) for i in range(60)]

# label rows: outcome, tested, mfe, mae, t_break, t_reject (8min); the last has nothing but nulls
LABEL_ROWS = {
    "outcome": ["BREAK", "REJECT", "CHOP", "NO_TEST", None],
    "tested": [True, True, True, False, None],
    "mfe_atr": [1.5, 0.25, 0.5, NAN, NAN],
    "mae_atr": [0.5, 1.0, NAN, NAN, NAN],
    "t_break_s": [60.0, NAN, 300.1, NAN, NAN],
    "t_reject_s": [290.0, 120.5, NAN, NAN, NAN],
}
LABELS = {"tested": np.array(LABEL_ROWS["tested"], dtype=object)} | {
    f"{name}_{h}": np.array(values, dtype=object if name == "outcome" else float)
    for h in ("2min", "4min", "8min")
    for name, values in LABEL_ROWS.items()
    if name != "tested"
}


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        *((f"tradeable_{h}", [1, 1, 0, 0, 0]) for h in ("2min", "4min", "8min")),
        *((f"direction_{h}", [1, 0, NAN, NAN, NAN]) for h in ("2min", "4min", "8min")),
        *((f"strength_{h}", [1.0, -0.75, NAN, NAN, NAN]) for h in ("2min", "4min", "8min")),
        ("reach_any_60", [1, 0, 0, 0, 0]),
        ("reach_any_120", [1, 0, 0, 0, 0]),
        ("reach_any_180", [1, 1, 0, 0, 0]),
        ("reach_any_300", [1, 1, 0, 0, 0]),
        ("reach_break_60", [1, 0, 0, 0, 0]),
        ("reach_break_120", [1, 0, 0, 0, 0]),
        ("reach_break_180", [1, 0, 0, 0, 0]),
        ("reach_break_300", [1, 0, 0, 0, 0]),
        ("reach_reject_60", [0, 0, 0, 0, 0]),
        ("reach_reject_120", [0, 0, 0, 0, 0]),
        ("reach_reject_180", [0, 1, 0, 0, 0]),
        ("reach_reject_300", [1, 1, 0, 0, 0]),
    ],
)
def test_target__of_literal_label_rows(head, expected):
    """A null time is not reached; rows that are none of the head's are NaN."""
    np.testing.assert_array_equal(BY_NAME[head].truth(LABELS), expected)


def test_heads__are_21_in_three_families():
    """Nine by horizon, twelve by seconds."""
    assert len(HEADS) == len(BY_NAME) == 21
    assert [h.task for h in HEADS].count("regression") == 3
    assert {h.horizon_s for h in HEADS} == {60, 120, 180, 240, 300, 480}


def test_reach_heads__read_the_8min_family_alone():
    """The other horizons may say anything (M-06)."""
    changed = {k: v if k.endswith("8min") else v[::-1] for k, v in LABELS.items()}
    for head in HEADS:
        if head.name.startswith("reach"):
            np.testing.assert_array_equal(head.truth(changed), head.truth(LABELS))


def replaced(table, name, row, value):
    """A table with one cell changed."""
    items = table[name].to_pylist()
    items[row] = value
    at = table.schema.get_field_index(name)
    return table.set_column(
        at, table.schema.field(name), pa.array(items, table.schema.field(name).type)
    )


def test_eligibility__counts_by_reason_reconcile():
    """Each ineligible event counts once, under the first reason that applies."""
    days = sessions(2)
    signals = signals_table(days, 5)
    labels = labels_table(signals)
    signals = replaced(signals, "atr", 2, 0.0)
    early = calendar().clock(days[0]).open_ns
    signals = replaced(signals, "anchor_ts_ns", 0, early)  # 09:30 itself is outside
    signals = replaced(signals, "src_max_ts_ns", 0, early - 1)
    labels = replaced(labels, "label_status", 1, "INCOMPLETE")
    labels = replaced(labels, "label_end_ns_8min", 1, None)
    labels = replaced(labels, "label_status", 2, "INCOMPLETE")  # and ATR 0: the label comes first
    labels = replaced(labels, "resolved_before_anchor", 3, True)
    signals = replaced(signals, "atr", 4, -1.0)
    data = training_data(signals, labels, feature_set(), calendar(), days)
    assert data.eligibility.reasons == {
        "LABEL_INCOMPLETE": 2,
        "RESOLVED_BEFORE_ANCHOR": 1,
        "ATR_NOT_POSITIVE": 1,
        "OUTSIDE_WINDOW": 1,
    }
    assert data.eligibility.eligible == len(data.event_id) == 5
    assert data.eligibility.eligible + sum(data.eligibility.reasons.values()) == 10


def test_data__does_not_depend_on_row_order():
    """Shuffled tables give the same arrays."""
    days = sessions(3)
    signals = signals_table(days, 7)
    labels = labels_table(signals)
    order = np.random.default_rng(3).permutation(signals.num_rows)
    plain = training_data(signals, labels, feature_set(), calendar(), days)
    mixed = training_data(
        signals.take(order), labels.take(order[::-1]), feature_set(), calendar(), days
    )
    assert mixed.event_id.tolist() == plain.event_id.tolist()
    np.testing.assert_array_equal(mixed.inputs, plain.inputs)
    np.testing.assert_array_equal(mixed.labels["mfe_atr_4min"], plain.labels["mfe_atr_4min"])


def test_data__an_event_without_labels_is_an_error():
    """The two tables hold the same events, each once."""
    days = sessions(1)
    signals = signals_table(days, 4)
    labels = labels_table(signals)
    with pytest.raises(DataError, match="same events: 4 and 3 rows"):
        training_data(signals, labels.slice(1), feature_set(), calendar(), days)
    doubled = pa.concat_tables([labels.slice(1), labels.slice(1, 1)])
    with pytest.raises(DataError, match="1 without a partner, 1 repeated"):
        training_data(signals, doubled, feature_set(), calendar(), days)


def test_data__an_input_at_the_anchor_is_an_error():
    """src_max_ts_ns must lie before the anchor (08 B27)."""
    days = sessions(1)
    signals = signals_table(days, 4)
    anchor = signals["anchor_ts_ns"][2].as_py()
    late = replaced(signals, "src_max_ts_ns", 2, anchor)
    with pytest.raises(DataError, match="1 rows used an input at or after their anchor"):
        training_data(late, labels_table(signals), feature_set(), calendar(), days)


@pytest.mark.parametrize(
    ("plan", "expected"),
    [  # (first and last number of train, val, test) per fold, embargoed
        (SplitPlan(), [((0, 37), (39, 48), (50, 59), [38, 49])]),
        (SplitPlan(embargo_sessions=0), [((0, 39), (40, 49), (50, 59), [])]),
        (SplitPlan(5, 10, 2, 1), [((0, 40), (43, 47), (50, 59), [41, 42, 48, 49])]),
        (
            SplitPlan(8, 10, 1, 3),
            [
                ((0, 23), (25, 32), (50, 59), [24, 49]),
                ((0, 31), (33, 40), (50, 59), [32, 49]),
                ((0, 39), (41, 48), (50, 59), [40, 49]),
            ],
        ),
    ],
)
def test_blocks__whole_sessions_in_order(plan, expected):
    """Test is the end of the range in every fold; folds expand; embargoed sessions are in none."""
    for blocks, (train, val, test, gap) in zip(session_blocks(DAYS, plan), expected, strict=True):
        assert blocks.train == tuple(DAYS[train[0] : train[1] + 1])
        assert blocks.val == tuple(DAYS[val[0] : val[1] + 1])
        assert blocks.test == tuple(DAYS[test[0] : test[1] + 1])
        assert blocks.embargoed == tuple(DAYS[i] for i in gap)


def test_blocks__too_few_sessions_say_how_many_are_needed():
    """20 training sessions at least, in every fold."""
    assert len(session_blocks(DAYS[:42], SplitPlan())[0].train) == 20
    with pytest.raises(InsufficientTrainingDataError, match=r"41 sessions leave 19.*42 sessions"):
        session_blocks(DAYS[:41], SplitPlan())
    with pytest.raises(InsufficientTrainingDataError, match="fold 1 of 3"):
        session_blocks(DAYS, SplitPlan(10, 10, 1, 3))


@pytest.mark.parametrize("field", ["val_sessions", "test_sessions", "n_folds"])
def test_plan__sizes_are_positive(field):
    """A block of no session is refused."""
    with pytest.raises(ConfigError, match=field):
        SplitPlan(**{field: 0})


def test_split__purges_rows_whose_label_reaches_the_next_block():
    """label_end at or after the first anchor of val is out; one nanosecond earlier is in."""
    data = made_data(42, 30)
    blocks = session_blocks(data.sessions, SplitPlan())[0]
    assert len(split_rows(data, blocks).purged) == 0
    first_val = data.anchor_ns[data.session == np.datetime64(blocks.val[0])].min()
    ends = data.label_end_ns.copy()
    ends[3], ends[4] = first_val, first_val - 1
    split = split_rows(dataclasses.replace(data, label_end_ns=ends), blocks)
    assert split.purged.tolist() == [3]
    assert 3 not in split.train
    assert 4 in split.train
    assert not set(split.train) & set(split.val)
    assert not set(split.val) & set(split.test)


def test_split__needs_500_training_rows():
    """The error says how many there are."""
    data = made_data(42, 24)
    with pytest.raises(InsufficientTrainingDataError, match="480 eligible training rows"):
        split_rows(data, session_blocks(data.sessions, SplitPlan())[0])


def test_sufficiency__50_rarer_rows_in_train_and_10_in_val():
    """Exactly at the limit is enough, one less is not."""
    data = made_data(42, 30)
    split = split_rows(data, session_blocks(data.sessions, SplitPlan())[0])
    head = BY_NAME["tradeable_4min"]

    def status(in_train, in_val):
        outcome = np.full(len(data.event_id), "NO_TEST", dtype=object)
        outcome[split.train[:in_train]] = "BREAK"
        outcome[split.val[:in_val]] = "REJECT"
        changed = dataclasses.replace(data, labels={**data.labels, "outcome_4min": outcome})
        (count,) = count_heads(changed, split, [head])
        assert (count.minority_train, count.minority_val) == (in_train, in_val)
        return count.status

    assert status(50, 10) == "OK"
    assert status(49, 10) == status(50, 9) == "SKIPPED_INSUFFICIENT"


def test_sufficiency__a_required_head_stops_the_run_unless_allowed():
    """Reach heads may be short; the nine others may not (08 B10)."""
    data = made_data(42, 30, tested=0.0)
    split = split_rows(data, session_blocks(data.sessions, SplitPlan())[0])
    counts = count_heads(data, split, HEADS)
    assert {c.status for c in counts} == {"SKIPPED_INSUFFICIENT"}
    with pytest.raises(
        InsufficientTrainingDataError, match=r"1 required.*direction_4min: minority 0"
    ):
        require_heads(counts, ["direction_4min"], allow_partial=False)
    require_heads(counts, ["direction_4min"], allow_partial=True)
    require_heads(counts, [], allow_partial=False)
