"""What `level_trees` learns: a planted effect and nothing else, the same twice, nothing from later."""

from __future__ import annotations

import dataclasses
import io
import pickletools

import joblib
import numpy as np
import pytest

from spymaster_lake.evaluation.ranking import roc_auc
from spymaster_lake.training import level_trees
from spymaster_lake.training.baselines import distance_inputs, fit_baselines
from spymaster_lake.training.composed import compose
from spymaster_lake.training.dataset import training_data
from spymaster_lake.training.folds import FittedFold, fit_fold, forecast, measure_block
from spymaster_lake.training.heads import HEADS
from spymaster_lake.training.level_trees import LevelTrees
from spymaster_lake.training.splits import SplitPlan, session_blocks, split_rows
from spymaster_lake.training.sufficiency import count_heads
from tests.training.samples import calendar, feature_set, made_data, sessions, steep
from tests.training.walks import walk_tables

DIRECTION = next(h for h in HEADS if h.name == "direction_4min")
TRADEABLE = next(h for h in HEADS if h.name == "tradeable_4min")
STRENGTH = next(h for h in HEADS if h.name == "strength_4min")
PLAN = SplitPlan(10, 10, 0, 1)


class Some(LevelTrees):
    """`level_trees` with fewer heads."""

    def __init__(self, *heads) -> None:
        self.heads = heads


def fitted(data, *heads, names="ta@v1", plan=PLAN, seed=42) -> FittedFold:
    """The last fold of a plan, fitted."""
    split = split_rows(data, session_blocks(data.sessions, plan)[-1])
    counts = count_heads(data, split, heads)
    assert all(c.status == "OK" for c in counts), counts
    return fit_fold(Some(*heads), data, split, feature_set(names), counts, seed=seed)


def measured(data, fold, rows, head):
    """Overall measures of a head on some rows."""
    block = forecast(fold.model, fold.baselines, data, rows)
    return measure_block(data, [head], [block], seed=7)[head.name]["overall"]


@pytest.fixture
def quick(monkeypatch):
    """Forty trees: enough where only equality is looked at."""
    for parameters in (level_trees.CLASSIFIER, level_trees.REGRESSOR):
        monkeypatch.setitem(parameters, "max_iter", 40)


def test_planted_effect__is_found():
    """Fast approaches break: the gain over both baselines has an interval above 0 on test."""
    data = made_data(40, 200, steep)
    fold = fitted(data, DIRECTION)
    m = measured(data, fold, fold.split.test, DIRECTION)
    assert m["log_loss_gain_b0_interval"][0] > 0
    assert m["log_loss_gain_b1_interval"][0] > 0
    assert m["roc_auc"] > 0.8


def test_label_shuffle__leaves_no_skill():
    """With labels dealt out anew the AUC on val is 0.50 within 0.03 (04 7.4 no. 5)."""
    data = made_data(40, 500, steep)
    order = np.random.default_rng(11).permutation(len(data.event_id))
    shuffled = dataclasses.replace(data, labels={k: v[order] for k, v in data.labels.items()})
    fold = fitted(shuffled, TRADEABLE)
    m = measured(shuffled, fold, fold.split.val, TRADEABLE)
    assert m["n"] == 5000
    assert m["roc_auc"] == pytest.approx(0.5, abs=0.03)


def test_null_walk__the_model_does_not_beat_the_base_rate():
    """Driftless walks, three markets: no gain over B0, AUC 0.50 within 0.03, half of the decided break.

    The gain's interval does not reach above 0. It lies below: 300 trees on a few thousand rows of
    noise lose against a constant, which is what the gate is for.
    """
    days, found = sessions(40), []
    for seed in (5, 6, 7):
        signals, labels = walk_tables(days, 150, seed=seed)
        data = training_data(signals, labels, feature_set(), calendar(), days)
        decided = DIRECTION.truth(data.labels)
        known = ~np.isnan(decided)
        chance = np.array(labels["rw_p_break"].to_pylist(), dtype=float)
        assert abs(decided[known].mean() - np.nanmean(chance)) < 3 * 0.5 / np.sqrt(known.sum())
        fold = fitted(data, DIRECTION)
        found.append(measured(data, fold, fold.split.test, DIRECTION))
    assert all(m["log_loss_gain_b0_interval"][0] <= 0 for m in found)
    assert np.mean([m["roc_auc"] for m in found]) == pytest.approx(0.5, abs=0.03)


def test_null_walk__distance_alone_predicts_the_test():
    """Near levels are tested more often, without any market information: B1 knows that (04 6)."""
    days = sessions(40)
    data = training_data(*walk_tables(days, 60, seed=5), feature_set(), calendar(), days)
    split = split_rows(data, session_blocks(data.sessions, PLAN)[0])
    head = next(h for h in HEADS if h.name == "reach_any_300")
    b1 = fit_baselines(data, split, [head]).predict_b1(data, split.test)[head.name]
    assert roc_auc(b1, head.truth(data.labels)[split.test] == 1) > 0.6


def test_same_seed__gives_the_same_bits(quick):
    """Training twice: equal predictions, equal files."""
    data = made_data(40, 60, steep)
    a, b = (fitted(data, DIRECTION, TRADEABLE, STRENGTH) for _ in range(2))
    for name in a.val.p:
        np.testing.assert_array_equal(a.val.p[name], b.val.p[name])
    assert dict(a.model.files()) == dict(b.model.files())


def test_later_sessions__change_no_earlier_prediction(quick):
    """Everything after val is replaced, features and labels: the val forecasts stay, bit for bit."""
    data = made_data(40, 60, steep)
    later = made_data(40, 60, seed=99)
    after = data.session >= np.datetime64(session_blocks(data.sessions, PLAN)[0].test[0])
    changed = dataclasses.replace(
        data,
        inputs=np.where(after[:, None], -data.inputs[::-1], data.inputs),
        labels={k: np.where(after, later.labels[k], v) for k, v in data.labels.items()},
    )
    a, b = fitted(data, DIRECTION, STRENGTH), fitted(changed, DIRECTION, STRENGTH)
    for name in a.val.p:
        np.testing.assert_array_equal(a.val.p[name], b.val.p[name])
        np.testing.assert_array_equal(a.val.b1[name], b.val.b1[name])


def test_labels_of_scored_rows__change_no_prediction(quick):
    """What happened after the anchors of val and test is never looked at."""
    data = made_data(40, 60, steep)
    other = made_data(40, 60, seed=5)
    scored = data.session >= np.datetime64(session_blocks(data.sessions, PLAN)[0].val[0])
    labels = {k: np.where(scored, other.labels[k], v) for k, v in data.labels.items()}
    changed = dataclasses.replace(data, labels=labels)
    a, b = fitted(data, DIRECTION), fitted(changed, DIRECTION)
    rows = np.concatenate([a.split.val, a.split.test])
    np.testing.assert_array_equal(
        a.model.predict(data, rows)["direction_4min"],
        b.model.predict(changed, rows)["direction_4min"],
    )


def test_mirrored_approach__is_the_same_input():
    """UP below a level and DOWN above it: signed columns agree after the transform."""
    data = made_data(40, 30)
    sign = np.where(data.columns["direction"] == "UP", 1.0, -1.0)
    columns = feature_set().columns
    for at, column in enumerate(columns):
        if column.kind == "num":
            wanted = data.columns[column.name] * (sign if column.approach_sign else 1)
            np.testing.assert_array_equal(data.inputs[:, at], wanted)
    np.testing.assert_array_equal(
        distance_inputs(data)[:, 0], data.columns["distance_signed_atr"] * sign
    )


def test_dead_columns__are_left_out_and_named(quick):
    """A column without a training value is named; whatever it holds later changes nothing."""
    data = made_data(40, 60, steep, names="stage_b_full@v1")
    names = feature_set("stage_b_full@v1").names
    at = [names.index(n) for n in ("tape_imbalance_trend", "fuel_effect")]
    inputs = data.inputs.copy()
    split = split_rows(data, session_blocks(data.sessions, PLAN)[0])
    inputs[np.ix_(split.train, at)] = np.nan
    changed = dataclasses.replace(data, inputs=inputs)
    fold = fitted(changed, DIRECTION, STRENGTH, names="stage_b_full@v1")
    assert fold.model.dead_columns == ("tape_imbalance_trend", "fuel_effect")
    wild = inputs.copy()
    wild[:, at[0]] = 1e9
    again = fold.model.predict(dataclasses.replace(changed, inputs=wild), split.test)
    for name, p in fold.model.predict(changed, split.test).items():
        np.testing.assert_array_equal(p, again[name])


def test_dead_columns__of_one_head_alone(quick):
    """A column that only untested rows have is dead for direction, alive for tradeable."""
    data = made_data(40, 60, steep)
    at = feature_set().names.index("jerk_20min")
    decided = ~np.isnan(DIRECTION.truth(data.labels))
    inputs = data.inputs.copy()
    inputs[decided, at] = np.nan
    changed = dataclasses.replace(data, inputs=inputs)
    assert fitted(changed, TRADEABLE).model.dead_columns == ()
    assert fitted(changed, TRADEABLE, DIRECTION).model.dead_columns == ("jerk_20min",)


def test_files__hold_nothing_of_this_package(quick):
    """A head is read by joblib and scikit-learn alone, and takes the whole matrix (M-28)."""
    data = made_data(40, 60, steep)
    fold = fitted(data, DIRECTION)
    (content,) = fold.model.files().values()
    assert fold.model.head_files() == {"direction_4min": "heads/direction_4min.joblib"}
    head = joblib.load(io.BytesIO(content))
    p = head.predict_proba(data.inputs[fold.split.val])[:, 1]
    np.testing.assert_array_equal(p, fold.val.p["direction_4min"])
    assert b"spymaster" not in content
    assert next(pickletools.genops(content))[0].name == "PROTO"


def test_estimators__have_every_parameter_of_the_specification():
    """04 section 1.2, and early stopping off: it would hold out random rows."""
    wanted = {"learning_rate": 0.05, "max_iter": 300, "max_depth": 6, "max_leaf_nodes": 31}
    wanted |= {"min_samples_leaf": 20, "l2_regularization": 0, "max_bins": 255}
    wanted |= {"early_stopping": False, "random_state": 42}
    logged = LevelTrees().hyper_parameters(42)
    assert {k: logged[k] for k in wanted} == wanted
    data = made_data(40, 60, steep)
    fold = fitted(data, DIRECTION, STRENGTH)
    for head in fold.model.heads.values():
        parameters = head["trees"].get_params()
        assert {k: parameters[k] for k in wanted} == wanted
        assert (
            not {*parameters}
            - {*logged}
            - {*("loss", "class_weight", "quantile", "categorical_features")}
        )


def test_baselines__b0_is_the_training_rate():
    """The share of BREAK among the training rows of the head, for every row."""
    data = made_data(40, 30, steep)
    split = split_rows(data, session_blocks(data.sessions, PLAN)[0])
    truth = DIRECTION.truth(data.labels)[split.train]
    (b0,) = fit_baselines(data, split, [DIRECTION]).predict_b0(split.test).values()
    assert set(b0) == {float(np.nanmean(truth))}


def test_composed__sums_to_one():
    """P(BREAK) = t b, P(REJECT) = t (1 - b), P(NONE) = 1 - t."""
    p = compose({"tradeable_4min": np.array([0.5, 1.0]), "direction_4min": np.array([0.25, 0.5])})
    assert p.tolist() == [[0.125, 0.375, 0.5], [0.5, 0.5, 0.0]]
    assert np.abs(p.sum(axis=1) - 1).max() <= 1e-9
