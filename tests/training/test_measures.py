"""Measures of heads against hand-made values, and the gates against their limits."""

from __future__ import annotations

import math

import numpy as np
import pytest

from spymaster_lake.contracts.model_registry import GATE_RULES
from spymaster_lake.training.composed import (
    ComposedRows,
    decide_gates,
    max_ece,
    measure_composed,
    outcome_classes,
)
from spymaster_lake.training.measures import Scored, flatten, measure_head

DAY = np.repeat(np.arange(6), 10)


def scored(p, y, b0=0.5, b1=0.4):
    """Six sessions of ten rows, one level kind."""
    n = len(DAY)
    fill = [np.broadcast_to(np.asarray(v, dtype=float), n).copy() for v in (y, p, b0, b1)]
    kinds = np.array(["PM_HIGH"] * 40 + ["EMA_20"] * 20, dtype=object)
    return Scored(*fill, day=DAY, groups={"level_kind": kinds})


def test_binary__values_by_hand():
    """Rows alternate between the classes; the model says 0.8 and 0.2."""
    y = np.tile([1.0, 0.0], 30)
    found = measure_head(scored(np.where(y == 1, 0.8, 0.2), y), binary=True, seed=1)
    m = found["overall"]
    assert (m["n"], m["n_sessions"], m["base_rate"]) == (60, 6, 0.5)
    assert m["log_loss"] == pytest.approx(-math.log(0.8))
    assert m["log_loss_b0"] == pytest.approx(math.log(2))
    assert m["log_loss_b1"] == pytest.approx(-(math.log(0.4) + math.log(0.6)) / 2)
    assert m["log_loss_gain_b0"] == pytest.approx(math.log(2) + math.log(0.8))
    assert m["log_loss_gain_b0_interval"] == pytest.approx([m["log_loss_gain_b0"]] * 2)
    assert m["brier"] == pytest.approx(0.04)
    assert m["brier_skill"] == pytest.approx(1 - 0.04 / 0.25)
    assert (m["roc_auc"], m["pr_auc"]) == (1.0, 1.0)
    assert m["ece"] == pytest.approx(0.2)
    assert m["ece_interval"] == pytest.approx([0.2, 0.2])
    assert list(found["strata"]) == ["level_kind=PM_HIGH"]  # 20 rows of EMA_20 are too few
    assert found["strata"]["level_kind=PM_HIGH"]["n"] == 40
    assert sum(b["n"] for b in found["reliability"]) == 60


def test_binary__certain_and_wrong_is_clipped():
    """log-loss of p = 0 for what happened is -ln 1e-6."""
    m = measure_head(scored(0.0, 1.0), binary=True, seed=1)["overall"]
    assert m["log_loss"] == pytest.approx(-math.log(1e-6))


def test_binary__one_class_has_no_auc():
    """None, never one half."""
    m = measure_head(scored(0.7, 1.0), binary=True, seed=1)["overall"]
    assert (m["roc_auc"], m["pr_auc"], m["roc_auc_interval"]) == (None, None, None)
    assert flatten("test", {"h": {"overall": m}})["test.h.roc_auc_low"] is None


def test_binary__fewer_than_five_sessions_have_no_interval():
    """An interval of four sessions is not one."""
    whole = scored(0.3, np.tile([1.0, 0.0], 30))
    m = measure_head(whole.take(DAY < 4), binary=True, seed=1)["overall"]
    assert m["log_loss_gain_b1_interval"] is None
    assert m["ece_interval"] is None


def test_intervals__are_of_sessions_not_rows():
    """Rows of a session that all say the same are one draw: the interval is wide."""
    y = np.repeat([1.0, 0.0, 1.0, 0.0, 1.0, 0.0], 10)
    m = measure_head(scored(0.9, y), binary=True, seed=1)["overall"]
    low, high = m["log_loss_interval"]
    assert high - low > 1.0  # by rows it would be about 0.55


def test_regression__values_by_hand():
    """Errors of 1 everywhere against a spread of 4."""
    y = np.tile([2.0, -2.0], 30)
    m = measure_head(scored(y + 1, y, b0=0.0, b1=y), binary=False, seed=1)["overall"]
    assert (m["mae"], m["rmse"], m["mse"], m["mse_b0"], m["mse_b1"]) == (1, 1, 1, 4, 0)
    assert m["r2"] == pytest.approx(0.75)
    assert (m["mse_gain_b0"], m["mse_gain_b1"], m["mse_skill"]) == (3, -1, 0.75)


def composed(p, y):
    """Six sessions of ten rows; baselines say one third each."""
    third = np.full((60, 3), 1 / 3)
    return ComposedRows(np.asarray(y), np.asarray(p), third, third, DAY, {})


def test_composed__values_by_hand():
    """Three classes: gain ln 3 + ln 0.8; the ECE is the largest of a class."""
    y = np.tile([0, 1, 2], 20)
    p = np.full((60, 3), 0.1)
    p[np.arange(60), y] = 0.8
    m = measure_composed(composed(p, y), seed=1)["overall"]
    assert m["log_loss_gain_b1"] == pytest.approx(math.log(3) + math.log(0.8))
    assert m["brier"] == pytest.approx(0.06)
    assert m["ece"] == pytest.approx((20 * 0.2 + 40 * 0.1) / 60)
    assert (m["share_break"], m["share_reject"], m["share_none"]) == pytest.approx((1 / 3,) * 3)
    assert m["ece_b0"] == pytest.approx(0)


def test_max_ece__is_the_worst_class():
    """Class 0 is 0.3 off, the others less."""
    p = np.tile([0.8, 0.1, 0.1], (10, 1))
    y = np.array([0] * 5 + [1] * 3 + [2] * 2)
    assert max_ece(p, y) == pytest.approx(0.3)


def test_outcome_classes__chop_and_no_test_are_none():
    """BREAK 0, REJECT 1, everything else 2 (08 B4)."""
    names = np.array(["BREAK", "REJECT", "CHOP", "NO_TEST"], dtype=object)
    assert outcome_classes(names).tolist() == [0, 1, 2, 2]


def overall(**changes):
    """Measures that pass both gates."""
    good = {"n": 300, "log_loss_gain_b1": 0.05, "log_loss_gain_b1_interval": [0.01, 0.09]}
    return {**good, "ece": 0.04, "ece_b0": 0.5, **changes}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (True, True)),
        ({"log_loss_gain_b1_interval": [0.0, 0.09]}, (False, True)),
        ({"log_loss_gain_b1_interval": None}, (False, True)),
        ({"ece": 0.05}, (True, True)),
        ({"ece": 0.051}, (True, False)),
        ({"ece": 0.2, "ece_b0": 0.19}, (True, True)),
        ({"ece": 0.2, "ece_b0": 0.17}, (True, False)),
        ({"n": 299}, (True, False)),
    ],
)
def test_gates__limits(changes, expected):
    """Above 0; at most 0.05 or within 0.02 of the base-rate forecast; at least n_min rows."""
    gates = decide_gates(overall(**changes), n_min=300)
    assert [g.name for g in gates] == ["beats_B1", "calibrated"] == list(GATE_RULES)
    assert tuple(g.passed for g in gates) == expected
    assert all(g.why for g in gates)


def test_gates__a_skipped_head_decides_nothing():
    """No composed forecast, no promotion."""
    gates = decide_gates(None, n_min=100)
    assert [g.passed for g in gates] == [False, False]
    assert "skipped" in gates[0].why


def test_summary__is_flat():
    """`{block}.{head}.{metric}`; the ends of an interval are `_low` and `_high`."""
    y = np.tile([0, 1, 2], 20)
    found = measure_composed(composed(np.full((60, 3), 1 / 3), y), seed=1)
    flat = flatten("test", {"composed_4min": found})
    assert flat["test.composed_4min.n"] == 60
    assert flat["test.composed_4min.log_loss_gain_b1_low"] == pytest.approx(0)
    assert not [name for name, value in flat.items() if isinstance(value, list)]
